"""Readers of pixels that are already here, or come through xarray: NumPy arrays, NetCDF, HDF5, Zarr."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.errors import GridError
from swath.scene.raster import equals_nodata
from swath.scene.reader import Roi, Stored, roi_shape

if TYPE_CHECKING:
    import xarray as xr


class ArrayReader:
    """Arrays in memory.

    Args:
        values: `[band, y, x]`, any numeric type.
        grid: where they lie.
        stored: one per band; None: made from the type.
        valid: `[band, y, x]` or `[y, x]`, True where something was seen.
        name: what messages call it.

    Raises:
        GridError: the shapes do not fit each other.
    """

    def __init__(
        self,
        values: NDArray[Any],
        grid: GeoBox,
        *,
        stored: Sequence[Stored] | None = None,
        valid: NDArray[np.bool_] | None = None,
        name: str = "array",
        tags: Mapping[str, str] | None = None,
    ) -> None:
        if values.ndim != 3 or values.shape[1:] != tuple(grid.shape):
            raise GridError(
                f"{name}: values have shape {values.shape}, the grid wants [band, {grid.shape.y}, {grid.shape.x}]"
            )
        self.name = name
        self.grid = grid
        self.tags: Mapping[str, str] = tags or {}
        self.stored = tuple(stored) if stored is not None else (Stored(dtype=values.dtype.name),) * len(values)
        self._values = values
        self._valid = None if valid is None else np.broadcast_to(valid, values.shape)

    def read(
        self, window: Roi, indexes: Sequence[int], shape: tuple[int, int] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """See `Reader.read`."""
        rows, columns = _picks(window, shape)
        values = self._values[np.ix_(np.asarray(indexes, dtype=np.intp), rows, columns)]
        if self._valid is None:
            valid = np.ones(values.shape, dtype=bool)
        else:
            valid = self._valid[np.ix_(np.asarray(indexes, dtype=np.intp), rows, columns)].copy()
        return values, without_nodata(values, valid, [self.stored[i].nodata for i in indexes])


class XarrayReader:
    """Planes of xarray arrays, read when asked for; those that lie together in an array are read together.

    Args:
        planes: per stored band an array whose last two dims are (y, x), and its place along the dims before them;
            lazy arrays stay lazy.
        grid: where they lie.
        stored: one per plane.
        name: what messages call it.
    """

    def __init__(
        self,
        planes: Sequence[tuple[xr.DataArray, Mapping[Hashable, int]]],
        grid: GeoBox,
        *,
        stored: Sequence[Stored],
        name: str,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.grid = grid
        self.tags: Mapping[str, str] = tags or {}
        self.stored = tuple(stored)
        self._planes = tuple(planes)

    def read(
        self, window: Roi, indexes: Sequence[int], shape: tuple[int, int] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """See `Reader.read`."""
        full = roi_shape(window)
        # Of a shrunk window only the rows and columns that are kept are loaded.
        spans = window if shape is None or shape == full else _picks(window, shape)
        together: dict[Any, list[int]] = {}
        for position, index in enumerate(indexes):
            array, where = self._planes[index]
            *outer, _ = where.values() if where else (None,)
            together.setdefault((id(array), *outer), []).append(position)
        parts = []
        for members in together.values():
            array, where = self._planes[indexes[members[0]]]
            picks: dict[Hashable, Any] = dict(zip(array.dims[-2:], spans, strict=True))
            if where:
                # Steps of the innermost dim, as a slice where they follow each other: files read that at once.
                last = list(where)[-1]
                steps = [self._planes[indexes[i]][1][last] for i in members]
                run = range(steps[0], steps[0] + len(steps))
                picks |= {**where, last: slice(run.start, run.stop) if steps == list(run) else steps}
            parts.append(array.isel(picks).data)
        size = (len(indexes), *(shape or full))
        values = np.empty(size, dtype=np.result_type(*(part.dtype for part in parts)))
        for members, part in zip(together.values(), _computed(parts), strict=True):
            values[members] = part.reshape(len(members), *size[1:])
        valid = np.ones(values.shape, dtype=bool)
        return values, without_nodata(values, valid, [self.stored[i].nodata for i in indexes])


def _computed(parts: list[Any]) -> Sequence[NDArray[Any]]:
    """Lazy parts computed in one go, so that a block which several of them need is made once."""
    if not any(hasattr(part, "dask") for part in parts):
        return parts
    import dask

    computed: Sequence[NDArray[Any]] = dask.compute(*parts)  # type: ignore[no-untyped-call, attr-defined, unused-ignore]  # dask is typed in part
    return computed


def _picks(window: Roi, shape: tuple[int, int] | None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns to take: all of the window, or evenly spaced ones when it is shrunk."""
    full = roi_shape(window)
    wanted = shape or full
    picks = [
        part.start + ((np.arange(count) + 0.5) * size / count).astype(np.intp)
        for part, size, count in zip(window, full, wanted, strict=True)
    ]
    return picks[0], picks[1]


def without_nodata(values: NDArray[Any], valid: NDArray[np.bool_], nodata: Sequence[float | None]) -> NDArray[np.bool_]:
    """`valid [band, y, x]` less the pixels that hold their band's nodata number."""
    for plane, ok, number in zip(values, valid, nodata, strict=True):
        if number is not None:
            ok &= ~equals_nodata(plane, number)
    return valid
