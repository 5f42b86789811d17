"""Scenes of one place on grids of their own that begin together, so that a window of one is a window of all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.errors import GridError
from swath.scene.align import same_grid
from swath.scene.reader import Reader, Roi, Stored
from swath.scene.regrid import regrid
from swath.scene.scene import Plane, Scene

_ANY_CRS = "EPSG:3857"
"""Stands for the CRS of scenes that have none while they are resampled. Both sides have it, so nothing is projected."""
_TERMS = (1, 2, 3, 4, 8, 64)
_OFF = 0.05
"""Share by which a ratio may be off to be a plain one: a scene is brought onto the grid that it makes."""


def plain_ratio(first: float, other: float) -> Fraction:
    """Pixels of side `other` per pixel of side `first`, along an axis: a whole number or its inverse if one is near."""
    larger = max(first, other) / min(first, other)
    found = [Fraction(larger).limit_denominator(most) for most in _TERMS]
    best = next((one for one in found if abs(float(one) / larger - 1) <= _OFF), found[-1])
    return best if first > other else 1 / best


def window_on(window: Roi, ratio: Fraction) -> Roi:
    """A window of a grid on one that begins with it and has `ratio` of its pixels to each, widened to whole pixels."""
    rows, columns = (slice(math.floor(part.start * ratio), math.ceil(part.stop * ratio)) for part in window)
    return rows, columns


def zoomed(grid: GeoBox, factor: float) -> GeoBox:
    """The grid with pixels `factor` times as large, from the same origin, covering all of it."""
    if factor == 1:
        return grid
    height, width = (max(1, math.ceil(size / factor - 1e-6)) for size in grid.shape)
    return GeoBox((height, width), grid.affine @ Affine.scale(factor, factor), grid.crs)


def laid(scene: Scene, grid: GeoBox) -> Scene:
    """The whole scene on another grid, resampled from its own pixels, each band in the way that is fit for it.

    Raises:
        GridError: it lies elsewhere, or has no place while the grid has one.
    """
    if same_grid(scene.grid, grid):
        return scene
    if scene.grid.crs is None and grid.crs is None:
        scene, grid = _placed(scene), GeoBox(grid.shape, grid.affine, _ANY_CRS)
    return regrid(scene, grid)


def check_side_by_side(scene: Scene, first: Scene) -> None:
    """Two scenes without CRS can be laid over one another only pixel on pixel.

    Raises:
        GridError: they have no CRS and another size or affine.
    """
    if scene.grid.crs is None and first.grid.crs is None and not same_grid(scene.grid, first.grid):
        raise GridError(
            f"{scene.grid.shape.y} x {scene.grid.shape.x} pixels on {first.grid.shape.y} x {first.grid.shape.x}, "
            "all of them without CRS"
        )


def _placed(scene: Scene) -> Scene:
    readers: dict[int, Reader] = {}

    def place(plane: Plane | None) -> Plane | None:
        if plane is None:
            return None
        return replace(plane, reader=readers.setdefault(id(plane.reader), _Placed(plane.reader)))

    planes = tuple(tuple(place(plane) for plane in row) for row in scene.planes)
    return replace(scene, planes=planes, grid=_with_crs(scene.grid))


def _with_crs(grid: GeoBox) -> GeoBox:
    return GeoBox(grid.shape, grid.affine, _ANY_CRS)


class _Placed:
    """A reader without CRS that is given one."""

    def __init__(self, source: Reader) -> None:
        self._source = source
        self.grid = _with_crs(source.grid)

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def stored(self) -> tuple[Stored, ...]:
        return self._source.stored

    @property
    def tags(self) -> Mapping[str, str]:
        return self._source.tags

    def read(
        self, window: Roi, indexes: Sequence[int], shape: tuple[int, int] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """See `Reader.read`."""
        return self._source.read(window, indexes, shape)
