"""Images made larger until their sides are what a network takes, by more of their last row and column."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def to_multiple(image: Tensor, step: int, least: int = 1) -> Tensor:
    """`[B, C, H, W]` -> the same with H and W the next multiples of `step`; more at the right and the lower end.

    Args:
        image: of any size.
        step: in px.
        least: that H and W are in the end; a multiple of `step`.
    """
    height, width = (max(side, least) for side in image.shape[-2:])
    return to_size(image, height + -height % step, width + -width % step)


def to_size(image: Tensor, height: int, width: int) -> Tensor:
    """`[B, C, h, w]` -> `[B, C, height, width]`, both no less than before."""
    more = (0, width - image.shape[-1], 0, height - image.shape[-2])
    return F.pad(image, more, mode="replicate") if any(more) else image


def mirrored(image: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """`[B, C, h, w]` -> `[B, C, H, W]`, mirrored at its outermost pixels.

    As `F.pad(mode="reflect")`, for any size: a mirror image is mirrored again where there are too few pixels.

    Args:
        image: of any size.
        rows: how many more above and below.
        columns: how many more at the left and at the right.
    """
    height, width = image.shape[-2:]
    if max(rows) < height and max(columns) < width:
        return F.pad(image, (*columns, *rows), mode="reflect")
    for axis, (before, after) in ((-2, rows), (-1, columns)):
        last = image.shape[axis] - 1
        places = torch.arange(-before, last + 1 + after, device=image.device).abs() % max(1, 2 * last)
        image = image.index_select(axis, torch.minimum(places, 2 * last - places))
    return image
