"""`Residuals`: how far values are from those that are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SUMS = 5


@dataclass(frozen=True, eq=False)
class Residuals:
    """Sums over pixels, per layer: they add up over batches, scenes and machines.

    Attributes:
        counts: int64 `[N]`, values compared.
        sums: float64 `[5, N]`: of errors (answer - truth), their sizes, their squares, the truth, and its squares; the
            last two counted from `origin`, so that large values with little spread lose no digits.
        origin: float64 `[N]`, somewhere among the values.
    """

    counts: NDArray[np.int64]
    sums: NDArray[np.float64]
    origin: NDArray[np.float64]

    @classmethod
    def empty(cls, origin: NDArray[np.float64]) -> Residuals:
        """Nothing counted yet."""
        return cls(np.zeros(len(origin), dtype=np.int64), np.zeros((_SUMS, len(origin))), origin)

    @classmethod
    def of(cls, truth: NDArray[np.floating], answer: NDArray[np.floating], origin: NDArray[np.float64]) -> Residuals:
        """Compare values `[N, ...]`; those that are not finite on either side do not count."""
        t, a = (part.reshape(len(origin), -1).astype(np.float64) for part in (truth, answer))
        known = np.isfinite(t) & np.isfinite(a)
        error = np.where(known, a - np.where(known, t, 0), 0)
        error[~known] = 0
        from_origin = np.where(known, t - origin[:, None], 0)
        sums = [one.sum(axis=1) for one in (error, np.abs(error), error**2, from_origin, from_origin**2)]
        return cls(known.sum(axis=1), np.stack(sums), origin)

    def with_row(self, row: NDArray[np.float64]) -> Residuals:
        """The same layers with other counts, `[6 N]`."""
        counts, *sums = row.reshape(1 + _SUMS, -1)
        return Residuals(np.rint(counts).astype(np.int64), np.stack(sums), self.origin)

    @property
    def row(self) -> NDArray[np.float64]:
        """Counts and sums in a row, `[6 N]`."""
        return np.concatenate([self.counts, self.sums.ravel()])

    def __add__(self, other: Residuals) -> Residuals:
        return Residuals(self.counts + other.counts, self.sums + other.sums, self.origin)

    @property
    def bias(self) -> NDArray[np.float64]:
        """Mean of answer - truth, `[N]`."""
        return self._mean(0)

    @property
    def mae(self) -> NDArray[np.float64]:
        """Mean size of the error, `[N]`."""
        return self._mean(1)

    @property
    def rmse(self) -> NDArray[np.float64]:
        """Root of the mean square of the error, `[N]`."""
        return np.sqrt(self._mean(2))

    @property
    def r2(self) -> NDArray[np.float64]:
        """Coefficient of determination, `[N]`; NaN for fewer than two values or a truth that does not vary."""
        spread = self.sums[4] - self.counts * self._mean(3) ** 2
        fits = (self.counts > 1) & (spread > 1e-12 * np.maximum(self.sums[4], 1e-300))
        return np.asarray(1 - np.divide(self.sums[2], spread, out=np.full(len(self.counts), np.nan), where=fits))

    def _mean(self, which: int) -> NDArray[np.float64]:
        nothing = np.full(len(self.counts), np.nan)
        return np.asarray(np.divide(self.sums[which], self.counts, out=nothing, where=self.counts > 0))
