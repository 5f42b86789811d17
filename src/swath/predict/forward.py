"""`Forward`: one copy of a network on one device, run on batches of tiles."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swath.errors import PredictError
from swath.models.calling import call_network
from swath.models.model import Model
from swath.tasks.pairs import OfPairs
from swath.tasks.task import Task

Precision = Literal["float32", "bfloat16"]
Array = NDArray[np.float32]

_PLENTY = 512 * 512
"""Pixels that keep all cores of a processor busy at once."""
_MOST = 64
_LANES = 4
_IN_FLIGHT = 1024 * 1024
"""Pixels of tiles that a processor works on at once; it bounds the memory of what lies between layers."""


@dataclass(frozen=True)
class Answer:
    """What came out for one tile, activated, `[K, h, w]` each."""

    mean: Array
    low: Array | None = None
    """Least and most of the flipped and turned views; None where there was one view."""
    high: Array | None = None


@dataclass(frozen=True)
class View:
    """One of the eight ways to flip and turn a square."""

    turns: int
    flip: bool

    def apply(self, x: Tensor) -> Tensor:
        """The view of `[..., H, W]`."""
        x = x.flip(-1) if self.flip else x
        return torch.rot90(x, self.turns, (-2, -1)) if self.turns else x

    def undo(self, x: Tensor) -> Tensor:
        """Back from the view."""
        x = torch.rot90(x, -self.turns, (-2, -1)) if self.turns else x
        return x.flip(-1) if self.flip else x


VIEWS = tuple(View(turns, flip) for flip in (False, True) for turns in range(4))


class Forward:
    """A network on a device. Calls come from one thread at a time.

    Args:
        model: network and card.
        task: activates what the network gives.
        device: where it runs.
        precision: of the network's arithmetic; weights and what is outside of it stay float32.
        compiled: whether `torch.compile` is used.
        views: whether each tile is seen in all eight ways and the answers are averaged.
        told: what the network takes by keyword.
        own: whether the network must not be shared with another copy on the same device.
        plain: whether channels stay first, as a whole-image forward has them. The layout decides the order of sums, so
            that a mosaic equals that forward to the last bits; with channels last it is a fifth faster.
    """

    def __init__(
        self,
        model: Model,
        task: Task,
        device: torch.device,
        *,
        precision: Precision = "float32",
        compiled: bool = False,
        views: bool = False,
        told: Mapping[str, Any] | None = None,
        own: bool = False,
        plain: bool = False,
    ) -> None:
        self._last = not plain
        self.network: Any = model.network
        if own or device != model.device or precision == "bfloat16":
            self.network = copy.deepcopy(model.network).to(device=device)
        if self._last and (device.type != "cpu" or precision == "bfloat16"):
            # In float32 a processor gains nothing by it, and copies must add up as the network itself does.
            self.network = self.network.to(memory_format=torch.channels_last)
        if compiled:
            self.network = torch.compile(self.network)
        self.device = device
        self.precision: Precision = precision
        self._model = model
        self._task = task
        self._views = VIEWS if views else VIEWS[:1]
        self._told = {
            key: torch.as_tensor(value, device=device) if isinstance(value, np.ndarray) else value
            for key, value in (told or {}).items()
        }
        self._most = _MOST
        self._threads: int | None = None

    def lane(self, threads: int | None) -> Forward:
        """The same network for another thread that calls; `threads` of a processor work on one batch."""
        lane = copy.copy(self)
        lane._threads = threads
        return lane

    def __call__(self, batch: Sequence[Sequence[Array]], size: int) -> list[Answer]:
        """Answers to tiles; each tile is its inputs `[T, C, h, w]` in the card's units, NaN where invalid.

        Args:
            batch: up to `size` tiles.
            size: how many tiles the network is run on; what is lacking is made up, so that every batch is alike.

        Raises:
            PredictError: one tile alone does not fit into memory.
        """
        if self._threads is not None and torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)  # of this thread only, and of those that are yet to begin
        answers: list[Answer] = []
        while len(answers) < len(batch):
            chunk = min(size, self._most)
            try:
                part = batch[len(answers) : len(answers) + chunk]
                answers += map(self._seen, self._run(part, chunk), part)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                if chunk == 1:
                    height, width = batch[0][0].shape[-2:]
                    raise PredictError(
                        f"a single tile of {height} x {width} px does not fit into the memory of {self.device}: "
                        f"give a smaller one, tile={max(height, width) // 2}"
                    ) from error
                self._most = chunk // 2
            # Only outside the except block are the tensors of the failed attempt free.
            if self.device.type == "cuda" and len(answers) == 0:
                torch.cuda.empty_cache()
        return answers

    def _run(self, batch: Sequence[Sequence[Array]], size: int) -> list[Answer]:
        with torch.inference_mode():
            inputs = [self._input(tiles, which, size) for which, tiles in enumerate(zip(*batch, strict=True))]
            merged: list[list[Tensor]] = []
            for view in self._views:
                logits = self._logits(inputs, view)
                # Tile by tile: what a processor's cache holds is worked on many times faster than a whole batch.
                ones = [self._activated(logits, k, view) for k in range(len(batch))]
                if len(self._views) == 1:
                    return [Answer(one.cpu().numpy()) for one in ones]
                merged = merged or [[torch.zeros_like(one), one, one] for one in ones]
                merged = [
                    [total + one, torch.minimum(low, one), torch.maximum(high, one)]
                    for (total, low, high), one in zip(merged, ones, strict=True)
                ]
            return [
                Answer(*(part.cpu().numpy() for part in (total / len(self._views), low, high)))
                for total, low, high in merged
            ]

    def _seen(self, answer: Answer, tile: Sequence[Array]) -> Answer:
        """The answer without what is said of pairs of dates of which one was not seen; pixels are as many as seen."""
        if not isinstance(self._task, OfPairs):
            return answer
        blank = self._task.unseen(tile[0], len(answer.mean))

        def hidden(part: Array) -> Array:
            return np.where(blank, np.float32(np.nan), part)

        if answer.low is None or answer.high is None:
            return Answer(hidden(answer.mean))
        return Answer(hidden(answer.mean), hidden(answer.low), hidden(answer.high))

    def _input(self, tiles: Sequence[Array], which: int, size: int) -> Tensor:
        values = torch.from_numpy(np.stack(tiles)).to(self.device, non_blocking=True)
        x = self._model.normalise(values, which=which)
        return torch.cat([x, x.new_zeros(size - len(x), *x.shape[1:])]) if len(x) < size else x

    def _logits(self, inputs: Sequence[Tensor], view: View) -> Tensor | Sequence[Tensor]:
        laid = [_channels_last(view.apply(x)) if self._last else view.apply(x).contiguous() for x in inputs]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            logits: Tensor | Sequence[Tensor] = call_network(self.network, self._model.card, laid, self._told)
        return logits

    def _activated(self, logits: Tensor | Sequence[Tensor], k: int, view: View) -> Tensor:
        """The answer `[K, h, w]` of the k-th tile, upright; `[K, 1, 1]` where a tile has one answer."""
        own = logits[k : k + 1] if isinstance(logits, Tensor) else [part[k : k + 1].contiguous() for part in logits]
        one = self._task.activate(own.contiguous() if isinstance(own, Tensor) else own)[0]
        return view.undo(one).contiguous() if one.ndim == 3 else one[:, None, None]


def _channels_last(x: Tensor) -> Tensor:
    """`[B, T, C, H, W]` of which each date is laid out with its channels last."""
    return x.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice."""
    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        words in said for words in ("out of memory", "can't allocate memory", "not enough memory", "std::bad_alloc")
    )


