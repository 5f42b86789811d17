"""`ValueMetrics`: how far values are from what is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swath.models.card import Card
from swath.tasks.metrics import arrays, by_name, nearest
from swath.tasks.residuals import Residuals

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(eq=False)
class ValueMetrics:
    """Of values, in the units of the layers.

    Attributes:
        names: of the layers, `[N]`.
        mean: what a standardised 0 means, `[N]`.
        std: what a standardised 1 is more, `[N]`.
        residuals: how far answers are from what is known.
    """

    names: tuple[str, ...]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    residuals: Residuals
    headline: str = "rmse"
    higher_is_better: bool = False

    @classmethod
    def of(cls, card: Card) -> ValueMetrics:
        """For the answers of a network."""
        layers = card.output.layers
        mean, std = (np.array([getattr(one, key) for one in layers], dtype=np.float64) for key in ("mean", "std"))
        return cls(tuple(one.name for one in layers), mean, std, Residuals.empty(mean))

    def empty(self) -> ValueMetrics:
        """See `Metrics.empty`."""
        return replace(self, residuals=Residuals.empty(self.mean))

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """See `Metrics.update`; both are standardised."""
        truth, answer = (one.astype(np.float64) for one in arrays(targets, nearest(outputs, targets)))
        shape = (1, -1, *(1,) * (truth.ndim - 2))
        mean, std = self.mean.reshape(shape), self.std.reshape(shape)
        self.count(np.moveaxis(truth * std + mean, 1, 0), np.moveaxis(answer * std + mean, 1, 0))

    def count(self, truth: NDArray[np.floating], answer: NDArray[np.floating]) -> None:
        """Compare values `[N, ...]` in the layers' units; those that are not finite do not count."""
        self.residuals = self.residuals + Residuals.of(truth, answer, self.mean)

    def merge(self, other: ValueMetrics) -> None:
        """See `Metrics.merge`."""
        self.residuals = self.residuals + other.residuals

    def row(self) -> NDArray[np.float64]:
        """See `Metrics.row`."""
        return self.residuals.row

    def of_row(self, row: NDArray[np.float64]) -> ValueMetrics:
        """See `Metrics.of_row`."""
        return replace(self, residuals=self.residuals.with_row(row))

    def compute(self) -> dict[str, float]:
        """See `Metrics.compute`; of several layers that have different units, the plain scores are of the first."""
        each = {score: getattr(self.residuals, score) for score in ("rmse", "mae", "bias", "r2")}
        first = {score: float(values[0]) for score, values in each.items()}
        return first | (by_name(each, self.names) if len(self.names) > 1 else {})
