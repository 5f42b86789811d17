"""The engine: tiles are read ahead by threads, run in batches of one size, and come out as finished cells.

    reader threads -> batches -> one thread per device -> stitcher, in the thread of whoever takes the cells

Everything in between is bounded, so memory does not grow with the scene.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from swath.models.card import Card
from swath.predict.blocks import moved, size_of
from swath.predict.feed import Feed
from swath.predict.forward import Answer, Array, Forward, cores
from swath.predict.plan import Index, Plan
from swath.predict.stitch import Cell, Stitcher

_PATIENCE = 0.1  # seconds after which a waiting thread looks whether it should stop


@dataclass(frozen=True)
class Loaded:
    """A tile that was read.

    Attributes:
        index: which tile of the plan.
        inputs: `[T, C, h, w]` each, in the card's units, NaN where invalid; None where the network need not be asked.
        valid: where the tile's own cell has an answer, `[h, w]` in pixels of the answer.
    """

    index: Index
    inputs: list[Array] | None
    valid: NDArray[np.bool_]


def read_inputs(plan: Plan, feed: Feed, tile: Index) -> tuple[list[Array], NDArray[np.bool_]]:
    """A tile's inputs `[T, C, h, w]`, NaN where invalid, and where all of them are valid, `[h, w]`.

    Raises:
        ReadError: a source is damaged or has changed.
    """
    inputs, valid = [], np.ones(plan.shape, dtype=bool)
    for one in feed.inputs:
        rows, columns = (
            slice(int(part.start * one.ratio), int(part.stop * one.ratio)) for part in plan.read_window(tile)
        )
        values, seen = one.read((rows, columns))
        inputs.append(values)
        valid &= seen if one.ratio == 1 else _on_grid(seen, plan.shape)
    return inputs, valid


def load(plan: Plan, feed: Feed, tile: Index) -> Loaded:
    """Read a tile, and find out whether it is worth running.

    Raises:
        ReadError: a source is damaged or has changed.
    """
    inputs, valid = read_inputs(plan, feed, tile)
    own = moved(plan.cell_window(tile), plan.read_window(tile))
    answered = _answered(valid[own], size_of(plan.cell_out(tile)), plan)
    asked = valid if plan.stitch == "blend" else answered
    return Loaded(tile, inputs if asked.any() else None, answered)


def _on_grid(seen: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Validity of another grid's pixels, for pixels of `shape`."""
    rows, columns = (np.arange(n) * have // n for n, have in zip(shape, seen.shape, strict=True))
    return np.asarray(seen[rows[:, None], columns[None, :]])


def _answered(valid: NDArray[np.bool_], shape: tuple[int, int], plan: Plan) -> NDArray[np.bool_]:
    """Which pixels of the answer count: those that stand on valid pixels, by half at least where they are coarser."""
    if plan.scale == 1:
        return valid
    if plan.scale > 1:
        rows, columns = ((np.arange(n) / float(plan.scale)).astype(int) for n in shape)
        return np.asarray(valid[rows[:, None], columns[None, :]])
    firsts = [(np.arange(n) / float(plan.scale)).astype(int) for n in shape]
    if plan.stitch == "tile":
        firsts = [np.zeros(1, dtype=int)] * 2
    count = np.add.reduceat(np.add.reduceat(valid.astype(np.int64), firsts[0], axis=0), firsts[1], axis=1)
    sizes = [np.diff(np.append(first, n)) for first, n in zip(firsts, valid.shape, strict=True)]
    return np.asarray(2 * count >= sizes[0][:, None] * sizes[1][None, :])


class _Readers:
    """Tiles in order, read ahead by threads; batches of them are taken by any number of takers."""

    def __init__(self, plan: Plan, feed: Feed, tiles: Sequence[Index], workers: int, batch: int) -> None:
        self._plan, self._feed = plan, feed
        self._todo = iter(tiles)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="swath-read")
        self._ahead: deque[Future[Loaded]] = deque()
        self._depth = workers + batch
        self._batch = batch
        self._lock = threading.Lock()

    def take(self) -> list[Loaded]:
        """The next tiles, of which a batch at most is to be run; empty at the end."""
        taken: list[Loaded] = []
        with self._lock:
            run = 0
            while run < self._batch and len(taken) < 16 * self._batch:
                while len(self._ahead) < self._depth and (tile := next(self._todo, None)) is not None:
                    self._ahead.append(self._pool.submit(load, self._plan, self._feed, tile))
                if not self._ahead:
                    break
                taken.append(self._ahead.popleft().result())
                run += taken[-1].inputs is not None
        return taken

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


Result = tuple[Index, Answer | None, NDArray[np.bool_]]


def stream(
    plan: Plan,
    feed: Feed,
    card: Card,
    forwards: Sequence[Forward],
    *,
    batch: int,
    cells: Sequence[Index] | None = None,
    workers: int | None = None,
    folder: Path | None = None,
) -> Iterator[Cell]:
    """Finished cells, each as soon as it is finished.

    Args:
        plan: what to read, run and keep.
        feed: where pixels come from.
        card: the network's.
        forwards: copies of the network, one per device.
        batch: tiles that are run at once.
        cells: those wanted; None: all of the plan.
        workers: reader threads; None: by the number of cores.
        folder: where what does not fit into memory may lie for a while.

    Raises:
        ReadError: a source is damaged or has changed.
        PredictError: memory does not suffice, or the network gives something else than its card says.
    """
    wanted = plan.cells if cells is None else list(cells)
    tiles = plan.tiles(wanted)
    stitcher = Stitcher(plan, card, wanted, folder=folder)
    readers = _Readers(plan, feed, tiles, workers or min(4, cores()), batch)
    results: queue.Queue[list[Result]] = queue.Queue(maxsize=1)
    stop = threading.Event()

    def work(forward: Forward) -> None:
        while not stop.is_set() and (taken := readers.take()):
            run = [one for one in taken if one.inputs is not None]
            answers = iter(forward([one.inputs or [] for one in run], batch) if run else [])
            result = [(one.index, next(answers) if one.inputs is not None else None, one.valid) for one in taken]
            while not stop.is_set():
                with contextlib.suppress(queue.Full):
                    results.put(result, timeout=_PATIENCE)
                    break

    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(len(forwards), thread_name_prefix="swath-run")
    try:
        working = [pool.submit(work, one) for one in forwards]
        missing = len(tiles)
        while missing:
            for one in working:
                if one.done():
                    one.result()
            # A wait without a limit would see neither an error of the network's thread nor, everywhere, Ctrl-C.
            with contextlib.suppress(queue.Empty):
                for index, answer, valid in results.get(timeout=_PATIENCE):
                    missing -= 1
                    yield from stitcher.add(index, answer, valid)
    finally:
        stop.set()
        pool.shutdown(wait=True)
        torch.set_num_threads(threads)  # what lanes set holds for threads that are yet to begin, too
        readers.close()
