"""`Confusion`: how often which class was answered where which was labelled, and the scores that follow from it.

Counts are whole numbers, so that they can be added up over batches, scenes and machines in any order.

A score whose denominator is 0 is NaN: a class that is neither labelled nor answered has no IoU, F1, precision or recall
and is left out of means; one that is labelled and never answered has precision 0, and one that is answered and never
labelled has recall 0. (scikit-learn: `zero_division` NaN in the first case, 0 in the others.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swath.data.sample import IGNORE

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts `[K, K]` int64: a row per labelled class, a column per answer."""

    counts: NDArray[np.int64]

    @classmethod
    def empty(cls, classes: int) -> Confusion:
        """Nothing counted yet."""
        return cls(np.zeros((classes, classes), dtype=np.int64))

    @classmethod
    def of(cls, reference: NDArray[np.integer], answer: NDArray[np.integer], classes: int) -> Confusion:
        """Count pixels.

        Args:
            reference: positions of classes, of any shape; `IGNORE` does not count.
            answer: alike; `IGNORE` where there is none, which does not count either.
            classes: how many there are.
        """
        known = (reference != IGNORE) & (answer != IGNORE)
        both = reference[known].astype(np.int64) * classes + answer[known]
        return cls(np.bincount(both, minlength=classes * classes).reshape(classes, classes))

    @classmethod
    def of_row(cls, row: Floats) -> Confusion:
        """From counts in a row, `[K * K]`."""
        side = math.isqrt(len(row))
        return cls(np.rint(row).astype(np.int64).reshape(side, side))

    @property
    def row(self) -> Floats:
        """Counts in a row, `[K * K]`."""
        return self.counts.ravel().astype(np.float64)

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.counts + other.counts)

    @property
    def total(self) -> int:
        """Pixels counted."""
        return int(self.counts.sum())

    @property
    def labelled(self) -> NDArray[np.int64]:
        """Pixels of each class in the labels, `[K]`."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def answered(self) -> NDArray[np.int64]:
        """Pixels of each class in the answers, `[K]`."""
        return np.asarray(self.counts.sum(axis=0))

    @property
    def right(self) -> NDArray[np.int64]:
        """Pixels of each class answered as labelled, `[K]`."""
        return np.diagonal(self.counts)

    @property
    def iou(self) -> Floats:
        """Intersection over union of each class, `[K]`."""
        return _ratio(self.right, self.labelled + self.answered - self.right)

    @property
    def f1(self) -> Floats:
        """Harmonic mean of precision and recall of each class (Dice), `[K]`."""
        return _ratio(2 * self.right, self.labelled + self.answered)

    @property
    def precision(self) -> Floats:
        """Share of what was answered that is right, `[K]`."""
        return self._where_present(_ratio(self.right, self.answered))

    @property
    def recall(self) -> Floats:
        """Share of what is labelled that was found, `[K]`."""
        return self._where_present(_ratio(self.right, self.labelled))

    @property
    def accuracy(self) -> float:
        """Share of all pixels that is right."""
        return int(self.right.sum()) / self.total if self.total else float("nan")

    @property
    def kappa(self) -> float:
        """Cohen's kappa: accuracy beyond what chance would give (doi:10.1177/001316446002000104).

        NaN where chance alone is always right: one class only, in labels and answers.
        """
        if not self.total:
            return float("nan")
        share = self.counts / self.total
        chance = float(share.sum(axis=1) @ share.sum(axis=0))
        return (self.accuracy - chance) / (1 - chance) if chance < 1 else float("nan")

    def _where_present(self, score: Floats) -> Floats:
        """A class that is labelled or answered, and not both, has 0 where the denominator is 0."""
        return np.where(np.isnan(score) & (self.labelled + self.answered > 0), 0.0, score)


def mean_of(scores: Floats) -> float:
    """The mean of those that there are; NaN where there is none."""
    found = scores[np.isfinite(scores)]
    return float(found.mean()) if len(found) else float("nan")


def _ratio(above: NDArray[np.int64], below: NDArray[np.int64]) -> Floats:
    return np.asarray(np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0))
