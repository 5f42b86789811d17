"""Regions: neighbouring pixels of one class, found block by block and joined across the blocks' borders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Window = tuple[slice, slice]
Ints = NDArray[np.int64]

NOTHING = -1
"""Class number of pixels without an answer."""

Read = Callable[[Window], tuple[NDArray[np.int32], NDArray[np.generic] | None]]
"""Reads a window: class numbers `[h, w]`, `NOTHING` where there is no answer; and a number per pixel to be averaged."""


@dataclass(frozen=True)
class Block:
    """A block of a map with its regions, which are numbered from 1."""

    window: Window
    regions: NDArray[np.int32]
    """`[h, w]`"""
    classes: NDArray[np.int32]
    """Class number of each region, `[count]`."""
    numbers: NDArray[np.generic] | None
    """What is averaged, `[h, w]`."""

    @property
    def count(self) -> int:
        """Number of regions."""
        return len(self.classes)

    def total(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Sum over the pixels of each region of a weight `[h, w]`, or their number, `[count]`."""
        flat = None if weights is None else np.broadcast_to(weights, self.regions.shape).ravel()
        return np.bincount(self.regions.ravel(), flat, minlength=self.count + 1)[1:].astype(float)


def windows(shape: tuple[int, int], side: int) -> Iterator[Window]:
    """Blocks of a grid, by rows."""
    for top in range(0, shape[0], side):
        for left in range(0, shape[1], side):
            yield slice(top, min(top + side, shape[0])), slice(left, min(left + side, shape[1]))


def block_of(window: Window, classes: NDArray[np.int32], numbers: NDArray[np.generic] | None = None) -> Block:
    """A block with its 4-connected regions; pixels without an answer have regions too, of class `NOTHING`."""
    from skimage.measure import label

    found = label(classes, connectivity=1, background=NOTHING - 1)  # type: ignore[no-untyped-call]  # in part typed
    regions = np.asarray(found, dtype=np.int32)
    own = np.empty(int(regions.max()) + 1, dtype=np.int32)
    own[regions] = classes
    return Block(window, regions, own[1:], numbers)


class Borders:
    """What lies along the borders to the blocks that come next: a row of the whole map, and a column of one block.

    Args:
        width: of the whole map.
    """

    def __init__(self, width: int) -> None:
        self.above = np.full(width, -1, dtype=np.int64)
        self._classes_above = np.full(width, NOTHING - 1, dtype=np.int32)
        self._left: tuple[Ints, NDArray[np.int32]] | None = None

    def meet(self, block: Block, names: Ints) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """Pairs of pixels on both sides of the borders to blocks that came before; then moves on past this one.

        Args:
            block: the next block, by rows.
            names: a number for each of its regions that none in another block has, `[count]`.

        Returns:
            names on either side, and whether their classes are the same, `[n]` each.
        """
        named, classes = names[block.regions - 1], block.classes[block.regions - 1]
        columns = block.window[1]
        sides = [(self.above[columns], self._classes_above[columns], named[0], classes[0])]
        if columns.start > 0 and self._left is not None:
            sides.append((*self._left, named[:, 0], classes[:, 0]))
        known = [other >= 0 for other, *_ in sides]
        theirs = np.concatenate([other[ok] for (other, *_), ok in zip(sides, known, strict=True)])
        ours = np.concatenate([own[ok] for (_, _, own, _), ok in zip(sides, known, strict=True)])
        same = np.concatenate([(a == b)[ok] for (_, a, _, b), ok in zip(sides, known, strict=True)])
        self.above[columns], self._classes_above[columns] = named[-1], classes[-1]
        self._left = named[:, -1].copy(), classes[:, -1].copy()
        return theirs, ours, same


def joined(count: int, a: Ints, b: Ints) -> Ints:
    """The lowest member of each member's group, `[count]`, where `a` and `b` tell who belongs together."""
    root = np.arange(count)
    while True:
        low, high = np.minimum(root[a], root[b]), np.maximum(root[a], root[b])
        apart = low != high
        if not apart.any():
            return root
        a, b = a[apart], b[apart]
        np.minimum.at(root, high[apart], low[apart])
        while not np.array_equal(higher := root[root], root):
            root = higher


def counted(a: Ints, b: Ints, lengths: Ints | None = None) -> tuple[Ints, Ints, Ints]:
    """Pairs without repeats, lower number first, and the sum of their lengths (or how often they came)."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    span = int(high.max(initial=0)) + 1
    keys, inverse, times = np.unique(low * span + high, return_inverse=True, return_counts=True)
    if lengths is not None:
        times = np.bincount(inverse.ravel(), lengths, minlength=len(keys)).astype(np.int64)
    return keys // span, keys % span, times.astype(np.int64)
