"""Attention inside windows of any shape, on a grid of any size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WindowAttention(nn.Module):
    """Multi-head attention within windows; the grid is filled up with zeros at its right and lower end.

    Windows of 32 x 8 next to 16 x 16, 8 x 32 and whole grids, without shift or relative position, are those of
    STSUN (arXiv:2505.12280); filling up with zeros is that of ViTDet (arXiv:2203.16527).

    Args:
        width: of features; a multiple of `heads`.
        heads: number of heads.
        window: height and width in cells; None: the whole grid.
        masked: whether the zeros are left out of the sums. In the releases of both papers they take part.
    """

    def __init__(self, width: int, heads: int, window: tuple[int, int] | None = None, *, masked: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.masked = masked
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, h, w, width]` -> the same shape."""
        batch, height, width, features = x.shape
        side_y, side_x = self.window or (height, width)
        if self.masked:  # a window that reaches beyond the grid holds no more than the grid
            side_y, side_x = min(side_y, height), min(side_x, width)
        more = (0, 0, 0, -width % side_x, 0, -height % side_y)
        rows, columns = (height + more[5]) // side_y, (width + more[3]) // side_x

        def windows(grid: Tensor) -> Tensor:
            """`[b, H, W, c]` -> `[b * windows, cells, c]`."""
            parts = grid.reshape(-1, rows, side_y, columns, side_x, grid.shape[-1]).transpose(2, 3)
            return parts.reshape(-1, side_y * side_x, grid.shape[-1])

        cells = windows(F.pad(x, more))
        keys = None
        if self.masked and any(more):
            keys = windows(F.pad(torch.ones(1, height, width, 1, dtype=torch.bool, device=x.device), more))
            keys = keys.repeat(batch, 1, 1)[:, None, None, :, 0]
        q, k, v = self.qkv(cells).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=keys).transpose(1, 2).flatten(2)
        out: Tensor = self.proj(seen).reshape(batch, rows, columns, side_y, side_x, features).transpose(2, 3)
        return out.reshape(batch, rows * side_y, columns * side_x, features)[:, :height, :width]
