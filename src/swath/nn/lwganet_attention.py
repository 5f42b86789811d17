"""The attention of LWGANet (arXiv:2501.10040): of a pixel by itself, of its neighbours, of strips, of all pixels.

Modules are named as in the release.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swath.nn.padding import mirrored

_STRIP = 11
_BLUR = (1.0, 3.0, 3.0, 1.0)
_BLUR_STEP = 3
_HEAD = 4
"""Channels of a head of attention."""

Rectifier = type[nn.ReLU] | type[nn.GELU]


class PointAttention(nn.Module):
    """PA: each pixel is gated by itself."""

    def __init__(self, width: int, rectifier: Rectifier) -> None:
        super().__init__()
        self.p_conv = nn.Sequential(
            nn.Conv2d(width, 4 * width, 1, bias=False),
            nn.BatchNorm2d(4 * width),
            rectifier(),
            nn.Conv2d(4 * width, width, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        gated: Tensor = x * self.p_conv(x).sigmoid()
        return gated


class LocalAttention(nn.Module):
    """LA: a convolution."""

    def __init__(self, width: int, rectifier: Rectifier) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), rectifier())

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        y: Tensor = self.conv(x)
        return y


class Blur(nn.Module):
    """A third of the size after a binomial filter, so that nothing is aliased."""

    filt: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        line = torch.tensor(_BLUR)
        square = line[:, None] * line
        self.register_buffer("filt", (square / square.sum()).repeat(width, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, C, ceil(H / 3), ceil(W / 3)]`."""
        return F.conv2d(mirrored(x, (1, 2), (1, 2)), self.filt, stride=_BLUR_STEP, groups=x.shape[1])


def sheared(x: Tensor) -> Tensor:
    """`[B, C, H, W]` -> `[B, C, H, H + W - 1]`: row i moved i pixels to the right, zeros around it."""
    height, width = x.shape[-2:]
    rows = F.pad(x, (0, height)).flatten(2)[..., :-height]
    return rows.reshape(*x.shape[:2], height, height + width - 1)


def straightened(x: Tensor) -> Tensor:
    """What `sheared` undoes: `[B, C, H, H + W - 1]` -> `[B, C, H, W]`."""
    height, length = x.shape[-2:]
    rows = F.pad(x.flatten(2), (0, height)).reshape(*x.shape[:2], height, length + 1)
    return rows[..., : length + 1 - height]


class MediumRangeAttention(nn.Module):
    """MRA: each pixel is gated by strips around it, upright, lying and along both diagonals, at a third of the size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.max_m2 = Blur(width)
        self.H_att1, self.V_att1, self.H_att2, self.V_att2 = (
            nn.Conv2d(width, width, (down, along), padding=(down // 2, along // 2), groups=width, bias=False)
            for down, along in ((_STRIP, 3), (3, _STRIP), (_STRIP, 3), (3, _STRIP))
        )
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        small = self.max_m2(F.max_pool2d(x, 3, stride=1, padding=1))
        down = straightened(self.H_att2(sheared(small)))
        up = straightened(self.V_att2(sheared(small.mT).mT).mT).mT
        gate = self.norm(self.H_att1(small) + self.V_att1(small) + down + up).sigmoid()
        return x * F.interpolate(gate, x.shape[-2:])


class SparseMediumAttention(nn.Module):
    """GA12: the largest of each four pixels is gated by what lies 11 pixels around it; the other three become 0."""

    def __init__(self, width: int, rectifier: Rectifier) -> None:
        super().__init__()
        half = width // 2
        self.proj_1 = nn.Conv2d(width, width, 1)
        self.activation = rectifier()
        self.conv0 = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.conv_spatial = nn.Conv2d(width, width, 7, padding=9, dilation=3, groups=width)
        self.conv1, self.conv2 = nn.Conv2d(width, half, 1), nn.Conv2d(width, half, 1)
        self.conv_squeeze = nn.Conv2d(2, 2, 7, padding=3)
        self.conv = nn.Conv2d(half, width, 1)
        self.proj_2 = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        largest, where = F.max_pool2d(x, 2, return_indices=True)
        value = self.activation(self.proj_1(largest))
        near = self.conv0(value)
        far = self.conv2(self.conv_spatial(near))
        near = self.conv1(near)
        both = torch.cat([near, far], 1)
        seen = torch.cat([both.mean(1, keepdim=True), both.amax(1, keepdim=True)], 1)
        first, second = self.conv_squeeze(seen).sigmoid().split(1, 1)
        y = self.proj_2(value * self.conv(near * first + far * second))
        return F.max_unpool2d(y, where, (2, 2))


class SelfAttention(nn.Module):
    """GA: each pixel asks all others, in heads of four channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        asked = self.qkv(x.flatten(2).mT).unflatten(-1, (3, -1, _HEAD)).permute(2, 0, 3, 1, 4)
        q, k, v = asked.unbind()
        y: Tensor = self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return y.mT.reshape(x.shape)


class SparseSelfAttention(nn.Module):
    """D_GA: self-attention of the largest of each four pixels; the other three become 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.attn = SelfAttention(width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        largest, where = F.max_pool2d(x, 2, return_indices=True)
        return F.max_unpool2d(self.norm(self.attn(largest)), where, (2, 2))
