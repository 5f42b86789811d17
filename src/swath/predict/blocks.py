"""`Block`: neighbouring cells that are written at once, and noted as done."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby

from swath.predict.plan import Index, Plan, Window

_WIDE = 256
"""Pixels of the answer that a block is wide at least, where its cells are small (one label per tile)."""
_PARTS = 100
"""A plan has so many blocks at least, where it has the tiles, so that a killed run loses little."""


@dataclass(frozen=True)
class Block:
    """Cells of one row that follow each other.

    Attributes:
        cells: in order.
        window: what they cover of the extent, in pixels of `plan.out`.
    """

    cells: tuple[Index, ...]
    window: Window


def blocks_of(plan: Plan) -> list[Block]:
    """The blocks of a plan, by rows; they cover the extent and no pixel is in two."""
    cells = plan.cells
    width = max(plan.columns.edges[1] - plan.columns.edges[0], 1) * plan.scale
    count = max(1, min(math.ceil(_WIDE / width) if width < _WIDE else 1, len(cells) // _PARTS))
    grouped = groupby(cells, key=lambda cell: (cell[0], cell[1] // count))
    return [_block(plan, tuple(members)) for _, members in grouped]


def _block(plan: Plan, cells: tuple[Index, ...]) -> Block:
    first, last = plan.cell_out(cells[0]), plan.cell_out(cells[-1])
    whole = (first[0], slice(first[1].start, last[1].stop))
    window = shared(whole, plan.window)
    return Block(cells, moved(window, plan.window))


def shared(a: Window, b: Window) -> Window:
    """What two windows have in common."""
    rows, columns = (slice(max(one.start, two.start), min(one.stop, two.stop)) for one, two in zip(a, b, strict=True))
    return rows, columns


def moved(window: Window, origin: Window) -> Window:
    """A window as seen from the first pixel of another."""
    rows, columns = (
        slice(one.start - zero.start, one.stop - zero.start) for one, zero in zip(window, origin, strict=True)
    )
    return rows, columns


def placed(window: Window, origin: Window) -> Window:
    """A window that counts from the first pixel of another, as seen from where that one counts: undoes `moved`."""
    rows, columns = (
        slice(one.start + zero.start, one.stop + zero.start) for one, zero in zip(window, origin, strict=True)
    )
    return rows, columns


def size_of(window: Window) -> tuple[int, int]:
    """`(height, width)` of a window."""
    return window[0].stop - window[0].start, window[1].stop - window[1].start
