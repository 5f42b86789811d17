"""Polygons that are whole, from a map read block by block.

Each block gives the polygons of its regions. Those that touch no other block are finished; the others wait until the
blocks that they could go on in have come, and are put together from their pieces, whose common edges are equal to the
last bit. Memory holds a block, and the pieces that still wait: it grows with the length of one border across the map
and with the largest region's outline, and not with the map.

Simplified polygons are simplified block by block, all regions of a block together, so that a border of two stays one
line; a block's own edge is kept, so that pieces still fit. Where a border crosses from block to block it has a fixed
point.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from swath.predict.vectors.regions import (
    NOTHING,
    Block,
    Borders,
    Ints,
    Read,
    block_of,
    counted,
    windows,
)
from swath.predict.vectors.sieve import Sieve
from swath.predict.vectors.trace import outlines

SIDE = 1024
"""Of the blocks, px: large enough that few polygons cross a border, small enough that the worst map takes 1 GB."""


@dataclass(frozen=True)
class Shapes:
    """Finished polygons with what is known of them; `[n]` each."""

    polygons: NDArray[np.object_]
    """In pixels of the map, `(column, row)`."""
    classes: NDArray[np.int32]
    areas: NDArray[np.float64]
    """In the units of the cells' areas; of the pixels, whatever was simplified."""
    means: NDArray[np.float64]
    """Mean of the number per pixel; NaN where there is none."""

    def __len__(self) -> int:
        return len(self.polygons)


@dataclass
class _Open:
    """A polygon that waits for its other pieces."""

    pieces: list[shapely.Polygon]
    value: int
    sums: NDArray[np.float64]
    """Area, number of pixels, sum of their numbers."""
    names: list[int] = field(default_factory=list)


def whole_polygons(
    read: Read,
    shape: tuple[int, int],
    cells: NDArray[np.float64],
    *,
    keep: Collection[int] | None = None,
    sieve: Sieve | None = None,
    simplify: float = 0.0,
    side: int = SIDE,
) -> Iterator[Shapes]:
    """The polygons of all regions of a map, each once, in the order in which they are finished.

    Args:
        read: reads the map.
        shape: `(height, width)` of the map.
        cells: area of a pixel in each row, `[height]`.
        keep: class numbers that are wanted; None: all.
        sieve: what small regions have joined; made with the same `side`.
        simplify: tolerance in pixels; 0: outlines along the pixels' edges.
        side: of the blocks.
    """
    borders, waiting = Borders(shape[1]), _Waiting()
    count = 0
    for window in windows(shape, side):
        block = block_of(window, *read(window))
        if sieve is not None:
            block = block_of(window, sieve.apply(block), block.numbers)
        names = np.arange(count, count + block.count)
        count += block.count
        sums = _sums(block, cells)
        wanted = block.classes != NOTHING
        if keep is not None:
            wanted &= np.isin(block.classes, list(keep))
        inner = ~_touching(block, shape)
        polygons = _outlines(block, simplify) if wanted.any() else np.empty(block.count, dtype=object)
        theirs, ours, same = borders.meet(block, names)
        for at in np.flatnonzero(wanted & ~inner):
            waiting.add(int(names[at]), polygons[at], int(block.classes[at]), sums[at])
        waiting.join(theirs[same], ours[same])
        done = wanted & inner
        if done.any():
            yield _finished(polygons[done], block.classes[done], sums[done], shape, simplify)
        if window[1].stop == shape[1]:
            closed = waiting.close(borders.above if window[0].stop < shape[0] else np.empty(0, dtype=np.int64))
            if closed:
                whole = np.array([_put_together(one.pieces) for one in closed], dtype=object)
                values = np.array([one.value for one in closed], dtype=np.int32)
                yield _finished(whole, values, np.stack([one.sums for one in closed]), shape, simplify)


