"""The modules of SGSLN (arXiv:2311.11302), in the order in which the paper draws them, named as in its release."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.nn.padding import to_multiple

_STRIDE = 16
_ASIDE = 0.2


def _unit(
    in_channels: int, out_channels: int, *, kernel: int = 3, stride: int = 1, bias: bool = False
) -> nn.Sequential:
    """Convolution, norm, rectifier."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=bias)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU())


class ConvBNReLU(nn.Module):
    """`_unit` under the name that it has in the release."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv_bn_relu = _unit(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, D, H, W]`."""
        y: Tensor = self.conv_bn_relu(x)
        return y


class GuidedSplit(nn.Module):
    """CGSU: even channels are convolved, odd ones pass. The former come first, so that the next one splits both."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = _unit(channels // 2, channels // 2).append(nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        return torch.cat([self.conv1(x[:, ::2]), x[:, 1::2]], 1)


class GuidedSplitDown(nn.Module):
    """CGSU that halves the size and doubles the channels: convolved ones and the largest of four."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = _unit(channels, channels, stride=2).append(nn.Dropout(dropout))
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, 2 C, H / 2, W / 2]`."""
        return torch.cat([self.conv1(x), self.pool(x)], 1)


def _kernel(channels: int) -> int:
    """Length of a convolution along channels, as of ECA (arXiv:1910.03151)."""
    least = int((math.log2(channels) + 1) / 2)
    return least + 1 - least % 2


def _along_channels(x: Tensor) -> list[Tensor]:
    """Mean and largest of each channel, `[B, C]` both."""
    return [x.mean((2, 3)), x.amax((2, 3))]


def _along_places(x: Tensor) -> list[Tensor]:
    """Mean and largest of each place, `[B, 1, H, W]` both."""
    return [x.mean(1, keepdim=True), x.amax(1, keepdim=True)]


class Gate(nn.Module):
    """CBAM with the channels' part of ECA: a share for each channel, then one for each place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        kernel = _kernel(channels)
        self.channel_conv = nn.Conv1d(2, 1, kernel, padding=kernel // 2)
        self.spatial_conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        x = x * self.channel_conv(torch.stack(_along_channels(x), 1)).sigmoid()[:, 0, :, None, None]
        gated: Tensor = x * self.spatial_conv(torch.cat(_along_places(x), 1)).sigmoid()
        return gated


class EncoderBlock(nn.Module):
    """Half the size, twice the channels."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        wide = 2 * channels
        parts = [GuidedSplitDown(channels, dropout), GuidedSplit(wide, dropout), GuidedSplit(wide, dropout)]
        self.conv1 = nn.Sequential(*parts)
        self.conv3 = ConvBNReLU(wide, wide)
        self.cbam = Gate(wide)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, 2 C, H / 2, W / 2]`."""
        x = self.conv3(self.conv1(x))
        gated: Tensor = x + self.cbam(x)
        return gated


class DecoderBlock(nn.Module):
    """A deep map made twice as large, weighed with a finer one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fuse = _unit(channels + channels // 2, channels // 2, kernel=1)

    def forward(self, deep: Tensor, fine: Tensor) -> Tensor:
        """`[B, C, h, w]`, `[B, C / 2, 2 h, 2 w]` -> `[B, C / 2, 2 h, 2 w]`."""
        fused: Tensor = self.fuse(torch.cat([F.interpolate(deep, scale_factor=2.0), fine], 1))
        return fused


class TemporalFusion(nn.Module):
    """TFAM: at each channel and at each place the dates share out what counts; no date counts less than once."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        kernel = _kernel(channels)
        self.channel_conv1, self.channel_conv2 = (nn.Conv1d(4, 1, kernel, padding=kernel // 2) for _ in range(2))
        self.spatial_conv1, self.spatial_conv2 = (nn.Conv2d(4, 1, 7, padding=3) for _ in range(2))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Two dates `[B, C, H, W]` -> one map of that shape."""
        channels = torch.stack([*_along_channels(first), *_along_channels(second)], 1)
        places = torch.cat([*_along_places(first), *_along_places(second)], 1)
        by_channel = torch.cat([self.channel_conv1(channels), self.channel_conv2(channels)], 1).softmax(1)
        by_place = torch.cat([self.spatial_conv1(places), self.spatial_conv2(places)], 1).softmax(1)
        weights = by_channel[..., None, None] + by_place[:, :, None] + 1
        return first * weights[:, 0] + second * weights[:, 1]


def exchanged(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Two dates `[B, C, H, W]` with their odd channels swapped."""
    even = torch.arange(first.shape[1], device=first.device).view(-1, 1, 1) % 2 == 0
    return torch.where(even, first, second), torch.where(even, second, first)


class SGSLN(nn.Module):
    """The network; see `sgsln.sgsln`."""

    def __init__(self, in_channels: int, classes: int, widths: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        w1, w2, w3, w4, w5 = widths
        self.en_block1 = nn.Sequential(ConvBNReLU(in_channels, w1), GuidedSplit(w1, dropout), GuidedSplit(w1, dropout))
        self.en_block2, self.en_block3, self.en_block4, self.en_block5 = (EncoderBlock(w, dropout) for w in widths[:-1])
        self.de_block1, self.de_block2, self.de_block3 = (DecoderBlock(w) for w in (w5, w4, w3))
        self.dpfa1, self.dpfa2, self.dpfa3, self.dpfa4 = (TemporalFusion(w) for w in (w5, w4, w3, w2))
        self.change_block4, self.change_block3, self.change_block2 = (DecoderBlock(w) for w in (w5, w4, w3))
        self.seg_out1, self.seg_out2 = (nn.Conv2d(w2, classes, 3, padding=1) for _ in range(2))
        larger = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.upsample_x2 = nn.Sequential(*_unit(w2, w1, bias=True), *_unit(w1, 8, bias=True), larger)
        self.conv_out_change = nn.Conv2d(8, classes, 7, padding=3)

    def _encoded(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps at a half, a quarter and an eighth of the size."""
        half = self.en_block2(self.en_block1(x))
        quarter = self.en_block3(half)
        return half, quarter, self.en_block4(quarter)

    def _decoded(self, half: Tensor, quarter: Tensor, eighth: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Maps at a sixteenth of the size, an eighth, a quarter and a half."""
        deepest = self.en_block5(eighth)
        deep = self.de_block1(deepest, eighth)
        middle = self.de_block2(deep, quarter)
        return deepest, deep, middle, self.de_block3(middle, half)

    def maps(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of change, and those of either date at half the size; H and W multiples of 16."""
        half1, quarter1, eighth1 = self._encoded(before)
        half2, quarter2, eighth2 = self._encoded(after)
        eighth1, eighth2 = exchanged(eighth1, eighth2)
        one, other = self._decoded(half1, quarter1, eighth1), self._decoded(half2, quarter2, eighth2)
        change = self.dpfa1(one[0], other[0])
        change = self.change_block4(change, self.dpfa2(one[1], other[1]))
        change = self.change_block3(change, self.dpfa3(one[2], other[2]))
        change = self.change_block2(change, self.dpfa4(one[3], other[3]))
        return self.conv_out_change(self.upsample_x2(change)), self.seg_out1(one[3]), self.seg_out2(other[3])

    def forward(self, before: Tensor, after: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Two dates `[B, C, H, W]` -> logits `[B, K, H, W]`; in train mode also those of either date, half as large."""
        height, width = before.shape[-2:]
        change, first, second = self.maps(to_multiple(before, _STRIDE), to_multiple(after, _STRIDE))
        change = change[..., :height, :width]
        if not self.training:
            return change
        return change, *(date[..., : (height + 1) // 2, : (width + 1) // 2] for date in (first, second))

    def loss(self, answer: tuple[Tensor, ...], targets: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The map of change, and a fifth of that of either date.

        Args:
            answer: what the network gives in train mode.
            targets: `[B, H, W]`.
            of: the task's loss.
        """
        change, first, second = answer
        return of(change, targets) + _ASIDE * (of(first, targets) + of(second, targets))
