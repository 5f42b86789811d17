"""The diffusion network of SR3 (arXiv:2104.07636) without a condition, as DDPM-CD has it, and its features."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.models.strict import load_strict
from swath.models.weights import read_state

_GROUPS = 32
STRENGTHS = 2000
"""Steps from an image to nothing but noise."""
_WEAKEST, _STRONGEST = 1e-6, 1e-2
"""Noise that is added at the first and at the last step: variance."""


class Block(nn.Module):
    """Group normalisation, a rectifier and a convolution."""

    def __init__(self, inputs: int, outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.GroupNorm(_GROUPS, inputs), nn.SiLU(), nn.Dropout(dropout), nn.Conv2d(inputs, outputs, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, I, h, w]` -> `[B, O, h, w]`."""
        y: Tensor = self.block(x)
        return y


class Strength(nn.Module):
    """The strength of noise, added to a map."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.noise_func = nn.Sequential(nn.Linear(inputs, outputs))

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        """`[B, C, h, w]` and `[B, D]` -> `[B, C, h, w]`."""
        y: Tensor = x + self.noise_func(strength)[..., None, None]
        return y


class Residual(nn.Module):
    """Two blocks that know the strength of noise, past which the input is carried."""

    def __init__(self, inputs: int, outputs: int, strength: int, dropout: float) -> None:
        super().__init__()
        self.noise_func = Strength(strength, outputs)
        self.block1, self.block2 = Block(inputs, outputs), Block(outputs, outputs, dropout)
        self.res_conv = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        """`[B, I, h, w]` -> `[B, O, h, w]`."""
        y: Tensor = self.block2(self.noise_func(self.block1(x), strength)) + self.res_conv(x)
        return y


class Attention(nn.Module):
    """All cells look at each other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_GROUPS, width)
        self.qkv = nn.Conv2d(width, 3 * width, 1, bias=False)
        self.out = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> the same shape."""
        q, k, v = (part.flatten(2).transpose(1, 2) for part in self.qkv(self.norm(x)).chunk(3, 1))
        found = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        y: Tensor = x + self.out(found)
        return y


class Level(nn.Module):
    """A residual and, at the coarsest scale, attention."""

    def __init__(self, inputs: int, outputs: int, strength: int, dropout: float, *, attend: bool) -> None:
        super().__init__()
        self.res_block = Residual(inputs, outputs, strength, dropout)
        self.attn = Attention(outputs) if attend else nn.Identity()

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        """`[B, I, h, w]` -> `[B, O, h, w]`."""
        y: Tensor = self.attn(self.res_block(x, strength))
        return y


class Down(nn.Module):
    """Half the size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, 2, 1)

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        """`[B, C, h, w]` -> `[B, C, h / 2, w / 2]`."""
        y: Tensor = self.conv(x)
        return y


