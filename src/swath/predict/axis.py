"""One axis of a plan: where tiles begin, and which cell of the answer each is responsible for.

Everything follows from the size of the whole grid, never from the extent that is asked for. A tile begins at a multiple
of the network's step, so that every tile meets the network at the same phase; it lies within the (padded) grid wherever
the grid is large enough, so that the network's own padding acts where it would act on the whole image. Cells have no
overlap, cover the axis, and each lies within the tile of the same number.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Axis:
    """Tiles along one axis, in pixels of the whole grid.

    Attributes:
        size: length of the grid.
        tile: length of every tile.
        starts: first pixel of each tile; the last tile may reach beyond `size`, into padding.
        edges: cell `k` is `edges[k]:edges[k + 1]`.
        overlap: pixels over which neighbours are blended; 0: each cell comes from its own tile alone.
    """

    size: int
    tile: int
    starts: tuple[int, ...]
    edges: tuple[int, ...]
    overlap: int = 0

    @classmethod
    def trimmed(cls, size: int, tile: int, halo: int, step: int, fixed: bool = False) -> Axis:
        """Tiles of which only what lies at least `halo` from a seam is kept.

        Args:
            size: length of the grid.
            tile: length of a tile, a multiple of `step`.
            halo: what a core needs around it, a multiple of `step`.
            step: tiles and cells begin at multiples of this.
            fixed: whether a shorter axis still takes a whole tile.
        """
        padded = _padded(size, tile, step, fixed)
        tile = min(tile, padded)
        starts = _starts(padded, tile, tile - 2 * halo)
        edges = (0, *(start + tile - halo for start in starts[:-1]), size)
        return cls(size, tile, starts, edges)

    @classmethod
    def blended(cls, size: int, tile: int, overlap: int, step: int, fixed: bool = False) -> Axis:
        """Tiles that share `overlap` pixels or more with their neighbours; arguments as for `trimmed`."""
        padded = _padded(size, tile, step, fixed)
        tile = min(tile, padded)
        stride = max((tile - overlap) // step * step, step)
        starts = _starts(padded, tile, stride)
        return cls(size, tile, starts, (*starts, size), max(tile - stride, 0) if len(starts) > 1 else 0)

    @classmethod
    def labelled(cls, size: int, tile: int, stride: int) -> Axis:
        """One cell of `stride` pixels per tile, in its middle except at the ends of the grid."""
        count = math.ceil(size / stride)
        last = max(size - tile, 0)
        starts = tuple(min(max(k * stride - (tile - stride) // 2, 0), last) for k in range(count))
        return cls(size, tile, starts, (*(k * stride for k in range(count)), size))

    def __len__(self) -> int:
        return len(self.starts)

    def cells(self, start: int, stop: int) -> range:
        """Cells that pixels `start:stop` lie in."""
        return range(bisect_right(self.edges, start) - 1, bisect_left(self.edges, stop))

    def sources(self, cell: int) -> range:
        """Tiles that have a part in a cell."""
        if not self.overlap:
            return range(cell, cell + 1)
        first = bisect_right(self.starts, self.edges[cell] - self.tile)
        return range(first, bisect_left(self.starts, self.edges[cell + 1]))

    def targets(self, tile: int) -> range:
        """Cells that a tile has a part in."""
        if not self.overlap:
            return range(tile, tile + 1)
        return self.cells(self.starts[tile], min(self.starts[tile] + self.tile, self.size))

    def weights(self, count: int) -> NDArray[np.float32]:
        """Weight of each of `count` evenly spaced places of a tile: 1 in its middle, falling smoothly, never 0."""
        if not self.overlap:
            return np.ones(count, dtype=np.float32)
        places = (np.arange(count) + 0.5) / count * self.tile
        ramp = min(self.overlap, self.tile / 2)
        near = np.minimum(np.minimum(places, self.tile - places) / ramp, 1.0)
        return np.asarray(np.maximum(np.sin(near * (math.pi / 2)) ** 2, 1e-4), dtype=np.float32)


def _padded(size: int, tile: int, step: int, fixed: bool) -> int:
    padded = math.ceil(size / step) * step
    return max(padded, tile) if fixed else padded


def _starts(padded: int, tile: int, stride: int) -> tuple[int, ...]:
    if padded == tile:
        return (0,)
    return (*range(0, padded - tile, stride), padded - tile)
