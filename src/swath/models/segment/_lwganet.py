"""LWGANet under UNetFormer's decoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from swath.models.segment._unetformer import Decoder
from swath.nn.lwganet import STRIDE, LWGANet
from swath.nn.padding import to_multiple


class LWGANetSegmentation(nn.Module):
    """The network; see `lwganet_unetformer.lwganet_unetformer`."""

    def __init__(
        self,
        in_channels: int,
        classes: int,
        backbone: tuple[int, Sequence[int], float],
        decoder_width: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.backbone = LWGANet(in_channels, *backbone)
        self.decoder = Decoder(self.backbone.widths, classes, decoder_width, dropout)

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        """`[B, C, H, W]` -> logits `[B, K, H, W]`; in train mode also those of the coarser maps, of the same size."""
        whole = to_multiple(image, STRIDE)
        height, width = image.shape[-2:]
        answers = tuple(
            F.interpolate(logits, whole.shape[-2:], mode="bilinear")[..., :height, :width]
            for logits in self.decoder(self.backbone(whole))
        )
        return answers if self.training else answers[0]
