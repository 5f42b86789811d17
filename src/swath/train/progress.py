"""How far a run is, for whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from swath.progress import clock
from swath.train.budget import Budget
from swath.train.course import Course


@dataclass(frozen=True)
class Moment:
    """A moment of a run.

    Attributes:
        step: steps done.
        share: of the budget that is used, 0 to 1.
        loss: mean of the latest steps.
        rate: millions of pixels learnt from per second, validation left out.
        remaining: seconds left at the pace so far; None where there is none yet.
        best: the best score so far; None before the first validation.
        doing: what is done after the last step; None while steps are done.
    """

    step: int
    share: float
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

    @property
    def words(self) -> str:
        """In words."""
        if self.doing is not None:
            return self.doing
        told = [f"step {self.step}", f"loss {self.loss:.3f}", f"{self.rate:.2f} Mpx/s"]
        if self.best is not None:
            told.append(f"best {self.best:.3f}")
        if self.remaining is not None:
            told.append(f"{clock(self.remaining)} left")
        return ", ".join(told)


Tell = Callable[[Moment], None]
"""Called after each step, and for what is done after the last."""
