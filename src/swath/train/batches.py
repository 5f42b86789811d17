"""Batches: crops of one set at a time, read ahead by one thread.

Batch `n` depends on the seed, the device and `n` alone, so a run that goes on after an interruption sees what it would
have seen without. The thread only cuts and copies decoded arrays; what costs time (decoding) happens once, see
`swath.data.keep`.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from swath.data import Augment, Crops, Sample
from swath.train.mixing import Paste

_GOLDEN = 0.6180339887498949
_AHEAD = 3
_MIXING = 1
"""Sets the numbers that mixing draws apart from those of crops."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops of one set.

    Attributes:
        number: of the batch, from 0.
        of: position of the set.
        samples: crops of one size.
        paste: what was pasted into each from the next; None: nothing.
    """

    number: int
    of: int
    samples: tuple[Sample, ...]
    paste: Paste | None = None


@dataclass(frozen=True)
class Draw:
    """Which crops a batch holds.

    Attributes:
        crops: of the training part of each set.
        weights: how often a batch comes from each set, relative to the others.
        augment: what is done to crops of each set; None: nothing.
        batch: crops of each set.
        seed: of the run.
        mix: how often crops of each set are pasted into one another; empty: never.
        rank: of this device.
        world: devices.
    """

    crops: tuple[Crops, ...]
    weights: tuple[float, ...]
    augment: tuple[Augment | None, ...]
    batch: tuple[int, ...]
    seed: int
    mix: tuple[float, ...] = ()
    rank: int = 0
    world: int = 1

    def set_of(self, number: int) -> int:
        """Position of the set of a batch; multiples of the golden ratio visit each as often as it weighs, evenly."""
        ends = np.cumsum(self.weights)
        return int(np.searchsorted(ends, ends[-1] * ((number + 0.5) * _GOLDEN % 1.0), side="right"))

    def batch_of(self, number: int) -> Batch:
        """Batch `number`.

        Raises:
            SwathError: an item cannot be read.
        """
        of = self.set_of(number)
        batch = self.batch[of]
        first = (number * self.world + self.rank) * batch
        samples = tuple(self._crop(of, step) for step in range(first, first + batch))
        rng = np.random.default_rng([self.seed, of, number, self.rank, _MIXING])
        if not self.mix or rng.random() >= self.mix[of]:
            return Batch(number, of, samples)
        height, width = samples[0].image.shape[-2:]
        paste = Paste.drawn(height, width, rng)
        return Batch(number, of, paste.of(samples), paste)

    def _crop(self, of: int, step: int) -> Sample:
        sample = self.crops[of].sample(step)
        augment = self.augment[of]
        if augment is None:
            return sample
        return augment(sample, np.random.default_rng([self.seed, of, step]))


def read_ahead(draw: Draw, first: int) -> Generator[Batch, None, None]:
    """Batches from `first` on without end, made by a thread while the network works; close it to stop the thread.

    Raises:
        SwathError: an item cannot be read.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="swath-batches")
    try:
        ahead = deque(pool.submit(draw.batch_of, number) for number in range(first, first + _AHEAD))
        for number in itertools.count(first + _AHEAD):
            ahead.append(pool.submit(draw.batch_of, number))
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
