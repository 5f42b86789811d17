"""The modules of FC-EF, FC-Siam-conc and FC-Siam-diff (arXiv:1810.08462), named as in their release."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.nn.padding import to_size

_WIDTHS = (16, 32, 64, 128)
_LAYERS = (2, 2, 3, 3)
"""Convolutions of each stage, on the way down and on the way up."""


class FullyConvolutional(nn.Module):
    """A U-Net of four stages over two dates.

    Names: `conv32` is the second convolution of the third stage, `conv32d` that of the decoder, which counts down.

    Args:
        in_channels: bands of either date.
        classes: channels of the answer.
        fusion: `early`: both dates are one image; `conc`, `diff`: what the decoder gets from an encoder of each date.
        dropout: share of the channels that are left out after every layer in training.
    """

    def __init__(
        self, in_channels: int, classes: int, fusion: Literal["early", "conc", "diff"], dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.fusion = fusion
        self.dropout = nn.Dropout2d(dropout)
        self.pool = nn.MaxPool2d(2)
        features = in_channels * (2 if fusion == "early" else 1)
        for stage, (width, layers) in enumerate(zip(_WIDTHS, _LAYERS, strict=True), 1):
            for layer in range(1, layers + 1):
                self._add(f"{stage}{layer}", nn.Conv2d(features, width, 3, padding=1))
                features = width
        skips = 2 if fusion == "conc" else 1
        for stage in range(4, 0, -1):
            width, below = _WIDTHS[stage - 1], (classes, *_WIDTHS)[stage - 1]
            self.add_module(f"upconv{stage}", nn.ConvTranspose2d(width, width, 3, 2, padding=1, output_padding=1))
            features = width * (1 + skips)
            for layer in range(_LAYERS[stage - 1], 0, -1):
                out = width if layer > 1 else below
                self._add(f"{stage}{layer}d", nn.ConvTranspose2d(features, out, 3, padding=1), last=stage == layer == 1)
                features = out

    def _add(self, name: str, conv: nn.Conv2d | nn.ConvTranspose2d, *, last: bool = False) -> None:
        self.add_module(f"conv{name}", conv)
        if not last:
            self.add_module(f"bn{name}", nn.BatchNorm2d(conv.out_channels))

    def _layer(self, name: str, x: Tensor) -> Tensor:
        x = self.get_submodule(f"bn{name}")(self.get_submodule(f"conv{name}")(x))
        rested: Tensor = self.dropout(F.relu(x))
        return rested

    def _encoded(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """What each stage leaves for the decoder, finest first, and what is left after the last."""
        left = []
        for stage, layers in enumerate(_LAYERS, 1):
            for layer in range(1, layers + 1):
                x = self._layer(f"{stage}{layer}", x)
            left.append(x)
            x = self.pool(x)
        return left, x

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """Two dates `[B, C, H, W]` -> logits `[B, K, H, W]`."""
        if self.fusion == "early":
            skips, x = self._encoded(torch.cat([before, after], 1))
        else:
            first, _ = self._encoded(before)
            second, x = self._encoded(after)
            pairs = zip(first, second, strict=True)
            skips = [torch.cat(pair, 1) if self.fusion == "conc" else (pair[0] - pair[1]).abs() for pair in pairs]
        for stage in range(4, 0, -1):
            skip = skips[stage - 1]
            x = to_size(self.get_submodule(f"upconv{stage}")(x), *skip.shape[-2:])
            x = torch.cat([x, skip], 1)
            for layer in range(_LAYERS[stage - 1], 1 if stage == 1 else 0, -1):
                x = self._layer(f"{stage}{layer}d", x)
        logits: Tensor = self.get_submodule("conv11d")(x)
        return logits
