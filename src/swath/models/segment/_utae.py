"""The modules of U-TAE (arXiv:2107.07933), named as in its release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swath.nn.padding import to_multiple
from swath.nn.temporal import Heads, date_codes

_GROUPS = 4
Norm = Callable[[int], nn.Module]


def grouped(channels: int) -> nn.Module:
    """Norm of the encoder, which looks at one date by itself."""
    return nn.GroupNorm(_GROUPS, channels)


class Convolved(nn.Module):
    """Convolutions, each with norm and ReLU; images are mirrored at their edges."""

    def __init__(self, widths: Sequence[int], norm: Norm, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=1, padding_mode="reflect")
            layers += [conv, norm(outputs), nn.ReLU()]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, widths[-1], H, W]`, or half the size."""
        y: Tensor = self.conv(x)
        return y


class Named(nn.Module):
    """`Convolved` one floor deeper, as the release names the first and the last of them."""

    def __init__(self, widths: Sequence[int], norm: Norm) -> None:
        super().__init__()
        self.conv = Convolved(widths, norm)

    def forward(self, x: Tensor) -> Tensor:
        """See `Convolved`."""
        y: Tensor = self.conv(x)
        return y


class Down(nn.Module):
    """Half the size, then a residual block."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.down = Convolved((inputs, inputs), grouped, kernel=4, stride=2)
        self.conv1, self.conv2 = (Convolved((width, outputs), grouped) for width in (inputs, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, D, H / 2, W / 2]`."""
        x = self.conv1(self.down(x))
        y: Tensor = x + self.conv2(x)
        return y


class Up(nn.Module):
    """Twice the size, joined with what was skipped, then a residual block."""

    def __init__(self, inputs: int, outputs: int, skip: int) -> None:
        super().__init__()
        self.skip_conv = nn.Sequential(nn.Conv2d(skip, skip, 1), nn.BatchNorm2d(skip), nn.ReLU())
        self.up = nn.Sequential(
            nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()
        )
        self.conv1, self.conv2 = (Convolved((width, outputs), nn.BatchNorm2d) for width in (outputs + skip, outputs))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """`[B, C, h, w]`, `[B, S, 2 h, 2 w]` -> `[B, D, 2 h, 2 w]`."""
        x = self.conv1(torch.cat([self.up(x), self.skip_conv(skip)], 1))
        y: Tensor = x + self.conv2(x)
        return y


class TemporalEncoder(nn.Module):
    """L-TAE (arXiv:2007.00586): a series of each pixel becomes one vector."""

    def __init__(self, width: int, inner: int, heads: int, keys: int) -> None:
        super().__init__()
        self.heads = heads
        self.inconv = nn.Conv1d(width, inner, 1)
        self.attention_heads = Heads(heads, keys, inner)
        self.in_norm, self.out_norm = nn.GroupNorm(heads, width), nn.GroupNorm(heads, width)
        self.mlp = nn.Sequential(nn.Linear(inner, width), nn.BatchNorm1d(width), nn.ReLU())
        self.dropout = nn.Dropout(0.2)

    def forward(self, x: Tensor, days: Tensor | None, seen: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, T, C, h, w]`, `[B, T]` twice -> `[B, C, h, w]`, shares `[B, heads, T, h, w]`; no days: in any order."""
        batch, height, width = len(x), *x.shape[-2:]
        each = height * width
        series = self.inconv(self.in_norm(x.permute(0, 3, 4, 2, 1).flatten(0, 2))).mT
        if days is not None:
            codes = date_codes(days, series.shape[-1] // self.heads).repeat(1, 1, self.heads)
            series = series + codes.to(series.dtype).repeat_interleave(each, 0)
        found, shares = self.attention_heads(series, seen.repeat_interleave(each, 0))
        y = self.out_norm(self.dropout(self.mlp(found)))
        grid = (batch, height, width)
        return y.unflatten(0, grid).permute(0, 3, 1, 2), shares.unflatten(0, grid).permute(0, 3, 4, 1, 2)


def summed(maps: Tensor, shares: Tensor, seen: Tensor) -> Tensor:
    """Maps of all dates as one, each group of channels by the shares of its head.

    Args:
        maps: `[B, T, C, H, W]`.
        shares: `[B, heads, T, h, w]`.
        seen: `[B, T]`.
    """
    larger = F.interpolate(shares.flatten(1, 2), maps.shape[-2:], mode="bilinear")
    larger = larger.reshape(*shares.shape[:3], *maps.shape[-2:])
    weighed = larger * seen[:, None, :, None, None].to(larger.dtype)
    groups = torch.unflatten(maps, 2, (shares.shape[1], -1))
    return torch.einsum("bhtyx,bthcyx->bhcyx", weighed, groups).flatten(1, 2)


class UTAE(nn.Module):
    """The network; see `utae.utae`."""

    def __init__(
        self,
        in_channels: int,
        classes: int,
        widths: tuple[Sequence[int], Sequence[int]],
        attention: tuple[int, int, int],
        first_day: float,
        *,
        released: bool,
    ) -> None:
        super().__init__()
        encoder, decoder = widths
        inner, heads, keys = attention
        self.first_day, self.released = first_day, released
        self.stride = 2 ** (len(encoder) - 1)
        self.in_conv = Named((in_channels, encoder[0], encoder[0]), grouped)
        self.down_blocks = nn.ModuleList(Down(*two) for two in pairwise(encoder))
        steps = zip(pairwise(decoder[::-1]), encoder[-2::-1], strict=True)
        self.up_blocks = nn.ModuleList(Up(inputs, outputs, skip) for (inputs, outputs), skip in steps)
        self.temporal_encoder = TemporalEncoder(encoder[-1], inner, heads, keys)
        self.out_conv = Named((decoder[0], decoder[0], classes), nn.BatchNorm2d)

    def forward(self, image: Tensor, days: Tensor) -> Tensor:
        """`[B, T, C, H, W]` (or `[B, C, H, W]` of one date), days `[T]` or `[B, T]` -> logits `[B, K, H, W]`."""
        return self._answer(self.features(image if image.ndim == 5 else image[:, None], days))

    def features(self, image: Tensor, days: Tensor | None) -> Tensor:
        """`[B, T, C, H, W]`, days as above or none -> `[B, decoder_widths[0], H, W]`."""
        batch, dates = image.shape[:2]
        seen = (image != 0).flatten(2).any(2)
        x = self.in_conv(to_multiple(image.flatten(0, 1), self.stride, 2 * self.stride))
        maps = [x]
        for down in self.down_blocks:
            maps.append(down(maps[-1]))
        # What has no data has no features either.
        series = [torch.unflatten(one, 0, (batch, dates)) * seen[:, :, None, None, None].to(one.dtype) for one in maps]
        since = None if days is None else (days - self.first_day).expand(batch, dates)
        y, shares = self.temporal_encoder(series.pop(), since, seen)
        for up in self.up_blocks:
            y = up(y, summed(series.pop(), shares, seen))
        found: Tensor = y[..., : image.shape[-2], : image.shape[-1]]
        return found

    def _answer(self, x: Tensor) -> Tensor:
        """Logits; the release rectifies and normalises these too."""
        layers = self.out_conv.conv.conv
        y: Tensor = layers(x) if self.released else layers[:-1](x)
        return y
