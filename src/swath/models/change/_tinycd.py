"""The modules of TinyCD (arXiv:2207.13159), named as in its release."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.models.pretrained import load_torchvision
from swath.nn.padding import to_multiple

_STRIDE = 8
_UNUSED = tuple(f"{block}." for block in range(4, 9))
"""Blocks of EfficientNet-B4 that are not used."""


def _encoder(in_channels: int) -> nn.ModuleList:
    """Stem and first three stages of EfficientNet-B4: 48 and 24 channels at a half, 32 at a quarter, 56 at 1/8."""
    from torchvision.models import efficientnet_b4

    blocks = list(efficientnet_b4(weights=None).features.children())[:4]
    if in_channels != 3:
        blocks[0][0] = nn.Conv2d(in_channels, 48, 3, 2, padding=1, bias=False)
    return nn.ModuleList(blocks)


class PixelMLP(nn.Module):
    """Layers that look at each pixel by itself."""

    def __init__(self, widths: Sequence[int], *, rectify_last: bool) -> None:
        super().__init__()
        layers = [nn.Sequential(nn.Conv2d(a, b, 1), nn.PReLU()) for a, b in pairwise(widths)]
        if not rectify_last:
            layers[-1].pop(-1)
        self._linears = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, widths[0], H, W]` -> `[B, widths[-1], H, W]`."""
        y: Tensor = self._linears(x)
        return y


class Mixing(nn.Module):
    """Each channel is convolved together with itself on the other date."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        pairs = nn.Conv2d(2 * channels, channels, 3, padding=1, groups=channels)
        self._convmix = nn.Sequential(pairs, nn.PReLU(), nn.InstanceNorm2d(channels))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Two dates `[B, C, H, W]` -> `[B, C, H, W]`."""
        mixed: Tensor = self._convmix(torch.stack([first, second], 2).flatten(1, 2))
        return mixed


class MaskFromMixing(nn.Module):
    """MAMB: a mask from the mixture."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self._mixing = Mixing(widths[0])
        self._linear = PixelMLP(widths, rectify_last=True)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Two dates `[B, C, H, W]` -> `[B, 1, H, W]`."""
        mask: Tensor = self._linear(self._mixing(first, second))
        return mask


class MaskedUp(nn.Module):
    """Twice the size, gated by a mask, and a separable convolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self._convolution = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels),
            nn.PReLU(),
            nn.InstanceNorm2d(in_channels),
            nn.Conv2d(in_channels, out_channels, 1),
            nn.PReLU(),
            nn.InstanceNorm2d(out_channels),
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`[B, C, h, w]`, `[B, 1, 2 h, 2 w]` -> `[B, D, 2 h, 2 w]`."""
        larger = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)
        y: Tensor = self._convolution(larger * mask)
        return y


class TinyCD(nn.Module):
    """The network; see `tinycd.tinycd`."""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self._backbone = _encoder(in_channels)
        self._first_mix = MaskFromMixing((in_channels, 10, 5, 1))
        masks = [MaskFromMixing((24, 12, 6, 1)), MaskFromMixing((32, 16, 8, 1))]
        self._mixing_mask = nn.ModuleList([*masks, Mixing(56)])
        self._up = nn.ModuleList([MaskedUp(56, 64), MaskedUp(64, 64), MaskedUp(64, 32)])
        self._classify = PixelMLP((32, 16, 8, classes), rectify_last=False)

    def load_encoder(self, source: str, wavelengths: Sequence[float | None] | None) -> None:
        """Take the weights of torchvision's EfficientNet-B4, from a file or by name."""
        load_torchvision(
            self._backbone, "efficientnet_b4", source, prefix="features.", without=_UNUSED, wavelengths=wavelengths
        )

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """Two dates `[B, C, H, W]` -> logits `[B, K, H, W]`."""
        height, width = before.shape[-2:]
        # What is one pixel wide has no deviation to be normalised by.
        first, second = (to_multiple(date, _STRIDE, 2 * _STRIDE) for date in (before, after))
        pairs = [(first, second)]
        stem, *stages = self._backbone
        first, second = stem(first), stem(second)
        for stage in stages:
            first, second = stage(first), stage(second)
            pairs.append((first, second))
        # Norms over the tile take away what all pixels share; in bfloat16 nothing would be left of how they differ.
        with torch.autocast(before.device.type, enabled=False):
            mixings = (self._first_mix, *self._mixing_mask)
            *masks, x = (mix(one.float(), other.float()) for mix, (one, other) in zip(mixings, pairs, strict=True))
            for up, mask in zip(self._up, reversed(masks), strict=True):
                x = up(x, mask)
            logits: Tensor = self._classify(x)
        return logits[..., :height, :width]
