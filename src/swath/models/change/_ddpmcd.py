"""The head and the network of `ddpmcd`; `ddpmcd.py` says what it is and registers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.models.change._denoising import laid, patterns
from swath.models.change._diffusion import Diffusion, UNet
from swath.nn.padding import to_multiple

_CLASSIFIER = 64


class Mixing(nn.Module):
    """Features of several strengths of noise become one map."""

    def __init__(self, width: int, steps: int) -> None:
        super().__init__()
        several = steps > 1
        self.block = nn.Sequential(
            nn.Conv2d(width * steps, width, 1) if several else nn.Identity(),
            nn.ReLU() if several else nn.Identity(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, steps * C, h, w]` -> `[B, C, h, w]`."""
        y: Tensor = self.block(x)
        return y


class ChannelGate(nn.Module):
    """A weight for each channel, from its mean."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, width // 2), nn.Linear(width // 2, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> the same shape."""
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3))))))[..., None, None]


class PixelGate(nn.Module):
    """A weight for each pixel, from its channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> the same shape."""
        return x * torch.sigmoid(self.conv(x))


class Gates(nn.Module):
    """A map weighed by channel, and by pixel, added (arXiv:1803.02579)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cSE, self.sSE = ChannelGate(width), PixelGate(width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> the same shape."""
        y: Tensor = self.cSE(x) + self.sSE(x)
        return y


class Narrowing(nn.Module):
    """What leads to the next scale."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), Gates(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, I, h, w]` -> `[B, O, 2 h, 2 w]`."""
        return F.interpolate(self.block(x), scale_factor=2, mode="bilinear", align_corners=False)


class Head(nn.Module):
    """From the features of both dates, coarse to fine, to logits."""

    def __init__(self, widths: Sequence[int], steps: int, classes: int, *, released: bool) -> None:
        super().__init__()
        self.released = released
        self.decoder = nn.ModuleList()
        for width, finer in zip(widths, (*widths[1:], None), strict=True):
            self.decoder.append(Mixing(width, steps))
            if finer is not None:
                self.decoder.append(Narrowing(width, finer))
        self.clfr_stg1 = nn.Conv2d(widths[-1], _CLASSIFIER, 3, padding=1)
        self.clfr_stg2 = nn.Conv2d(_CLASSIFIER, classes, 3, padding=1)

    def forward(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> Tensor:
        """Maps `[B, steps * C, h, w]` of each scale and date -> `[B, K, H, W]`."""
        x: Tensor | None = None
        mixing, narrowing = self.decoder[::2], self.decoder[1::2]
        for scale, (one, other) in enumerate(zip(before, after, strict=True)):
            last = scale == len(before) - 1
            if last and self.released:  # the release leaves out what differs at full size
                break
            differ = (mixing[scale](one) - mixing[scale](other)).abs()
            x = differ if x is None else differ + x
            x = x if last else narrowing[scale](x)
        y: Tensor = self.clfr_stg2(F.relu(self.clfr_stg1(x)))
        return y


class DDPMCD(nn.Module):
    """The network; see `ddpmcd.ddpmcd`."""

    encoder_name: ClassVar[str] = "diffusion"
    steps: Tensor
    noise: Tensor

    def __init__(
        self,
        in_channels: int,
        classes: int,
        inner: int,
        multipliers: Sequence[int],
        blocks: int,
        steps: Sequence[int],
        *,
        frozen: bool = True,
        released: bool = False,
    ) -> None:
        super().__init__()
        self.frozen, self.released = frozen, released
        self.diffusion = Diffusion(UNet(in_channels, inner, multipliers, blocks))
        self.diffusion.requires_grad_(not frozen)
        widths = self.diffusion.denoise_fn.widths
        self.stride = 2 ** (len(widths) - 1)
        self.head = Head(widths[::-1], len(steps), classes, released=released)
        self.register_buffer("noise", patterns(len(steps), in_channels), persistent=False)
        self.register_buffer("steps", torch.tensor(tuple(steps), device="cpu"), persistent=False)

    def train(self, mode: bool = True) -> Self:
        """As in torch; a frozen diffusion network stays in eval mode."""
        super().train(mode)
        if self.frozen:
            self.diffusion.eval()
        return self

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """`[B, C, H, W]` each -> logits `[B, K, H, W]`."""
        height, width = before.shape[-2:]
        first, last = to_multiple(before, self.stride), to_multiple(after, self.stride)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            one, other = self._features(first), self._features(last)
        logits: Tensor = self.head(one, other)
        return logits[..., :height, :width]

    def _features(self, image: Tensor) -> list[Tensor]:
        """Of each scale, coarse to fine; those of all strengths of noise one after another along the channels."""
        found = []
        for step, pattern in zip(self.steps, self.noise, strict=True):
            many = step.repeat(len(image))
            if self.released:
                level, noise = self.diffusion.drawn(many), torch.randn_like(image)
            else:
                level, noise = self.diffusion.levels[many], laid(pattern, image)
            found.append(self.diffusion.features(image, level, noise))
        return [torch.cat(maps, 1) for maps in zip(*found, strict=True)]

    def load_diffusion(self, path: str) -> None:
        """See `Diffusion.load`."""
        self.diffusion.load(path)

    def from_release(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The release's weights, of its two files together, without the schedule of noise."""
        heads = {"decoder": "head.", "clfr_stg1": "head.", "clfr_stg2": "head.", "denoise_fn": "diffusion."}
        parts = {key: key.partition(".")[0] for key in state}
        known = {f"{heads[part]}{key}": state[key] for key, part in parts.items() if part in heads}
        schedule = {key for key in state if parts[key] == key}  # betas and what follows from them
        return {**known, **{key: one for key, one in state.items() if parts[key] not in heads and key not in schedule}}
