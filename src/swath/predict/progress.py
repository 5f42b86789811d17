"""How far a run is, for whoever asks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

from swath.progress import clock


@dataclass(frozen=True)
class Status:
    """A moment of a run.

    Attributes:
        done: blocks that are written, those of an earlier run included.
        total: blocks there are.
        pixels: pixels of the answer that this run has written.
        seconds: since this run began.
        remaining: seconds left, at the rate so far; None where there is none yet.
        memory: bytes that the process holds in memory.
        doing: what is done before the first block; None once blocks are made.
    """

    done: int
    total: int
    pixels: int
    seconds: float
    remaining: float | None
    memory: int
    doing: str | None = None

    @classmethod
    def before(cls, doing: str) -> Status:
        """Nothing is made yet, and this is why."""
        return cls(0, 1, 0, 0.0, None, int(psutil.Process().memory_info().rss), doing)

    @property
    def rate(self) -> float:
        """Millions of pixels of the answer per second."""
        return self.pixels / 1e6 / self.seconds if self.seconds > 0 else 0.0

    @property
    def share(self) -> float | None:
        """What is done of the whole, 0 to 1; None before the first block."""
        return None if self.doing is not None else self.done / self.total

    @property
    def words(self) -> str:
        """In words."""
        if self.doing is not None:
            return self.doing
        told = [f"{self.rate:.2f} Mpx/s", f"{self.memory / 1e6:.0f} MB"]
        if self.remaining is not None:
            told.append(f"{clock(self.remaining)} left")
        return ", ".join(told)


Progress = Callable[[Any], None]
"""Called with a `Status`, in the thread that runs."""


class Watch:
    """Counts what is done and tells it.

    Args:
        total: blocks there are.
        done: blocks that an earlier run has written.
        tell: told at each step; None: nobody asks.
    """

    def __init__(self, total: int, done: int, tell: Progress | None) -> None:
        self.pixels = 0
        self.peak = 0
        self.begun = time.perf_counter()
        self._total, self._done, self._earlier = total, done, done
        self._tell = tell
        self._process = psutil.Process(os.getpid())
        self.step(0, 0)

    @property
    def seconds(self) -> float:
        """Since this run began."""
        return time.perf_counter() - self.begun

    def step(self, blocks: int, pixels: int) -> None:
        """So many more are written."""
        self._done += blocks
        self.pixels += pixels
        memory = int(self._process.memory_info().rss)
        self.peak = max(self.peak, memory)
        if self._tell is not None:
            own = self._done - self._earlier
            remaining = (self._total - self._done) * self.seconds / own if own else None
            self._tell(Status(self._done, self._total, self.pixels, self.seconds, remaining, memory))
