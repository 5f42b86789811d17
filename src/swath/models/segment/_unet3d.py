"""The modules of 3D U-Net, named as in the release of U-TAE (arXiv:2107.07933)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.nn.padding import to_multiple

_STRIDE = 4


def _convolved(*widths: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Conv3d(inputs, outputs, 3, padding=1), nn.BatchNorm3d(outputs), nn.LeakyReLU()]
    return layers


def _larger(inputs: int, outputs: int) -> nn.Module:
    return nn.ConvTranspose3d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)


class UNet3D(nn.Module):
    """The network; see `unet3d.unet3d`."""

    def __init__(self, in_channels: int, classes: int, width: int) -> None:
        super().__init__()
        fine, middle, coarse = 4 * width, 8 * width, 16 * width
        self.en3 = nn.Sequential(*_convolved(in_channels, fine, fine))
        self.en4 = nn.Sequential(*_convolved(fine, middle, middle))
        self.center_in = nn.Sequential(*_convolved(middle, coarse))
        self.center_out = nn.Sequential(*_convolved(coarse, coarse), _larger(coarse, middle))
        self.dc4 = nn.Sequential(*_convolved(coarse, middle, middle))
        self.trans3 = nn.Sequential(_larger(middle, fine), nn.BatchNorm3d(fine), nn.LeakyReLU())
        self.dc3 = nn.Sequential(*_convolved(middle, fine, 2 * width))
        self.final = nn.Conv3d(2 * width, classes, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """`[B, T, C, H, W]` (or `[B, C, H, W]` of one date) -> logits `[B, K, H, W]`."""
        image = image if image.ndim == 5 else image[:, None]
        height, width = image.shape[-2:]
        image = torch.stack([to_multiple(date, _STRIDE) for date in image.unbind(1)], 1)
        while image.shape[1] < _STRIDE:
            image = torch.cat([image, image[:, -1:]], 1)
        first = self.en3(image.transpose(1, 2))
        second = self.en4(F.max_pool3d(first, 2))
        x = self.center_out(self.center_in(F.max_pool3d(second, 2)))
        x = self.trans3(self.dc4(torch.cat([x, second[:, :, : x.shape[2]]], 1)))
        x = self.final(self.dc3(torch.cat([x, first[:, :, : x.shape[2]]], 1)))
        seen = (image[:, : x.shape[2]] != 0).flatten(2).any(2)[:, None, :, None, None]
        logits: Tensor = (x * seen).sum(2) / seen.sum(2).clamp(min=1)
        return logits[..., :height, :width]
