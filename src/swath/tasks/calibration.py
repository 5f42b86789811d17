"""`Calibration`: whether a network that says 80 % is right in 80 % of the cases.

Expected calibration error (Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602): probabilities of the answers are sorted
into bins of one width; the error is the mean distance between a bin's mean probability and its share of right answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True, eq=False)
class Calibration:
    """Answers by how sure they were, in bins of one width from 0 to 1; a bin includes its upper edge.

    Attributes:
        counts: int64 `[2, BINS]`: answers, and right ones.
        sure: float64 `[BINS]`: sum of their probabilities.
    """

    counts: NDArray[np.int64]
    sure: NDArray[np.float64]

    @classmethod
    def empty(cls) -> Calibration:
        """Nothing counted yet."""
        return cls(np.zeros((2, BINS), dtype=np.int64), np.zeros(BINS))

    @classmethod
    def of(cls, sure: NDArray[np.floating], right: NDArray[np.bool_]) -> Calibration:
        """Count answers.

        Args:
            sure: probabilities of the answers, of any shape; those that are NaN do not count.
            right: whether each was.
        """
        known = np.isfinite(sure)
        given = np.clip(sure[known].astype(np.float64), 0.0, 1.0)
        bins = np.clip(np.ceil(given * BINS).astype(np.int64) - 1, 0, BINS - 1)
        counts = [np.bincount(bins, minlength=BINS), np.bincount(bins[right[known]], minlength=BINS)]
        return cls(np.stack(counts).astype(np.int64), np.bincount(bins, given, minlength=BINS).astype(np.float64))

    @classmethod
    def of_row(cls, row: NDArray[np.float64]) -> Calibration:
        """From counts in a row, `[3 * BINS]`."""
        return cls(np.rint(row[: 2 * BINS]).astype(np.int64).reshape(2, BINS), row[2 * BINS :])

    @property
    def row(self) -> NDArray[np.float64]:
        """Counts in a row, `[3 * BINS]`."""
        return np.concatenate([self.counts.ravel(), self.sure])

    def __add__(self, other: Calibration) -> Calibration:
        return Calibration(self.counts + other.counts, self.sure + other.sure)

    @property
    def error(self) -> float:
        """Expected calibration error, 0 to 1; NaN where nothing was counted."""
        total = self.counts[0].sum()
        return float(np.abs(self.sure - self.counts[1]).sum() / total) if total else float("nan")

    def table(self) -> list[dict[str, float]]:
        """One row per bin that is not empty: edges, number of answers, how sure they were, share that is right."""
        rows = []
        for position, (count, right) in enumerate(self.counts.T):
            if count:
                edges = {"from": position / BINS, "to": (position + 1) / BINS}
                told = {
                    "answers": int(count),
                    "sure": float(self.sure[position] / count),
                    "right": float(right / count),
                }
                rows.append(edges | told)
        return rows
