"""`Months`: a series of uneven dates in NetCDF as medians of months, as Sen4AgriNet's models are given it.

Of each band and pixel the median of a month is taken; a month without any is filled on the line between its neighbours
in time, and the first and last ones on the line that goes on from theirs (JSTARS 2022, 10.1109/JSTARS.2022.3164771).
Numbers of 0, which mean that nothing was seen, do not count; where nothing was seen all year there is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data.inside import Opening
from swath.errors import DataError, ReadError
from swath.scene.words import many


@dataclass(frozen=True)
class Months:
    """The twelve medians of a year; see `Inside`.

    Attributes:
        arrays: `GROUP/NAME` of each band, `[T, y, x]` with a `time` beside it; coarser ones are repeated to the finest.
    """

    arrays: tuple[str, ...]

    def opening(self, path: Path) -> Opening:
        """See `Inside.opening`; the year is that of most dates."""
        read = _series(path, self.arrays)
        years, times = np.unique(np.concatenate([time.astype("M8[Y]") for _, time in read]), return_counts=True)
        edges = years[times.argmax()].astype("M8[M]") + np.arange(13).astype("m8[M]")
        size = max(values.shape[1] for values, _ in read), max(values.shape[2] for values, _ in read)
        bands = [_repeated(_medians(values, time, edges), size, path) for values, time in read]
        grid = GeoBox(size, Affine.identity(), None)
        months = tuple((np.stack(month), grid) for month in zip(*bands, strict=True))
        return Opening(months, tuple(str(edge) for edge in edges[:12]))

    def layers(self, path: Path) -> NDArray[Any]:
        """See `Inside.layers`; `[12 * band, y, x]`."""
        return np.concatenate([values for values, _ in self.opening(path).sources])


_Series = tuple[NDArray[Any], NDArray[np.datetime64]]


def _series(path: Path, names: Sequence[str]) -> list[_Series]:
    """Numbers `[T, y, x]` and dates `[T]` of each array."""
    import h5py

    read: list[_Series] = []
    try:
        with h5py.File(path, "r") as file:
            for name in names:
                values, time = file[name], file[f"{name.rpartition('/')[0]}/time"]
                if values.ndim != 3 or len(values) != len(time) or not len(time):
                    raise DataError(
                        f"{path}: {name} of shape {values.shape} does not go with {many(len(time), 'date')}"
                    )
                read.append((values[...], _dates(time)))
    except (OSError, KeyError, ValueError) as error:
        raise ReadError(f"{path}: a series in it cannot be read: {error}") from error
    return read


def _dates(time: Any) -> NDArray[np.datetime64]:
    """What an array of numbers tells in the words of its attributes, as the CF conventions have them."""
    import xarray as xr

    words = {key: one.decode() if isinstance(one := time.attrs[key], bytes) else str(one) for key in time.attrs}
    told = {key: words[key] for key in ("units", "calendar") if key in words}
    return np.asarray(xr.decode_cf(xr.Dataset({"time": ("time", time[...], told)}))["time"].to_numpy())


def _medians(values: NDArray[Any], time: NDArray[np.datetime64], edges: NDArray[np.datetime64]) -> NDArray[np.uint16]:
    """`[12, y, x]`, 0 where nothing was seen all year.

    Args:
        values: `[T, y, x]`.
        time: `[T]`.
        edges: the first of each month and of the next year, `[13]`. What was seen at its very beginning belongs to the
            month before, as in the release.
    """
    month = np.searchsorted(edges.astype(time.dtype), time) - 1
    found = np.full((12, *values.shape[1:]), np.nan, dtype=np.float32)
    for at in set(month.tolist()) & set(range(12)):
        found[at] = median_of(values[month == at])
    filled = _filled(found, edges[:12].astype("M8[D]").astype(np.float32))
    return np.where(np.isnan(filled), 0, filled.round().clip(1, 65535)).astype(np.uint16)


def median_of(values: NDArray[Any]) -> NDArray[np.float32]:
    """Of `[T, y, x]`, without zeros; NaN where there are only such."""
    ordered = np.sort(np.where(values == 0, np.nan, values.astype(np.float32)), axis=0)  # NaN last
    count = np.isfinite(ordered).sum(axis=0)
    low, high = (np.take_along_axis(ordered, np.maximum(at, 0)[None], 0)[0] for at in ((count - 1) // 2, count // 2))
    return np.asarray(np.where(count > 0, (low + np.where(count % 2 == 0, high, low)) / 2, np.nan), dtype=np.float32)


def _filled(months: NDArray[np.float32], days: NDArray[np.float32]) -> NDArray[np.float32]:
    """`[T, y, x]` with what is NaN taken from other dates of the same pixel; alone, one holds for all."""
    result, bits = months.copy(), 1 << np.arange(len(months))
    lacking = (np.isfinite(months) * bits[:, None, None]).sum(axis=0)  # a number for each pattern of gaps: they are few
    for pattern in np.unique(lacking).tolist():
        there, known = lacking == pattern, np.flatnonzero(pattern & bits)
        if 0 < len(known) < len(months):
            result[:, there] = _line(days, days[known]) @ months[known][:, there]
    return result


def _line(days: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights `[T, K]` of values at `known` for those at `days`: on the lines between them, and on beyond the ends."""
    if len(known) == 1:
        return np.ones((len(days), 1), dtype=np.float32)
    left = np.clip(np.searchsorted(known, days, side="right") - 1, 0, len(known) - 2)
    share = (days - known[left]) / (known[left + 1] - known[left])
    weights = np.zeros((len(days), len(known)), dtype=np.float32)
    rows = np.arange(len(days))
    weights[rows, left], weights[rows, left + 1] = 1 - share, share
    return weights


def _repeated(values: NDArray[np.uint16], size: tuple[int, int], path: Path) -> NDArray[np.uint16]:
    """`[T, y, x]` with each pixel repeated to a size.

    Raises:
        DataError: that is no whole number of times.
    """
    times = [whole // part for whole, part in zip(size, values.shape[1:], strict=True)]
    if [part * one for part, one in zip(values.shape[1:], times, strict=True)] != list(size):
        raise DataError(f"{path}: bands of {values.shape[1:]} pixels do not go with such of {size}; get the file again")
    return values.repeat(times[0], axis=1).repeat(times[1], axis=2)
