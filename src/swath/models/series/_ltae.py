"""The modules of L-TAE (arXiv:2007.00586), in the paper's order: dates, days, heads, dense layers, classes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from swath.nn.season import as_image, as_pixels, day_of_season, of_pixels, seen_dates
from swath.nn.temporal import Heads, date_codes

_AT_ONCE = 2**12
"""Pixels that are worked on at once where no gradients are kept."""


class SeenNorm(nn.GroupNorm):
    """Group norm of series over the dates that were seen; `nn.GroupNorm` where all were."""

    def of_series(self, x: Tensor, seen: Tensor) -> Tensor:
        """`[P, T, C]`, bool `[P, T]` -> `[P, T, C]`."""
        groups = torch.unflatten(x.float(), -1, (self.num_groups, -1))
        share = seen[:, :, None, None].float()
        count = (share.sum(1, keepdim=True) * groups.shape[-1]).clamp(min=1)
        mean = (groups * share).sum((1, 3), keepdim=True) / count
        spread = ((groups - mean).square() * share).sum((1, 3), keepdim=True) / count
        y: Tensor = ((groups - mean) * (spread + self.eps).rsqrt()).flatten(-2) * self.weight + self.bias
        return y.to(x.dtype)


def dense(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    """A layer with norm and ReLU."""
    return nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()


class LTAE(nn.Module):
    """The network; see `ltae.ltae`."""

    def __init__(
        self,
        in_channels: int,
        classes: int,
        attention: tuple[int, int, int, int],
        decoder: Sequence[int],
        dropout: float,
        begins: float,
    ) -> None:
        super().__init__()
        width, inner, heads, keys = attention
        self.heads, self.begins = heads, begins
        self.date = nn.Linear(in_channels, width)
        self.in_norm, self.out_norm = SeenNorm(heads, width), nn.GroupNorm(heads, width)
        self.inner = nn.Linear(width, inner)
        self.attention = Heads(heads, keys, inner)
        self.found = nn.Sequential(*dense(inner, width), nn.Dropout(dropout))
        layers = [layer for pair in pairwise((width, *decoder)) for layer in dense(*pair)]
        self.classes = nn.Sequential(*layers, nn.Linear((width, *decoder)[-1], classes))

    def of_series(self, series: Tensor, days: Tensor) -> Tensor:
        """`[P, T, C]`, `[P, T]` -> logits `[P, K]`."""
        seen = seen_dates(series)
        x = self.inner(self.in_norm.of_series(self.date(series), seen))
        codes = date_codes(day_of_season(days, self.begins), x.shape[-1] // self.heads).repeat(1, 1, self.heads)
        found, _ = self.attention(x + codes.to(x.dtype), seen)
        y: Tensor = self.classes(self.out_norm(self.found(found)))
        return y

    def forward(self, image: Tensor, days: Tensor) -> Tensor:
        """`[B, T, C, H, W]` (or `[B, C, H, W]` of one date), days `[T]` or `[B, T]` -> logits `[B, K, H, W]`."""
        series, dates = as_pixels(image), of_pixels(days, image)
        at_once = len(series) if self.training else _AT_ONCE
        parts = zip(torch.split(series, at_once), torch.split(dates, at_once), strict=True)
        return as_image(torch.cat([self.of_series(*part) for part in parts]), image)
