"""A date laid over another: moved by part of a pixel, lazily; no pixel depends on the window that is read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.scene.raster import equals_nodata
from swath.scene.reader import Reader, Roi, common_roi, roi_shape, shifted

if TYPE_CHECKING:
    from swath.scene.plane import Plane
    from swath.scene.scene import Scene

_SEEN = 0.5
"""Share of the weight of neighbours that must be valid."""
_SHARP = -0.5


class Moved:
    """A source of which a pixel shows what lay `rows` further down and `columns` further right.

    Numbers come as float32, interpolated by cubic convolution, which keeps them sharper than bilinear would (Keys 1981,
    doi:10.1109/TASSP.1981.1163711), along columns and then along rows. Invalid neighbours have no weight; a pixel that
    has lost half of it is invalid.

    Args:
        source: what is moved.
        offset: rows and columns in pixels, parts of them too; and how these grow away from the middle: rows per row and
            per column, columns per row and per column.
        nodata: numbers, by band, that are invalid though the source does not say so.
        whole: bands that hold classes or flags: moved by whole pixels.
    """

    def __init__(
        self,
        source: Reader,
        offset: Sequence[float],
        *,
        nodata: Mapping[int, float] | None = None,
        whole: Sequence[int] = (),
    ) -> None:
        self._source = source
        self._by = (*offset, 0.0, 0.0, 0.0, 0.0)[:6]
        self._nodata, self._whole = dict(nodata or {}), frozenset(whole)
        self.name, self.grid, self.stored, self.tags = source.name, source.grid, source.stored, source.tags
        height, width = source.grid.shape
        self._extent = (slice(0, height), slice(0, width))

    def read(
        self, window: Roi, indexes: Sequence[int], shape: tuple[int, int] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """See `Reader.read`; a window that is shrunk for looking at is moved by whole pixels."""
        mixed = [index for index in indexes if index in self._whole]
        if mixed and len(mixed) < len(indexes):
            parts = [self.read(window, [index], shape) for index in indexes]
            return np.concatenate([part for part, _ in parts]), np.concatenate([ok for _, ok in parts])
        if shape is not None and shape != roi_shape(window):
            y, x = self._centred(*(np.array([(part.start + part.stop) // 2]) for part in window))
            rows, columns = (round(float(self._offset(which, y, x)[0, 0])) for which in (0, 1))
            return self._filled(shifted(window, rows, columns), indexes, shape)
        down, right = (np.arange(part.start, part.stop) for part in window)
        y, x = self._centred(down, right)
        to_right = right + self._offset(1, y, x)
        across = np.arange(math.floor(to_right.min()) - 1, math.floor(to_right.max()) + 3)
        # Which pixel of a row will be taken from a column tells how far down that column is looked at.
        _, from_x = self._centred(down, across)
        taken_by = (from_x - self._offset(1, y, np.zeros(1))) / (1 + self._by[5])
        to_down = down[:, None] + self._offset(0, y, taken_by)
        along = slice(math.floor(to_down.min()) - 1, math.floor(to_down.max()) + 3)
        numbers, ok = self._filled((along, slice(int(across[0]), int(across[-1]) + 1)), indexes, None)
        at = ((to_down - along.start, 1), (to_right - across[0], 2))
        if mixed:
            for positions, axis in at:
                numbers, ok = (_at(array, np.floor(positions + 0.5).astype(np.intp), axis) for array in (numbers, ok))
            return numbers, ok
        total, weight = np.where(ok, numbers, 0.0), ok.astype(np.float64)
        everywhere, steady = bool(ok.all()), not any(self._by[2:])
        for positions, axis in at:
            part = self._by[axis - 1] % 1.0 if steady else None
            total = _between(total, positions, axis, part)
            weight = np.ones_like(total) if everywhere else _between(weight, positions, axis, part)
        valid = weight > _SEEN
        return np.divide(total, weight, out=np.zeros_like(total), where=valid).astype(np.float32), valid

    def _centred(self, down: NDArray[Any], right: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Places of rows `[y, 1]` and of columns `[x]` about the middle."""
        y, x = (at + 0.5 - side / 2 for at, side in zip((down, right), self.grid.shape, strict=True))
        return y[:, None], x

    def _offset(self, which: int, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows (0) or columns (1) by which the pixels at `y` and `x` about the middle are off."""
        rise, slope = self._by[2 + 2 * which :][:2]
        return self._by[which] + rise * y + slope * x

    def _filled(
        self, window: Roi, indexes: Sequence[int], shape: tuple[int, int] | None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """A window that may reach beyond the source, where nothing is valid."""
        size = shape or roi_shape(window)
        values, valid = np.zeros((len(indexes), *size), dtype=np.float64), np.zeros((len(indexes), *size), dtype=bool)
        inside = common_roi(window, self._extent)
        if inside is None:
            return values, valid
        scale = [count / (part.stop - part.start) for count, part in zip(size, window, strict=True)]
        rows, columns = (
            slice(*(round((end - whole.start) * by) for end in (part.start, part.stop)))
            for part, whole, by in zip(inside, window, scale, strict=True)
        )
        part = (rows.stop - rows.start, columns.stop - columns.start)
        if min(part) > 0:
            got, ok = self._source.read(inside, indexes, None if shape is None else part)
            values[:, rows, columns], valid[:, rows, columns] = got, ok & np.isfinite(got)
        for plane, good, index in zip(values, valid, indexes, strict=True):
            if index in self._nodata:
                good &= ~equals_nodata(plane, self._nodata[index])
        return values, valid


def _at(x: NDArray[Any], positions: NDArray[np.intp], axis: int) -> NDArray[Any]:
    """`x` `[band, y, x]` at whole positions `[y, x]` along an axis."""
    return np.take_along_axis(x, positions[None], axis)


def _between(
    x: NDArray[np.float64], positions: NDArray[np.float64], axis: int, part: float | None
) -> NDArray[np.float64]:
    """`x` `[band, y, x]` at positions `[y, x]` between the pixels of an axis.

    Args:
        x: numbers.
        positions: in pixels.
        axis: 1 or 2.
        part: of a pixel by which all positions lie beyond one, if it is the same; slices are quicker then.
    """
    total: NDArray[np.float64] = np.zeros(())
    if part is not None:
        start = round(float(positions[0, 0]) - part)
        for tap in range(-1, 3):
            along = slice(start + tap, start + tap + positions.shape[axis - 1])
            total = total + _weight(np.asarray(tap - part)) * x[(slice(None),) * axis + (along,)]
        return total
    before = np.floor(positions)
    parts, first = positions - before, before.astype(np.intp)
    for tap in range(-1, 3):
        total = total + _weight(tap - parts) * _at(x, first + tap, axis)
    return total


def _weight(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' kernel, up to two pixels away."""
    d = np.abs(distance)
    near = (_SHARP + 2) * d**3 - (_SHARP + 3) * d**2 + 1
    return np.where(d <= 1, near, _SHARP * (d**3 - 5 * d**2 + 8 * d - 4))


def moved(scene: Scene, offsets: Sequence[Sequence[float]]) -> Scene:
    """The scene with what a date shows brought back by its offset.

    Args:
        scene: any scene; nothing is read.
        offsets: per date, by how many pixels it lies off: rows and columns, and their growth where they are not alike
            everywhere; see `Shift.offset`.
    """
    readers: dict[tuple[int, int], Reader] = {}

    def bring(plane: Plane, date: int) -> Plane:
        key = (id(plane.reader), date)
        if key not in readers:
            own = [
                (other, band)
                for other, band in zip(scene.planes[date], scene.bands, strict=True)
                if other is not None and other.reader is plane.reader
            ]
            readers[key] = Moved(
                plane.reader,
                offsets[date],
                nodata={other.index: other.nodata for other, _ in own if other.nodata is not None},
                whole=[other.index for other, band in own if band.kind != "continuous"],
            )
        return replace(plane, reader=readers[key])

    planes = tuple(
        row if not any(offsets[t]) else tuple(None if plane is None else bring(plane, t) for plane in row)
        for t, row in enumerate(scene.planes)
    )
    return replace(scene, planes=planes)
