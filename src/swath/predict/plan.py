"""`Plan`: which windows are read, run and kept. Pure data, made before any pixel is read.

A plan tiles the whole grid and then takes the tiles that an extent needs, so what is answered for a pixel does not
depend on the extent. The answer that a plan approaches is the whole-image forward: the network on the whole grid,
padded at the bottom and the right to a multiple of its step with the input's fill. With `stitch="trim"` and the exact
halo the two are equal but for the order of floating point sums.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from affine import Affine
from odc.geo.geobox import GeoBox

from swath.errors import PredictError
from swath.models.card import Card
from swath.predict.axis import Axis

Window = tuple[slice, slice]
"""`(rows, columns)`, `np.s_[y0:y1, x0:x1]`."""
Index = tuple[int, int]
"""Row and column of a tile or cell in the tiling of the whole grid."""
Stitch = Literal["auto", "trim", "blend"]

_LARGEST = 1.5
"""A tile that is mostly halo is enlarged to at most this many times the card's size: beyond, what lies between the
layers of a U-Net does not fit into what a run may take, and memory comes before speed here; `tile=` takes more."""
_WORTH = 0.4
"""Share of a tile that should be kept."""


@dataclass(frozen=True)
class Plan:
    """Tiles of the whole grid and the extent that is asked for.

    Attributes:
        grid: where the network runs: the whole of it.
        extent: the part that is asked for, in pixels of `grid`, widened to whole pixels of the answer.
        rows: tiles along y.
        columns: tiles along x.
        scale: pixels of the answer per pixel of `grid`; for one answer per tile, per cell.
        stitch: `trim`, `blend`, or `tile` where each tile has one answer.
        step: tiles begin at multiples of this.
        halo: what tiles have around what is kept of them, where they are trimmed.
        bound: by which share of its spread the output may still move for what lies beyond the halo; 0: exact.
        why: what decided for `stitch`, in words.
    """

    grid: GeoBox
    extent: Window
    rows: Axis
    columns: Axis
    scale: Fraction
    stitch: Literal["trim", "blend", "tile"]
    step: int
    halo: int | None
    bound: float | None
    why: str

    @classmethod
    def of(
        cls,
        grid: GeoBox,
        card: Card,
        *,
        extent: Window | None = None,
        stitch: Stitch = "auto",
        exact: bool = False,
        tile: int | None = None,
        overlap: int | float | None = None,
        align: int = 1,
    ) -> Plan:
        """The plan for a grid and a card.

        Args:
            grid: where the network runs.
            card: what the network sees and gives.
            extent: the part wanted, in pixels of `grid`; None: all.
            stitch: `trim` needs a finite receptive field; `auto` takes it where there is one.
            exact: keep only what the theoretical field allows, so that the mosaic equals the whole-image forward.
            tile: side of a tile in pixels; None: from the card. One that the halo would fill is enlarged by the halo.
            overlap: of blended tiles, or of tiles with one answer each; pixels, or a share of the tile where below 1.
            align: tiles begin at multiples of this too (inputs on two grids).

        Raises:
            PredictError: the options contradict the card or one another.
        """
        height, width = grid.shape
        whole = (slice(0, height), slice(0, width))
        side = tile or card.tile.size
        if card.tile.fixed and side != card.tile.size:
            raise PredictError(
                f"{card.name} takes tiles of {card.tile.size} px and nothing else; leave out tile={tile}"
            )
        if card.output.scale is None:
            plan = cls._per_tile(grid, side, overlap, exact)
        else:
            plan = cls._per_pixel(grid, card, stitch, exact, tile, side, overlap, align)
        return plan.within(extent or whole)

    @classmethod
    def _per_tile(cls, grid: GeoBox, side: int, overlap: int | float | None, exact: bool) -> Plan:
        if exact:
            raise PredictError("exact=True has no meaning for a network with one answer per tile; leave it out")
        stride = side - _pixels(overlap or 0, side)
        rows, columns = (Axis.labelled(size, side, stride) for size in grid.shape)
        why = "the network gives one answer per tile"
        return cls(grid, _NOWHERE, rows, columns, Fraction(1, stride), "tile", stride, None, None, why)

    @classmethod
    def _per_pixel(
        cls,
        grid: GeoBox,
        card: Card,
        stitch: Stitch,
        exact: bool,
        tile: int | None,
        side: int,
        overlap: int | float | None,
        align: int,
    ) -> Plan:
        field, scale = card.field, card.output.scale or Fraction(1)
        step = math.lcm(card.tile.multiple, field.stride if field else 1, scale.denominator, align)
        reason = "its receptive field was not measured" if field is None else field.reason or "it sees the whole tile"
        finite = field is not None and field.radius is not None
        if not finite and (exact or stitch == "trim"):
            asked = "exact=True" if exact else "stitch='trim'"
            raise PredictError(
                f"{asked} needs a finite receptive field, and of {card.name} {reason}; use stitch='blend'"
            )
        if exact and stitch == "blend":
            raise PredictError("exact=True keeps cores and blends nothing; leave out stitch='blend'")
        if stitch == "blend" or field is None or field.halo is None:
            side = _up(side, step)
            shared = _pixels(0.25 if overlap is None else overlap, side)
            rows, columns = (Axis.blended(size, side, shared, step, card.tile.fixed) for size in grid.shape)
            why = (
                "one tile holds the scene"
                if max(grid.shape) <= side
                else "stitch='blend' was asked for"
                if finite
                else reason
            )
            return cls(grid, _NOWHERE, rows, columns, scale, "blend", step, None, None, why)
        if overlap is not None:
            raise PredictError("overlap= goes with blending; trimmed tiles overlap by what the network sees")
        halo, bound = field.halo, 0.0
        if not exact and field.effective_radius is not None and field.effective_radius < halo:
            halo, bound = field.effective_radius, field.bound or 0.0
        halo = _up(halo, step)
        side = _roomy(side, halo, step, grow=tile is None and not card.tile.fixed, size=max(grid.shape))
        if side - 2 * halo < max(step, side // 8) and side < max(grid.shape):
            if card.tile.fixed:
                raise PredictError(
                    f"{card.name} takes tiles of {side} px only and sees {halo} px around, so that no tile has a "
                    "core to keep; use stitch='blend'"
                )
            side += 2 * halo
        rows, columns = (Axis.trimmed(size, side, halo, step, card.tile.fixed) for size in grid.shape)
        why = f"the network sees {halo} px around" + (f" but for {bound:g} of the output's spread" if bound else "")
        return cls(grid, _NOWHERE, rows, columns, scale, "trim", step, halo, bound, why)

    def within(self, extent: Window) -> Plan:
        """The same tiling, for another part of the grid.

        Raises:
            PredictError: the part is empty or not on the grid.
        """
        spans = []
        for part, size in zip(extent, self.grid.shape, strict=True):
            if not 0 <= part.start < part.stop <= size:
                raise PredictError(f"the extent {part.start}:{part.stop} is not within 0:{size}")
            start, stop = self._out(part.start, size), self._out(part.stop, size, up=True)
            spans.append(slice(int(start / self.scale), min(math.ceil(stop / self.scale), size)))
        return replace(self, extent=(spans[0], spans[1]))

    def _out(self, position: int, size: int, *, up: bool = False) -> int:
        """A position in pixels of the answer; whatever is left of the grid at its end is a whole pixel."""
        exact = position * self.scale
        return math.ceil(exact) if up or position == size else math.floor(exact)

    @property
    def whole(self) -> GeoBox:
        """The grid of the answer for the whole grid."""
        shape = tuple(math.ceil(size * self.scale) for size in self.grid.shape)
        coarser = float(1 / self.scale)
        return GeoBox((shape[0], shape[1]), self.grid.affine @ Affine.scale(coarser, coarser), self.grid.crs)

    @property
    def window(self) -> Window:
        """The extent in pixels of `whole`."""
        return self._out_window(self.extent)

    @property
    def out(self) -> GeoBox:
        """The grid of the answer for the extent."""
        return self.whole[self.window]

    def _out_window(self, window: Window) -> Window:
        rows, columns = (
            slice(self._out(part.start, size), self._out(part.stop, size, up=True))
            for part, size in zip(window, self.grid.shape, strict=True)
        )
        return rows, columns

    @property
    def shape(self) -> tuple[int, int]:
        """`(height, width)` of every tile, in pixels of `grid`."""
        return self.rows.tile, self.columns.tile

    @property
    def cells(self) -> list[Index]:
        """Cells that the extent lies in, by rows."""
        down = self.rows.cells(self.extent[0].start, self.extent[0].stop)
        along = self.columns.cells(self.extent[1].start, self.extent[1].stop)
        return [(row, column) for row in down for column in along]

    def tiles(self, cells: list[Index] | None = None) -> list[Index]:
        """Tiles that the cells need, by rows; None: those of the extent."""
        return sorted({source for cell in (self.cells if cells is None else cells) for source in self.sources(cell)})

    def sources(self, cell: Index) -> Iterator[Index]:
        """Tiles that have a part in a cell, by rows."""
        return ((i, j) for i in self.rows.sources(cell[0]) for j in self.columns.sources(cell[1]))

    def targets(self, tile: Index) -> Iterator[Index]:
        """Cells that a tile has a part in, by rows."""
        return ((i, j) for i in self.rows.targets(tile[0]) for j in self.columns.targets(tile[1]))

    def read_window(self, tile: Index) -> Window:
        """What a tile reads, in pixels of `grid`; may reach beyond it at the bottom and the right."""
        top, left = self.rows.starts[tile[0]], self.columns.starts[tile[1]]
        return slice(top, top + self.rows.tile), slice(left, left + self.columns.tile)

    def cell_window(self, cell: Index) -> Window:
        """What a cell covers, in pixels of `grid`."""
        i, j = cell
        return (
            slice(self.rows.edges[i], self.rows.edges[i + 1]),
            slice(self.columns.edges[j], self.columns.edges[j + 1]),
        )

    def cell_out(self, cell: Index) -> Window:
        """What a cell covers, in pixels of `whole`."""
        return self._out_window(self.cell_window(cell))

    def tile_out(self, tile: Index) -> Window:
        """What a tile's output covers, in pixels of `whole`; may reach beyond it."""
        if self.stitch == "tile":
            return self.cell_out(tile)
        rows, columns = (
            slice(int(part.start * self.scale), int(part.stop * self.scale)) for part in self.read_window(tile)
        )
        return rows, columns

    def describe(self) -> dict[str, Any]:
        """The plan as plain data: what decides about the pixels, and what was decided why."""
        return {
            "grid": {
                "shape": list(self.grid.shape),
                "affine": list(self.grid.affine[:6]),
                "crs": None if self.grid.crs is None else str(self.grid.crs),
            },
            "extent": [[part.start, part.stop] for part in self.extent],
            "tile": list(self.shape),
            "tiles": [len(self.rows), len(self.columns)],
            "stitch": self.stitch,
            "why": self.why,
            "step": self.step,
            "scale": str(self.scale),
            "halo": self.halo,
            "bound": self.bound,
            "overlap": [self.rows.overlap, self.columns.overlap],
        }


_NOWHERE: Window = (slice(0, 0), slice(0, 0))


def _roomy(side: int, halo: int, step: int, *, grow: bool, size: int) -> int:
    """A tile's side, enlarged by halves of the card's until enough of a tile is kept, or one tile holds all."""
    chosen, largest = _up(side, step), _up(math.ceil(_LARGEST * side), step)
    while grow and chosen < min(largest, size) and max(chosen - 2 * halo, 0) ** 2 < _WORTH * chosen**2:
        chosen = min(chosen + _up(max(side // 2, 1), step), largest)
    return chosen


def _pixels(overlap: int | float, side: int) -> int:
    pixels = round(overlap * side) if 0 < overlap < 1 else int(overlap)
    if not 0 <= pixels < side:
        raise PredictError(f"an overlap of {overlap} does not fit tiles of {side} px; give pixels, or a share below 1")
    return pixels


def _up(value: int, step: int) -> int:
    return math.ceil(value / step) * step
