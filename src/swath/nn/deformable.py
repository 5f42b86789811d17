"""Attention to a few places on several scales that each feature chooses itself (Deformable DETR, arXiv:2010.04159)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def centres(sizes: Sequence[tuple[int, int]], like: Tensor) -> Tensor:
    """Where the cells of grids of `sizes` lie: `[sum of h * w, 2]`, x and y as shares of the whole, row by row."""
    grids = []
    for height, width in sizes:
        y, x = ((torch.arange(length, device=like.device) + 0.5) / length for length in (height, width))
        grids.append(torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1).flatten(0, 1))
    return torch.cat(grids)


class DeformableAttention(nn.Module):
    """Multi-scale deformable attention, in plain torch.

    Args:
        width: of features; a multiple of `heads`.
        levels: number of scales.
        heads: of attention.
        points: places that each head looks at on each scale.
    """

    def __init__(self, width: int, levels: int, heads: int = 8, points: int = 4) -> None:
        super().__init__()
        self.shape = (heads, levels, points)
        self.sampling_offsets = nn.Linear(width, heads * levels * points * 2)
        self.attention_weights = nn.Linear(width, heads * levels * points)
        self.value_proj = nn.Linear(width, width)
        self.output_proj = nn.Linear(width, width)
        self._start()

    def _start(self) -> None:
        """Each head looks in one direction, each point one cell farther than the one before."""
        heads, levels, points = self.shape
        angles = torch.arange(heads, device=self.sampling_offsets.bias.device) * (2 * math.pi / heads)
        ways = torch.stack([angles.cos(), angles.sin()], -1)
        ways = ways / ways.abs().amax(-1, keepdim=True)
        far = torch.arange(1, points + 1, device=ways.device)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_((ways[:, None, None] * far[:, None]).expand(-1, levels, -1, -1).flatten())
        for constant in (self.sampling_offsets.weight, self.attention_weights.weight, self.attention_weights.bias):
            nn.init.zeros_(constant)
        for linear in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, query: Tensor, at: Tensor, memory: Tensor, sizes: Sequence[tuple[int, int]]) -> Tensor:
        """What each query finds.

        Args:
            query: `[B, Q, width]`.
            at: where it is, `[Q, 2]`: x and y as shares of the whole.
            memory: features of all scales one after another, row by row, `[B, sum of h * w, width]`.
            sizes: height and width of each scale.

        Returns:
            `[B, Q, width]`.
        """
        batch, count, _ = query.shape
        heads, levels, points = self.shape
        weights = self.attention_weights(query).unflatten(-1, (heads, levels * points)).softmax(-1)
        weights = weights.unflatten(-1, (levels, points)).float()
        # Places need more digits than half precision has.
        steps = self.sampling_offsets(query).float().unflatten(-1, (heads, levels, points, 2))
        values = self.value_proj(memory).float().unflatten(-1, (heads, -1)).split([h * w for h, w in sizes], 1)
        found = []
        for level, (height, width) in enumerate(sizes):
            places = at[:, None, None] + steps[:, :, :, level] / steps.new_tensor([width, height])
            grid = values[level].permute(0, 2, 3, 1).reshape(batch * heads, -1, height, width)
            where = (2 * places - 1).transpose(1, 2).flatten(0, 1)
            seen = F.grid_sample(grid, where, align_corners=False)  # [B * heads, width / heads, Q, points]
            share = weights[:, :, :, level].transpose(1, 2).reshape(batch * heads, 1, count, points)
            found.append((seen * share).sum(-1))
        total = torch.stack(found).sum(0).reshape(batch, -1, count).transpose(1, 2)
        answer: Tensor = self.output_proj(total.to(query.dtype))
        return answer
