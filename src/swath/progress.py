"""How far something is that takes longer than a person waits without asking: a bar in a terminal, lines in a log.

with Bar("map.tif") as bar:
product.save("map.tif", progress=bar)
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PATIENCE = 2.0
"""Seconds of silence in a terminal."""
_LINE = 30.0
"""Seconds between lines of a log."""


class Moment(Protocol):
    """A moment of something that runs."""

    @property
    def share(self) -> float | None:
        """What is done of the whole, 0 to 1; None where that is not known yet."""

    @property
    def words(self) -> str:
        """What else is to be told."""


class Bar:
    """Called with moments, shows them on stderr: a bar where that is a terminal, else a line every half minute.

    Args:
        what: is under way.
        file: written to instead of stderr.
    """

    def __init__(self, what: str, file: TextIO | None = None) -> None:
        self._what = what
        self._file = file or sys.stderr
        self._shown = time.monotonic()
        self._rich: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, moment: Moment) -> None:
        """Show a moment."""
        self._show(moment.share, moment.words)

    def count(self, done: int, total: int) -> None:
        """Show how many of how many."""
        self._show(done / total if total else None, "")

    def _show(self, share: float | None, words: str) -> None:
        now = time.monotonic()
        if not self._file.isatty():
            if now - self._shown >= _LINE:
                self._shown = now
                told = [part for part in (None if share is None else f"{100 * share:.0f} %", words) if part]
                print(f"{self._what}: {', '.join(told)}", file=self._file, flush=True)
            return
        if self._rich is None:
            if now - self._shown < _PATIENCE:
                return
            self._rich, self._task = self._started()
        assert self._task is not None
        self._rich.update(self._task, completed=share or 0.0, total=None if share is None else 1.0, words=words)

    def _started(self) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[words]}"),
        )
        rich = Progress(*columns, console=Console(file=self._file), transient=True)
        rich.start()
        return rich, rich.add_task(self._what, total=None, words="")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rich is not None:
            self._rich.stop()


def clock(seconds: float) -> str:
    """Seconds as `4:05` or `1:04:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
