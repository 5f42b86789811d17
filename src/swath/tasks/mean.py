"""Means that add up: of a score over groups of scenes, and of the logarithm of what was called likely."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from swath.data.sample import IGNORE
from swath.tasks.metrics import arrays, nearest

if TYPE_CHECKING:
    from torch import Tensor

_LEAST = 1e-15
"""Probabilities are taken as no smaller, so that one mistake is not infinitely bad."""


@dataclass(eq=False)
class Mean:
    """The mean of numbers.

    Attributes:
        total: their sum.
        count: how many they are.
    """

    total: float = 0.0
    count: float = 0.0
    headline: str = "mean"
    higher_is_better: bool = True

    @classmethod
    def of(cls, value: float) -> Self:
        """Of one number; of none where it is not finite."""
        return cls(value, 1.0) if np.isfinite(value) else cls()

    def empty(self) -> Self:
        """See `Metrics.empty`."""
        return replace(self, total=0.0, count=0.0)

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """See `Metrics.update`: the mean of the outputs."""
        numbers = arrays(outputs)[0].astype(np.float64)
        numbers = numbers[np.isfinite(numbers)]
        self.total, self.count = self.total + float(numbers.sum()), self.count + numbers.size

    def merge(self, other: Self) -> None:
        """See `Metrics.merge`."""
        self.total, self.count = self.total + other.total, self.count + other.count

    def row(self) -> NDArray[np.float64]:
        """See `Metrics.row`."""
        return np.array([self.total, self.count])

    def of_row(self, row: NDArray[np.float64]) -> Self:
        """See `Metrics.of_row`."""
        return replace(self, total=float(row[0]), count=float(row[1]))

    def compute(self) -> dict[str, float]:
        """See `Metrics.compute`."""
        return {"mean": self.total / self.count if self.count else float("nan")}


@dataclass(eq=False)
class LogLoss(Mean):
    """Cross entropy: the mean of minus the natural logarithm of the probability of the class that is labelled.

    (scikit-learn's `log_loss`; 0 is perfect, and the logarithm of the number of classes is what guessing has.)
    """

    higher_is_better: bool = False

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """See `Metrics.update`; outputs are probabilities, whose sum is brought to 1."""
        likely, truth = arrays(nearest(outputs, targets), targets)
        likely = likely.astype(np.float64)
        known = (truth != IGNORE) & np.isfinite(likely).all(axis=1)
        mine = np.take_along_axis(likely, np.where(known, truth, 0)[:, None], axis=1)[:, 0] / likely.sum(axis=1)
        losses = -np.log(np.clip(mine[known], _LEAST, 1.0))
        self.total, self.count = self.total + float(losses.sum()), self.count + losses.size
