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
from swath.tasks.ranked import BINS, Ranked, average_precision

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(eq=False)
class SeveralMetrics:
    """Of classes of which any number may hold at once: a yes or no for each.

    Attributes:
        names: of the classes, `[K]`.
        threshold: probability above which the answer is yes.
        each: counts of no and yes for each class.
        ranked: how likely each yes was called: two histograms for each class, of labels of no and of yes.
        calibration: how sure, how right.
    """

    names: tuple[str, ...]
    threshold: float
    each: tuple[Confusion, ...]
    ranked: Ranked
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
        each, ranked = tuple(Confusion.empty(2) for _ in names), Ranked.empty(2 * len(names))
        return cls(tuple(names), threshold, each, ranked, Calibration.empty())

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
        reference, answer, how_sure, told = arrays(*(one.movedim(1, 0) for one in (truth, yes, sure, likely)))
        self.each = tuple(one + Confusion.of(r, a, 2) for one, r, a in zip(self.each, reference, answer, strict=True))
        known = (reference != IGNORE) & (answer != IGNORE)
        first = 2 * np.arange(len(self.names)).reshape(-1, *(1,) * (reference.ndim - 1))
        self.ranked = self.ranked + Ranked.of((first + reference)[known], told[known], self.ranked.histograms)
        self.calibration = self.calibration + Calibration.of(how_sure[known], (reference == answer)[known])

    def merge(self, other: SeveralMetrics) -> None:
        """See `Metrics.merge`."""
        self.each = tuple(mine + more for mine, more in zip(self.each, other.each, strict=True))
        self.ranked = self.ranked + other.ranked
        self.calibration = self.calibration + other.calibration

    def row(self) -> NDArray[np.float64]:
        """See `Metrics.row`."""
        return np.concatenate([*(one.row for one in self.each), self.ranked.row, self.calibration.row])

    def of_row(self, row: NDArray[np.float64]) -> SeveralMetrics:
        """See `Metrics.of_row`."""
        counts, bins = 4 * len(self.names), self.ranked.histograms * BINS
        each = tuple(Confusion.of_row(part) for part in row[:counts].reshape(-1, 4))
        ranked, calibration = np.split(row[counts:], [bins])
        return replace(self, each=each, ranked=Ranked.of_row(ranked), calibration=Calibration.of_row(calibration))

    def compute(self) -> dict[str, float]:
        """See `Metrics.compute`; accuracy is the share of right yes and no.

        Average precision is of the order of probabilities alone, whatever the threshold; `micro_ap` is that of all
        classes as if they were one. (scikit-learn: `average_precision_score`, `average` None, macro and micro; a class
        that is never labelled has none.)
        """
        of_class = {score: np.array([getattr(one, score)[1] for one in self.each]) for score in OF_A_CLASS}
        ranked = self.ranked.row.reshape(-1, 2, BINS)
        of_class["ap"] = average_precision(ranked[:, 0], ranked[:, 1])
        micro = float(average_precision(*ranked.sum(axis=0)))
        overall = {"micro_ap": micro, "accuracy": self.together.accuracy, "ece": self.calibration.error}
        return means(of_class) | overall | by_name(of_class, self.names)

    @property
    def together(self) -> Confusion:
        """No and yes of all classes as if they were one."""
        return sum(self.each, Confusion.empty(2))
