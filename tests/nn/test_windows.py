"""Attention in windows is attention among the cells of each window, whatever the size of the grid."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from swath.nn.windows import WindowAttention


def attended(layer: WindowAttention, cells: Tensor) -> Tensor:
    """Plain attention among `[n, width]`, written out."""
    parts = layer.qkv(cells).reshape(len(cells), 3, layer.heads, -1)
    q, k, v = parts.unbind(1)
    weight = torch.softmax(torch.einsum("qhc,khc->hqk", q, k) / q.shape[-1] ** 0.5, dim=-1)
    return layer.proj(torch.einsum("hqk,khc->qhc", weight, v).flatten(1))


@pytest.fixture
def grid() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(2, 7, 10, 16)


@pytest.mark.parametrize("window", [(4, 3), (2, 8), (1, 1), (20, 3), (7, 10), None])
def test_each_window_sees_itself_alone(grid: Tensor, window: tuple[int, int] | None) -> None:
    layer = WindowAttention(16, 4, window).eval()
    found = layer(grid)
    assert found.shape == grid.shape
    high, wide = window or (7, 10)
    for top in range(0, 7, high):
        for left in range(0, 10, wide):
            place = (1, slice(top, top + high), slice(left, left + wide))
            cells = grid[place]
            torch.testing.assert_close(
                found[place], attended(layer, cells.reshape(-1, 16)).reshape(cells.shape), rtol=0, atol=1e-5
            )


def test_as_released_the_zeros_around_the_grid_take_part(grid: Tensor) -> None:
    layer = WindowAttention(16, 4, (4, 6), masked=False).eval()
    filled = torch.zeros(8, 12, 16)
    filled[:7, :10] = grid[0]
    corner = attended(layer, filled[4:8, 6:12].reshape(-1, 16)).reshape(4, 6, 16)
    torch.testing.assert_close(layer(grid)[0, 4:, 6:], corner[:3, :4], rtol=0, atol=1e-5)
    masked = WindowAttention(16, 4, (4, 6)).eval()
    masked.load_state_dict(layer.state_dict())
    assert not torch.allclose(masked(grid)[0, 4:, 6:], corner[:3, :4], atol=1e-3)
