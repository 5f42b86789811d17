"""The decoder of UNetFormer (arXiv:2109.08937), named as in its release, on any encoder of four scales."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swath.nn.padding import mirrored
from swath.nn.swin import relative_positions

_HEADS = 8
_WINDOW = 8
_HIDDEN = 4
"""Width of a perceptron's hidden layer over that of its block."""
_SQUEEZED = 16
_TINY = 1e-8


def normed(inputs: int, outputs: int, kernel: int = 1, *, rectified: bool = False) -> nn.Sequential:
    """A convolution and its norm; ReLU6 behind them where the decoder rectifies."""
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), *([nn.ReLU6()] if rectified else []))


def separable(width: int, kernel: int) -> nn.Sequential:
    """Each channel by itself, then all of them; a pixel less at the lower and right end where the kernel is even."""
    return nn.Sequential(
        nn.Conv2d(width, width, kernel, padding=(kernel - 1) // 2, groups=width, bias=False),
        nn.BatchNorm2d(width),
        nn.Conv2d(width, width, 1, bias=False),
    )


class GlobalLocalAttention(nn.Module):
    """Attention within windows, whose answers are shared along rows and columns, beside convolutions."""

    relative_position_index: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Sequential(nn.Conv2d(width, 3 * width, 1, bias=False))
        self.local1, self.local2 = normed(width, width, 3), normed(width, width)
        self.proj = separable(width, _WINDOW)
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * _WINDOW - 1) ** 2, _HEADS))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", relative_positions(_WINDOW))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        seen = self._in_windows(x)
        half = _WINDOW // 2 - 1
        along = F.avg_pool2d(mirrored(seen, (0, 1), (0, 0)), (_WINDOW, 1), stride=1, padding=(half, 0))
        across = F.avg_pool2d(mirrored(seen, (0, 0), (0, 1)), (1, _WINDOW), stride=1, padding=(0, half))
        y: Tensor = self.proj(mirrored(along + across + self.local1(x) + self.local2(x), (0, 1), (0, 1)))
        return y

    def _in_windows(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        asked = self.qkv(mirrored(x, (0, -height % _WINDOW), (0, -width % _WINDOW)))
        rows, columns = asked.shape[-2] // _WINDOW, asked.shape[-1] // _WINDOW
        cells = asked.reshape(len(x), 3, _HEADS, -1, rows, _WINDOW, columns, _WINDOW).permute(1, 0, 4, 6, 2, 5, 7, 3)
        q, k, v = cells.flatten(5, 6).flatten(1, 3).unbind()
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1).to(q.dtype)
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.expand(len(q), -1, -1, -1))
        found = found.reshape(len(x), rows, columns, _HEADS, _WINDOW, _WINDOW, -1).permute(0, 3, 6, 1, 4, 2, 5)
        return found.reshape(len(x), -1, rows * _WINDOW, columns * _WINDOW)[..., :height, :width]


class Perceptron(nn.Module):
    """Two layers that look at each pixel by itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(width, _HIDDEN * width, 1)
        self.fc2 = nn.Conv2d(_HIDDEN * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        y: Tensor = self.fc2(F.relu6(self.fc1(x)))
        return y


class Block(nn.Module):
    """GLTB: attention and a perceptron, around each of which its input is carried."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.attn = nn.BatchNorm2d(width), GlobalLocalAttention(width)
        self.norm2, self.mlp = nn.BatchNorm2d(width), Perceptron(width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        x = x + self.attn(self.norm1(x))
        y: Tensor = x + self.mlp(self.norm2(x))
        return y


class Fused(nn.Module):
    """A coarse map at twice its size and the encoder's map of that size, in shares that are learnt."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.pre_conv = nn.Sequential(nn.Conv2d(inputs, width, 1, bias=False))
        self.weights = nn.Parameter(torch.ones(2))
        self.post_conv = normed(width, width, 3, rectified=True)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """`[B, C, h, w]`, `[B, inputs, 2 h, 2 w]` -> `[B, C, 2 h, 2 w]`."""
        shares = F.relu(self.weights)
        shares = shares / (shares.sum() + _TINY)
        larger = F.interpolate(x, scale_factor=2.0, mode="bilinear")
        y: Tensor = self.post_conv(shares[0] * self.pre_conv(skip) + shares[1] * larger)
        return y


class Refined(Fused):
    """FRH: the finest map, gated by pixel and by channel."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width)
        few = max(1, width // _SQUEEZED)
        self.pa = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, groups=width), nn.Sigmoid())
        self.ca = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Sequential(nn.Conv2d(width, few, 1, bias=False)),
            nn.ReLU6(),
            nn.Sequential(nn.Conv2d(few, width, 1, bias=False)),
            nn.Sigmoid(),
        )
        self.shortcut = normed(width, width)
        self.proj = separable(width, 3)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """See `Fused`."""
        x = super().forward(x, skip)
        return F.relu6(self.proj(self.pa(x) * x + self.ca(x) * x) + self.shortcut(x))


class Aside(nn.Module):
    """What the coarser maps say, by which the decoder learns too."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.conv = normed(width, width, 3, rectified=True)
        self.drop = nn.Dropout(0.1)
        self.conv_out = nn.Sequential(nn.Conv2d(width, classes, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> `[B, K, h, w]`."""
        y: Tensor = self.conv_out(self.drop(self.conv(x)))
        return y


class Decoder(nn.Module):
    """From four maps to logits at a quarter of the size.

    Args:
        inputs: channels of the maps, the finest first.
        classes: channels of the answer.
        width: channels inside; a multiple of 8.
        dropout: share of channels left out in training before the last layer.
    """

    def __init__(self, inputs: Sequence[int], classes: int, width: int, dropout: float) -> None:
        super().__init__()
        self.pre_conv = normed(inputs[3], width)
        self.b4, self.b3, self.b2 = Block(width), Block(width), Block(width)
        self.p3, self.p2, self.p1 = Fused(inputs[2], width), Fused(inputs[1], width), Refined(inputs[0], width)
        self.aux_head = Aside(width, classes)
        self.segmentation_head = nn.Sequential(
            normed(width, width, 3, rectified=True),
            nn.Dropout2d(dropout),
            nn.Sequential(nn.Conv2d(width, classes, 1, bias=False)),
        )

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Maps at 1/4 to 1/32 of the size -> logits at 1/4; in train mode also those of the coarser maps, at 1/8."""
        first, second, third, fourth = maps
        x4 = self.b4(self.pre_conv(fourth))
        x3 = self.b3(self.p3(x4, third))
        x2 = self.b2(self.p2(x3, second))
        logits = self.segmentation_head(self.p1(x2, first))
        if not self.training:
            return (logits,)
        size = x2.shape[-2:]
        coarser = [F.interpolate(x, size, mode="bilinear", align_corners=True) for x in (x4, x3)]
        return logits, self.aux_head(x2 + sum(coarser))
