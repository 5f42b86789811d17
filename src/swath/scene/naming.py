"""What is each stored band? From what a person says, or from the marks of the source; never from its position alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from swath.errors import OpenError, SensorError
from swath.scene.identify import COMMON_NAMES, find_band, make_band
from swath.scene.reader import Stored
from swath.scene.words import many
from swath.sensors import UNITS, VALUES, Band, Recognition

_UNITS = {
    "k": "kelvin",
    "kelvin": "kelvin",
    "degc": "celsius",
    "celsius": "celsius",
    "m": "metre",
    "metre": "metre",
    "meter": "metre",
    "metres": "metre",
    "meters": "metre",
    "db": "db",
    "reflectance": "reflectance",
    "m s-1": "m s-1",
    "m s**-1": "m s-1",
    "m/s": "m s-1",
    "pa": "pascal",
    "kg m-2": "kg m-2",
    "kg m**-2": "kg m-2",
    "kg kg-1": "kg kg-1",
    "kg kg**-1": "kg kg-1",
    "m**2 s**-2": "m2 s-2",
    "m2 s-2": "m2 s-2",
    "j m**-2": "J m-2",
    "j m-2": "J m-2",
    "%": "percent",
    "percent": "percent",
    "degrees": "degree",
    "degree": "degree",
}


def name_bands(
    stored: Sequence[Stored],
    sensor: Recognition | None,
    wanted: Sequence[str | int | float | Band] | None,
    source: str,
    only: str | None = None,
) -> tuple[list[Band | None], list[str]]:
    """What each stored band is, None for those that are not part of the scene (alpha, or not wanted).

    Args:
        stored: the bands as the source describes them.
        sensor: what the source was recognised as or declared to be, its variant settled.
        wanted: the caller's `bands=`: names for the stored bands, or a choice among bands already named.
        source: name for messages.
        only: name of the one band that a single-band product holds, from its file name.

    Returns:
        One entry per stored band, and remarks.

    Raises:
        OpenError: the bands cannot be told, or contradict the argument; the message says what to write.
        SensorError: the sensor has no band that was asked for.
    """
    notes: list[str] = []
    alpha = [i for i, one in enumerate(stored) if one.interpretation == "alpha"]
    data = [i for i in range(len(stored)) if i not in alpha]
    if wanted is not None and len(wanted) == len(stored) and alpha and not _are_named(stored, data, sensor):
        # As many names as bands, alpha included: the person says that it is data, and GDAL marks any fourth byte so.
        notes.append(f"{source}: band {alpha[0] + 1} is marked as transparency; it is read as data, as bands= says")
        data, alpha = list(range(len(stored))), []
    result: list[Band | None] = [None] * len(stored)
    own = _own_names(stored, data, sensor, only, source)
    if own is not None:
        for i, band in zip(data, _told_apart(own, notes, source), strict=True):
            result[i] = band
        if wanted is not None and not _chosen(result, data, wanted, sensor, only is not None):
            own = None
    if own is None:
        if wanted is None:
            if sensor is not None:
                raise OpenError(_which_bands(stored, data, sensor, source))
            for i, band in zip(data, _told_apart([plain_band(stored[i], i) for i in data], notes, source), strict=True):
                result[i] = band
        elif len(wanted) == len(data):
            for i, key in zip(data, wanted, strict=True):
                result[i] = fitted(make_band(key, sensor), stored[i], isinstance(key, Band), sensor, source)
        else:
            raise OpenError(
                f"{source}: has {many(len(data), 'band')}, bands= names {len(wanted)}; give one name per band"
                + (f" (its bands are called {_described(stored, data)})" if _described(stored, data) else "")
            )
    return result, notes


def _told_apart(bands: Sequence[Band], notes: list[str], source: str) -> list[Band]:
    """Bands of which no two have the same name: the second `ndvi` of a file is `ndvi#2`."""
    taken: dict[str, int] = {}
    result = []
    for band in bands:
        taken[band.name] = count = taken.get(band.name, 0) + 1
        result.append(band if count == 1 else band.with_(name=f"{band.name}#{count}"))
    doubled = [name for name, count in taken.items() if count > 1]
    if doubled:
        listed = ", ".join(doubled[:4]) + (" ..." if len(doubled) > 4 else "")
        notes.append(f"{source}: several bands are called {listed}; the later ones are called {doubled[0]}#2 and so on")
    return result


def _described(stored: Sequence[Stored], data: Sequence[int]) -> str:
    return ", ".join(str(stored[i].description) for i in data[:12] if stored[i].description)


def _are_named(stored: Sequence[Stored], data: Sequence[int], sensor: Recognition | None) -> bool:
    return sensor is not None and all(_by_description(stored[i], sensor) is not None for i in data)


def _chosen(
    result: list[Band | None],
    data: Sequence[int],
    wanted: Sequence[Any],
    sensor: Recognition | None,
    is_part: bool,
) -> bool:
    """Keep only wanted bands among those already named; False when `wanted` are names of another kind."""
    named = [band for band in result if band is not None]
    keep = set()
    for key in wanted:
        try:
            keep.add(find_band(named, key.name if isinstance(key, Band) else key))
        except SensorError:
            if is_part:
                # One file of many: the band is in another one.
                continue
            if sensor is not None:
                raise
            return False
    chosen = {id(named[i]) for i in keep}
    for i in data:
        if id(result[i]) not in chosen:
            result[i] = None
    return True


def _own_names(
    stored: Sequence[Stored], data: Sequence[int], sensor: Recognition | None, only: str | None, source: str
) -> list[Band] | None:
    """The bands by the source's own words, or None where it does not say."""
    if sensor is None:
        if all(_says_something(stored[i]) for i in data):
            return [plain_band(stored[i], i) for i in data]
        return None
    if only is not None and len(data) == 1:
        return [fitted(sensor.band(only), stored[data[0]], False, sensor, source)]
    found = [_by_description(stored[i], sensor) for i in data]
    if all(found):
        return [fitted(band, stored[i], False, sensor, source) for i, band in zip(data, found, strict=True) if band]
    spectral = [band for band in sensor.bands if band.wavelength or band.polarisation]
    for candidates in (list(sensor.bands), spectral):
        if len(candidates) == len(data) and not any(stored[i].description for i in data):
            pairs = zip(data, candidates, strict=True)
            return [fitted(band, stored[i], False, sensor, source) for i, band in pairs]
    return None


