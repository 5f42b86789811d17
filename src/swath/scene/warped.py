"""`Warped`: a source on another grid by GDAL's warping, lazily, in fixed blocks of that grid."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import rasterio.warp
from numpy.typing import NDArray
from odc.geo import wh_
from odc.geo.geobox import GeoBox
from odc.geo.overlap import compute_reproject_roi
from rasterio.enums import Resampling

from swath.errors import GridError, ReadError
from swath.scene.reader import Reader, Roi, common_roi, roi_shape, shifted

BLOCK = 256
"""Warping is done in fixed blocks of the target grid, so that no pixel depends on the window asked for."""

_CACHE_BYTES = 96 * 2**20


class Warped:
    """A source warped by GDAL onto another grid, block by block.

    Numbers come as float (float64 where the stored type needs it), invalid pixels take no part in any mean.

    Args:
        source: what is warped.
        grid: where to.
        resampling: name of a GDAL resampling per stored band.
    """

    def __init__(self, source: Reader, grid: GeoBox, resampling: Sequence[str]) -> None:
        self._source = source
        self.grid = grid
        self.name, self.stored, self.tags = source.name, source.stored, source.tags
        self._resampling = tuple(resampling)

    def read(
        self, window: Roi, indexes: Sequence[int], shape: tuple[int, int] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """See `Reader.read`; values are float."""
        if shape is not None and shape != roi_shape(window):
            small = self.grid[window].zoom_to(shape)
            return _split(np.stack([self._warp(small, i) for i in indexes]))
        height, width = roi_shape(window)
        out = np.full((len(indexes), height, width), np.nan, dtype=self._dtype(indexes))
        for by in range(window[0].start // BLOCK, -(-window[0].stop // BLOCK)):
            for bx in range(window[1].start // BLOCK, -(-window[1].stop // BLOCK)):
                block = (
                    slice(by * BLOCK, min((by + 1) * BLOCK, self.grid.shape.y)),
                    slice(bx * BLOCK, min((bx + 1) * BLOCK, self.grid.shape.x)),
                )
                part = common_roi(block, window)
                if part is None:
                    continue
                source = shifted(part, -block[0].start, -block[1].start)
                target = shifted(part, -window[0].start, -window[1].start)
                for position, index in enumerate(indexes):
                    out[position][target] = self._block(block, index)[source]
        return _split(out)

    def _dtype(self, indexes: Sequence[int]) -> np.dtype[Any]:
        return np.result_type(np.float32, *(np.result_type(self.stored[i].dtype, np.float32) for i in indexes))

    def _block(self, block: Roi, index: int) -> NDArray[Any]:
        key = (id(self), block[0].start, block[1].start, index)
        found = _cache.get(key)
        if found is None:
            found = self._warp(self.grid[block], index)
            _cache.put(key, found, self)
        return found

    def _warp(self, target: GeoBox, index: int) -> NDArray[Any]:
        """One band on a small target grid, NaN where there is nothing."""
        out = np.full(target.shape, np.nan, dtype=self._dtype([index]))
        padding = 4
        try:
            overlap = compute_reproject_roi(self._source.grid, target, padding=padding)
        except ValueError as error:
            raise GridError(f"{self.name}: cannot be warped onto the scene's grid: {error}") from error
        roi = plain_roi(overlap.roi_src)
        height, width = roi_shape(roi)
        if height <= 0 or width <= 0:
            return out
        # Very coarse targets would ask for more source pixels than fit into memory: the source is shrunk first.
        shrink = int(max(1.0, min(overlap.scale, max(height, width) / 4) / 2)) if overlap.scale >= 4 else 1
        box = self._source.grid[roi]
        shape = None
        if shrink > 1:
            shape = (max(1, height // shrink), max(1, width // shrink))
            box = box.zoom_to(wh_(shape[1], shape[0]))
        values, valid = self._source.read(roi, [index], shape)
        if not valid.any():
            return out
        plane = values[0].astype(out.dtype)
        plane[~valid[0]] = np.nan
        try:
            rasterio.warp.reproject(
                plane,
                out,
                src_transform=box.affine,
                src_crs=self._source.grid.crs,
                src_nodata=np.nan,
                dst_transform=target.affine,
                dst_crs=target.crs,
                dst_nodata=np.nan,
                resampling=Resampling[self._resampling[index]],
                # Exact coordinates for every pixel: GDAL's default interpolates them along each row of a chunk, which
                # moves pixels by up to 1/8 depending on where the chunk begins.
                tolerance=0.0,
            )
        except rasterio.errors.RasterioError as error:
            raise ReadError(f"{self.name}: cannot be warped onto the scene's grid: {error}") from error
        return out


def plain_roi(roi: Any) -> Roi:
    """A window of odc-geo's as slices of the plain type."""
    return slice(roi[0].start, roi[0].stop), slice(roi[1].start, roi[1].stop)


def _split(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    valid = ~np.isnan(values)
    return values, valid


class _Cache:
    """The last warped blocks of all sources, bounded in bytes; neighbouring windows share them."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._items: OrderedDict[tuple[int, int, int, int], tuple[NDArray[Any], Warped]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[int, int, int, int]) -> NDArray[Any] | None:
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key][0]

    def put(self, key: tuple[int, int, int, int], block: NDArray[Any], owner: Warped) -> None:
        # The owner is kept with the block: as long as its blocks live, no other object can have its id.
        with self._lock:
            if key in self._items:
                return
            self._items[key] = (block, owner)
            self._size += block.nbytes
            while self._size > self._limit:
                _, (dropped, _owner) = self._items.popitem(last=False)
                self._size -= dropped.nbytes


_cache = _Cache(_CACHE_BYTES)
