"""What the diffusion network of DDPM-CD is trained in, from images alone; and noise that is always the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from swath.models.change._diffusion import STRENGTHS, Diffusion, UNet
from swath.nn.padding import to_multiple

_PATTERN = 256
"""Side in px of the noise that is repeated over the tile."""
_COMPARED = (250, 750, 1250, 1750)
"""Strengths at which errors are compared: the middles of quarters."""


def patterns(count: int, channels: int) -> Tensor:
    """Noise `[count, channels, side, side]`, the same at each call."""
    drawn = torch.Generator("cpu").manual_seed(0)
    return torch.randn((count, channels, _PATTERN, _PATTERN), generator=drawn, device="cpu")


def laid(pattern: Tensor, image: Tensor) -> Tensor:
    """A pattern `[C, side, side]` repeated over each of `[B, C, H, W]`, in its type."""
    height, width = image.shape[-2:]
    whole = pattern.repeat(1, -(-height // _PATTERN), -(-width // _PATTERN))[:, :height, :width]
    return whole.to(image.dtype).expand_as(image)


class Denoising(nn.Module):
    """How well noise is found in images: at random strengths in train mode, at the same ones in eval mode.

    Args:
        channels: of the images.
        inner, multipliers, blocks: as `ddpmcd.ddpmcd`.
    """

    encoder_name: ClassVar[str] = "diffusion"
    steps: Tensor
    noise: Tensor

    def __init__(self, channels: int, inner: int, multipliers: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.diffusion = Diffusion(UNet(channels, inner, multipliers, blocks))
        self.stride = 2 ** (len(multipliers) - 1)
        self.register_buffer("noise", patterns(len(_COMPARED), channels), persistent=False)
        self.register_buffer("steps", torch.tensor(_COMPARED, device="cpu"), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the error of each pixel, float32 `[B, 1, H, W]`; 1 on average where no noise is found."""
        height, width = image.shape[-2:]
        whole = to_multiple(image, self.stride)
        if self.training:
            steps = torch.randint(1, STRENGTHS + 1, (len(whole),), device=whole.device)
            error = self.diffusion.error(whole, self.diffusion.drawn(steps), torch.randn_like(whole))
        else:
            levels = self.diffusion.levels[self.steps]
            errors = [
                self.diffusion.error(whole, level.repeat(len(whole)), laid(pattern, whole))
                for level, pattern in zip(levels, self.noise, strict=True)
            ]
            error = torch.stack(errors).mean(0)
        return error[..., :height, :width]

    def load_diffusion(self, path: str) -> None:
        """See `Diffusion.load`."""
        self.diffusion.load(path)

    def from_release(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The release's weights, without the schedule of noise."""
        return {f"diffusion.{key}": one for key, one in state.items() if "." in key}