class Up(nn.Module):
    """Twice the size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        """`[B, C, h, w]` -> `[B, C, 2 h, 2 w]`."""
        y: Tensor = self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))
        return y


class Waves(nn.Module):
    """Sines and cosines of a number."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """`[B]` -> `[B, width]`."""
        half = self.width // 2
        angles = x[:, None] * torch.exp(-math.log(1e4) * torch.arange(half, device=x.device) / half)
        return torch.cat([angles.sin(), angles.cos()], 1)


class UNet(nn.Module):
    """From a noisy image to its noise.

    Args:
        channels: of the image.
        inner: features at full size.
        multipliers: by how much there are more of them at 1, 1/2, 1/4, ... of the size.
        blocks: at each of those on the way down; one more on the way up.
        dropout: of features in training.
    """

    def __init__(
        self, channels: int, inner: int, multipliers: Sequence[int], blocks: int, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.widths = tuple(inner * many for many in multipliers)
        last = len(self.widths) - 1
        self.noise_level_mlp = nn.Sequential(
            Waves(inner), nn.Linear(inner, 4 * inner), nn.SiLU(), nn.Linear(4 * inner, inner)
        )
        self.init_conv = nn.Conv2d(channels, inner, 3, padding=1)
        width, carried = inner, [inner]
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for scale, wide in enumerate(self.widths):
            for _ in range(blocks):
                self.downs.append(Level(width, wide, inner, dropout, attend=scale == last))
                carried.append(wide)
                width = wide
            if scale < last:
                self.downs.append(Down(width))
                carried.append(width)
        self.mid = nn.ModuleList(Level(width, width, inner, dropout, attend=attend) for attend in (True, False))
        for scale in range(last, -1, -1):
            for _ in range(blocks + 1):
                self.ups.append(Level(width + carried.pop(), self.widths[scale], inner, dropout, attend=scale == last))
                width = self.widths[scale]
            if scale > 0:
                self.ups.append(Up(width))
        self.final_conv = Block(width, channels)

    def forward(self, image: Tensor, level: Tensor) -> Tensor:
        """Noise of noisy images `[B, C, H, W]`, in which `level` `[B]` times the image is left."""
        *_, x = self._decoded(image, level, whole=True)
        y: Tensor = self.final_conv(x)
        return y

    def features(self, image: Tensor, level: Tensor) -> list[Tensor]:
        """Maps of noisy images on the way up, the first on each scale, from coarse to fine."""
        return self._decoded(image, level, whole=False)

    def _decoded(self, image: Tensor, level: Tensor, *, whole: bool) -> list[Tensor]:
        """The first map on each scale, and the last of all where the whole is run."""
        strength = self.noise_level_mlp(level)
        x = self.init_conv(image)
        carried = [x]
        for part in self.downs:
            x = part(x, strength)
            carried.append(x)
        for part in self.mid:
            x = part(x, strength)
        found, first = [], True
        for part in self.ups:
            if isinstance(part, Up):
                x, first = part(x, strength), True
                continue
            x = part(torch.cat([x, carried.pop()], 1), strength)
            if first:
                found.append(x)
                first = False
                if not whole and len(found) == len(self.widths):
                    return found
        return [*found, x]


class Diffusion(nn.Module):
    """A network that takes noise out of images, and what noise is added to them."""

    levels: Tensor

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.denoise_fn = network
        betas = torch.linspace(_WEAKEST, _STRONGEST, STRENGTHS, dtype=torch.float64, device="cpu")
        left = torch.cat([torch.ones(1, dtype=torch.float64, device="cpu"), (1 - betas).cumprod(0)]).sqrt()
        self.register_buffer("levels", left.float(), persistent=False)

    def drawn(self, steps: Tensor) -> Tensor:
        """How much is left of images at random between the steps before `steps` `[B]` and these: `[B]`."""
        before, at = self.levels[steps - 1], self.levels[steps]
        return before + (at - before) * torch.rand(len(steps), device=steps.device)

    def error(self, image: Tensor, level: Tensor, noise: Tensor) -> Tensor:
        """How far the noise that the network finds is from that which is in: squares, their mean over the bands.

        Of a network that finds none it is 1 on average.

        Args:
            image: `[B, C, H, W]`, H and W multiples of its stride.
            level: how much of it is left, `[B]`.
            noise: of its shape.

        Returns:
            float32 `[B, 1, H, W]`.
        """
        found = self.denoise_fn(noisy(image, level, noise), level)
        squares: Tensor = (found.float() - noise.float()).square()
        return squares.mean(1, keepdim=True)

    def load(self, path: str) -> None:
        """Take the weights from a file of the release, whose schedule of noise is known."""
        start = "denoise_fn."
        load_strict(self, {key: one for key, one in read_state(path).items() if key.startswith(start)})

    def features(self, image: Tensor, level: Tensor, noise: Tensor) -> list[Tensor]:
        """Maps of images `[B, C, H, W]` with noise of that shape, of which `level` `[B]` is left, coarse to fine."""
        return self.denoise_fn.features(noisy(image, level, noise), level)


def noisy(image: Tensor, level: Tensor, noise: Tensor) -> Tensor:
    """`level` `[B]` times the image, and so much noise that the variance of white images stays."""
    share = level[:, None, None, None]
    return share * image + (1 - share.square()).sqrt() * noise
