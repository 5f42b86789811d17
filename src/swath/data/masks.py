"""`MaskLabel`: a raster of class numbers beside an image; and `ValuesLabel`: a raster of a quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data.keep import Kept
from swath.data.sample import IGNORE
from swath.errors import DataError, ReadError
from swath.scene.align import align
from swath.scene.raster import RasterReader
from swath.scene.reader import Reader, Roi, Stored, common_roi, roi_shape, shifted

_UNNAMED = -2
"""In a table: numbers that no class has."""
_LONGEST_TABLE = 2**16


@dataclass(frozen=True)
class Coding:
    """How the numbers of masks become positions of classes.

    Attributes:
        positions: stored number and position, or IGNORE.
        is_colour: whether numbers are colours of three channels, `0xRRGGBB`.
        by_band: whether numbers are bands, from 0, the first that is not 0 in a pixel.
        rest: position of all other numbers, or IGNORE; `_UNNAMED`: there are to be none.
    """

    positions: tuple[tuple[int, int], ...]
    is_colour: bool = False
    by_band: bool = False
    rest: int = _UNNAMED

    def position(self, number: int) -> int:
        """The position of a number.

        Raises:
            KeyError: no class has it.
        """
        found = self._positions.get(number, self.rest)
        if found == _UNNAMED:
            raise KeyError(number)
        return found

    @cached_property
    def _positions(self) -> Mapping[int, int]:
        return dict(self.positions)

    @cached_property
    def _table(self) -> NDArray[np.int64]:
        """Of each number from 0 on, its position; the last for all beyond."""
        size = min(max((number for number, _ in self.positions), default=0), _LONGEST_TABLE) + 2
        table = np.full(size, _UNNAMED, dtype=np.int64)
        for number, position in self.positions:
            if 0 <= number < size - 1:
                table[number] = position
        return table

    def __call__(self, raw: NDArray[Any], there: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Positions of `[band, y, x]` as stored, IGNORE where not `there [y, x]`.

        Raises:
            KeyError: a number that no class has, as its argument.
        """
        numbers = as_numbers(raw, is_colour=self.is_colour, by_band=self.by_band)
        if numbers.dtype == np.uint8 and len(self._table) <= 257:
            result = np.append(self._table, [_UNNAMED] * (256 - len(self._table)))[numbers]
        elif all(0 <= number <= _LONGEST_TABLE for number, _ in self.positions):
            table = self._table
            outside = (numbers < 0) | (numbers >= len(table))
            result = table[np.where(outside, len(table) - 1, numbers)]
        else:
            keys, places = np.array(sorted(self.positions), dtype=np.int64).T
            at = np.minimum(np.searchsorted(keys, numbers), len(keys) - 1)
            result = np.where(keys[at] == numbers, places[at], _UNNAMED)
        if self.rest != _UNNAMED:
            result = np.where(result == _UNNAMED, self.rest, result)
        if not there.all():
            result = np.where(there, result, IGNORE)
        if (result == _UNNAMED).any():
            raise KeyError(int(numbers[result == _UNNAMED][0]))
        return np.asarray(result)


def as_numbers(raw: NDArray[Any], *, is_colour: bool, by_band: bool = False) -> NDArray[np.integer[Any]]:
    """One whole number per pixel of `[band, y, x]`: the first band, or three channels as `0xRRGGBB`; NaN becomes -1.

    With `by_band` the first band that is not 0, and -1 where all are.
    """
    if by_band:
        set_ = raw != 0
        return np.asarray(np.where(set_.any(axis=0), set_.argmax(axis=0), -1))
    if is_colour and len(raw) >= 3:
        red, green, blue = raw[:3].astype(np.int64)
        return np.asarray(red << 16 | green << 8 | blue)
    one = raw[0]
    if one.dtype.kind == "f":
        one = np.asarray(np.where(np.isfinite(one), one, -1).astype(np.int64))
    return np.asarray(one.astype(np.int64) * 0x010101) if is_colour else one


