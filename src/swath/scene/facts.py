"""`Description`: what a scene is, as plain facts that programs can read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from swath.scene.oddities import Oddity
from swath.scene.whereabouts import Facing


@dataclass(frozen=True)
class SensorFacts:
    """A sensor and how it was recognised."""

    name: str
    """As `sensor=` takes it."""
    title: str
    how: str


@dataclass(frozen=True)
class GridFacts:
    """Where the scene lies."""

    height: int
    width: int
    crs: str | None
    """`EPSG:32633`, or the WKT of a CRS without a code."""
    crs_name: str | None
    transform: tuple[float, float, float, float, float, float]
    """Affine `(a, b, c, d, e, f)`: `x = a column + b row + c`, `y = d column + e row + f`."""
    bounds: tuple[float, float, float, float]
    """`(left, bottom, right, top)` in the CRS."""
    facing: Facing
    gsd: float | None
    """Size of a pixel on the ground, m."""
    lonlat_bounds: tuple[float, float, float, float] | None
    """`(west, south, east, north)` in degrees; west is larger than east across the date line."""


@dataclass(frozen=True)
class BandFacts:
    """One band: what it is, how it is stored, and what its values are."""

    name: str
    title: str | None
    common_name: str | None
    wavelength: tuple[float, float, float] | None
    """`(min, centre, max)` nm."""
    polarisation: str | None
    frequency: float | None
    """GHz."""
    units: str
    kind: str
    dtype: str | None
    """Stored type; of the first date that has the band."""
    scale: float
    offset: float
    nodata: float | None
    classes: Mapping[int, str] | None
    nodata_share: float | None = None
    """Part of the sampled pixels that is invalid; None where no pixel was read."""
    minimum: float | None = None
    maximum: float | None = None
    low: float | None = None
    """2nd percentile of the values."""
    high: float | None = None
    """98th percentile."""
    class_shares: Mapping[int, float] | None = None
    """Part of the valid pixels of each class number that was found."""


@dataclass(frozen=True)
class DateFacts:
    """One date."""

    date: str | None
    name: str
    nodata_share: float | None = None
    shift: Mapping[str, float] | None = None
    """Against the first date: `rows`, `columns` and `pixels`, and `confidence` 0 to 1; None where it cannot be told."""


@dataclass(frozen=True)
class Description:
    """All that `swath info` says of a scene.

    Attributes:
        sources: what was opened.
        sensors: what was recognised or given.
        grid: where.
        bands: what is there.
        dates: when.
        sample: how the pixels behind shares and ranges were taken; None where none was read. Where it is not every
            pixel, they are approximate.
        is_exact: whether it was every pixel.
        notes: what was done to the sources on the way.
        oddities: what is odd.
        models: names of the models that can take the scene; None where nobody looked.
    """

    sources: tuple[str, ...]
    sensors: tuple[SensorFacts, ...]
    grid: GridFacts
    bands: tuple[BandFacts, ...]
    dates: tuple[DateFacts, ...]
    sample: str | None
    is_exact: bool
    notes: tuple[str, ...]
    oddities: tuple[Oddity, ...]
    models: tuple[str, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values that JSON holds: numbers that are none are written as text, `nan` and `inf`."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
