"""The parts of `cva`, in the paper's order: the difference of two dates, its length, the decision."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from swath.models.change._decide import Decision, Threshold
from swath.models.pair import Pair

Floats = NDArray[np.float64]


class Difference(nn.Module):
    """The change vector `[B, C, H, W]` between two dates, each band of each date with mean 0 and deviation 1."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.means = nn.Parameter(torch.zeros(2, bands))
        self.stds = nn.Parameter(torch.ones(2, bands))

    def set(self, before: Floats, after: Floats) -> None:
        """Find means and deviations of pixels `[n, C]`."""
        self.means.data = torch.tensor(np.stack([before.mean(0), after.mean(0)]))
        self.stds.data = torch.tensor(np.stack([before.std(0), after.std(0)]))

    def lengths(self, before: Floats, after: Floats) -> Floats:
        """Length of the change vectors, `[n]`, of values `[n, C]`."""
        means, stds = (one.detach().double().numpy() for one in (self.means, self.stds))
        return np.asarray(np.linalg.norm((after - means[1]) / stds[1] - (before - means[0]) / stds[0], axis=1))

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """See the class."""
        means, stds = self.means[..., None, None], self.stds[..., None, None]
        return (after - means[1]) / stds[1] - (before - means[0]) / stds[0]


class ChangeVectors(nn.Module):
    """`net(before, after) -> logits [B, 1, H, W]`; each pixel by itself, in float32 whatever the rest runs in."""

    radius, above, fill = 0, 0.5, 0.0

    def __init__(self, in_channels: int, threshold: Threshold) -> None:
        super().__init__()
        self.threshold: Threshold = threshold
        self.difference = Difference(in_channels)
        self.decision = Decision()

    def fit(self, pair: Pair) -> tuple[str, ...]:
        """See `Fitted.fit`."""
        before, after = pair.pixels()
        self.difference.set(before, after)
        self.decision.set(self.difference.lengths(before, after), self.threshold)
        return ()

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """See the class."""
        with torch.autocast(before.device.type, enabled=False):
            vectors = self.difference(before.float(), after.float())
            answer: Tensor = self.decision(torch.linalg.vector_norm(vectors, dim=1, keepdim=True))
            return answer
