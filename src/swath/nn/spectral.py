"""A convolution over any bands: the kernel of a band follows from its wavelength (DOFA, arXiv:2403.15356)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_CYCLES_PER_OCTAVE = (1 / 64, 1 / 16, 1 / 4, 1 / 2, 1.0, 2.0)


def encode_wavelengths(wavelengths: Tensor) -> Tensor:
    """Smooth features of wavelengths in nm, `[C]` -> `[C, 13]`: a constant, and sines and cosines of the octave.

    The fastest of them turns twice per octave, so that blue, green and red (a quarter of an octave apart) differ, and
    bands of two sensors that lie 10 nm apart hardly do.
    """
    octave = torch.log2(wavelengths.detach().float().clamp_min(1.0) / 500.0)[:, None]
    angle = 2 * math.pi * octave * octave.new_tensor(_CYCLES_PER_OCTAVE)
    return torch.cat([torch.ones_like(octave), angle.sin(), angle.cos()], 1)


class SpectralConv(nn.Module):
    """A strided convolution whose kernel for each band is a mixture of learnt ones, mixed by wavelength.

    Bands may come in any number and order; their contributions are averaged.

    Args:
        out_channels: channels of the answer.
        kernel: side of the kernels in px.
        stride: step in px.
        rank: number of kernels that are mixed.
    """

    def __init__(self, out_channels: int, kernel: int = 4, stride: int = 2, rank: int = 16) -> None:
        super().__init__()
        self.stride, self.padding = stride, (kernel - stride) // 2
        encode, mix = nn.Linear(2 * len(_CYCLES_PER_OCTAVE) + 1, 64), nn.Linear(64, rank)
        nn.init.normal_(encode.weight, std=0.7)
        nn.init.normal_(mix.weight, std=0.1 / rank**0.5)
        self.mix = nn.Sequential(encode, nn.SiLU(), mix)
        self.kernels = nn.Parameter(_waves(rank, out_channels, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def weight(self, wavelengths: Tensor) -> Tensor:
        """Kernels `[O, C, k, k]` for bands at `wavelengths` (nm, `[C]`), on average over the bands."""
        device = self.kernels.device
        with torch.autocast(device.type, enabled=False):
            mixture = self.mix(encode_wavelengths(wavelengths.to(device)).to(self.kernels.dtype))
            return torch.einsum("cr,rokl->ockl", mixture, self.kernels) / math.sqrt(len(wavelengths))

    def forward(self, x: Tensor, wavelengths: Tensor) -> Tensor:
        """`[B, C, H, W]` at wavelengths `[C]` in nm -> `[B, O, H / stride, W / stride]`."""
        return F.conv2d(x, self.weight(wavelengths).to(x.dtype), self.bias.to(x.dtype), self.stride, self.padding)


def _waves(rank: int, out_channels: int, side: int) -> Tensor:
    """Random kernels in which fine waves are the stronger the fainter they are in images, where neighbours agree."""
    at = torch.arange(side)
    waves = torch.cos(math.pi / side * at[:, None] * (at + 0.5)) * (2 / side) ** 0.5
    waves[0] /= 2**0.5
    strength = (1 + 2 * torch.hypot(at[:, None].float(), at.float())) / 3
    return torch.einsum("rouv,uk,vl->rokl", torch.randn(rank, out_channels, side, side) * strength, waves, waves) / side