def _says_something(stored: Stored) -> bool:
    return bool(stored.description or stored.wavelength or stored.interpretation in ("red", "green", "blue"))


def _by_description(stored: Stored, sensor: Recognition) -> Band | None:
    """The sensor's band that a band's description names: `B4`, `B04_10m`, `SR_B4`, `665 nm`."""
    if not stored.description:
        return None
    words = [stored.description, *stored.description.replace("-", " ").replace(",", " ").split()]
    for word in words:
        for band in sensor.bands:
            if band.answers_to(word):
                return band
    return None


def fitted(band: Band, stored: Stored, explicit: bool, sensor: Recognition | None, source: str) -> Band:
    """The band with the storage that holds for this file: the file's own scale before the sensor's.

    Args:
        band: as the sensor or the person describes it.
        stored: the file's band.
        explicit: whether a person described the band wholly, storage included.
        sensor: what the file is from, for the message.
        source: name for messages.

    Raises:
        OpenError: the file's type is not the one that the sensor's scale is for.
    """
    if stored.is_scaled and not explicit:
        return band.with_(scale=stored.scale, offset=stored.offset, dtype=stored.dtype)
    calibrated = (band.scale, band.offset) != (1.0, 0.0)
    if band.dtype is not None and calibrated and not explicit and not _same_storage(band.dtype, stored.dtype):
        base = sensor.name.partition("@")[0] if sensor is not None else band.name
        raise OpenError(
            f"{source}: numbers are {stored.dtype}, {base} stores {band.dtype} to be multiplied by {band.scale:g}; say "
            f"sensor='{base}@{VALUES}' if they are {band.units} already, or give the scale: "
            f"bands=[swath.Band(name='{band.name}', scale=..., ...), ...]"
        )
    return band


def _same_storage(expected: str, found: str) -> bool:
    """16-bit numbers are kept signed and unsigned alike; other types differ in what the numbers mean."""
    return expected == found or {expected, found} <= {"uint16", "int16"} or (expected, found) == ("uint16", "int32")


def units_of(said: str | None) -> str | None:
    """Swath's word for a unit as files and catalogues spell it, None where it knows none."""
    text = (said or "").strip()
    return _UNITS.get(text.casefold(), text if text in UNITS else None)


def plain_band(stored: Stored, i: int) -> Band:
    """The `i`-th band, counted from 0, as the source alone describes it; a band without a name is called `i + 1`."""
    colour = stored.interpretation if stored.interpretation in ("red", "green", "blue") else None
    position = re.fullmatch(rf"(band|layer)[ _#]*{i + 1}", stored.description or "", re.IGNORECASE)
    name = (None if position else stored.description) or colour or str(i + 1)
    categorical = stored.classes is not None or stored.interpretation == "palette"
    units = units_of(stored.units)
    if units is None:
        units = "class" if categorical else "display" if colour and stored.dtype == "uint8" else "dn"
    common = stored.common_name or colour or (name.casefold() if name.casefold() in COMMON_NAMES else None)
    return Band(
        name=name,
        common_name=common,
        wavelength=stored.wavelength,
        units=units,
        scale=stored.scale,
        offset=stored.offset,
        dtype=stored.dtype,
        nodata=None,
        kind="categorical" if categorical else "continuous",
        classes=dict(stored.classes) if stored.classes else None,
        colours=dict(stored.colours) if stored.colours else None,
    )


def _which_bands(stored: Sequence[Stored], data: Sequence[int], sensor: Recognition, source: str) -> str:
    names = ", ".join(repr(band.name) for band in sensor.bands[: len(data)])
    described = _described(stored, data)
    called = f", called {described}" if described else ""
    return (
        f"{source}: has {many(len(data), 'band')}{called}; {sensor.name} has {len(sensor.bands)} and nothing says "
        f"which of them these are: say bands=[...] with {many(len(data), 'name')} in the file's order, such as "
        f"bands=[{names}]"
    )
