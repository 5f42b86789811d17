"""The scan on the CPU, compiled by numba when it is first called and kept in numba's cache.

A task is a block of channels of one image and one group, walked in chunks of steps that fit the cache of a core. In a
chunk channels lie side by side, so that each instruction serves several. Forward keeps the states at the start of each
chunk; backward makes those within a chunk again. Sums over channels are made per block and then over the blocks, so
that answers do not depend on the number of threads.

Tasks run on as many threads as torch uses. They are threads of this call that sleep when it ends: a second pool, which
spins while it waits, would fight with torch's for the cores.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from swath.nn.scan import loops
from swath.nn.scan.function import Inputs

CHUNK = 64
"""Steps between states that are kept: N / 64 of the size of u."""
BLOCK = 32
"""Channels of a task."""
_SMALL = 1 << 18
"""Multiplications for which threads are not worth starting."""

_T = TypeVar("_T")


def forward(given: Inputs, keep: bool) -> tuple[Tensor, Tensor]:
    """See `Kernels.forward`; states are `[batch, chunks, N, channels]`."""
    y, states = torch.empty_like(given.u), given.A.shape[1]
    batch, channels, length = given.u.shape
    chunks = -(-length // CHUNK) if keep else 0
    kept = y.new_empty(batch, chunks, states, channels)
    arrays = [*_arrays(given), *(x.numpy() for x in (y, kept))]
    _each(given, lambda tasks: loops.forward(tasks, CHUNK, given.softplus, *arrays))
    return y, kept


def backward(given: Inputs, kept: Tensor, slope: Tensor) -> tuple[Tensor, ...]:
    """See `Kernels.backward`."""
    batch, channels, length = given.u.shape
    states = given.A.shape[1]
    du, ddelta = torch.empty_like(given.u), torch.empty_like(given.u)
    blocks = len(_tasks(given)) // batch
    # Per block of channels `[batch, blocks, N, L]`, and per image; summed below.
    dB, dC = (du.new_empty(batch, blocks, states, length) for _ in range(2))
    dA = du.new_zeros(batch, states, channels, dtype=torch.float64)
    dD, dbias = (du.new_zeros(batch, channels, dtype=torch.float64) for _ in range(2))
    outputs = (du, ddelta, dA, dB, dC, dD, dbias)
    arrays = [*_arrays(given), *(x.numpy() for x in (kept, slope, *outputs))]
    _each(given, lambda tasks: loops.backward(tasks, CHUNK, given.softplus, *arrays))
    per_group = (x.reshape(batch, given.B.shape[1], -1, states, length).sum(2) for x in (dB, dC))
    return du, ddelta, dA.sum(0).T.float(), *per_group, dD.sum(0).float(), dbias.sum(0).float()


def _arrays(given: Inputs) -> list[np.ndarray]:
    u, delta, A, *others = (x.detach() for x in given.tensors)
    return [x.numpy() for x in (u, delta, A.T.contiguous(), *others)]


def _tasks(given: Inputs) -> np.ndarray:
    """Image, group, block and the block's first and last channel + 1, for each task."""
    groups = given.B.shape[1]
    width = given.u.shape[1] // groups
    starts = [(group, first) for group in range(groups) for first in range(0, width, BLOCK)]
    rows = [
        (image, group, block, group * width + first, group * width + min(first + BLOCK, width))
        for image, (block, (group, first)) in product(range(len(given.u)), enumerate(starts))
    ]
    return np.array(rows, dtype=np.int64)


def _each(given: Inputs, run: Callable[[np.ndarray], None]) -> None:
    """Run all tasks, in threads where there is enough to do."""
    tasks = _tasks(given)
    threads = min(torch.get_num_threads(), len(tasks))
    if threads == 1 or given.u.numel() * given.A.shape[1] < _SMALL:
        run(tasks)
        return
    with ThreadPoolExecutor(threads) as pool:
        # More parts than threads, so that one that was held up does not hold up all.
        for _ in pool.map(run, np.array_split(tasks, min(len(tasks), 4 * threads))):
            pass