class _Waiting:
    """Polygons that may go on in a block to come, by the names of their pieces."""

    def __init__(self) -> None:
        self._of: dict[int, _Open] = {}

    def add(self, name: int, piece: shapely.Polygon, value: int, sums: NDArray[np.float64]) -> None:
        self._of[name] = _Open([piece], value, sums, [name])

    def join(self, a: Ints, b: Ints) -> None:
        """Pieces on both sides of a border are one polygon; those that are not waited for are passed over."""
        for one, other in zip(*(part.tolist() for part in counted(a, b)[:2]), strict=True):
            first, second = self._of.get(one), self._of.get(other)
            if first is None or second is None or first is second:
                continue
            if len(first.names) < len(second.names):
                first, second = second, first
            first.pieces += second.pieces
            first.names += second.names
            first.sums = first.sums + second.sums
            for name in second.names:
                self._of[name] = first

    def close(self, border: Ints) -> list[_Open]:
        """Polygons without a piece at the border, which wait no longer."""
        alive = {id(self._of[name]) for name in np.unique(border).tolist() if name in self._of}
        closed = {id(one): one for one in self._of.values() if id(one) not in alive}
        for one in closed.values():
            for name in one.names:
                del self._of[name]
        return list(closed.values())


def _sums(block: Block, cells: NDArray[np.float64]) -> NDArray[np.float64]:
    numbers = np.zeros(block.count) if block.numbers is None else block.total(block.numbers.astype(float))
    return np.column_stack([block.total(cells[block.window[0]][:, None]), block.total(), numbers])


def _touching(block: Block, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Which regions reach an edge of their block beyond which there is another one."""
    rows, columns = block.window
    touching = np.zeros(block.count, dtype=bool)
    for edge, inside in (
        (block.regions[0], rows.start > 0),
        (block.regions[-1], rows.stop < shape[0]),
        (block.regions[:, 0], columns.start > 0),
        (block.regions[:, -1], columns.stop < shape[1]),
    ):
        if inside:
            touching[edge - 1] = True
    return touching


def _outlines(block: Block, simplify: float) -> NDArray[np.object_]:
    polygons = outlines(block.regions, fine_border=True)
    if simplify > 0:
        # The tolerance of this function is the root of the area that a corner may cut off.
        polygons = np.asarray(shapely.coverage_simplify(polygons, simplify, simplify_boundary=False))
    origin = np.array([block.window[1].start, block.window[0].start], dtype=float)
    return np.asarray(shapely.transform(polygons, lambda points: points + origin))


def _put_together(pieces: list[shapely.Polygon]) -> shapely.Polygon:
    if len(pieces) == 1:
        return pieces[0]
    parts = shapely.get_parts(shapely.coverage_union_all(pieces))
    assert len(parts) == 1, "pieces of one region touch along edges"
    whole: shapely.Polygon = parts[0]
    return whole


def _finished(
    polygons: NDArray[np.object_],
    classes: NDArray[np.int32],
    sums: NDArray[np.float64],
    shape: tuple[int, int],
    simplify: float,
) -> Shapes:
    height, width = shape
    return Shapes(
        polygons=_without_idle_points(polygons, (float(width), float(height)) if simplify > 0 else None),
        classes=classes,
        areas=sums[:, 0],
        means=sums[:, 2] / sums[:, 1],
    )


def _without_idle_points(polygons: NDArray[np.object_], frame: tuple[float, float] | None) -> NDArray[np.object_]:
    """Polygons without vertices at which nothing turns; with a frame, only those on it go.

    Within the frame, polygons that were simplified keep theirs: a neighbour may have a corner there.
    """
    kind, points, (rings, parts) = shapely.to_ragged_array(polygons)
    starts, ends = rings[:-1], rings[1:] - 1
    # The closing point repeats the first one, so that the point before the first lies one before the last.
    index = np.arange(len(points))
    before, after = index - 1, index + 1
    before[starts] = ends - 1
    after[ends] = starts + 1
    ahead, behind = points[after] - points, points - points[before]
    idle = ahead[:, 0] * behind[:, 1] == ahead[:, 1] * behind[:, 0]
    if frame is not None:
        on_frame = (points == 0) | (points == np.array(frame))
        idle &= (on_frame & on_frame[before] & on_frame[after]).any(axis=1)
    keep = ~idle
    keep[ends] = False
    kept = np.add.reduceat(keep, starts)
    offsets = np.concatenate([[0], np.cumsum(kept + 1)])
    inside = np.flatnonzero(keep)
    # Each ring anew, closed by its first remaining point.
    firsts = np.concatenate([[0], np.cumsum(kept)])[:-1]
    position = np.arange(offsets[-1]) - np.repeat(offsets[:-1], kept + 1)
    source = inside[np.repeat(firsts, kept + 1) + position % np.repeat(kept, kept + 1)]
    return np.asarray(shapely.from_ragged_array(kind, points[source], (offsets, parts)))
