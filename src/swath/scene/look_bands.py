"""Which bands of a scene make a picture, and how bands and units are written on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from swath.errors import SensorError
from swath.sensors import Band

if TYPE_CHECKING:
    from swath.scene.scene import BandKey, Scene

Show = Literal["natural", "false"]

_COMPOSITES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    # One common name per channel; where a sensor has no band of that name, the next is tried.
    "natural": (("red",), ("green", "green05"), ("blue",)),
    "false": (("nir", "nir08"), ("red",), ("green", "green05")),
}
_SAR_PAIRS = (("VV", "VH"), ("HH", "HV"))

UNIT_LABELS = {
    "metre": "m", "kelvin": "K", "celsius": "°C", "db": "dB", "percent": "%", "degree": "°", "pascal": "Pa",
    "dn": "stored numbers", "display": "0 to 255", "index": "", "1": "", "class": "", "flags": "",
}  # fmt: skip
"""Units as they are written beside a scale; those not listed are written by their own name."""


def choose_bands(scene: Scene, bands: Show | Sequence[BandKey] | BandKey | None) -> list[int]:
    """Positions of the bands to show: one, two (radar: co- and cross-polarised), or three.

    Raises:
        SensorError: no such band, or neither one nor three.
    """
    if isinstance(bands, str) and bands in _COMPOSITES:
        found = _composite(scene.bands, bands)
        if found is None:
            wants = ", ".join(" or ".join(names) for names in _COMPOSITES[bands])
            have = ", ".join(label(band) for band in scene.bands[:12]) + (" ..." if len(scene.bands) > 12 else "")
            raise SensorError(
                f"{bands} colour needs {wants}; the scene has {have}; name three of its bands with bands=['A', 'B', "
                "'C'], or say what they are with sensor='NAME'"
            )
        return found
    if bands is not None:
        picks = scene.band_indexes(bands)
        if len(picks) not in (1, 3):
            raise SensorError(f"a picture shows one band or three (as red, green, blue); {len(picks)} were named")
        return picks
    if scene.bands[0].kind != "continuous":
        return [0]
    found = _composite(scene.bands, "natural") or _composite(scene.bands, "false") or _radar(scene.bands)
    if found is not None:
        return found
    # Bands that nobody named: shown by their position, and the caption says no more than that.
    unnamed = all(band.name.isdigit() for band in scene.bands) and len({band.units for band in scene.bands}) == 1
    return [0, 1, 2] if unnamed and len(scene.bands) in (3, 4) else [0]


def label(band: Band) -> str:
    """A band in a few words: `B04 red`, `height`."""
    name = band.name if len(band.name) <= 24 else band.name[:22] + "…"
    if name.isdigit():
        name = f"band {name}"
    return f"{name} {band.common_name}" if band.common_name and band.common_name != band.name else band.title or name


def _composite(bands: Sequence[Band], show: str) -> list[int] | None:
    by_name = {band.common_name: i for i, band in reversed(list(enumerate(bands))) if band.common_name}
    found = [next((by_name[name] for name in names if name in by_name), None) for names in _COMPOSITES[show]]
    return [i for i in found if i is not None] if None not in found else None


def _radar(bands: Sequence[Band]) -> list[int] | None:
    """Co- and cross-polarised channels, by their polarisation or by a name that is nothing else."""
    by_polarisation = {band.polarisation or band.name: i for i, band in reversed(list(enumerate(bands)))}
    for pair in _SAR_PAIRS:
        if all(name in by_polarisation for name in pair) and len(bands) == 2:
            return [by_polarisation[name] for name in pair]
    found = [i for i, band in enumerate(bands) if band.polarisation]
    return found[:1] or None
