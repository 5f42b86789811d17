"""Which band does a person mean? By its name, alias or common name, or by a wavelength."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from swath.errors import SensorError
from swath.sensors import Band, Recognition

COMMON_NAMES = frozenset({
    "coastal", "blue", "green", "green05", "yellow", "red", "rededge", "rededge071", "rededge075", "rededge078", "nir",
    "nir08", "nir09", "cirrus", "swir16", "swir22", "lwir", "lwir11", "lwir12", "pan",
})  # fmt: skip
"""Common names of the STAC eo extension (https://github.com/stac-extensions/eo)."""

_NEAR_NM = 1.0
"""A wavelength names the band whose centre lies within this distance, else the one whose limits hold it."""


def find_band(bands: Sequence[Band], key: str | int | float) -> int:
    """Position of the band called `key`: its name, alias or common name, or a wavelength in nm.

    Raises:
        SensorError: none, or several.
    """
    if isinstance(key, str) and not key.isdigit():
        tests: list[Any] = [
            lambda band: band.name.casefold() == key.casefold(),
            lambda band: band.answers_to(key),
            lambda band: (band.common_name or "").casefold() == key.casefold(),
        ]
    elif isinstance(key, str):
        tests = [lambda band: band.answers_to(key)]
    else:
        nm = float(key)
        tests = [
            lambda band: band.centre is not None and abs(band.centre - nm) <= _NEAR_NM,
            lambda band: band.wavelength is not None and band.wavelength[0] <= nm <= band.wavelength[2],
        ]
    for test in tests:
        found = [i for i, band in enumerate(bands) if test(band)]
        if len(found) == 1:
            return found[0]
        if found:
            several = ", ".join(bands[i].name for i in found)
            raise SensorError(f"{key!r} means several bands of this scene: {several}; name one")
    have = ", ".join(_label(band) for band in bands[:24]) + (" ..." if len(bands) > 24 else "")
    known = any(band.wavelength or band.common_name or band.polarisation for band in bands)
    hint = "" if known else "; nothing says what they are: open with sensor='NAME' or bands=['red', 'green', ...]"
    what = f"{key} nm" if isinstance(key, int | float) else repr(key)
    raise SensorError(f"no band {what} in this scene; it has {have}{hint}")


def _label(band: Band) -> str:
    extra = band.common_name if band.common_name and band.common_name != band.name else None
    return f"{band.name} ({extra})" if extra else band.name


def make_band(key: str | int | float | Band, sensor: Recognition | None) -> Band:
    """The band that a person means by an entry of `bands=`.

    Raises:
        SensorError: the sensor has no such band.
    """
    if isinstance(key, Band):
        return key
    if sensor is not None:
        return sensor.bands[find_band(sensor.bands, key)]
    if isinstance(key, int | float):
        return Band(name=f"{key:g}nm", wavelength=(float(key), float(key), float(key)))
    common = key.casefold()
    return Band(name=key, common_name=common if common in COMMON_NAMES else None)
