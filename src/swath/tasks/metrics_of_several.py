"""`SeveralMetrics`: how good answers are where any number of classes may hold at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swath.data.sample import IGNORE
from swath.models.card import Card
from swath.tasks.calibration import Calibration
from swath.tasks.confusion import Confusion
from swath.tasks.metrics import OF_A_CLASS, arrays, by_name, means, nearest

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(eq=False)
class SeveralMetrics:
    """Of classes of which any number may hold at once: a yes or no for each.

    Attributes:
        names: of the classes, `[K]`.
        threshold: probability above which the answer is yes.
        each: counts of no and yes for each class.
        calibration: how sure, how right.
    """

    names: tuple[str, ...]
    threshold: float
    each: tuple[Confusion, ...]
    calibration: Calibration
    headline: str = "mean_f1"
    higher_is_better: bool = True

    @classmethod
    def of(cls, card: Card) -> SeveralMetrics:
        """For the answers of a network."""
        return cls.named([label.name for label in card.output.classes], card.output.threshold or 0.5)

    @classmethod
    def named(cls, names: Sequence[str], threshold: float = 0.5) -> SeveralMetrics:
        """For classes by name, nothing counted yet."""
        return cls(tuple(names), threshold, tuple(Confusion.empty(2) for _ in names), Calibration.empty())

    def empty(self) -> SeveralMetrics:
        """See `Metrics.empty`."""
        return SeveralMetrics.named(self.names, self.threshold)

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """See `Metrics.update`; of targets without the K it is the only class that holds."""
        import torch

        likely = nearest(outputs, targets)
        if not targets.is_floating_point():
            order = torch.arange(len(self.names), device=targets.device).reshape(1, -1, *(1,) * (targets.ndim - 1))
            whole = targets.unsqueeze(1)
            targets = (whole == order).float().masked_fill(whole == IGNORE, torch.nan)
        truth = torch.where(targets.isfinite(), targets, IGNORE).long()
        yes = (likely > self.threshold).long().masked_fill(~likely.isfinite(), IGNORE)
        sure = torch.where(yes == 1, likely, 1 - likely)
        reference, answer, how_sure = arrays(truth.movedim(1, 0), yes.movedim(1, 0), sure.movedim(1, 0))
        self.each = tuple(one + Confusion.of(r, a, 2) for one, r, a in zip(self.each, reference, answer, strict=True))
        known = (reference != IGNORE) & (answer != IGNORE)
        self.calibration = self.calibration + Calibration.of(how_sure[known], (reference == answer)[known])

    def merge(self, other: SeveralMetrics) -> None:
        """See `Metrics.merge`."""
        self.each = tuple(mine + more for mine, more in zip(self.each, other.each, strict=True))
        self.calibration = self.calibration + other.calibration

    def row(self) -> NDArray[np.float64]:
        """See `Metrics.row`."""
        return np.concatenate([*(one.row for one in self.each), self.calibration.row])

    def of_row(self, row: NDArray[np.float64]) -> SeveralMetrics:
        """See `Metrics.of_row`."""
        counts = 4 * len(self.names)
        each = tuple(Confusion.of_row(part) for part in row[:counts].reshape(-1, 4))
        return replace(self, each=each, calibration=Calibration.of_row(row[counts:]))

    def compute(self) -> dict[str, float]:
        """See `Metrics.compute`; accuracy is the share of right yes and no."""
        of_class = {score: np.array([getattr(one, score)[1] for one in self.each]) for score in OF_A_CLASS}
        whole = sum(self.each, Confusion.empty(2))
        overall = {"accuracy": whole.accuracy, "ece": self.calibration.error}
        return means(of_class) | overall | by_name(of_class, self.names)
