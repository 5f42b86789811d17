"""What a source of pixels is: a stack of stored bands on one grid, read by windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.errors import GridError

Roi = tuple[slice, slice]
"""A window `(rows, columns)` of a grid, `np.s_[y0:y1, x0:x1]`; numbers count from the grid's first pixel."""


@dataclass(frozen=True)
class Stored:
    """One band as its source describes it, before anybody says what it means."""

    dtype: str
    description: str | None = None
    nodata: float | None = None
    scale: float = 1.0
    offset: float = 0.0
    units: str | None = None
    interpretation: str | None = None
    """Colour interpretation: `red`, `palette`, `alpha`."""
    wavelength: tuple[float, float, float] | None = None
    """`(min, centre, max)` in nm where the source's metadata say so (ENVI headers do)."""
    common_name: str | None = None
    """STAC common name, where the source gives one."""
    classes: Mapping[int, str] | None = None
    colours: Mapping[int, str] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_scaled(self) -> bool:
        """Whether the source itself gives a scale or an offset."""
        return (self.scale, self.offset) != (1.0, 0.0)


@runtime_checkable
class Reader(Protocol):
    """A source of pixels. Making one reads no pixels; `read` may be called from several threads at once."""

    @property
    def name(self) -> str:
        """What messages call the source."""
        ...

    @property
    def grid(self) -> GeoBox:
        """Where its pixels lie."""
        ...

    @property
    def stored(self) -> tuple[Stored, ...]:
        """Its bands, in order."""
        ...

    @property
    def tags(self) -> Mapping[str, str]:
        """Metadata of the source as a whole."""
        ...

    def read(
        self, window: Roi, indexes: Sequence[int], shape: tuple[int, int] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Stored numbers and validity of bands in a window that lies within the grid.

        Args:
            window: rows and columns of `grid`.
            indexes: bands, counted from 0, all of one type.
            shape: `(height, width)` to shrink the window to, for looking at; None: every pixel.

        Returns:
            `[len(indexes), height, width]` twice: numbers as stored, and True where something was seen.

        Raises:
            ReadError: the source is truncated, gone, or has changed since it was opened.
        """
        ...


class Picked:
    """Some bands of a reader, as a reader; without their names where `named` is False, or with others."""

    def __init__(self, source: Reader, indexes: Sequence[int], *, named: bool | Sequence[str | None] = True) -> None:
        self._source, self._indexes = source, list(indexes)
        self.name, self.grid, self.tags = source.name, source.grid, source.tags
        stored = [source.stored[i] for i in self._indexes]
        if named is not True:
            names = [None] * len(stored) if named is False else list(named)
            stored = [replace(one, description=name) for one, name in zip(stored, names, strict=True)]
        self.stored = tuple(stored)

    def read(
        self, window: Roi, indexes: Sequence[int], shape: tuple[int, int] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """See `Reader.read`."""
        return self._source.read(window, [self._indexes[i] for i in indexes], shape)


def roi_of(window: Any, grid: GeoBox, *, beyond: bool = False) -> Roi:
    """A window in any accepted form as plain `(rows, columns)` with starts and stops.

    Args:
        window: `np.s_[y0:y1, x0:x1]`, a `rasterio.windows.Window`, or None for the whole grid.
        grid: the grid that the window is of.
        beyond: whether the window may reach over the grid's edges.

    Raises:
        GridError: not a window, empty, stepped, or beyond the grid.
    """
    height, width = grid.shape
    if window is None:
        return slice(0, height), slice(0, width)
    if hasattr(window, "toslices"):
        window = window.toslices()
    if not (isinstance(window, tuple) and len(window) == 2 and all(isinstance(part, slice) for part in window)):
        raise GridError(f"a window is np.s_[y0:y1, x0:x1] or a rasterio Window; found {window!r}")
    result = []
    for part, size, axis in zip(window, (height, width), ("rows", "columns"), strict=True):
        start = 0 if part.start is None else int(part.start)
        stop = size if part.stop is None else int(part.stop)
        if part.step not in (None, 1) or stop <= start:
            raise GridError(f"window {axis} {start}:{stop} must ascend by steps of 1")
        if not beyond and (start < 0 or stop > size):
            raise GridError(f"window {axis} {start}:{stop} reach beyond the grid, which has {size}")
        result.append(slice(start, stop))
    return result[0], result[1]


def roi_shape(window: Roi) -> tuple[int, int]:
    """`(height, width)` of a window."""
    return window[0].stop - window[0].start, window[1].stop - window[1].start


def shifted(window: Roi, rows: int, columns: int) -> Roi:
    """The window moved down by `rows` and right by `columns`."""
    return (
        slice(window[0].start + rows, window[0].stop + rows),
        slice(window[1].start + columns, window[1].stop + columns),
    )


def common_roi(a: Roi, b: Roi) -> Roi | None:
    """The part that two windows share, or None."""
    rows = slice(max(a[0].start, b[0].start), min(a[0].stop, b[0].stop))
    columns = slice(max(a[1].start, b[1].start), min(a[1].stop, b[1].stop))
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return None
    return rows, columns
