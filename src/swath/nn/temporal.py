"""Attention over the dates of a series, as in L-TAE (arXiv:2007.00586), and the days that it is told."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_PERIOD = 1000.0
_UNSEEN = -1e3


class Heads(nn.Module):
    """One learnt question per head, asked of every date."""

    def __init__(self, heads: int, keys: int, width: int) -> None:
        super().__init__()
        self.heads, self.keys = heads, keys
        self.Q = nn.Parameter(torch.empty(heads, keys))
        self.fc1_k = nn.Linear(width, heads * keys)
        for weight in (self.Q, self.fc1_k.weight):
            nn.init.normal_(weight, std=(2 / keys) ** 0.5)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Series `[P, T, width]` and which dates hold something `[P, T]` -> `[P, width]`, shares `[P, heads, T]`."""
        asked = torch.einsum("hk,pthk->pht", self.Q, self.fc1_k(x).unflatten(-1, (self.heads, self.keys)))
        shares = (asked / self.keys**0.5).masked_fill(~seen[:, None], _UNSEEN).softmax(-1)
        shares = self.dropout(shares)
        found = torch.einsum("pht,pthc->phc", shares, torch.unflatten(x, -1, (self.heads, -1)))
        return found.flatten(1), shares


def date_codes(days: Tensor, width: int) -> Tensor:
    """Sines and cosines of days, `[B, T]` -> `[B, T, width]`."""
    at = torch.arange(width, device=days.device)
    angles = days[..., None].float() / _PERIOD ** (2 * (at // 2) / width)
    return torch.where(at % 2 == 0, angles.sin(), angles.cos())
