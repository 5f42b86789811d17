"""Blocks of large images: where labels lie on one scene or a few, parts of it are held out instead of whole images."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from swath.data.item import Item, Label
from swath.data.keep import opened
from swath.data.layouts import Asked, Found
from swath.data.sample import IGNORE, Target, class_planes
from swath.errors import SwathError
from swath.scene.reader import Roi, roi_of, shifted

_FEW = 4
"""Images from which on they are held out whole."""
_SIDE = 224
"""Pixels along a side of the smallest block."""
_MOST = 8
"""Blocks along a side."""
_ROWS = 1024
_OF_PIXELS = ("segmentation", "change", "semantic-change", "regression", "pretraining")


@dataclass(frozen=True, eq=False)
class BlockLabel:
    """The label of a block of an image.

    Attributes:
        whole: label of the image.
        grid: of the image.
        window: the block.
    """

    whole: Label
    grid: GeoBox
    window: Window

    @property
    def files(self) -> tuple[Path, ...]:
        """See `Label.files`."""
        return self.whole.files

    def read(self, grid: GeoBox, window: Roi) -> Target:
        """See `Label.read`; beyond the block nothing is labelled, whatever the image's label says of it."""
        target = self.whole.read(self.grid, shifted(window, self.window.row_off, self.window.col_off))
        if isinstance(target, np.ndarray):
            height, width = grid.shape
            outside = np.nan if target.dtype.kind == "f" else IGNORE
            rows, columns = (np.arange(side.start, side.stop) for side in window)
            target[..., (rows < 0) | (rows >= height), :] = outside
            target[..., (columns < 0) | (columns >= width)] = outside
        return target

    def counts(self, grid: GeoBox) -> Mapping[int, int]:
        """See `Label.counts`."""
        total: Counter[int] = Counter()
        for target in self._stripes():
            if target.dtype.kind == "i":
                classes = class_planes(target)
                positions, times = np.unique(classes[classes != IGNORE], return_counts=True)
                total.update(dict(zip(positions.tolist(), times.tolist(), strict=True)))
        return dict(sorted(total.items()))

    @property
    def is_anywhere(self) -> bool:
        """Whether anything in the block is labelled."""
        return any(
            bool((target != IGNORE).any() if target.dtype.kind == "i" else np.isfinite(target).any())
            for target in self._stripes()
        )

    def _stripes(self) -> Iterator[NDArray[Any]]:
        grid = self.grid[roi_of(self.window, self.grid)]
        height, width = grid.shape
        for top in range(0, height, _ROWS):
            target = self.read(grid, np.s_[top : min(top + _ROWS, height), 0:width])
            if isinstance(target, np.ndarray):
                yield target


def in_blocks(found: Found, asked: Asked) -> Found:
    """The items, cut into blocks where there are so few that no places could be held out.

    Cut are images with labels of pixels, and such as are to be learnt from without labels, if they are fewer than four
    and at least two blocks wide and high; blocks of which a label says nothing are left out. Where the folder parts
    them, only those to train are cut, if there are none to tune.
    """
    if found.parts:
        few = {name for name, part in found.parts.items() if part == "train" and "val" not in found.parts.values()}
    else:
        few = {item.name for item in found.items}
    if found.task not in _OF_PIXELS or len(few) >= _FEW:
        return found
    made: list[Item] = []
    notes: list[str] = []
    parts = dict(found.parts)
    for item in found.items:
        grid = _grid(item, asked) if item.name in few and item.within is None else None
        bare = item.label is None and found.task != "pretraining"
        blocks = [] if bare or grid is None else list(_blocks(item, grid))
        made += blocks or [item]
        if grid is not None and blocks:
            if (part := parts.pop(item.name, None)) is not None:
                parts |= dict.fromkeys((block.name for block in blocks), part)
            size = f"{grid.shape.x} x {grid.shape.y} pixels"
            notes.append(
                f"{item.images[0].name} ({size}) is cut into {len(blocks)} blocks; some of them are held out, since "
                "there are too few images for that"
            )
    return replace(found, items=tuple(made), parts=parts, notes=(*found.notes, *notes))


def _grid(item: Item, asked: Asked) -> GeoBox | None:
    """Where the first image lies; None where it cannot be opened, which is told when it is inspected."""
    try:
        first = item if item.sensors else replace(item, images=item.images[: item.per_date])
        return opened(first, asked.sensor, asked.bands, asked.dates).grid
    except SwathError:
        return None


def _blocks(item: Item, grid: GeoBox) -> Iterator[Item]:
    rows, columns = (min(_MOST, side // _SIDE) for side in grid.shape)
    if min(rows, columns) < 2:
        return
    digits = len(str(max(grid.shape)))
    for top, bottom in _ends(grid.shape.y, rows):
        for left, right in _ends(grid.shape.x, columns):
            window = Window(left, top, right - left, bottom - top)
            label = None if item.label is None else BlockLabel(item.label, grid, window)
            if label is None or label.is_anywhere:
                at = f"{top:0{digits}d}_{left:0{digits}d}"
                name, place = f"{item.name}_{at}", f"{item.place if item.label is None else item.name}_{at}"
                before = None if item.before is None else BlockLabel(item.before, grid, window)
                yield replace(item, name=name, label=label, place=place, window=window, before=before)


def _ends(side: int, count: int) -> list[tuple[int, int]]:
    """A side in `count` parts of nearly the same length."""
    ends = [round(side * i / count) for i in range(count + 1)]
    return list(itertools.pairwise(ends))
