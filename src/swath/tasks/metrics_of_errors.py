"""Metrics of pretraining: the mean of the errors that a network tells itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(eq=False)
class ErrorMetrics:
    """The mean error.

    Attributes:
        total: of the errors of all pixels.
        count: of pixels.
    """

    total: float = 0.0
    count: float = 0.0
    headline: str = "error"
    higher_is_better: bool = False

    def empty(self) -> ErrorMetrics:
        """See `Metrics.empty`."""
        return ErrorMetrics()

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """See `Metrics.update`."""
        errors = outputs.detach()[targets.isfinite()].double()
        self.total += float(errors.sum())
        self.count += errors.numel()

    def merge(self, other: ErrorMetrics) -> None:
        """See `Metrics.merge`."""
        self.total += other.total
        self.count += other.count

    def row(self) -> NDArray[np.float64]:
        """See `Metrics.row`."""
        return np.array([self.total, self.count])

    def of_row(self, row: NDArray[np.float64]) -> ErrorMetrics:
        """See `Metrics.of_row`."""
        return ErrorMetrics(float(row[0]), float(row[1]))

    def compute(self) -> dict[str, float]:
        """See `Metrics.compute`."""
        return {"error": self.total / self.count if self.count else float("nan")}
