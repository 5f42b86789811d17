"""How far a run is: numbers for whoever asks, and a bar for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from swath.train.budget import Budget
from swath.train.course import Course


@dataclass(frozen=True)
class Moment:
    """A moment of a run.

    Attributes:
        step: steps done.
        used: share of the budget, 0 to 1.
        loss: of the last step.
        rate: millions of pixels learnt from per second, validation left out.
        remaining: seconds left at the pace so far; None where there is none yet.
        best: the best score so far; None before the first validation.
        doing: what is done after the last step; None while steps are done.
    """

    step: int
    used: float
    loss: float
    rate: float
    remaining: float | None
    best: float | None
    doing: str | None = None

    @classmethod
    def of(cls, course: Course, budget: Budget, loss: float, doing: str | None = None) -> Moment:
        """The moment that a course is at."""
        used = budget.used(course.step, course.seconds)
        left = budget.remaining(course.step, course.seconds)
        return cls(course.step, used, loss, course.rate, left, course.best, doing)


Tell = Callable[[Moment], None]
"""Called after each step, and for what is done after the last."""


class Bar:
    """A progress bar in the terminal: `with Bar("mine.swath") as bar: swath.train(..., progress=bar)`."""

    def __init__(self, what: str, **options: Any) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        self._rich = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[words]}"),
            **options,
        )
        self._task = self._rich.add_task(what, total=1.0, words="")
        self._smooth: float | None = None

    def __call__(self, moment: Moment) -> None:
        """Draw a moment of the run."""
        if moment.doing is not None:
            self._rich.update(self._task, completed=1.0, words=moment.doing)
            return
        old = moment.loss if self._smooth is None else self._smooth
        self._smooth = 0.95 * old + 0.05 * moment.loss
        words = [f"step {moment.step}", f"loss {self._smooth:.3f}", f"{moment.rate:.2f} Mpx/s"]
        if moment.best is not None:
            words.append(f"best {moment.best:.3f}")
        if moment.remaining is not None:
            words.append(f"{_clock(moment.remaining)} left")
        self._rich.update(self._task, completed=moment.used, words=", ".join(words))

    def __enter__(self) -> Self:
        self._rich.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rich.stop()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
