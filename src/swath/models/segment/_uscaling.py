"""The Uscaling-Adapter of UrbanSAM (arXiv:2502.15199), after its description: the same look at every scale."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SCALES = 4
_BINOMIAL = (1.0, 3.0, 3.0, 1.0)


class LowPass(nn.Module):
    """Half the size by a binomial filter, which no fine pattern gets through (arXiv:1904.11486)."""

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        row = torch.tensor(_BINOMIAL)
        self.register_buffer("filter", torch.outer(row, row)[None, None] / row.sum() ** 2, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]`, sides even -> `[B, C, h / 2, w / 2]`."""
        around = F.pad(x, (1, 1, 1, 1), mode="replicate")
        each = self.filter.to(x.dtype).expand(x.shape[1], -1, -1, -1)
        return F.conv2d(around, each, stride=2, groups=x.shape[1])


def _look(width: int) -> nn.Sequential:
    depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
    return nn.Sequential(depthwise, nn.Conv2d(width, width, 1), nn.GELU())


def larger(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Made large between pixels."""
    return F.interpolate(x, size, mode="bilinear")


class Uscaling(nn.Module):
    """Down: each scale is parted into coarse and fine. Up: the coarse is added to the fine again.

    Args:
        in_channels: bands.
        width: of features.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, 2, padding=1), nn.GELU(), nn.Conv2d(width, width, 3, 2, padding=1)
        )
        self.low = LowPass()
        # One of each for all scales: what differs between them is the size of objects alone.
        self.coarse, self.fine = _look(width), _look(width)

    def forward(self, image: Tensor) -> list[Tensor]:
        """`[B, C, H, W]`, sides multiples of 64 -> maps at 1/4, 1/8, 1/16 and 1/32 of the size."""
        return self.scales(self.stem(image))

    def scales(self, x: Tensor) -> list[Tensor]:
        """Features at a quarter of the size -> maps of four scales."""
        details = []
        for _ in range(_SCALES):
            low = self.low(x)
            details.append(self.fine(x - larger(low, (x.shape[2], x.shape[3]))))
            x = self.coarse(low)
        maps: list[Tensor] = []
        for detail in reversed(details):
            x = detail + larger(x, (detail.shape[2], detail.shape[3]))
            maps.insert(0, x)
        return maps