def devices_of(device: str | torch.device | Sequence[str | torch.device] | None) -> list[torch.device]:
    """Devices by name; None: every GPU of the machine, else the processor.

    Raises:
        PredictError: there is no such device.
    """
    if device is None:
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return [torch.device("cuda", index) for index in range(count)] or [torch.device("cpu")]
    named = [device] if isinstance(device, str | torch.device) else list(device)
    try:
        found = [torch.device(one) for one in named]
        for one in found:
            torch.empty(1, device=one)
    except (RuntimeError, AssertionError) as error:
        said = " ".join(str(error).split())[:120]
        asked = ", ".join(map(str, named))
        raise PredictError(f"device={asked} cannot be used ({said}); leave it out, or say device='cpu'") from error
    return [torch.device("cuda", one.index or 0) if one.type == "cuda" else one for one in found]


def batch_size(shape: tuple[int, int], tiles: int, forward: Forward, sample: Callable[[], Sequence[Array]]) -> int:
    """How many tiles at once: a power of two that keeps the device busy and fits into its memory.

    Args:
        shape: of a tile.
        tiles: how many there are in the whole plan.
        forward: the network; a GPU is asked how much memory one tile takes.
        sample: makes a tile to ask with.
    """
    if forward.device.type != "cuda":
        fit = max(1, _PLENTY // (shape[0] * shape[1]))
    else:
        tile = sample()
        torch.cuda.reset_peak_memory_stats(forward.device)
        before = torch.cuda.memory_allocated(forward.device)
        forward([tile], 1)
        taken = max(torch.cuda.max_memory_allocated(forward.device) - before, 1)
        fit = max(1, int(torch.cuda.mem_get_info(forward.device)[0] * 0.5) // taken)
    most = min(fit, _MOST, max(tiles, 1))
    return int(2 ** (most.bit_length() - 1))


def lanes_of(device: torch.device, shape: tuple[int, int]) -> list[int | None]:
    """Threads of each of the lanes in which tiles of a shape are worked on side by side.

    On a processor several tiles at once, a few threads each, are faster than all threads on one tile: nobody waits for
    the slowest thread at the end of each layer, least of all while others read and write.
    """
    if device.type != "cpu":
        return [None]
    threads = torch.get_num_threads()
    lanes = max(1, min(threads, _LANES, _IN_FLIGHT // (shape[0] * shape[1])))
    return [threads // lanes] * lanes


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
