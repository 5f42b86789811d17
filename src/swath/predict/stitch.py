"""Stitching: the answers of tiles become cells, each as soon as the last tile that has a part in it is there.

Tiles may come in any order: a cell is merged of its parts in the order of the plan, so its numbers do not depend on who
was first. Where cells have one source each, nothing is kept and nothing is summed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swath.errors import PredictError
from swath.models.card import Card
from swath.predict.blocks import moved, shared, size_of
from swath.predict.forward import Answer, Array
from swath.predict.plan import Index, Plan, Window
from swath.predict.shelf import Shelf, Ticket
from swath.tasks.layers import most_likely


@dataclass(frozen=True)
class Cell:
    """A finished part of the answer.

    Attributes:
        index: which cell of the plan.
        outputs: activated and merged, `[K, h, w]`; None where nothing is valid.
        spread: disagreement of what was merged, `[h, w]`.
        valid: `[h, w]`.
    """

    index: Index
    outputs: Array | None
    spread: Array | None
    valid: NDArray[np.bool_]


class Stitcher:
    """Takes answers of tiles and gives finished cells.

    Args:
        plan: where tiles and cells lie.
        card: which numbers the spread is of.
        cells: those wanted.
        room: bytes of parts that are kept in memory; what is more lies in a nameless file.
        folder: where that file may lie; None: where the system keeps such files.
    """

    def __init__(
        self, plan: Plan, card: Card, cells: Iterable[Index], *, room: int = 64 * 2**20, folder: Path | None = None
    ) -> None:
        self._plan = plan
        self._kind = card.output.kind
        count = len(card.output.classes)
        self._channels = 2 + 2 * count if self._kind == "semantic-change" else count
        self._waiting = {cell: len(list(plan.sources(cell))) for cell in cells}
        self._parts: dict[Index, list[tuple[Index, list[Ticket]]]] = {}
        self._valid: dict[Index, NDArray[np.bool_]] = {}
        self._shelf = Shelf(room, folder)

    def add(self, tile: Index, answer: Answer | None, valid: NDArray[np.bool_]) -> Iterator[Cell]:
        """Cells that are finished with this tile.

        Args:
            tile: which.
            answer: what the network gave; None where it was not asked since nothing was valid.
            valid: where the tile's own cell has an answer, `[h, w]`.

        Raises:
            PredictError: the answer has another size than the card says.
        """
        arrays = [] if answer is None else [a for a in (answer.mean, answer.low, answer.high) if a is not None]
        place = self._plan.tile_out(tile)
        size = size_of(place)
        for array in arrays:
            if array.shape[1:] != size:
                raise PredictError(f"the network gave {array.shape[1:]} px for a tile, and by its card it is {size}")
        if tile in self._waiting:
            self._valid[tile] = valid
        for cell in self._plan.targets(tile):
            if cell not in self._waiting:
                continue
            where = moved(shared(self._plan.cell_out(cell), place), place)
            parts = [array[:, *where] for array in arrays]
            self._waiting[cell] -= 1
            if self._waiting[cell] == 0 and cell not in self._parts:
                yield self._finish(cell, [(tile, parts)] if parts else [])
                continue
            kept = self._parts.setdefault(cell, [])
            if parts:
                kept.append((tile, [self._shelf.put(part) for part in parts]))
            if self._waiting[cell] == 0:
                loaded = [(source, [self._shelf.take(one) for one in tickets]) for source, tickets in kept]
                yield self._finish(cell, sorted(loaded, key=lambda pair: pair[0]))

    def _finish(self, cell: Index, parts: list[tuple[Index, list[Array]]]) -> Cell:
        self._parts.pop(cell, None)
        del self._waiting[cell]
        valid = self._valid.pop(cell)
        if not parts or not valid.any():
            return Cell(cell, None, None, np.zeros_like(valid))
        if len(parts) == 1 and self._plan.rows.overlap == self._plan.columns.overlap == 0:
            mean = parts[0][1][0]
        else:
            mean = self._average(cell, valid.shape, parts)
        return Cell(cell, mean, self._spread(cell, mean, parts), valid)

    def _average(self, cell: Index, shape: tuple[int, ...], parts: list[tuple[Index, list[Array]]]) -> Array:
        total = np.zeros((len(parts[0][1][0]), *shape), dtype=np.float32)
        weight = np.zeros(shape, dtype=np.float32)
        scratch = np.empty_like(total)  # memory that is asked for again and again costs more than the sums
        for tile, arrays in parts:
            where, share = self._share(cell, tile)
            total[:, *where] += np.multiply(arrays[0], share, out=scratch[:, *where])
            weight[where] += share
        # A pixel that only invalid tiles saw is itself invalid, and 0 / 0 is never looked at.
        return np.divide(total, weight, out=total, where=weight > 0)

    def _share(self, cell: Index, tile: Index) -> tuple[Window, Array]:
        """The window of the cell that a tile has a part in, and the weight of the tile there."""
        own, whole = self._plan.cell_out(cell), self._plan.tile_out(tile)
        common = shared(own, whole)
        down, along = (
            axis.weights(size)[part]
            for axis, size, part in zip(
                (self._plan.rows, self._plan.columns), size_of(whole), moved(common, whole), strict=True
            )
        )
        return moved(common, own), down[:, None] * along[None, :]

    def _spread(self, cell: Index, mean: Array, parts: list[tuple[Index, list[Array]]]) -> Array | None:
        """Most less least that was said of the answered class's probability, or of any value where there are none.

        Of several pairs of dates each has an answer of its own, and the largest disagreement is told.
        """
        if self._kind == "embedding" or (len(parts) == 1 and len(parts[0][1]) == 1):
            return None
        step = self._channels or len(mean)
        gaps = [self._gap(cell, mean, parts, slice(first, first + step)) for first in range(0, len(mean), step)]
        return np.asarray(functools.reduce(np.fmax, gaps))

    def _gap(self, cell: Index, mean: Array, parts: list[tuple[Index, list[Array]]], own: slice) -> Array:
        """Of the channels `own`, which belong together."""
        mean = mean[own]
        # Of classes only the answered one is looked at, which spares most of the work.
        best = None if self._kind in ("values", "semantic-change") else most_likely(mean)[0][None]
        planes = mean if best is None else mean[:1]
        low, high = np.full_like(planes, np.inf), np.full_like(planes, -np.inf)
        for tile, arrays in parts:
            where, _ = self._share(cell, tile)
            for bound, merge, array in (
                (low, np.minimum, arrays[min(1, len(arrays) - 1)]),
                (high, np.maximum, arrays[-1]),
            ):
                seen = array[own] if best is None else np.take_along_axis(array[own], best[:, *where], axis=0)
                merge(bound[:, *where], seen, out=bound[:, *where])
        gap = np.maximum(high - low, 0)
        return np.asarray(gap[:2].max(axis=0) if self._kind == "semantic-change" else gap.max(axis=0))
