"""The scan step by step in plain torch: slow, plain to read, in any precision. The others are held against it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def reference(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
) -> Tensor:
    """As `swath.nn.scan.scan`, with B and C `[batch, groups, N, L]`; at least in float32, and in float64 where u is."""
    batch, channels, length = u.shape
    groups, states = B.shape[1:3]
    kind = torch.promote_types(u.dtype, torch.float32)
    grouped = (batch, groups, channels // groups)
    steps = delta.to(kind)
    if delta_bias is not None:
        steps = steps + delta_bias.to(kind)[:, None]
    if delta_softplus:
        steps = F.softplus(steps)
    # One contiguous row per step; torch walks along the first axis quickly.
    taken = (steps * u.to(kind)).reshape(*grouped, length).permute(3, 0, 1, 2).contiguous()
    steps = steps.reshape(*grouped, length).permute(3, 0, 1, 2).contiguous()
    entries, exits = (x.to(kind).permute(3, 0, 1, 2).contiguous().unsqueeze(3) for x in (B, C))
    rates = A.to(kind).reshape(*grouped[1:], states)
    state = torch.zeros(*grouped, states, dtype=kind, device=u.device)
    answers = []
    for step, x, entry, leave in zip(steps, taken, entries, exits, strict=True):
        state = torch.exp(step.unsqueeze(-1) * rates) * state + x.unsqueeze(-1) * entry
        answers.append((state * leave).sum(-1))
    y = torch.stack(answers, -1).reshape(batch, channels, length)
    if D is not None:
        y = y + D.to(kind)[:, None] * u.to(kind)
    return y.to(u.dtype)
