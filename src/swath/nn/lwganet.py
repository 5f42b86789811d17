"""The backbone of LWGANet (arXiv:2501.10040): four groups of channels, each with attention of another reach.

What sees near and far stands in `lwganet_attention.py`; here it becomes blocks, stages and a trunk.

Modules are named as in the release. Stages lie at even places of `stages`, what halves the size at odd ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from timm.layers.drop import DropPath
from torch import Tensor, nn

from swath.nn.lwganet_attention import (
    LocalAttention,
    MediumRangeAttention,
    PointAttention,
    Rectifier,
    SelfAttention,
    SparseMediumAttention,
    SparseSelfAttention,
)
from swath.nn.scan_block import drop_paths

STRIDE = 32
"""Sides must be multiples of it: the coarsest but one of the maps is pooled again."""

_RECTIFIED = 96
"""Width from which on ReLU stands for GELU (L2)."""

_WIDEST = ("GA12", "GA12", "GA3", "GA4")
"""Names of the attention that sees most, stage by stage."""


class Block(nn.Module):
    """LWGA: four quarters of the channels, each seen by its own attention, then mixed."""

    def __init__(self, width: int, stage: int, drop_path: float, rectifier: Rectifier) -> None:
        super().__init__()
        quarter = width // 4
        self.mlp = nn.Sequential(
            nn.Conv2d(width, 2 * width, 1, bias=False),
            nn.BatchNorm2d(2 * width),
            rectifier(),
            nn.Conv2d(2 * width, width, 1, bias=False),
        )
        self.PA = PointAttention(quarter, rectifier)
        self.LA = LocalAttention(quarter, rectifier)
        self.MRA = MediumRangeAttention(quarter)
        self.widest = _WIDEST[stage]
        everywhere = SelfAttention if stage == 3 else SparseSelfAttention
        widest = SparseMediumAttention(quarter, rectifier) if stage < 2 else everywhere(quarter)
        self.add_module(self.widest, widest)
        self.norm = nn.Identity() if stage == 2 else nn.BatchNorm2d(quarter)
        self.norm1 = nn.BatchNorm2d(width)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        point, local, medium, whole = x.chunk(4, 1)
        whole = self.norm(whole + self.get_submodule(self.widest)(whole))
        seen = torch.cat([point + self.PA(point), self.LA(local), self.MRA(medium), whole], 1)
        y: Tensor = x + self.norm1(self.drop_path(self.mlp(seen)))
        return y


class Stage(nn.Module):
    """Blocks of one size."""

    def __init__(self, width: int, stage: int, drops: Sequence[float], rectifier: Rectifier) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(width, stage, drop, rectifier) for drop in drops))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        y: Tensor = self.blocks(x)
        return y


class Halved(nn.Module):
    """DRFD: half the size by a convolution and by maxima, both kept."""

    def __init__(self, width: int, rectifier: Rectifier) -> None:
        super().__init__()
        twice = 2 * width
        self.conv = nn.Conv2d(width, twice, 3, padding=1, groups=width)
        self.conv_c = nn.Conv2d(twice, twice, 3, stride=2, padding=1, groups=twice)
        self.act_c = rectifier()
        self.norm_c, self.norm_m = nn.BatchNorm2d(twice), nn.BatchNorm2d(twice)
        self.fusion = nn.Conv2d(2 * twice, twice, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, 2 C, H / 2, W / 2]`."""
        x = self.conv(x)
        largest = self.norm_m(F.max_pool2d(x, 3, stride=2, padding=1))
        y: Tensor = self.fusion(torch.cat([self.norm_c(self.act_c(self.conv_c(x))), largest], 1))
        return y


class Stem(nn.Module):
    """Patches of 4 x 4 px."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, width, 4, stride=4, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` -> `[B, C, H / 4, W / 4]`."""
        y: Tensor = self.norm(self.proj(x))
        return y


class Trunk(nn.Module):
    """Stem and four stages; H and W are multiples of `STRIDE`.

    Args:
        in_channels: bands.
        width: channels at 1/4 of the size, doubled at each halving; a multiple of 16.
        depths: blocks of each stage.
        drop_path: chance that the last block is passed by in training; less before.
    """

    def __init__(self, in_channels: int, width: int, depths: Sequence[int], drop_path: float) -> None:
        super().__init__()
        self.rectifier: Rectifier = nn.ReLU if width >= _RECTIFIED else nn.GELU
        self.widths = tuple(width * 2**stage for stage in range(4))
        self.Stem = Stem(in_channels, width)
        stages: list[nn.Module] = []
        for stage, drops in enumerate(drop_paths(depths, drop_path)):
            stages += [Halved(self.widths[stage - 1], self.rectifier)] if stage else []
            stages.append(Stage(self.widths[stage], stage, drops, self.rectifier))
        self.stages = nn.Sequential(*stages)
        self.apply(_start)

    def maps(self, image: Tensor) -> Iterator[Tensor]:
        """`[B, in_channels, H, W]` -> maps at 1/4, 1/8, 1/16 and 1/32 of the size, one after another."""
        x = self.Stem(image)
        for place, stage in enumerate(self.stages):
            x = stage(x)
            if place % 2 == 0:
                yield x


class LWGANet(Trunk):
    """The backbone where pixels are told apart: each stage's map is normalised once more. Arguments are `Trunk`'s."""

    def __init__(self, in_channels: int, *how: *tuple[int, Sequence[int], float]) -> None:
        super().__init__(in_channels, *how)
        for stage, wide in enumerate(self.widths):
            self.add_module(f"norm{2 * stage}", nn.BatchNorm2d(wide))

    def forward(self, image: Tensor) -> list[Tensor]:
        """`[B, in_channels, H, W]` -> maps at 1/4, 1/8, 1/16 and 1/32 of the size."""
        return [self.get_submodule(f"norm{2 * stage}")(x) for stage, x in enumerate(self.maps(image))]


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
