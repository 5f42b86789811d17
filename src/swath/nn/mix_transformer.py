"""Mix Transformer (MiT), the encoder of SegFormer (arXiv:2105.15203), named as in its release.

Four stages at a quarter to a thirty-second of the size. Patches overlap, so that no positions are needed; attention
looks at places summed in squares; between the layers of each MLP a convolution lets neighbours mix.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn import functional as F


class OverlapPatchEmbed(nn.Module):
    """Patches that overlap, and a norm."""

    def __init__(self, in_channels: int, width: int, patch: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, width, patch, stride, padding=patch // 2)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, H / stride, W / stride, width]`."""
        patches: Tensor = self.norm(self.proj(x).permute(0, 2, 3, 1))
        return patches


class Attention(nn.Module):
    """Every place looks at all others, which are summed to fewer before."""

    def __init__(self, width: int, heads: int, reduction: int, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.heads, self.dropped = heads, attention_dropout
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.proj_drop = nn.Dropout(dropout)
        self.reduces = reduction > 1
        if self.reduces:
            self.sr = nn.Conv2d(width, width, reduction, reduction)
            self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, h, w, width]` -> the same shape."""
        seen = self.norm(self.sr(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)) if self.reduces else x
        q, k, v = (
            part.flatten(1, 2).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.q(x), *self.kv(seen).chunk(2, -1))
        )
        found = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropped if self.training else 0.0)
        y: Tensor = self.proj_drop(self.proj(found.transpose(1, 2).reshape(x.shape)))
        return y


class Depthwise(nn.Module):
    """A convolution of each channel by itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 3, padding=1, groups=width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, h, w, width]` -> the same shape."""
        y: Tensor = self.dwconv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return y


class MixMLP(nn.Module):
    """Two layers with a convolution between them."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.dwconv = Depthwise(hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, h, w, width]` -> the same shape."""
        hidden = self.drop(F.gelu(self.dwconv(self.fc1(x))))
        y: Tensor = self.drop(self.fc2(hidden))
        return y


class Block(nn.Module):
    """Attention and MLP, each after a norm and added to what it reads."""

    def __init__(
        self, width: int, heads: int, reduction: int, dropout: float, attention_dropout: float, drop_path: float
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads, reduction, dropout, attention_dropout)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MixMLP(width, 4 * width, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, h, w, width]` -> the same shape."""
        x = x + self.drop_path(self.attn(self.norm1(x)))
        y: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return y


class MixTransformer(nn.Module):
    """Four maps of an image.

    Args:
        in_channels: bands.
        widths: of the four stages.
        depths: blocks of each.
        heads: of attention in each.
        reductions: sides of the squares of places that are summed before they are looked at.
        patch: side of the patches from the second stage on; of the first it is 7.
        dropout: share of features left out in training.
        attention_dropout: share of what attention looks at left out in training.
        drop_path: chance that the last block is left out in training; less before.
    """

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int] = (64, 128, 320, 512),
        depths: Sequence[int] = (3, 4, 6, 3),
        heads: Sequence[int] = (1, 2, 5, 8),
        reductions: Sequence[int] = (8, 4, 2, 1),
        *,
        patch: int = 3,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        drops = [drop_path * at / max(1, sum(depths) - 1) for at in range(sum(depths))]
        before = in_channels
        for stage, (width, depth, many, reduction) in enumerate(zip(widths, depths, heads, reductions, strict=True), 1):
            side, stride = (7, 4) if stage == 1 else (patch, 2)
            blocks = [Block(width, many, reduction, dropout, attention_dropout, drops.pop(0)) for _ in range(depth)]
            self.add_module(f"patch_embed{stage}", OverlapPatchEmbed(before, width, side, stride))
            self.add_module(f"block{stage}", nn.Sequential(*blocks))
            self.add_module(f"norm{stage}", nn.LayerNorm(width, eps=1e-6))
            before = width
        self.stages = range(1, len(widths) + 1)
        self.apply(_start)

    def forward(self, x: Tensor) -> list[Tensor]:
        """`[B, C, H, W]` -> maps `[B, width, h, w]` at a quarter, an eighth, a 16th, a 32nd of the size."""
        maps = []
        for stage in self.stages:
            grid = x
            for part in (f"patch_embed{stage}", f"block{stage}", f"norm{stage}"):
                grid = self.get_submodule(part)(grid)
            x = grid.permute(0, 3, 1, 2)
            maps.append(x)
        return maps


def _start(module: nn.Module) -> None:
    """First weights of linear layers and convolutions."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
    elif isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
        nn.init.normal_(module.weight, 0, math.sqrt(2 / fan_out))
    if isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
        nn.init.zeros_(module.bias)
