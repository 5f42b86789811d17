"""The words of `match`: bands and what they are for people, and how to say what a scene was seen by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from swath.errors import SensorError
from swath.models.needs import CardBand
from swath.scene.scene import Scene
from swath.sensors import Band, Recognition, conversion, find_sensor

_MOST = 6
"""Ways that a message lists."""
_LONG, _FEW = 13, 5
"""Bands that a message lists: all of a multispectral sensor, a few of a hyperspectral one."""


def known(spec: str) -> Recognition | None:
    """The sensor that a card names; None where it is one of somebody's own."""
    try:
        return find_sensor(spec)
    except SensorError:
        return None


def says_light(band: Band | CardBand) -> bool:
    """Whether more than its name is known of a band."""
    return bool(band.wavelength or band.common_name or band.polarisation)


def is_unknown(scene: Scene, wanted: Iterable[CardBand]) -> bool:
    """Whether the scene says nothing of its bands while the card's are known by more than their names."""
    return not any(map(says_light, scene.bands)) and any(map(says_light, wanted))


def band_words(band: CardBand) -> str:
    """A card's band in words: `B04 (red, 665 nm)`."""
    light = ", ".join(part for part in (band.common_name, band.light()) if part and part != band.name)
    return f"{band.name} ({light})" if light else band.name


def names(scene: Scene) -> str:
    """The names of a scene's bands."""
    return some([band.name for band in scene.bands])


def some(words: Sequence[str]) -> str:
    """A list in words; of a long one, the first few and how many more."""
    if len(words) <= _LONG:
        return ", ".join(words)
    return f"{', '.join(words[:_FEW])} and {len(words) - _FEW} more"


def open_with(sensors: Sequence[str], units: Iterable[str]) -> str:
    """How to say what a scene was seen by: the card's sensors, at all levels that can be brought into these units.

    Args:
        sensors: as the card names them; what it was trained on comes first.
        units: that the card takes.
    """
    ways: dict[str, None] = {}
    for spec in sensors:
        own = known(spec)
        if own is None:
            ways[spec] = None
            continue
        levels = own.sensor.levels
        for level in sorted(levels, key=lambda name, first=own.level: name != first):  # type: ignore[misc]  # a default
            if any(conversion(band.units, unit) for band in own.sensor.bands_of(level) for unit in units):
                base = replace(own, level=level, variant=None).name
                ways |= dict.fromkeys([f"{base}@{key}" for key in levels[level].variants] or [base])
    if not ways:
        return "open it with sensor='NAME' (`swath sensors` lists them)"
    listed = [f"sensor={way!r}" for way in list(ways)[:_MOST]]
    said = listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}"
    return f"open it with {said} if it is {'that' if len(listed) == 1 else 'one of these'} (`swath sensors` lists all)"
