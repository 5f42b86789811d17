"""SeaFormer-L, the squeeze-enhanced axial transformer (arXiv:2301.13156): a light encoder of five stages."""

from __future__ import annotations

from collections import OrderedDict

import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (64, 128, 192, 256, 320)
"""Channels at 1/4, 1/8, ... of the size."""
_HEADS, _BLOCKS, _PLACES = 8, 3, 16
_DROPPED = 0.1
"""Chance that the last block of a stage is left out in training."""
# Kernel, expansion, channels and stride of the layers of each stage.
_LAYERS = (
    ((3, 3, 32, 1), (3, 4, 64, 2), (3, 4, 64, 1)),
    ((5, 4, 128, 2), (5, 4, 128, 1)),
    ((3, 4, 192, 2), (3, 4, 192, 1)),
    ((5, 4, 256, 2),),
    ((3, 6, 320, 2),),
)
# Channels per head of keys, and how much wider the perceptron is, for the stages with attention: from the third on.
_ATTENTION = ((16, 2), (20, 4), (24, 6))
_FIRST_ATTENTION = 2


class ConvNorm(nn.Sequential):
    """A convolution and batch normalisation, which may start as nothing."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1, *, start: float = 1
    ) -> None:
        super().__init__()
        self.c = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        nn.init.constant_(self.bn.weight, start)


class InvertedResidual(nn.Module):
    """Wide depthwise convolution between two that change the number of channels."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.conv = nn.Sequential(
            ConvNorm(inputs, wide),
            nn.ReLU(),
            ConvNorm(wide, wide, kernel, stride, groups=wide),
            nn.ReLU(),
            ConvNorm(wide, outputs),
        )
        self.carried = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """`[B, I, h, w]` -> `[B, O, h / stride, w / stride]`."""
        y: Tensor = self.conv(x)
        return x + y if self.carried else y


class AxialPlaces(nn.Module):
    """What is learnt of 16 places along an axis, stretched to its length and added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.randn(1, width, _PLACES))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, n]` -> the same shape."""
        return x + F.interpolate(self.pos_embed, x.shape[-1], mode="linear", align_corners=False)


class SeaAttention(nn.Module):
    """Attention among the means of rows and among those of columns, which gates a convolution that keeps the detail."""

    def __init__(self, width: int, key: int) -> None:
        super().__init__()
        keys = key * _HEADS
        values = 2 * keys
        self.scale = key**-0.5
        self.to_q, self.to_k, self.to_v = ConvNorm(width, keys), ConvNorm(width, keys), ConvNorm(width, values)
        self.proj = nn.Sequential(nn.ReLU6(), ConvNorm(values, width, start=0))
        self.proj_encode_row = nn.Sequential(nn.ReLU6(), ConvNorm(values, values, start=0))
        self.pos_emb_rowq, self.pos_emb_rowk = AxialPlaces(keys), AxialPlaces(keys)
        self.proj_encode_column = nn.Sequential(nn.ReLU6(), ConvNorm(values, values, start=0))
        self.pos_emb_columnq, self.pos_emb_columnk = AxialPlaces(keys), AxialPlaces(keys)
        every = 2 * keys + values
        self.dwconv = ConvNorm(every, every, 3, groups=every)
        self.pwconv = ConvNorm(every, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> the same shape."""
        q, k, v = self.to_q(x), self.to_k(x), self.to_v(x)
        detail = self.pwconv(F.relu6(self.dwconv(torch.cat([q, k, v], 1))))
        rows = self._along(self.pos_emb_rowq(q.mean(3)), self.pos_emb_rowk(k.mean(3)), v.mean(3))
        columns = self._along(self.pos_emb_columnq(q.mean(2)), self.pos_emb_columnk(k.mean(2)), v.mean(2))
        wide = v + self.proj_encode_row(rows[..., None]) + self.proj_encode_column(columns[..., None, :])
        y: Tensor = F.hardsigmoid(self.proj(wide)) * detail
        return y

    def _along(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attention along one axis: `[B, keys, n]` twice and `[B, values, n]` -> `[B, values, n]`."""
        q, k, v = (torch.unflatten(one, 1, (_HEADS, -1)).transpose(2, 3) for one in (q, k, v))
        share = (q @ k.transpose(2, 3) * self.scale).softmax(-1)
        y: Tensor = (share @ v).transpose(2, 3).flatten(1, 2)
        return y


class MLP(nn.Module):
    """Two layers with a depthwise convolution between them."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        wide = width * ratio
        self.fc1 = ConvNorm(width, wide)
        self.dwconv = nn.Conv2d(wide, wide, 3, padding=1, groups=wide)
        self.fc2 = ConvNorm(wide, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> the same shape."""
        y: Tensor = self.fc2(F.relu6(self.dwconv(self.fc1(x))))
        return y


class Block(nn.Module):
    """Attention and a perceptron, around each of which its input is carried."""

    def __init__(self, width: int, key: int, ratio: int, dropped: float) -> None:
        super().__init__()
        self.attn = SeaAttention(width, key)
        self.mlp = MLP(width, ratio)
        self.drop_path = DropPath(dropped)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> the same shape."""
        x = x + self.drop_path(self.attn(x))
        y: Tensor = x + self.drop_path(self.mlp(x))
        return y


class SeaFormer(nn.Module):
    """The encoder.

    Args:
        in_channels: of the image.
        stages: that are made; all five and a classifier that never runs are the release's.
    """

    def __init__(self, in_channels: int, stages: int = 5) -> None:
        super().__init__()
        width = 32
        for stage, layers in enumerate(_LAYERS[:stages]):
            block = nn.Sequential()
            if stage == 0:
                block.add_module("stem_block", nn.Sequential(ConvNorm(in_channels, width, 3, 2), nn.ReLU()))
            for number, (kernel, expansion, outputs, stride) in enumerate(layers, start=1):
                block.add_module(f"layer{number}", InvertedResidual(width, outputs, kernel, stride, expansion))
                width = outputs
            self.add_module(f"smb{stage + 1}", block)
            if stage >= _FIRST_ATTENTION:
                key, ratio = _ATTENTION[stage - _FIRST_ATTENTION]
                drops = torch.linspace(0, _DROPPED, _BLOCKS, device="cpu").tolist()
                blocks = nn.Sequential(*(Block(width, key, ratio, drop) for drop in drops))
                named = nn.Sequential(OrderedDict(transformer_blocks=blocks))
                self.add_module(f"trans{stage - _FIRST_ATTENTION + 1}", named)
        self.stages = min(stages, len(WIDTHS) - 1)
        if stages == len(WIDTHS):
            self.linear = nn.Linear(width, 1000)

    def forward(self, image: Tensor) -> list[Tensor]:
        """`[B, C, H, W]` -> features at 1/4, 1/8, 1/16 and 1/32 of the size."""
        found, x = [], image
        for stage in range(self.stages):
            x = self.get_submodule(f"smb{stage + 1}")(x)
            if stage >= _FIRST_ATTENTION:
                x = self.get_submodule(f"trans{stage - _FIRST_ATTENTION + 1}")(x)
            found.append(x)
        return found
