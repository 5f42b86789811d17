"""A date laid over another: moved by part of a pixel, lazily; no pixel depends on the window that is read."""

from __future__ import annotations

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
    doi:10.1109/TASSP.1981.1163711). Invalid neighbours have no weight; a pixel that has lost half of it is invalid.

    Args:
        source: what is moved.
        rows: by how many pixels, parts of them too.
        columns: likewise.
        nodata: numbers, by band, that are invalid though the source does not say so.
        whole: bands that hold classes or flags: moved by whole pixels.
    """

    def __init__(
        self,
        source: Reader,
        rows: float,
        columns: float,
        *,
        nodata: Mapping[int, float] | None = None,
        whole: Sequence[int] = (),
    ) -> None:
        self._source, self._by = source, (rows, columns)
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
        if mixed or (shape is not None and shape != roi_shape(window)):
            rows, columns = (round(by) for by in self._by)
            return self._filled(shifted(window, rows, columns), indexes, shape)
        (down, fy), (right, fx) = (divmod(by, 1.0) for by in self._by)
        wide = (
            slice(window[0].start + int(down) - 1, window[0].stop + int(down) + 2),
            slice(window[1].start + int(right) - 1, window[1].stop + int(right) + 2),
        )
        numbers, ok = self._filled(wide, indexes, None)
        values = np.where(ok, numbers, 0.0).astype(np.float64)
        weight = _convolved(_convolved(ok.astype(np.float64), fy, 1), fx, 2)
        total = _convolved(_convolved(values, fy, 1), fx, 2)
        valid = weight > _SEEN
        return np.divide(total, weight, out=np.zeros_like(total), where=valid).astype(np.float32), valid

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


def _convolved(x: NDArray[np.float64], part: float, axis: int) -> NDArray[np.float64]:
    """`x` at `part` of the way from each pixel to the next along an axis, three pixels shorter."""
    count = x.shape[axis] - 3
    total = np.zeros(tuple(count if i == axis else side for i, side in enumerate(x.shape)))
    for tap in range(4):
        total += _weight(tap - 1 - part) * x[(slice(None),) * axis + (slice(tap, tap + count),)]
    return total


def _weight(distance: float) -> float:
    """Keys' kernel."""
    d = abs(distance)
    if d <= 1:
        return (_SHARP + 2) * d**3 - (_SHARP + 3) * d**2 + 1
    return _SHARP * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0


def moved(scene: Scene, offsets: Sequence[tuple[float, float]]) -> Scene:
    """The scene with what a date shows brought back by its offset.

    Args:
        scene: any scene; nothing is read.
        offsets: per date, rows and columns in pixels by which it lies off, as `Scene.misregistration` tells them.
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
                *offsets[date],
                nodata={other.index: other.nodata for other, _ in own if other.nodata is not None},
                whole=[other.index for other, band in own if band.kind != "continuous"],
            )
        return replace(plane, reader=readers[key])

    planes = tuple(
        row if offsets[t] == (0.0, 0.0) else tuple(None if plane is None else bring(plane, t) for plane in row)
        for t, row in enumerate(scene.planes)
    )
    return replace(scene, planes=planes)
