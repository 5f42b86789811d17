"""Ctrl-C and SIGTERM end a run after the step that is under way, so that nothing is lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Asked:
    """Whether the run was asked to end.

    Attributes:
        by: name of the signal; None: go on.
    """

    by: str | None = None


@contextmanager
def interruptible() -> Iterator[Asked]:
    """Note signals instead of dying by them; a second one interrupts as ever. Only the main thread gets any."""
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def note(number: int, frame: FrameType | None) -> None:
        if asked.by is not None:
            raise KeyboardInterrupt
        asked.by = signal.Signals(number).name

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
