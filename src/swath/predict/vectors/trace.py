"""Outlines of regions: from an array of region numbers to polygons along the pixels' edges, without a loop over pixels.

The edges between regions are gathered into straight segments, each directed so that its own region lies to its right;
every segment is then linked to the one that goes on from its end, which makes rings. Where two pixels of one region
meet only at a corner, the rings part so that the region is joined there: its outer ring never touches itself, and the
polygons are valid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Directions as they turn to the right; rows grow downwards.
_EAST, _SOUTH, _WEST, _NORTH = range(4)


@dataclass(frozen=True)
class _Segments:
    """Straight pieces of outlines: `[n]` each."""

    region: Ints
    direction: Ints
    row0: Ints
    column0: Ints
    row1: Ints
    column1: Ints


def outlines(regions: NDArray[np.int32], *, fine_border: bool = False) -> NDArray[np.object_]:
    """The polygon of each region, in pixels: `(column, row)` with `(0, 0)` the outer corner of the first pixel.

    Vertices lie where an outline turns and where a third region begins, so that neighbours share every vertex of their
    common border.

    Args:
        regions: `[h, w]`; 0 is no region, and every other number up to the highest must be one 4-connected region.
        fine_border: whether outlines have a vertex at every pixel along the array's edge, so that they fit those of an
            array beside it whatever that holds.

    Returns:
        `[max(regions)]` shapely polygons: that of region `n` at position `n - 1`.
    """
    count = int(regions.max(initial=0))
    if count == 0:
        return np.empty(0, dtype=object)
    segments = _segments(np.pad(regions, 1), fine_border)
    following = _linked(segments, regions.shape[1] + 1)
    ring, order = _rings(following)
    return _polygons(segments, ring, order, count)


def _segments(padded: NDArray[np.int32], fine_border: bool) -> _Segments:
    parts = []
    for across in (False, True):
        around = padded.T if across else padded
        # Along a line between two rows of pixels: who is before it (above, or left) and who after it.
        before, after = around[:-1, 1:-1], around[1:, 1:-1]
        edge = before != after
        broken = np.ones((edge.shape[0], edge.shape[1] + 1), dtype=bool)
        broken[:, 1:-1] = (before[:, 1:] != before[:, :-1]) | (after[:, 1:] != after[:, :-1])
        if fine_border:
            broken[[0, -1]] = True
        line, start = np.nonzero(edge & broken[:, :-1])
        _, stop = np.nonzero(edge & broken[:, 1:])
        stop += 1
        # The region after a horizontal line lies below it: to the right of who walks east. After a vertical one it
        # lies east of it: to the right of who walks north.
        forward, backward = (_SOUTH, _NORTH) if across else (_EAST, _WEST)
        for side, ahead in ((before, across), (after, not across)):
            region = side[line, start]
            owned = region != 0
            first, last = (start, stop) if ahead else (stop, start)
            ends = (line[owned], first[owned], line[owned], last[owned])
            rows_first = (ends[1], ends[0], ends[3], ends[2]) if across else ends
            direction = np.full(len(ends[0]), forward if ahead else backward)
            parts.append((region[owned].astype(np.int64), direction, *rows_first))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return _Segments(*columns)


def _linked(segments: _Segments, width: int) -> Ints:
    """For each segment, the position of the one that follows it along its ring, `[n]`."""
    s = segments
    regions = int(s.region.max()) + 1
    start = ((s.row0 * width + s.column0) * regions + s.region) * 4
    stop = ((s.row1 * width + s.column1) * regions + s.region) * 4
    order = np.argsort(start + s.direction)
    keys = (start + s.direction)[order]
    following = np.full(len(keys), -1, dtype=np.int64)
    # To the left first: that joins pixels of one region that meet at a corner.
    for turn in (-1, 0, 1):
        wanted = stop + (s.direction + turn) % 4
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        hit = (following < 0) & (keys[at] == wanted)
        following[hit] = order[at[hit]]
    return following


def _rings(following: Ints) -> tuple[Ints, Ints]:
    """Ring of each segment (its least segment) and how many steps it lies ahead of that one, by doubling the stride."""
    count = len(following)
    least, jump = np.arange(count), following.copy()
    while True:
        lower = np.minimum(least, least[jump])
        if np.array_equal(lower, least):
            break
        least, jump = lower, jump[jump]
    # Steps to the end of the ring, where the ring is cut before its least segment.
    final = least == following
    steps = np.where(final, 0, 1).astype(np.int64)
    jump = np.where(final, np.arange(count), following)
    while True:
        more = steps[jump]
        if not more.any():
            break
        steps, jump = steps + more, jump[jump]
    return least, -steps


def _polygons(segments: _Segments, ring: Ints, order: Ints, count: int) -> NDArray[np.object_]:
    s = segments
    sequence = np.lexsort((order, ring))
    x, y = s.column0[sequence].astype(float), s.row0[sequence].astype(float)
    first = np.flatnonzero(np.diff(ring[sequence], prepend=-1))
    size = np.diff(first, append=len(sequence))
    region = s.region[sequence][first]
    # Twice the area of each ring; the outer ring has its region to the right, which in rows that grow downwards is
    # a positive sum, and holes a negative one.
    last = np.append(first[1:], len(sequence)) - 1
    after = np.arange(1, len(sequence) + 1)
    after[last] = first
    hole = np.add.reduceat(x * y[after] - x[after] * y, first) < 0
    rings = np.lexsort((hole, region))
    # Coordinates of rings in their final order, each closed by its first point.
    closed = size[rings] + 1
    offsets = np.concatenate([[0], np.cumsum(closed)])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], closed)
    source = np.repeat(first[rings], closed) + within % np.repeat(size[rings], closed)
    parts = np.concatenate([[0], np.cumsum(np.bincount(region, minlength=count + 1)[1:])])
    coordinates = np.column_stack([x[source], y[source]])
    return np.asarray(shapely.from_ragged_array(shapely.GeometryType.POLYGON, coordinates, (offsets, parts)))
