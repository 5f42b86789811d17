"""The minimum mapping unit: regions that are too small join the neighbour with which they share the longest border.

The map is read twice, block by block. The first time the regions and their borders are noted, as numbers without any
shape: memory grows with the number of regions that are too small (about 100 bytes each), and not with the pixels.
Then they join, and the second time the classes that came of it are told. The answer does not depend on the blocks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from swath.predict.vectors.regions import NOTHING, Block, Borders, Ints, Read, block_of, counted, joined, windows


class Sieve:
    """The classes of a map after small regions have joined their neighbours.

    In each round every region below `min_area` joins the neighbour with the longest common border (of equals the larger
    one, then the one that begins first), and the whole takes the class of its largest part. Rounds go on until none
    is left that has a neighbour. What is then too small lies alone amid pixels without an answer, and is dropped.

    Args:
        read: reads the map.
        shape: `(height, width)` of the map.
        cells: area of a pixel in each row, `[height]`.
        min_area: in the units of `cells`.
        side: of the blocks; `apply` wants the same ones in any order.
    """

    def __init__(
        self, read: Read, shape: tuple[int, int], cells: NDArray[np.float64], min_area: float, *, side: int
    ) -> None:
        self._first: dict[tuple[int, int], int] = {}
        notes = _Notes(shape[1], min_area)
        for window in windows(shape, side):
            self._first[window[0].start, window[1].start] = notes.count
            notes.take(block_of(window, read(window)[0]), cells)
        self._classes = notes.settled()

    def apply(self, block: Block) -> NDArray[np.int32]:
        """The classes of a block's pixels after all have joined, `[h, w]`."""
        first = self._first[block.window[0].start, block.window[1].start]
        return self._classes[first + block.regions - 1]


class _Notes:
    """What is known of all regions so far."""

    def __init__(self, width: int, min_area: float) -> None:
        self.count = 0
        self._width, self._min_area = width, min_area
        self._borders = Borders(width)
        self._areas: list[NDArray[np.float64]] = []
        self._begins: list[Ints] = []
        self._classes: list[NDArray[np.int32]] = []
        self._same: list[tuple[Ints, Ints]] = []
        self._pairs: list[tuple[Ints, Ints, Ints]] = []

    def take(self, block: Block, cells: NDArray[np.float64]) -> None:
        rows, columns = block.window
        names = np.arange(self.count, self.count + block.count)
        areas = block.total(cells[rows][:, None])
        begins = np.empty(block.count, dtype=np.int64)
        height, width = block.regions.shape
        # Assigned from the last pixel to the first, so that the first is what stays.
        at = (np.arange(height)[:, None] + rows.start) * self._width + np.arange(width) + columns.start
        begins[block.regions.ravel()[::-1] - 1] = at.ravel()[::-1]
        theirs, ours, same = self._borders.meet(block, names)
        self._same.append(counted(theirs[same], ours[same])[:2])
        large, real = areas >= self._min_area, block.classes != NOTHING
        inner = []
        for one, other in ((block.regions[1:], block.regions[:-1]), (block.regions[:, 1:], block.regions[:, :-1])):
            i, j = one.ravel() - 1, other.ravel() - 1
            keep = (i != j) & real[i] & real[j] & ~(large[i] & large[j])
            inner.append((names[i[keep]], names[j[keep]]))
        a = np.concatenate([pair[0] for pair in inner] + [theirs[~same]])
        b = np.concatenate([pair[1] for pair in inner] + [ours[~same]])
        self._pairs.append(counted(a, b))
        self._areas.append(areas)
        self._begins.append(begins)
        self._classes.append(block.classes)
        self.count += block.count

    def settled(self) -> NDArray[np.int32]:
        """The class of each region that was noted, after all have joined, `[count]`."""
        areas, begins = np.concatenate(self._areas), np.concatenate(self._begins)
        classes = np.concatenate(self._classes)
        a, b, lengths = (np.concatenate(part) for part in zip(*self._pairs, strict=True))
        real = (classes[a] != NOTHING) & (classes[b] != NOTHING)
        a, b, lengths = a[real], b[real], lengths[real]
        member = joined(self.count, *(np.concatenate(part) for part in zip(*self._same, strict=True)))
        while True:
            areas, begins, classes = _of_groups(member, areas, begins, classes)
            a, b, lengths = _between(member, a, b, lengths)
            alike = classes[a] == classes[b]
            if alike.any():
                member = joined(self.count, a[alike], b[alike])[member]
                continue
            one, other = _choices(a, b, lengths, areas, begins, self._min_area)
            if not len(one):
                break
            member = joined(self.count, one, other)[member]
        settled = np.where(areas < self._min_area, NOTHING, classes)
        return np.asarray(settled[member].astype(np.int32))


def _of_groups(
    member: Ints, areas: NDArray[np.float64], begins: Ints, classes: NDArray[np.int32]
) -> tuple[NDArray[np.float64], Ints, NDArray[np.int32]]:
    """Area, first pixel and class of each group, at the place of the member that names it."""
    # Those that have joined already carry no area of their own any more.
    here = np.flatnonzero(areas > 0)
    group = member[here]
    order = here[np.lexsort((begins[here], -areas[here], group))]
    leaders = order[np.flatnonzero(np.diff(member[order], prepend=-1))]
    total = np.bincount(group, areas[here], minlength=len(member)).astype(np.float64)
    first = begins.copy()
    np.minimum.at(first, group, begins[here])
    own = classes.copy()
    own[member[leaders]] = classes[leaders]
    return total, first, own


def _between(member: Ints, a: Ints, b: Ints, lengths: Ints) -> tuple[Ints, Ints, Ints]:
    """Pairs of groups from pairs of members."""
    a, b = member[a], member[b]
    apart = a != b
    return counted(a[apart], b[apart], lengths[apart])


def _choices(
    a: Ints, b: Ints, lengths: Ints, areas: NDArray[np.float64], begins: Ints, min_area: float
) -> tuple[Ints, Ints]:
    """For each group that is too small and has neighbours: itself, and the one it joins."""
    one, other = np.concatenate([a, b]), np.concatenate([b, a])
    lengths = np.concatenate([lengths, lengths])
    small = areas[one] < min_area
    one, other, lengths = one[small], other[small], lengths[small]
    order = np.lexsort((begins[other], -areas[other], -lengths, one))
    best = order[np.flatnonzero(np.diff(one[order], prepend=-1))]
    return one[best], other[best]
