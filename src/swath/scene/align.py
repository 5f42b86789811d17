"""Put a source on another grid, lazily: by a plain shift where pixels coincide, by GDAL's warping where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.overlap import compute_reproject_roi

from swath.errors import GridError
from swath.scene.footprint import footprint
from swath.scene.reader import Reader, Roi, common_roi, roi_shape, shifted
from swath.scene.warped import Warped, plain_roi

_SAME = 1e-3
"""Grids whose pixels coincide to a thousandth of a pixel are the same: coordinates are stored with that noise."""


def same_grid(a: GeoBox, b: GeoBox) -> bool:
    """Whether two grids have the same shape, CRS, and corners to a thousandth of a pixel."""
    return tuple(a.shape) == tuple(b.shape) and offset_between(a, b) == (0, 0)


def offset_between(source: GeoBox, target: GeoBox) -> tuple[int, int] | None:
    """`(rows, columns)` of the target's first pixel on the source, or None where pixels do not coincide.

    Coordinates are stored with noise, so pixels may be off by a thousandth of their side.
    """
    if source.crs != target.crs:
        return None
    to_source = ~source.affine @ target.affine
    corners = [(0, 0), (target.shape.x, 0), (0, target.shape.y), (target.shape.x, target.shape.y)]
    x0, y0 = to_source @ (0, 0)
    column, row = round(x0), round(y0)
    for x, y in corners:
        at = to_source @ (x, y)
        if max(abs(at[0] - x - column), abs(at[1] - y - row)) > _SAME:
            return None
    return row, column


def resampling_for(kind: str, shrink: float) -> str:
    """The resampling fitted to the kind of data.

    Class numbers and flags are never mixed: `nearest`, or the commonest class (`mode`) when pixels get much coarser.
    Measurements are interpolated (`bilinear`), or averaged when pixels get coarser, so that none is left out.

    Args:
        kind: kind of a band: `continuous`, `categorical` or `flags`.
        shrink: side of a target pixel in source pixels.

    Returns:
        GDAL's name of it.
    """
    if kind == "flags":
        return "nearest"
    if kind == "categorical":
        return "mode" if shrink >= 1.5 else "nearest"
    return "average" if shrink >= 1.5 else "bilinear"


class Shifted:
    """A source whose pixels coincide with the target's: no number is changed, pixels beyond the source are invalid."""

    def __init__(self, source: Reader, grid: GeoBox, rows: int, columns: int) -> None:
        self._source, self._offset = source, (rows, columns)
        self.grid = grid
        self.name, self.stored, self.tags = source.name, source.stored, source.tags
        height, width = source.grid.shape
        self._extent = (slice(0, height), slice(0, width))

    def read(
        self, window: Roi, indexes: Sequence[int], shape: tuple[int, int] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """See `Reader.read`."""
        wanted = shifted(window, *self._offset)
        inside = common_roi(wanted, self._extent)
        if inside == wanted:
            return self._source.read(wanted, indexes, shape)
        full = (len(indexes), *(shape or roi_shape(window)))
        if inside is None:
            return np.zeros(full, dtype=np.float32), np.zeros(full, dtype=bool)
        # Of a shrunk window too, only what lies on the source is read, shrunk as much.
        rows, columns = (_share(*spans) for spans in zip(inside, wanted, full[1:], strict=True))
        part = (rows.stop - rows.start, columns.stop - columns.start)
        got, ok = self._source.read(inside, indexes, None if shape is None else part)
        values, valid = np.zeros(full, dtype=got.dtype), np.zeros(full, dtype=bool)
        values[:, rows, columns], valid[:, rows, columns] = got, ok
        return values, valid


def _share(part: slice, whole: slice, count: int) -> slice:
    """The pixels that a part has, one at least, where the whole is shrunk to `count` pixels."""
    scale = count / (whole.stop - whole.start)
    first = min(round((part.start - whole.start) * scale), count - 1)
    return slice(first, max(round((part.stop - whole.start) * scale), first + 1))


def align(
    source: Reader, grid: GeoBox, kinds: Sequence[str], resampling: str | None = None
) -> tuple[Reader, str | None]:
    """The source on another grid, and what was done to get there.

    Args:
        source: any reader.
        grid: the scene's grid.
        kinds: kind of data of each stored band.
        resampling: GDAL's name of one to use for all; None: fitted to each band's kind.

    Returns:
        A reader on `grid`; a sentence for the scene's description, None where nothing had to be done.

    Raises:
        GridError: the source has no CRS and another shape, or lies elsewhere.
    """
    if same_grid(source.grid, grid):
        return source, None
    if (source.grid.crs is None) != (grid.crs is None) or (source.grid.crs is None and grid.crs is None):
        if source.grid.crs is None and tuple(source.grid.shape) == tuple(grid.shape) and source.grid.affine.is_identity:
            return Shifted(
                source, grid, 0, 0
            ), f"{source.name}: has no place of its own; laid on the grid pixel by pixel"
        raise GridError(
            f"{source.name}: {source.grid.shape.y} x {source.grid.shape.x} pixels"
            f"{' without CRS' if source.grid.crs is None else ''} do not fit the scene's grid of "
            f"{grid.shape.y} x {grid.shape.x}{' without CRS' if grid.crs is None else ''}; "
            "give it a CRS and a transform (gdal_edit.py -a_srs ... -a_ullr ...)"
        )
    try:
        overlap = compute_reproject_roi(source.grid, grid)
        height, width = roi_shape(plain_roi(overlap.roi_src))
    except ValueError as error:
        raise GridError(f"{source.name}: cannot be brought onto the scene's grid ({error})") from error
    if height <= 0 or width <= 0:
        from swath.scene.describe import place_words

        there, here = (place_words(footprint(one)) for one in (source.grid, grid))
        raise GridError(
            f"{source.name}: lies elsewhere ({there}) than what it is opened with ({here}); open it on its own"
        )
    offset = offset_between(source.grid, grid)
    if offset is not None:
        return Shifted(source, grid, *offset), f"{source.name}: another extent on the same pixels; cut or filled up"
    chosen = [resampling or resampling_for(kind, overlap.scale) for kind in kinds]
    said = ", ".join(dict.fromkeys(chosen))
    before, after = _resolution(source.grid), _resolution(grid)
    return Warped(source, grid, chosen), f"{source.name}: warped from {before} to {after} by {said} resampling"


def pixel_size(grid: GeoBox) -> float:
    """Side of a square as large as one pixel, in the units of the CRS; right for rotated grids too."""
    return float(abs(grid.affine.determinant) ** 0.5)


def _resolution(grid: GeoBox) -> str:
    crs = grid.crs
    if crs is None:
        return f"{pixel_size(grid):.6g} px without CRS"
    unit = "m" if crs.units[0] in ("metre", "meter", "m") else "deg" if "degree" in crs.units[0] else crs.units[0]
    return f"{pixel_size(grid):.6g} {unit} in {f'EPSG:{crs.epsg}' if crs.epsg else 'a CRS of its own'}"
