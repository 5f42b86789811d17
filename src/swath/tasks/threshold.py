"""The probability from which on a yes is worth saying, found on labelled places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from swath.data.sample import IGNORE

STEPS = 100
"""Thresholds lie this finely between 0 and 1."""
ENOUGH = 0.02
"""F1 so near to the best is as good: a few labelled places say no more."""


class YesCounts:
    """How likely a yes was said to be where the label says yes and where it says no."""

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros((2, STEPS), dtype=np.int64)

    def update(self, likely: NDArray[np.floating], reference: NDArray[np.integer]) -> None:
        """Count answers.

        Args:
            likely: probability of a yes, of any shape; what is not finite does not count.
            reference: alike, 0 or 1; `IGNORE` does not count.
        """
        known = (reference != IGNORE) & np.isfinite(likely)
        # A probability on an edge is not above it, so that it belongs to the step below.
        steps = np.clip(np.ceil(likely[known].astype(np.float64) * STEPS).astype(np.int64) - 1, 0, STEPS - 1)
        self.counts += np.bincount(reference[known] * STEPS + steps, minlength=2 * STEPS).reshape(2, STEPS)

    def best(self) -> float:
        """Threshold of a large F1 of the yes, in hundredths from 0.01 to 0.99; 0.5 where nothing is labelled yes.

        Of those whose F1 lies within `ENOUGH` of the largest, the one next to 0.5.
        """
        no, yes = (counts[::-1].cumsum()[::-1][1:] for counts in self.counts)
        positive = int(self.counts[1].sum())
        if not positive:
            return 0.5
        f1 = 2 * yes / (yes + no + positive)
        found = np.arange(1, STEPS)[f1 >= f1.max() - ENOUGH]
        return float(found[np.abs(found - STEPS // 2).argmin()]) / STEPS
