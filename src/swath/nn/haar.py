"""The Haar wavelet of maps: means and differences of 2 x 2 cells, and back."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def forward(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Four maps of half the size, orthonormal.

    Args:
        x: `[B, C, h, w]`, both even.

    Returns:
        `[B, C, h / 2, w / 2]` each: the mean (LL), the difference of rows (LH), of columns (HL), and of diagonals (HH).
    """
    a, b, c, d = torch.unflatten(F.pixel_unshuffle(x, 2), 1, (x.shape[1], 4)).unbind(2)
    return (a + b + c + d) / 2, (a + b - c - d) / 2, (a - b + c - d) / 2, (a - b - c + d) / 2


def backward(mean: Tensor, rows: Tensor, columns: Tensor, diagonals: Tensor) -> Tensor:
    """What `forward` made them from."""
    cells = (
        mean + rows + columns + diagonals,
        mean + rows - columns - diagonals,
        mean - rows + columns - diagonals,
        mean - rows - columns + diagonals,
    )
    return F.pixel_shuffle(torch.stack(cells, 2).flatten(1, 2) / 2, 2)
