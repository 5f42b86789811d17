"""Where a date lies in the course of a season, and series laid onto days that are the same for all of them.

What grows is told by the time of the year and not by the number of an image: series of other years and of other dates
become alike once they are laid onto one calendar. Gaps, such as clouds, are filled along a line between the dates that
were seen before and after, pixel by pixel, as Pelletier et al. (2019, doi:10.3390/rs11050523) do it.
"""

from __future__ import annotations

import torch
from torch import Tensor

YEAR = 365.2425


def day_of_season(days: Tensor, begins: float) -> Tensor:
    """Days since the season last began, 0 to 365.

    Args:
        days: since 1970-01-01, any shape.
        begins: day of the year at which it begins, 1 for the first of January.
    """
    # 1970-01-01 is day 1 of its year.
    return torch.remainder(days.to(torch.float64) + 1 - begins, YEAR).float()


def seen_dates(series: Tensor) -> Tensor:
    """Which dates of each pixel hold something: `[..., T, C]` -> bool `[..., T]`; what is invalid is 0 in all bands."""
    return (series != 0).any(-1)


def as_pixels(image: Tensor) -> Tensor:
    """`[B, T, C, H, W]` (or `[B, C, H, W]` of one date) -> the series of its pixels, `[B * H * W, T, C]`."""
    image = image if image.ndim == 5 else image[:, None]
    return image.permute(0, 3, 4, 1, 2).flatten(0, 2)


def as_image(answers: Tensor, image: Tensor) -> Tensor:
    """Answers of pixels `[B * H * W, K]` -> `[B, K, H, W]` of the image that they are of."""
    return torch.unflatten(answers, 0, (len(image), *image.shape[-2:])).permute(0, 3, 1, 2)


def of_pixels(days: Tensor, image: Tensor) -> Tensor:
    """Days `[T]` or `[B, T]` of the series that `as_pixels` gives, `[B * H * W, T]`."""
    batch, height, width = len(image), *image.shape[-2:]
    dates = days.shape[-1]
    return days.expand(batch, dates)[:, None].expand(batch, height * width, dates).flatten(0, 1)


def on_calendar(series: Tensor, at: Tensor, seen: Tensor, wanted: Tensor) -> Tensor:
    """Series on other days: along a line between the nearest seen dates, level before the first and after the last.

    Args:
        series: `[P, T, C]`.
        at: day of each date, `[P, T]`, in any order.
        seen: which dates count, `[P, T]`; of a pixel without any the answer is 0.
        wanted: days `[S]`, in order.

    Returns:
        `[P, S, C]`.
    """
    order = at.argsort(dim=-1, stable=True)
    at, seen = at.gather(-1, order), seen.gather(-1, order)
    series = series.gather(1, order[..., None].expand_as(series))
    count = at.shape[-1]
    number = torch.arange(count, device=at.device).expand_as(at)
    last = torch.where(seen, number, -1).cummax(-1).values
    following = torch.where(seen, number, count).flip(-1).cummin(-1).values.flip(-1)
    # Of each wanted day: how many dates lie at or before it, and hence the last seen and the next seen ones.
    place = torch.searchsorted(at.contiguous(), wanted.to(at.dtype).expand(len(at), -1).contiguous(), right=True)
    before = torch.where(place > 0, last.gather(-1, (place - 1).clamp(min=0)), -1)
    after = torch.where(place < count, following.gather(-1, place.clamp(max=count - 1)), count)
    before, after = torch.where(before < 0, after, before), torch.where(after == count, before, after)
    before, after = before.clamp(0, count - 1), after.clamp(0, count - 1)
    first, second = at.gather(-1, before), at.gather(-1, after)
    share = ((wanted.to(at.dtype) - first) / (second - first).clamp(min=1e-6)).clamp(0, 1)[..., None].to(series.dtype)
    low, high = (series.gather(1, k[..., None].expand(-1, -1, series.shape[-1])) for k in (before, after))
    laid: Tensor = torch.lerp(low, high, share) * seen.any(-1)[:, None, None]
    return laid
