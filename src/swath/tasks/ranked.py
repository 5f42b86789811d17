"""`Ranked`: answers by how likely a yes was called, for scores that look at every threshold at once.

Probabilities are sorted into `BINS` bins that are even in the logarithm of odds, from odds of 1 to 1.2 million to the
reverse; what lies beyond is in the outermost. At 0.5 a bin is 0.007 wide, at 0.01 it is 0.0003: where classes are rare,
the order of small probabilities is what decides. Within a bin answers are as likely as each other, so that scores are
exactly those of probabilities that were rounded to bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 1024
_MOST = 14.0
"""Natural logarithm of the highest odds that are told apart."""

_FIRST = 1e-6
"""Share of a bin that tells how it begins."""
_HALVINGS = 40

Floats = NDArray[np.float64]


def bins_of(likely: NDArray[np.floating]) -> NDArray[np.int64]:
    """Bins of probabilities, of any shape, 0 to `BINS - 1`."""
    sure = np.clip(likely.astype(np.float64), 1e-9, 1 - 1e-9)
    share = (np.log(sure) - np.log1p(-sure) + _MOST) / (2 * _MOST)
    return np.clip((share * BINS).astype(np.int64), 0, BINS - 1)


@dataclass(frozen=True, eq=False)
class Ranked:
    """Several histograms, of which those bins are kept that hold anything: an image has one for each class.

    Attributes:
        histograms: how many there are.
        where: int64 `[n]`, ascending: number of the histogram times `BINS`, and the bin.
        counts: int64 `[n]`.
    """

    histograms: int
    where: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def empty(cls, histograms: int) -> Ranked:
        """Nothing counted yet."""
        return cls(histograms, np.empty(0, np.int64), np.empty(0, np.int64))

    @classmethod
    def of(cls, histogram: NDArray[np.integer], likely: NDArray[np.floating], histograms: int) -> Ranked:
        """Count answers.

        Args:
            histogram: in which each is counted, of any shape.
            likely: alike, how likely a yes was called.
            histograms: how many there are.
        """
        where, counts = np.unique(histogram.astype(np.int64) * BINS + bins_of(likely), return_counts=True)
        return cls(histograms, where, counts.astype(np.int64))

    @classmethod
    def of_row(cls, row: Floats) -> Ranked:
        """From counts in a row, see `row`."""
        where = np.flatnonzero(row)
        return cls(len(row) // BINS, where.astype(np.int64), np.rint(row[where]).astype(np.int64))

    @property
    def row(self) -> Floats:
        """Counts in a row, `[histograms * BINS]`."""
        row = np.zeros(self.histograms * BINS)
        row[self.where] = self.counts
        return row

    def __add__(self, other: Ranked) -> Ranked:
        where, order = np.unique(np.concatenate([self.where, other.where]), return_inverse=True)
        counts = np.bincount(order, np.concatenate([self.counts, other.counts]), minlength=len(where))
        return Ranked(self.histograms, where, np.rint(counts).astype(np.int64))


def average_precision(no: Floats, yes: Floats) -> Floats:
    """Average precision: the sum over thresholds of the recall that each adds, times the precision that it has.

    (scikit-learn's `average_precision_score`; no interpolation between thresholds.)

    Args:
        no: answers by bins where the label is no, `[..., BINS]`.
        yes: where it is yes.

    Returns:
        `[...]`; NaN where no label is yes.
    """
    falling = yes[..., ::-1]
    found = np.cumsum(falling, axis=-1)
    answered = found + np.cumsum(no[..., ::-1], axis=-1)
    precision = np.divide(found, answered, out=np.zeros(found.shape), where=answered > 0)
    labelled, right = found[..., -1], (falling * precision).sum(axis=-1)
    return np.asarray(np.divide(right, labelled, out=np.full(labelled.shape, np.nan), where=labelled > 0))


def break_even(answered: Floats, right: Floats, found: Floats) -> float:
    """Where precision and recall are the same, on the way from the highest threshold to the lowest.

    Of several such points it is that of the lowest threshold. Answers of one bin are taken as evenly mixed, so that a
    network which calls everything as likely has the share of yes among the labels: that of guessing.

    Args:
        answered: answers by bins, `[BINS]`.
        right: those of them that count as right.
        found: labels of yes by the bin of the likeliest answer that counts as finding them; without slack this is
            `right`.

    Returns:
        0 to 1; 0 where precision is below recall, or both are 0, at every threshold; NaN where no label is yes.
    """
    labelled = found.sum()
    if not labelled:
        return float("nan")
    steps = np.stack([answered, right, found])[:, ::-1]
    steps = steps[:, steps.any(axis=0)]
    before = np.cumsum(steps, axis=1) - steps

    def ahead(share: float) -> Floats:
        """Whether precision is ahead of recall once a share of each bin is counted: above 0 where it is."""
        counted, good, met = before + share * steps
        return np.asarray(good * labelled - met * counted)

    crossing = np.flatnonzero((ahead(_FIRST) > 0) & (ahead(1.0) <= 0))
    if not len(crossing):
        return 0.0
    bin_, low, high = crossing[-1], 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if ahead(middle)[bin_] > 0 else (low, middle)
    return float((before[2] + high * steps[2])[bin_] / labelled)
