"""LWGANet for whole images, named as in its release."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from swath.nn.lwganet import STRIDE, Trunk
from swath.nn.padding import to_multiple

_LAST = 1280


class LWGANetClassifier(Trunk):
    """The network; see `lwganet.lwganet`."""

    def __init__(self, in_channels: int, classes: int, *backbone: *tuple[int, Sequence[int], float]) -> None:
        super().__init__(in_channels, *backbone)
        layer = nn.Conv2d(self.widths[-1], _LAST, 1, bias=False)
        self.avgpool_pre_head = nn.Sequential(nn.AdaptiveAvgPool2d(1), layer, self.rectifier())
        self.head = nn.Linear(_LAST, classes)
        for last in (layer, self.head):
            nn.init.trunc_normal_(last.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, image: Tensor) -> Tensor:
        """`[B, C, H, W]` -> logits `[B, K]`."""
        *_, last = self.maps(to_multiple(image, STRIDE))
        y: Tensor = self.head(self.avgpool_pre_head(last).flatten(1))
        return y
