"""The modules of RS-Mamba (arXiv:2404.02668), from pixels to logits, named as in its release."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.nn.padding import to_multiple
from swath.nn.scan_block import ScanBlock, drop_paths, halved, patches

_STRIDE = 32
_WALKS = 8
_LAST = 8
"""Channels before the last convolution."""


class Stage(nn.Module):
    """Half the size where it is not the first, then blocks that see all of the image."""

    def __init__(self, width: int, states: int, mlp_ratio: float, drops: Sequence[float], *, first: bool) -> None:
        super().__init__()
        self.downsample = nn.Identity() if first else halved(width // 2)
        self.blocks = nn.Sequential(
            *(
                ScanBlock(width, states, _WALKS, gated=True, conv_bias=True, mlp_ratio=mlp_ratio, drop_path=drop)
                for drop in drops
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, h, w, C]` -> the same, or `[B, h / 2, w / 2, 2 C]`."""
        y: Tensor = self.blocks(self.downsample(x))
        return y


class Fuse(nn.Module):
    """Two maps of one size become one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.fuse = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """`[B, C, h, w]`, `[B, D, h, w]` -> `[B, outputs, h, w]`."""
        y: Tensor = self.fuse(torch.cat([one, other], 1))
        return y


class RSMamba(nn.Module):
    """Encoder and decoder, which both networks have."""

    def __init__(
        self, in_channels: int, width: int, depths: Sequence[int], states: int, mlp_ratio: float, drop_path: float
    ) -> None:
        super().__init__()
        widths = [width * 2**stage for stage in range(4)]
        self.patch_embed = patches(in_channels, width)
        stages = [
            Stage(wide, states, mlp_ratio, drops, first=wide == width)
            for wide, drops in zip(widths, drop_paths(depths, drop_path), strict=True)
        ]
        self.encoder_block1, self.encoder_block2, self.encoder_block3, self.encoder_block4 = stages
        # The release's spelling.
        self.deocder_block1, self.deocder_block2, self.deocder_block3 = (Fuse(3 * wide, wide) for wide in widths[:3])
        self.upsample_x4 = nn.Sequential(
            nn.Conv2d(width, width // 2, 3, padding=1),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(),
            nn.UpsamplingBilinear2d(scale_factor=2),
            nn.Conv2d(width // 2, _LAST, 3, padding=1),
            nn.BatchNorm2d(_LAST),
            nn.ReLU(),
            nn.UpsamplingBilinear2d(scale_factor=2),
        )

    def encoded(self, image: Tensor) -> Iterator[Tensor]:
        """Features at 1/4, 1/8, 1/16, 1/32 of the size, channels in the second place."""
        x = self.patch_embed(image)
        for stage in (self.encoder_block1, self.encoder_block2, self.encoder_block3, self.encoder_block4):
            x = stage(x)
            yield x.permute(0, 3, 1, 2)

    def decoded(self, features: Sequence[Tensor]) -> Tensor:
        """From the coarsest of four maps to the finest, and to the full size, `[B, 8, H, W]`."""
        *finer, deep = features
        blocks = (self.deocder_block3, self.deocder_block2, self.deocder_block1)
        for block, skip in zip(blocks, finer[::-1], strict=True):
            deep = block(F.interpolate(deep, scale_factor=2.0), skip)
        y: Tensor = self.upsample_x4(deep)
        return y


class RSMSegmentation(RSMamba):
    """The network; see `rsm_ss.rsm_ss`."""

    def __init__(
        self, in_channels: int, classes: int, width: int, *how: *tuple[Sequence[int], int, float, float]
    ) -> None:
        super().__init__(in_channels, width, *how)
        self.conv_out_seg = nn.Conv2d(_LAST, classes, 7, padding=3)

    def forward(self, image: Tensor) -> Tensor:
        """`[B, C, H, W]` -> logits `[B, K, H, W]`."""
        y: Tensor = self.conv_out_seg(self.decoded(list(self.encoded(to_multiple(image, _STRIDE)))))
        return y[..., : image.shape[-2], : image.shape[-1]]


class RSMChange(RSMamba):
    """The network; see `rsm_cd.rsm_cd`."""

    def __init__(
        self, in_channels: int, classes: int, width: int, *how: *tuple[Sequence[int], int, float, float]
    ) -> None:
        super().__init__(in_channels, width, *how)
        fuse = (Fuse(2 * width * 2**stage, width * 2**stage) for stage in range(4))
        self.fuse_block1, self.fuse_block2, self.fuse_block3, self.fuse_block4 = fuse
        self.conv_out_change = nn.Conv2d(_LAST, classes, 7, padding=3)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """`[B, C, H, W]` each -> logits `[B, K, H, W]`."""
        both = self.encoded(to_multiple(torch.cat([before, after]), _STRIDE))
        blocks = (self.fuse_block1, self.fuse_block2, self.fuse_block3, self.fuse_block4)
        fused = [fuse(*features.chunk(2)) for fuse, features in zip(blocks, both, strict=True)]
        y: Tensor = self.conv_out_change(self.decoded(fused))
        return y[..., : before.shape[-2], : before.shape[-1]]
