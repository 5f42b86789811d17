"""In which units a scene's values are, in which a card wants them, and whether one can soundly become the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from swath.models.needs import Input
from swath.predict.match_bands import Pick
from swath.predict.match_words import is_unknown, open_with, says_light, some
from swath.scene.reader import Stored
from swath.scene.scene import Scene
from swath.sensors import UNITS, conversion

_UNKNOWN = "dn"
_EIGHT_BITS = {"uint8", "bool"}
_SMALL = ("reflectance", "fraction", "index", "linear")
"""Units of which whole numbers without a scale can only be 0 and 1."""
_WORDS = {"dn": "dn, numbers without calibration", "display": "display, a picture of 0 to 255 stretched for the eye"}

_PLAUSIBLE = {
    "reflectance": (-1.0, 2.0),
    "display": (0.0, 255.0),
    "fraction": (0.0, 1.0),
    "percent": (0.0, 100.0),
    "index": (-1.0, 1.0),
    "db": (-100.0, 60.0),
    "kelvin": (50.0, 1500.0),
    "celsius": (-150.0, 1000.0),
}
"""Where nearly all values in these units lie; what a person says of unknown numbers is held against it."""
_MOST_OUTSIDE = 0.05
_SAMPLE = 256


@dataclass(frozen=True)
class Units:
    """Units of the paired bands.

    Attributes:
        sources: units that the scene's values are in, per pick.
        problems: why they do not fit, each with what settles it.
    """

    sources: tuple[str, ...]
    problems: tuple[str, ...] = ()


def check_units(scene: Scene, given: Input, picks: Sequence[Pick], said: str | None = None) -> Units:
    """Compare the units of paired bands with the card's.

    Args:
        scene: where the bands are.
        given: the card's input; bands that nothing feeds are compared with the scene's unused ones.
        picks: the bands that were paired.
        said: units of numbers that are `dn`, by the caller.

    Raises:
        ReadError: the pixels, which are looked at only when `said` is given, cannot be read.
    """
    pairs = [(scene.bands[pick.index].units, pick.wanted.units, pick.index) for pick in picks]
    problems = []
    if said is not None:
        problems = list(_declared(scene, said, [index for _, _, index in pairs] or list(range(len(scene.bands)))))
        pairs = [(said if source == _UNKNOWN else source, target, index) for source, target, index in pairs]
    sources = tuple(source for source, _, _ in pairs)
    if said is None and len(picks) < len(given.bands):
        pairs += _unpaired(scene, given, picks)
    apart: dict[tuple[str, str], list[int]] = {}
    for source, target, index in pairs:
        if conversion(source, target) is None:
            apart.setdefault((source, target), []).append(index)
    fed = {pick.wanted.name for pick in picks}
    asked = is_unknown(scene, [band for band in given.bands if band.name not in fed])
    problems += [_refusal(scene, given, *units, indexes, asked) for units, indexes in apart.items()]
    return Units(sources, tuple(problems))


def _unpaired(scene: Scene, given: Input, picks: Sequence[Pick]) -> Iterable[tuple[str, str, int]]:
    """Units of bands that may yet be paired by `bands=`, so that one message says both."""
    used, fed = {pick.index for pick in picks}, {pick.wanted.name for pick in picks}
    for target in dict.fromkeys(band.units for band in given.bands if band.name not in fed):
        for index, band in enumerate(scene.bands):
            if index not in used and not says_light(band):
                yield band.units, target, index


def _declared(scene: Scene, said: str, indexes: Sequence[int]) -> Iterable[str]:
    """What is wrong with `units=`."""
    if said not in UNITS:
        yield f"units={said!r} is not known: give one of {', '.join(UNITS)}"
        return
    other = {scene.bands[i].name: scene.bands[i].units for i in indexes if scene.bands[i].units not in (_UNKNOWN, said)}
    if other:
        listed = some([f"{name} is {units}" for name, units in other.items()])
        yield f"units={said!r} is for numbers of unknown units, and {listed}: leave it out"
        return
    if said not in _PLAUSIBLE:
        return
    low, high = _PLAUSIBLE[said]
    values, valid = scene.read(_middle(scene), bands=[scene.bands[i].name for i in indexes], dates=[0])
    seen = values[valid]
    if seen.size and np.mean((seen < low) | (seen > high)) > _MOST_OUTSIDE:
        yield (
            f"units={said!r} cannot be: its numbers go from {seen.min():.4g} to {seen.max():.4g}, and {said} lies "
            f"within {low:g} to {high:g}; say how they are scaled, bands=[swath.Band(name=..., units={said!r}, "
            "scale=..., offset=...), ...] of swath.open"
        )


def _middle(scene: Scene) -> tuple[slice, slice]:
    rows, columns = (
        slice(max(0, (size - _SAMPLE) // 2), min(size, (size + _SAMPLE) // 2)) for size in scene.grid.shape
    )
    return rows, columns


def _refusal(scene: Scene, given: Input, source: str, target: str, indexes: Sequence[int], asked: bool) -> str:
    """Why units do not fit, and what settles it; `asked`: whether the sensor was asked for already."""
    bands = list(dict.fromkeys(scene.bands[i].name for i in indexes))
    found = f"{some(bands)} {'is' if len(bands) == 1 else 'are'} {_WORDS.get(source, source)}"
    cure = _cure(scene, given, source, target, indexes, asked)
    return f"{found}, and the model takes {_WORDS.get(target, target)}: {cure}"


def _cure(scene: Scene, given: Input, source: str, target: str, indexes: Sequence[int], asked: bool) -> str:
    types = {stored.dtype for i in indexes if (stored := _stored(scene, i)) is not None}
    if source == "display":
        return (
            "stretching has lost the calibration, so no argument settles this; open the product that the picture was "
            "made from, or take a model that was trained on pictures"
        )
    if target == "display" and source == _UNKNOWN and types <= _EIGHT_BITS:
        return "say units='display' if it is an 8-bit picture"
    if target == "display":
        wide = f"{' and '.join(sorted(types))} numbers go above 255, and " if source == _UNKNOWN else ""
        return (
            f"{wide}how to stretch them would be a guess; make the picture first (gdal_translate -ot Byte -scale LOW "
            "HIGH 1 255), or take a model that wants what the sensor measured"
        )
    if source == _UNKNOWN and scene.sensor is not None:
        ways = open_with([scene.sensor.name], [target]).partition(" if it is")[0]
        return f"{scene.sensor.title} is not calibrated; calibrate it first, and {ways}"
    if source == _UNKNOWN:
        first = "sensor= settles this too" if asked else open_with(given.sensors, [target])
        whole = target in _SMALL and all(np.dtype(one).kind in "iub" for one in types)
        return first if whole else f"{first}, or say units={target!r} if the numbers are that already"
    if target == _UNKNOWN:
        return (
            "it takes numbers as they are stored; open the scene with bands=[swath.Band(name=..., units='dn', "
            "wavelength=(...)), ...]"
        )
    if (source, target) == ("radiance", "reflectance"):
        return "that needs the Sun's distance and height; open a product of reflectance"
    return "nothing turns one into the other; open a product in these units, or take another model"


def _stored(scene: Scene, index: int) -> Stored | None:
    """How the band is stored, at the first date that has it."""
    for row in scene.planes:
        if (plane := row[index]) is not None:
            return plane.reader.stored[plane.index]
    return None
