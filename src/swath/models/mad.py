"""The MAD variates of two dates, iterated: canonical correlation analysis of the pixels that did not change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from swath.errors import MatchError

Floats = NDArray[np.float64]

_MOST = 100
_STILL = 1e-4
"""Change of the canonical correlations below which they stand still."""
_ALIKE = 1e-9


@dataclass(frozen=True)
class Mad:
    """Canonical variates of two dates; MAD variates are their differences.

    Attributes:
        means: of the pixels that did not change, `[2, C]`.
        before: weights of the bands of the first date, a column per variate, `[C, C]`.
        after: of the second.
        correlations: of each pair of variates, the largest first, `[C]`.
        iterations: how often pixels were weighed.
    """

    means: Floats
    before: Floats
    after: Floats
    correlations: Floats
    iterations: int

    def chi_square(self, before: Floats, after: Floats) -> Floats:
        """Sum of the squared MAD variates over their variance without change, `[n]`, of values `[n, C]`."""
        variates = (before - self.means[0]) @ self.before - (after - self.means[1]) @ self.after
        return np.asarray((variates**2 / (2 * (1 - self.correlations))).sum(1))


def no_change(chi_square: Floats, bands: int) -> Floats:
    """Probability to find at least such a chi-square of `bands` degrees of freedom where nothing changed.

    For whole numbers of bands a finite sum (Abramowitz & Stegun 26.4.4 and 26.4.5), many times faster than the general
    function.
    """
    x = chi_square / 2
    if bands % 2:
        total = np.asarray(torch.special.erfc(torch.from_numpy(np.sqrt(x))).numpy())
        term, k = 2 * np.sqrt(x / np.pi) * np.exp(-x), 1.5
    else:
        total, term, k = np.zeros_like(x), np.exp(-x), 1.0
    for _ in range(bands // 2):
        total = total + term
        term = term * x / k
        k += 1
    return total


def mad(before: Floats, after: Floats, iterations: int = _MOST) -> Mad:
    """IR-MAD: pixels weighed by their probability of no change, until the correlations stand still.

    It stops sooner where all that is left is alike, as in images of few numbers.

    Args:
        before: pixels of the first date, `[n, C]`.
        after: of the second.
        iterations: at most; 1 is MAD without weights (Nielsen, Conradsen & Simpson 1998).

    Raises:
        MatchError: bands of a date follow from one another.
    """
    found: Mad | None = None
    weights = np.ones(len(before))
    for count in range(1, iterations + 1):
        new = _once(before, after, weights, count)
        if new is None or new.correlations.max() > 1 - _ALIKE:
            break
        still = found is not None and np.abs(new.correlations - found.correlations).max() < _STILL
        found = new
        if still:
            break
        weights = no_change(found.chi_square(before, after), before.shape[1])
    if found is None:
        raise MatchError(
            "a band is a combination of others, or the dates are the same but for their light: "
            "IR-MAD has nothing to tell change by; open fewer bands, or take cva"
        )
    return found


def _once(before: Floats, after: Floats, weights: Floats, count: int) -> Mad | None:
    """Canonical correlation analysis of weighed pixels; None where their bands follow from one another."""
    bands, total = before.shape[1], weights.sum()
    means = np.stack([weights @ before, weights @ after]) / total
    both = np.hstack([before - means[0], after - means[1]])
    covariance = (both * weights[:, None]).T @ both / total
    try:
        first, second = (
            np.linalg.cholesky(_checked(covariance[part, part])) for part in (slice(bands), slice(bands, None))
        )
    except np.linalg.LinAlgError:
        return None
    # Both dates made white: the singular values of what they share are the canonical correlations.
    shared = np.linalg.solve(second, np.linalg.solve(first, covariance[:bands, bands:]).T).T
    left, correlations, right = np.linalg.svd(shared)
    left, right = np.linalg.solve(first.T, left), np.linalg.solve(second.T, right.T)
    # Either sign is right; the same one on every machine keeps the numbers the same.
    signs = np.sign(left[np.abs(left).argmax(0), np.arange(bands)])
    return Mad(means, left * signs, right * signs, correlations, count)


def _checked(covariance: Floats) -> Floats:
    """The covariance, where its bands are apart.

    Raises:
        LinAlgError: one follows from others.
    """
    spreads = np.sqrt(np.diag(covariance))
    if not spreads.min() > 0 or np.linalg.eigvalsh(covariance / np.outer(spreads, spreads)).min() < _ALIKE:
        raise np.linalg.LinAlgError("singular")
    return covariance
