"""`Work`: all that makes pixels, as one thing that can be sent to another process."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from swath.models.model import Model
from swath.predict.blocks import Block, moved, placed, shared, size_of
from swath.predict.feed import Feed
from swath.predict.forward import Forward, Precision, batch_size, devices_of, lanes_of
from swath.predict.plan import Index, Plan, Window
from swath.predict.stitch import Cell
from swath.predict.stream import read_inputs, stream
from swath.scene.write import Layer
from swath.tasks import OutputOptions, Task, task_for
from swath.tasks.pairs import OfPairs
from swath.tasks.task import Answer, Files

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Engine:
    """Copies of a network that are ready to run.

    Attributes:
        forwards: one per device, or per lane of a processor.
        batch: tiles that are run at once.
    """

    forwards: tuple[Forward, ...]
    batch: int


@dataclass(frozen=True)
class Work:
    """What is read, run and made of it.

    Attributes:
        model: network and card.
        feed: where pixels come from.
        plan: which windows are read, run and kept.
        options: which files there are.
        precision: of the network's arithmetic.
        views: whether each tile is seen in eight ways.
        compiled: whether `torch.compile` is used.
        batch: tiles that are run at once; None: by the device's memory.
        workers: reader threads; None: by the number of cores.
        device: names of devices; None: all GPUs of the machine, else its processor.
        plain: whether the network sees channels first, see `Forward`.
    """

    model: Model
    feed: Feed
    plan: Plan
    options: OutputOptions
    precision: Precision = "float32"
    views: bool = False
    compiled: bool = False
    batch: int | None = None
    workers: int | None = None
    device: tuple[str, ...] | None = None
    plain: bool = False

    @property
    def devices(self) -> list[torch.device]:
        """Where the network runs, on the machine that asks.

        Raises:
            PredictError: there is no such device.
        """
        return devices_of(self.device)

    @property
    def task(self) -> Task:
        """What is asked."""
        task = task_for(self.model.card)
        return OfPairs(task, self.options.pairs) if self.options.pairs else task

    @property
    def files(self) -> Files:
        """The product's files and their layers."""
        return self.task.files(self.model.card, self.options)

    def engine(self) -> Engine:
        """Networks on all devices, and how many tiles they take at once.

        Raises:
            PredictError: there is no such device, or a single tile does not fit into its memory.
        """
        forwards: list[Forward] = []
        for device in self.devices:
            shared_network = any(one.device == device for one in forwards)
            lanes = [None] if self.compiled else lanes_of(device, self.plan.shape)
            forward = self.forward(device, self.precision, own=shared_network)
            forwards += [forward.lane(threads) for threads in lanes]
        tiles = len(self.plan.rows) * len(self.plan.columns)
        batch = self.batch or batch_size(
            self.plan.shape, tiles, forwards[0], lambda: read_inputs(self.plan, self.feed, self.plan.tiles()[0])[0]
        )
        return Engine(tuple(forwards), batch)

    def forward(self, device: torch.device, precision: Precision, *, own: bool = False) -> Forward:
        """One copy of the network; see `Forward`."""
        return Forward(
            self.model, self.task, device,
            precision=precision, compiled=self.compiled, views=self.views, told=self.feed.told, own=own,
            plain=self.plain,
        )  # fmt: skip

    def produce(
        self, engine: Engine, blocks: Sequence[Block], folder: Path | None = None
    ) -> Iterator[tuple[Block, Arrays | None]]:
        """Stored numbers `[L, h, w]` of each file for each block; None where nothing in it is valid.

        Args:
            engine: made by `engine()`.
            blocks: those wanted, in the order in which they come but for what other devices overtake.
            folder: where what does not fit into memory may lie for a while.

        Raises:
            SwathError: see `stream`.
        """
        home = {cell: block for block in blocks for cell in block.cells}
        missing = {block.cells[0]: len(block.cells) for block in blocks}
        begun: dict[Index, Arrays | None] = {}
        for cell in self._cells(engine, list(home), folder):
            block = home[cell.index]
            first = block.cells[0]
            begun[first] = self._paste(begun.get(first), cell, placed(block.window, self.plan.window))
            missing[first] -= 1
            if not missing[first]:
                yield block, begun.pop(first)

    def read(self, engine: Engine, window: Window) -> Arrays:
        """Stored numbers `[L, h, w]` of each file for a window of `plan.out`; no more tiles are run than it needs."""
        within = placed(window, self.plan.window)
        rows, columns = (
            slice(int(part.start / self.plan.scale), min(math.ceil(part.stop / self.plan.scale), size))
            for part, size in zip(within, self.plan.grid.shape, strict=True)
        )
        part = replace(self, plan=self.plan.within((rows, columns)))
        found: Arrays | None = None
        for cell in part._cells(engine, part.plan.cells, None):
            found = self._paste(found, cell, within)
        return found or self.nothing(size_of(within))

    def nothing(self, shape: tuple[int, int]) -> Arrays:
        """What is stored where nothing is valid."""
        return {key: _nodata(layers, shape) for key, layers in self.files.items()}

    def _cells(self, engine: Engine, cells: Sequence[Index], folder: Path | None) -> Iterator[Cell]:
        return stream(
            self.plan, self.feed, self.model.card, engine.forwards,
            batch=engine.batch, cells=cells, workers=self.workers, folder=folder,
        )  # fmt: skip

    def _paste(self, arrays: Arrays | None, cell: Cell, within: Window) -> Arrays | None:
        """Put what a cell has of a window of `plan.whole` into the window's arrays, made when first needed."""
        whole = self.plan.cell_out(cell.index)
        window = shared(whole, within)
        inside, valid = moved(window, whole), cell.valid
        outline = self.feed.inside(self.plan.whole[window])
        valid = valid[inside] if outline is None else valid[inside] & outline
        if cell.outputs is None or not valid.any():
            return arrays
        outputs = np.ascontiguousarray(cell.outputs[:, *inside])
        spread = None if cell.spread is None else cell.spread[inside]
        made = self.task.finish(Answer(outputs, spread, valid), self.model.card, self.options)
        if window == within:
            return dict(made)
        arrays = arrays or self.nothing(size_of(within))
        for key, array in made.items():
            arrays[key][:, *moved(window, within)] = array
        return arrays


def _nodata(layers: Sequence[Layer], shape: tuple[int, int]) -> NDArray[Any]:
    return np.stack([np.full(shape, 0 if one.nodata is None else one.nodata, dtype=one.dtype) for one in layers])
