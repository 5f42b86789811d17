"""The parts of `irmad`, in the paper's order: canonical variates, chi-square, the decision."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from swath.models.change._decide import Decision
from swath.models.mad import mad
from swath.models.pair import Pair
from swath.scene.words import many


class Variates(nn.Module):
    """Canonical variates of one date, `[B, C, H, W]`, over the deviation of the MAD variates without change."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(bands))
        self.weight = nn.Parameter(torch.eye(bands))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return torch.einsum("bchw,cv->bvhw", x - self.mean[:, None, None], self.weight)


class ChiSquareTest(nn.Module):
    """Logits of the probability that what did not change would differ less, of the root of chi-square."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.bands = bands

    def forward(self, root: Tensor) -> Tensor:
        """See the class."""
        half, z = root.new_tensor(self.bands / 2).expand_as(root), root.square() / 2
        likely, unlikely = torch.special.gammainc(half, z), torch.special.gammaincc(half, z)
        odds: Tensor = likely.clamp_min(1e-30).log() - unlikely.clamp_min(1e-30).log()
        return odds


class AlterationDetection(nn.Module):
    """`net(before, after) -> logits [B, 1, H, W]`; each pixel by itself, in float32 whatever the rest runs in."""

    radius, fill = 0, 0.0

    def __init__(self, in_channels: int, decision: Literal["otsu", "em", "chi2"]) -> None:
        super().__init__()
        self.how = decision
        self.above = 0.99 if decision == "chi2" else 0.5
        self.before, self.after = Variates(in_channels), Variates(in_channels)
        self.decision: nn.Module = ChiSquareTest(in_channels) if decision == "chi2" else Decision()

    def fit(self, pair: Pair) -> tuple[str, ...]:
        """See `Fitted.fit`."""
        before, after = pair.pixels()
        found = mad(before, after)
        over = np.sqrt(2 * (1 - found.correlations))
        for date, mean, weight in zip((self.before, self.after), found.means, (found.before, found.after), strict=True):
            date.mean.data, date.weight.data = torch.tensor(mean), torch.tensor(weight / over)
        if isinstance(self.decision, Decision):
            self.decision.set(np.sqrt(found.chi_square(before, after)), "em" if self.how == "em" else "otsu")
        told = ", ".join(f"{one:.3f}" for one in found.correlations)
        return (f"canonical correlations of what did not change: {told}, after {many(found.iterations, 'iteration')}",)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """See the class."""
        with torch.autocast(before.device.type, enabled=False):
            variates = self.before(before.float()) - self.after(after.float())
            answer: Tensor = self.decision(torch.linalg.vector_norm(variates, dim=1, keepdim=True))
            return answer
