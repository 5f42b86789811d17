"""The modules of DeepTriNet (arXiv:2310.06848)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swath.models.pretrained import load_torchvision
from swath.nn.padding import to_multiple

_STRIDE = 16
_RATES = (6, 12, 18)
_SQUEEZED = 16
_SKIPPED = 48
_LOW = (1024, 512, 256)
"""Channels of the encoder's features at 1/16, 1/8 and 1/4 of the size."""
_DEEP = 2048


def rectified(inputs: int, outputs: int, kernel: int = 1, rate: int = 1) -> nn.Sequential:
    """A convolution, its norm, ReLU."""
    conv = nn.Conv2d(inputs, outputs, kernel, padding=rate * (kernel // 2), dilation=rate, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class Excitation(nn.Module):
    """How much each channel counts, told by its mean (squeeze and excitation, arXiv:1709.01507)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        few = max(1, width // _SQUEEZED)
        self.layers = nn.Sequential(nn.Conv2d(width, few, 1), nn.ReLU(), nn.Conv2d(few, width, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> shares `[B, C, 1, 1]`."""
        shares: Tensor = self.layers(x.mean((2, 3), keepdim=True))
        return shares


class Excited(Excitation):
    """Channels times their shares."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        return x * super().forward(x)


class TriLevelAttention(nn.Module):
    """TAU: by channel, by place, by pixel of each channel; what they find is added, then brought to another width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.channel = Excitation(inputs)
        self.place = nn.Conv2d(2, 1, 7, padding=3)
        self.pixel = nn.Conv2d(inputs, inputs, 1)
        self.last = rectified(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, inputs, H, W]` -> `[B, outputs, H, W]`."""
        place = self.place(torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)).sigmoid()
        y: Tensor = self.last(x * (1 + self.channel(x) + place + self.pixel(x).sigmoid()))
        return y


class Pyramid(nn.Module):
    """ASPP (arXiv:1802.02611): the same features seen at several distances, and as a whole."""

    def __init__(self, inputs: int, width: int, dropout: float) -> None:
        super().__init__()
        self.near = rectified(inputs, width)
        self.far = nn.ModuleList(rectified(inputs, width, 3, rate) for rate in _RATES)
        # One number per image and channel has no deviation to be normalised by.
        self.whole = nn.Sequential(nn.Conv2d(inputs, width, 1), nn.ReLU())
        self.last = nn.Sequential(rectified((2 + len(_RATES)) * width, width), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, inputs, h, w]` -> `[B, width, h, w]`."""
        whole = self.whole(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[-2:])
        y: Tensor = self.last(torch.cat([self.near(x), *(layer(x) for layer in self.far), whole], 1))
        return y


class DeepTriNet(nn.Module):
    """The network; see `deeptrinet.deeptrinet`."""

    encoder: Any

    def __init__(self, in_channels: int, classes: int, encoder: str, width: int, dropout: float) -> None:
        super().__init__()
        from torchvision.models import get_model

        self.encoder = get_model(encoder, weights=None, replace_stride_with_dilation=[False, False, True])
        del self.encoder.fc
        if in_channels != 3:
            self.encoder.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.pyramid = nn.Sequential(Pyramid(_DEEP, width, dropout), Excited(width))
        self.attention = nn.ModuleList(
            nn.Sequential(TriLevelAttention(low, _SKIPPED), Excited(_SKIPPED)) for low in _LOW
        )
        self.joined = nn.ModuleList(
            nn.Sequential(rectified(width + _SKIPPED, width, 3), rectified(width, width, 3), Excited(width))
            for _ in _LOW
        )
        self.last = nn.Conv2d(width, classes, 1)

    def load_encoder(self, name: str, source: str, wavelengths: Sequence[float | None] | None = None) -> None:
        """Take the weights of torchvision's encoder, from a file or by name."""
        load_torchvision(self.encoder, name, source, without=("fc.",), wavelengths=wavelengths)

    def forward(self, image: Tensor) -> Tensor:
        """`[B, C, H, W]` -> logits `[B, K, H, W]`."""
        whole = to_multiple(image, _STRIDE)
        net = self.encoder
        quarter = net.layer1(net.maxpool(net.relu(net.bn1(net.conv1(whole)))))
        eighth = net.layer2(quarter)
        sixteenth = net.layer3(eighth)
        x = self.pyramid(net.layer4(sixteenth))
        for low, attend, join in zip((sixteenth, eighth, quarter), self.attention, self.joined, strict=True):
            larger = F.interpolate(x, low.shape[-2:], mode="bilinear")
            x = join(torch.cat([larger, attend(low)], 1))
        logits = F.interpolate(self.last(x), whole.shape[-2:], mode="bilinear")
        return logits[..., : image.shape[-2], : image.shape[-1]]
