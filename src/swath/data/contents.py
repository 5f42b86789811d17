"""What is in masks: each is read once, when data are opened, so that no number comes as a surprise while training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from swath.data.masks import as_numbers
from swath.errors import DataError, OpenError, ReadError
from swath.scene.raster import RasterReader

_ROWS = 2048
"""Rows read at a time, so that a mask of any size takes little memory."""
_MOST_VALUES = 65536
_THREADS = 4


@dataclass(frozen=True)
class Contents:
    """What one mask holds.

    Attributes:
        shape: `(height, width)`.
        values: number and how many pixels have it; three channels that differ as `0xRRGGBB`.
        is_colour: whether the channels differ.
        is_whole: whether all numbers are whole.
        nodata: as the file declares it.
        names: of numbers, as the file has them.
        colours: of numbers, as its palette has them.
        scale, offset: as the file declares them.
    """

    shape: tuple[int, int]
    values: Mapping[int, int]
    is_colour: bool = False
    is_whole: bool = True
    nodata: float | None = None
    names: Mapping[int, str] | None = None
    colours: Mapping[int, str] | None = None
    scale: float = 1.0
    offset: float = 0.0


def contents_of(paths: Sequence[Path], *, by_band: bool = False) -> dict[Path, Contents | str]:
    """What each mask holds; a sentence in place of one that cannot be read.

    Args:
        paths: of the masks.
        by_band: whether each class has a band of its own.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip(paths, pool.map(partial(_readable, by_band=by_band), paths), strict=True))


def _readable(path: Path, *, by_band: bool) -> Contents | str:
    try:
        return _contents(path, by_band=by_band)
    except (OpenError, ReadError, DataError) as error:
        return str(error)


def _contents(path: Path, *, by_band: bool) -> Contents:
    reader = RasterReader(path)
    height, width = reader.grid.shape
    stored = reader.stored[0]
    bands = range(len(reader.stored)) if by_band else range(3 if len(reader.stored) >= 3 else 1)
    in_colour = len(bands) == 3 and not by_band
    values: dict[int, int] = {}
    is_whole, is_colour = True, False
    for top in range(0, height, _ROWS):
        raw, _ = reader.read(np.s_[top : min(top + _ROWS, height), 0:width], bands)
        if raw.dtype.kind == "f" and is_whole:
            known = raw[0][np.isfinite(raw[0])]
            is_whole = bool((known == np.round(known)).all())
        if not is_whole:
            continue
        numbers = as_numbers(raw, is_colour=in_colour, by_band=by_band)
        if numbers.dtype == np.uint8:
            times = np.bincount(numbers.ravel(), minlength=256)
            found = {int(number): int(times[number]) for number in np.flatnonzero(times)}
        else:
            unique, times = np.unique(numbers, return_counts=True)
            found = dict(zip(unique.tolist(), times.tolist(), strict=True))
        for number, count in found.items():
            values[number] = values.get(number, 0) + count
        if len(values) > _MOST_VALUES:
            raise DataError(f"{path}: holds more than {_MOST_VALUES} different numbers, so it is no mask of classes")
    if in_colour:
        is_colour = any(number != (number & 0xFF) * 0x010101 for number in values)
        if not is_colour:
            values = {number & 0xFF: count for number, count in values.items()}
    return Contents(
        shape=(int(height), int(width)),
        values=values if is_whole else {},
        is_colour=is_colour,
        is_whole=is_whole,
        nodata=stored.nodata,
        names=stored.classes,
        colours=stored.colours,
        scale=stored.scale,
        offset=stored.offset,
    )
