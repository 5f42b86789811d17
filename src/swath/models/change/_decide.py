"""From how much a pixel differs to how likely it changed: a threshold that is found in the differences themselves.

Two classes, unchanged and changed, are taken for normally distributed; the logarithm of their odds is a parabola of the
difference. Beyond its vertex it would turn back (a very small difference would count as change where that class is the
wider one), so it is held there: the more a pixel differs the likelier it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Floats = NDArray[np.float64]
Threshold = Literal["em", "otsu"]

_POINTS = 2**16
_MOST = 500
_BEYOND = 99.9
"""Percentile beyond which differences count as that for Otsu's threshold: a few glints must not raise it."""


class Decision(nn.Module):
    """Log-odds of change from how much pixels differ, `[B, 1, H, W]` both."""

    def __init__(self) -> None:
        super().__init__()
        self.parabola = nn.Parameter(torch.tensor([0.0, 1.0, 0.0]))
        """Coefficients of 1, x and x²."""
        self.limits = nn.Parameter(torch.tensor([-1e6, 1e6]))
        """Between which x is held."""

    def set(self, differences: Floats, threshold: Threshold) -> None:
        """Find the two classes among differences, `[n]`."""
        parabola, limits = HOW[threshold](differences)
        self.parabola.data, self.limits.data = torch.tensor(parabola), torch.tensor(limits)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = x.clamp(self.limits[0], self.limits[1])
        constant, linear, square = self.parabola
        odds: Tensor = constant + x * (linear + x * square)
        return odds


Found = tuple[list[float], list[float]]


def otsu(differences: Floats) -> Found:
    """The threshold that parts two classes best; as odds: of two classes of equal width.

    Otsu (1979), A threshold selection method from gray-level histograms, doi:10.1109/TSMC.1979.4310076; here without
    a histogram, over all values.
    """
    x = np.sort(np.minimum(differences, np.percentile(differences, _BEYOND)))
    below = np.arange(1, len(x))
    low, total = np.cumsum(x)[:-1] / below, x.mean()
    high = (total * len(x) - low * below) / (len(x) - below)
    between = below * (len(x) - below) * (high - low) ** 2
    between[x[1:] == x[:-1]] = -1.0  # equal values stay together
    at = int(np.argmax(between))
    middle, apart = (x[at] + x[at + 1]) / 2, max(high[at] - low[at], 1e-12)
    within = (((x[: at + 1] - low[at]) ** 2).sum() + ((x[at + 1 :] - high[at]) ** 2).sum()) / len(x)
    slope = apart / max(within, 1e-6 * apart**2)
    return [-slope * middle, slope, 0.0], [float(x[0]), float(differences.max())]


def em(differences: Floats) -> Found:
    """Two normal distributions, each with its own width and share, by expectation and maximisation.

    Bruzzone & Prieto (2000), Automatic analysis of the difference image for unsupervised change detection,
    doi:10.1109/36.843009; it begins at Otsu's threshold. Of many values, means of neighbours stand for them.
    """
    (constant, slope, _), _ = otsu(differences)
    x = np.array([part.mean() for part in np.array_split(np.sort(differences), min(_POINTS, len(differences)))])
    changed = (x > -constant / slope).astype(float)
    floor, logit, share = (1e-3 * x.std()) ** 2, changed, -1.0
    parabola = np.zeros(3)
    for _ in range(_MOST):
        now = min(max(float(changed.mean()), 1e-6), 1 - 1e-6)
        weights = np.stack([1 - changed, changed]) + 1e-12
        means = weights @ x / weights.sum(1)
        widths = (weights * (x - means[:, None]) ** 2).sum(1) / weights.sum(1) + floor
        square = (1 / widths[0] - 1 / widths[1]) / 2
        linear = means[1] / widths[1] - means[0] / widths[0]
        level = np.log(now / (1 - now)) - np.log(widths[1] / widths[0]) / 2
        parabola = np.array([level - (means[1] ** 2 / widths[1] - means[0] ** 2 / widths[0]) / 2, linear, square])
        logit = parabola[0] + x * (linear + x * square)
        changed = 1 / (1 + np.exp(-np.clip(logit, -500, 500)))
        if abs(now - share) < 1e-9:
            break
        share = now
    vertex = -parabola[1] / (2 * parabola[2]) if parabola[2] else 0.0
    low, high = float(x[0]), float(differences.max())
    limits = (
        [max(vertex, low), high] if parabola[2] > 0 else [low, min(vertex, high)] if parabola[2] < 0 else [low, high]
    )
    return [float(one) for one in parabola], limits


HOW: Mapping[Threshold, Callable[[Floats], Found]] = {"em": em, "otsu": otsu}
