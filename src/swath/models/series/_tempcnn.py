"""The modules of TempCNN (doi:10.3390/rs11050523), in order: calendar, convolutions, dense layer, classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from swath.nn.season import YEAR, as_image, as_pixels, day_of_season, of_pixels, on_calendar, seen_dates

_AT_ONCE = 2**14
"""Pixels that are worked on at once where no gradients are kept."""


class Calendar(nn.Module):
    """Series of pixels on `steps` days of the year, gaps filled: `[P, T, C]`, days `[P, T]` -> `[P, steps, C]`."""

    wanted: Tensor

    def __init__(self, steps: int, begins: float) -> None:
        super().__init__()
        self.begins = begins
        self.register_buffer("wanted", torch.arange(steps) * (YEAR / steps), persistent=False)

    def forward(self, series: Tensor, days: Tensor) -> Tensor:
        """See the class."""
        return on_calendar(series, day_of_season(days, self.begins), seen_dates(series), self.wanted)


def convolved(inputs: int, width: int, kernel: int, dropout: float) -> nn.Sequential:
    """One convolution over time, `[P, C, S]` -> `[P, width, S]`."""
    conv = nn.Conv1d(inputs, width, kernel, padding=kernel // 2)
    return nn.Sequential(conv, nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout))


class TempCNN(nn.Module):
    """The network; see `tempcnn.tempcnn`."""

    def __init__(
        self, in_channels: int, classes: int, sizes: tuple[int, int, int], dropout: float, calendar: tuple[int, float]
    ) -> None:
        super().__init__()
        width, kernel, dense = sizes
        self.calendar = Calendar(*calendar)
        self.convolutions = nn.Sequential(
            *(convolved(inputs, width, kernel, dropout) for inputs in (in_channels, width, width))
        )
        hidden = (nn.Linear(width * calendar[0], dense), nn.BatchNorm1d(dense), nn.ReLU(), nn.Dropout(dropout))
        self.dense = nn.Sequential(nn.Flatten(), *hidden)
        self.classes = nn.Linear(dense, classes)

    def of_series(self, series: Tensor, days: Tensor) -> Tensor:
        """`[P, T, C]`, `[P, T]` -> logits `[P, K]`."""
        y: Tensor = self.classes(self.dense(self.convolutions(self.calendar(series, days).mT)))
        return y

    def forward(self, image: Tensor, days: Tensor) -> Tensor:
        """`[B, T, C, H, W]` (or `[B, C, H, W]` of one date), days `[T]` or `[B, T]` -> logits `[B, K, H, W]`."""
        series, dates = as_pixels(image), of_pixels(days, image)
        at_once = len(series) if self.training else _AT_ONCE
        parts = zip(torch.split(series, at_once), torch.split(dates, at_once), strict=True)
        return as_image(torch.cat([self.of_series(*part) for part in parts]), image)
