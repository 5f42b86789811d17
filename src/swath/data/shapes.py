"""Polygons as labels of pixels: burned into the window that is asked for, never into a whole image at once."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data.sample import IGNORE
from swath.scene.reader import Roi, common_roi, roi_of, roi_shape, shifted

_BLOCK = 2048  # px: side of the windows in which a whole image is counted


@dataclass(frozen=True, eq=False)
class ShapesLabel:
    """Polygons of classes. A pixel belongs to the polygon that holds its centre; of several, to the smallest.

    Attributes:
        shapes: `[N]` shapely polygons.
        positions: `[N]` int64, of classes.
        outside: position of the class of all other pixels of the image, or IGNORE.
        units: what the coordinates are: of the grid's `crs`, in `pixels`, or in `shares` of width and height.
        files: what they were read from.
    """

    shapes: NDArray[np.object_]
    positions: NDArray[np.int64]
    outside: int = IGNORE
    units: Literal["crs", "pixels", "shares"] = "crs"
    files: tuple[Path, ...] = field(default=())

    @cached_property
    def _painted(self) -> tuple[NDArray[np.object_], NDArray[np.int64], NDArray[np.float64]]:
        """Shapes and positions, the largest first so that the smallest lies on top; and the bounds of each."""
        order = np.argsort(-shapely.area(self.shapes), kind="stable")
        shapes = self.shapes[order]
        return shapes, self.positions[order], shapely.bounds(shapes).reshape(-1, 4)

    def _affine(self, grid: GeoBox) -> Affine:
        """From pixels of the image to the coordinates of the shapes."""
        if self.units == "crs":
            return grid.affine
        height, width = grid.shape
        return Affine.identity() if self.units == "pixels" else Affine.scale(1 / width, 1 / height)

    def _touching(self, affine: Affine, window: Roi) -> NDArray[np.int64]:
        rows, columns = window
        ends = [(axis.start, axis.stop) for axis in (columns, rows)]
        corners = [affine @ (float(x), float(y)) for x, y in itertools.product(*ends)]
        (x0, y0), (x1, y1) = np.min(corners, axis=0), np.max(corners, axis=0)
        left, bottom, right, top = self._painted[2].T
        return np.flatnonzero((right >= x0) & (left <= x1) & (top >= y0) & (bottom <= y1))

    def read(self, grid: GeoBox, window: Roi) -> NDArray[np.int64]:
        """See `Label.read`."""
        target = np.full(roi_shape(window), IGNORE, dtype=np.int64)
        inside = common_roi(window, roi_of(None, grid))
        if inside is not None:
            affine = self._affine(grid)
            which = self._touching(affine, inside)
            placed = affine @ Affine.translation(inside[1].start, inside[0].start)
            shapes, positions = self._painted[0][which], self._painted[1][which]
            part = burn(shapes, positions, placed, roi_shape(inside), self.outside)
            target[shifted(inside, -window[0].start, -window[1].start)] = part
        return target

    def counts(self, grid: GeoBox) -> Mapping[int, int]:
        """See `Label.counts`."""
        total: Counter[int] = Counter()
        for window in _blocks(*grid.shape):
            if len(self._touching(self._affine(grid), window)):
                values, times = np.unique(self.read(grid, window), return_counts=True)
                total.update(dict(zip(values.tolist(), times.tolist(), strict=True)))
            else:
                total[self.outside] += math.prod(roi_shape(window))
        return {one: times for one, times in sorted(total.items()) if one != IGNORE}


def burn(
    shapes: NDArray[np.object_], positions: NDArray[np.int64], affine: Affine, shape: tuple[int, int], outside: int
) -> NDArray[np.int64]:
    """Positions of the polygons that hold the centres of pixels, `[H, W]`; the last of several wins.

    Args:
        shapes: polygons.
        positions: one number each.
        affine: from pixels to the coordinates of the shapes.
        shape: `(height, width)`.
        outside: number where there is no polygon.
    """
    from rasterio.features import rasterize

    if not len(shapes):
        return np.full(shape, outside, dtype=np.int64)
    pairs: Any = zip(shapes, positions.tolist(), strict=True)
    return np.asarray(rasterize(pairs, shape, fill=outside, transform=affine, dtype="int32")).astype(np.int64)


def _blocks(height: int, width: int) -> Iterator[Roi]:
    for y in range(0, height, _BLOCK):
        for x in range(0, width, _BLOCK):
            yield slice(y, min(y + _BLOCK, height)), slice(x, min(x + _BLOCK, width))
