"""How long a run lasts, and which learning rate it has when: a rise, then half a cosine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from swath.train.recipe import Recipe

STEPS = 600
"""Where no budget is named."""


@dataclass(frozen=True)
class Budget:
    """Steps or seconds, whichever are used up first."""

    steps: int | None
    seconds: float | None

    @classmethod
    def of(cls, recipe: Recipe, pixels: int, world: int = 1) -> Budget:
        """The budget that a recipe names.

        Args:
            recipe: the run's.
            pixels: in the training parts of all sets.
            world: devices.
        """
        steps = recipe.steps
        if recipe.epochs is not None:
            drawn = sum(one.weight * (one.batch or recipe.batch) for one in recipe.sets)
            batch = drawn / sum(one.weight for one in recipe.sets)
            per_step = batch * recipe.accumulate * recipe.crop**2 * world
            passes = max(1, round(recipe.epochs * pixels / per_step))
            steps = passes if steps is None else min(steps, passes)
        seconds = None if recipe.minutes is None else 60 * recipe.minutes
        return cls(STEPS if steps is None and seconds is None else steps, seconds)

    def used(self, step: int, seconds: float) -> float:
        """Share that is used up, 0 to 1."""
        shares = [step / self.steps if self.steps else 0.0, seconds / self.seconds if self.seconds else 0.0]
        return min(1.0, max(shares))

    def remaining(self, step: int, seconds: float) -> float | None:
        """Seconds left at the pace so far; None before there is one."""
        used = self.used(step, seconds)
        return seconds * (1 - used) / used if used > 0 and seconds > 0 else None


def rate(used: float, warm_up: float, last: float) -> float:
    """Learning rate relative to the highest: linear up to `warm_up`, then a cosine down to `last` (arXiv:1608.03983).

    Args:
        used: share of the budget, 0 to 1.
        warm_up: share in which it rises.
        last: what it ends at.
    """
    if used < warm_up:
        return max(used / warm_up, 0.01)
    along = (used - warm_up) / (1 - warm_up)
    return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * along))