class _Bare:
    """A reader whose nodata numbers are numbers like others: in masks, 0 is often both "nothing" and a class."""

    def __init__(self, source: Reader) -> None:
        self._source = source
        self.name, self.grid, self.tags = source.name, source.grid, source.tags
        self.stored: tuple[Stored, ...] = source.stored

    def read(
        self, window: Roi, indexes: Sequence[int], shape: tuple[int, int] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """See `Reader.read`."""
        values, _ = self._source.read(window, indexes, shape)
        return values, np.ones(values.shape, dtype=bool)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise ReadError(f"{path}: is gone ({error.strerror}); open the data again") from error
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=4096)
def _on_grid(path: Path, stamp: tuple[int, int], grid: GeoBox, is_bare: bool) -> Reader:
    """The mask's pixels on the grid of its image.

    Raises:
        DataError: it has another size and no place.
    """
    reader: Reader = RasterReader(path)
    if is_bare:
        reader = _Bare(reader)
    if tuple(reader.grid.shape) == tuple(grid.shape) and (reader.grid.crs is None or grid.crs is None):
        return Kept(reader)
    if reader.grid.crs is None or grid.crs is None:
        raise DataError(
            f"{path}: has {reader.grid.shape.y} x {reader.grid.shape.x} pixels and its image "
            f"{grid.shape.y} x {grid.shape.x}; a mask needs the size of its image, or both a CRS"
        )
    # Channels of one colour must come from one pixel; numbers of classes may be the commonest of several.
    kind = "continuous" if not is_bare else "flags" if len(reader.stored) > 1 else "categorical"
    return Kept(align(reader, grid, [kind] * len(reader.stored))[0])


def _read(
    path: Path, grid: GeoBox, window: Roi, *, is_bare: bool
) -> tuple[NDArray[Any], NDArray[np.bool_], Roi] | None:
    """Stored numbers, their validity, and where in the window they lie; None where the window is beyond the grid."""
    height, width = grid.shape
    inside = common_roi(window, (slice(0, height), slice(0, width)))
    if inside is None:
        return None
    reader = _on_grid(path, _stamp(path), grid, is_bare)
    values, valid = reader.read(inside, range(len(reader.stored)))
    return values, valid, shifted(inside, -window[0].start, -window[1].start)


@dataclass(frozen=True)
class MaskLabel:
    """A mask of class numbers.

    Attributes:
        path: the raster.
        coding: what its numbers mean.
        found: position of class and number of pixels, as counted when the data were opened.
    """

    path: Path
    coding: Coding
    found: tuple[tuple[int, int], ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """See `Label.files`."""
        return (self.path,)

    def read(self, grid: GeoBox, window: Roi) -> NDArray[np.int64]:
        """See `Label.read`; `[H, W]`."""
        target = np.full(roi_shape(window), IGNORE, dtype=np.int64)
        part = _read(self.path, grid, window, is_bare=True)
        if part is not None:
            raw, there, where = part
            try:
                target[where] = self.coding(raw, there[0])
            except KeyError as error:
                raise DataError(
                    f"{self.path}: holds {error.args[0]}, which is none of the classes; name it in classes=, or say "
                    f"ignore={error.args[0]}"
                ) from error
        return target

    def counts(self, grid: GeoBox | None = None) -> Mapping[int, int]:
        """See `Label.counts`."""
        return dict(self.found)


@dataclass(frozen=True)
class ValuesLabel:
    """A raster of a quantity; `value = stored * scale + offset`, unknown where the file says nodata or `ignore`."""

    path: Path
    scale: float = 1.0
    offset: float = 0.0
    ignore: tuple[int, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """See `Label.files`."""
        return (self.path,)

    def read(self, grid: GeoBox, window: Roi) -> NDArray[np.float32]:
        """See `Label.read`; `[H, W]`."""
        target = np.full(roi_shape(window), np.nan, dtype=np.float32)
        part = _read(self.path, grid, window, is_bare=False)
        if part is not None:
            raw, valid, where = part
            known = valid[0] & np.isfinite(raw[0]) & ~np.isin(raw[0], self.ignore)
            target[where] = np.where(known, raw[0] * self.scale + self.offset, np.nan)
        return target

    def counts(self, grid: GeoBox) -> Mapping[int, int]:
        """See `Label.counts`: a quantity has no classes."""
        return {}
