"""Units that values of a scene may have, and the conversions between them that are sound.

Only conversions that need no knowledge of the scene are here: radiance to reflectance needs the Sun, so it is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

FloatArray = NDArray[np.float32]

UNITS: dict[str, str] = {
    "reflectance": "reflectance, 0 to 1 (a fraction, no percent)",
    "radiance": "spectral radiance, W m-2 sr-1 um-1",
    "display": "0 to 255, stretched for the eye: an 8-bit picture",
    "dn": "digital numbers without calibration",
    "kelvin": "temperature, K",
    "celsius": "temperature, degrees Celsius",
    "db": "radar backscatter, dB",
    "linear": "radar backscatter as power, linear",
    "amplitude": "radar amplitude, linear",
    "metre": "height, depth or length, m",
    "index": "a ratio of bands such as NDVI, -1 to 1",
    "fraction": "a share, 0 to 1",
    "percent": "a share, 0 to 100",
    "class": "class numbers",
    "flags": "bit fields",
    "degree": "angle, degrees",
    "m s-1": "speed, m/s",
    "pascal": "pressure, Pa",
    "kg m-2": "mass per area",
    "kg kg-1": "mass mixing ratio",
    "m2 s-2": "geopotential, m2/s2",
    "J m-2": "energy per area",
    "day": "day number",
    "1": "a number without unit",
}


def _known(value: str) -> str:
    if value not in UNITS:
        raise ValueError(f"unknown units {value!r}; known: {', '.join(UNITS)}")
    return value


Units = Annotated[str, AfterValidator(_known)]
"""One of `UNITS`."""


def _to_db(power: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(power > 0, 10.0 * np.log10(power), np.nan).astype(np.float32)


_CONVERSIONS: dict[tuple[str, str], Callable[[FloatArray], FloatArray]] = {
    ("linear", "db"): _to_db,
    ("db", "linear"): lambda v: np.power(np.float32(10.0), v / np.float32(10.0)),
    ("amplitude", "linear"): lambda v: v * v,
    ("linear", "amplitude"): lambda v: np.sqrt(np.maximum(v, 0)),
    ("amplitude", "db"): lambda v: _to_db(v * v),
    ("kelvin", "celsius"): lambda v: v - np.float32(273.15),
    ("celsius", "kelvin"): lambda v: v + np.float32(273.15),
    ("fraction", "percent"): lambda v: v * np.float32(100),
    ("percent", "fraction"): lambda v: v / np.float32(100),
}


def conversion(source: str, target: str) -> Callable[[FloatArray], FloatArray] | None:
    """The function that turns values in `source` units into `target` units; None where there is no sound one.

    Same units give the identity. Power of zero or less has no dB: it becomes NaN, hence invalid.
    """
    if source == target:
        return lambda v: v
    return _CONVERSIONS.get((source, target))
