"""Blocks that read an image by selective scans along several walks: those of VMamba (arXiv:2401.10166) and RS-Mamba."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from timm.layers.drop import DropPath
from torch import Tensor, nn

from swath.nn.orders import orders, places
from swath.nn.scan import scan

_STEPS = (1e-3, 0.1)
"""Least and largest step of a channel at the start."""
_LEAST_STEP = 1e-4


class ImageScan(nn.Module):
    """Each place sees all others: the image is scanned along each walk, and what the walks find is summed.

    Weights are named as in the releases of VMamba and RS-Mamba; their rows are counted by walk, then by channel.

    Args:
        width: channels.
        states: numbers that a channel carries along.
        directions: 2, 4 or 8, see `swath.nn.orders`.
        expansion: channels inside per channel outside.
        gated: whether a second branch weighs what was found.
        conv_bias: whether the convolution before the scan has a bias.
    """

    def __init__(
        self, width: int, states: int, directions: int, *, expansion: float = 2.0, gated: bool, conv_bias: bool
    ) -> None:
        super().__init__()
        inner, rank = int(expansion * width), math.ceil(width / 16)
        self.gated, self.parts = gated, [rank, states, states]
        self.in_proj = nn.Linear(width, inner * (1 + gated), bias=False)
        self.conv2d = nn.Conv2d(inner, inner, 3, padding=1, groups=inner, bias=conv_bias)
        self.x_proj_weight = nn.Parameter(_uniform((directions, rank + 2 * states, inner), inner))
        self.dt_projs_weight = nn.Parameter(_uniform((directions, inner, rank), rank))
        low, high = map(math.log, _STEPS)
        steps = torch.empty(directions, inner).uniform_(low, high).exp().clamp(min=_LEAST_STEP)
        self.dt_projs_bias = nn.Parameter(steps + torch.log(-torch.expm1(-steps)))  # softplus gives the steps again
        self.A_logs = nn.Parameter(torch.arange(1.0, states + 1).log().repeat(directions * inner, 1))
        self.Ds = nn.Parameter(torch.ones(directions * inner))
        self.out_norm = nn.LayerNorm(inner)
        self.out_proj = nn.Linear(inner, width, bias=False)
        for linear in (self.in_proj, self.out_proj):
            nn.init.trunc_normal_(linear.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, H, W, C]` -> the same shape."""
        x = self.in_proj(x)
        if self.gated:
            x, gate = x.chunk(2, -1)
        x = F.silu(self.conv2d(x.permute(0, 3, 1, 2)))
        with torch.autocast(x.device.type, enabled=False):
            found = self._walked(x)
        y = self.out_norm(found.to(x.dtype).permute(0, 2, 3, 1))
        if self.gated:
            y = y * F.silu(gate)
        given: Tensor = self.out_proj(y)
        return given

    def _walked(self, x: Tensor) -> Tensor:
        """The sum over the walks, `[B, E, H, W]` -> the same shape, in float32 at least.

        On the CPU one walk after another, so that there is memory for one alone.
        """
        batch, inner, height, width = x.shape
        flat = x.to(torch.promote_types(x.dtype, torch.float32)).flatten(2)
        read = torch.einsum("kre,bel->bkrl", self.x_proj_weight.to(flat), flat)
        walks = len(self.x_proj_weight)
        there, back = (make(height, width, walks, x.device) for make in (orders, places))
        rates = -self.A_logs.to(flat).exp()
        total = torch.zeros_like(flat)
        at_once = 1 if x.device.type == "cpu" else walks
        for first in range(0, walks, at_once):
            now = slice(first, first + at_once)
            rows = slice(first * inner, (first + at_once) * inner)
            u = torch.stack([flat.index_select(2, walk) for walk in there[now]], 1)
            along = torch.stack([read[:, first + i].index_select(2, walk) for i, walk in enumerate(there[now])], 1)
            steps, entry, leave = torch.split(along, self.parts, 2)
            delta = torch.einsum("ker,bkrl->bkel", self.dt_projs_weight[now].to(flat), steps)
            bias = self.dt_projs_bias[now].to(flat).flatten()
            skip = self.Ds[rows].to(flat)
            y = scan(u.flatten(1, 2), delta.flatten(1, 2), rates[rows], entry, leave, skip, bias, True)
            for one, walk in zip(torch.split(y, inner, 1), back[now], strict=True):
                total = total + one.index_select(2, walk)
        return total.reshape(batch, inner, height, width)


class MLP(nn.Module):
    """Two layers, the hidden one `ratio` times as wide."""

    def __init__(self, width: int, ratio: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, int(ratio * width))
        self.fc2 = nn.Linear(int(ratio * width), width)
        for linear in (self.fc1, self.fc2):
            nn.init.trunc_normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., C]` -> the same shape."""
        y: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return y


class ScanBlock(nn.Module):
    """A scan and a perceptron, around each of which its input is carried ("VSS block").

    Args:
        width: channels.
        states: see `ImageScan`.
        directions: see `ImageScan`.
        gated: see `ImageScan`.
        conv_bias: see `ImageScan`.
        mlp_ratio: width of the perceptron's hidden layer over that of the block.
        drop_path: chance that an image passes by in training.
    """

    def __init__(
        self,
        width: int,
        states: int,
        directions: int,
        *,
        gated: bool,
        conv_bias: bool,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.op = ImageScan(width, states, directions, gated=gated, conv_bias=conv_bias)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = MLP(width, mlp_ratio)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, H, W, C]` -> the same shape."""
        x = x + self.drop_path(self.op(self.norm(x)))
        y: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return y


class ToLast(nn.Module):
    """Channels from the second place to the last, or back; has no weights and keeps the places of those that do."""

    def __init__(self, *, back: bool = False) -> None:
        super().__init__()
        self.back = back

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, H, W, C]`, or the other way."""
        return x.permute(0, 3, 1, 2) if self.back else x.permute(0, 2, 3, 1)


def drop_paths(depths: Sequence[int], most: float) -> list[list[float]]:
    """Chances that blocks are passed by, rising evenly from the first block to the last, for each stage."""
    chances = [most * at / max(1, sum(depths) - 1) for at in range(sum(depths))]
    return [[chances.pop(0) for _ in range(depth)] for depth in depths]


def patches(channels: int, width: int) -> nn.Sequential:
    """`[B, C, H, W]` -> `[B, H / 4, W / 4, width]`, by two strided convolutions."""
    half = width // 2
    return nn.Sequential(
        nn.Conv2d(channels, half, 3, stride=2, padding=1),
        ToLast(),
        nn.LayerNorm(half),
        ToLast(back=True),
        nn.GELU(),
        nn.Conv2d(half, width, 3, stride=2, padding=1),
        ToLast(),
        nn.LayerNorm(width),
    )


def halved(width: int) -> nn.Sequential:
    """`[B, H, W, C]` -> `[B, H / 2, W / 2, 2 C]`."""
    return nn.Sequential(
        ToLast(back=True), nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), ToLast(), nn.LayerNorm(2 * width)
    )


def _uniform(shape: tuple[int, ...], summed: int) -> Tensor:
    """As linear layers start that sum so many."""
    numbers: Tensor = torch.empty(shape).uniform_(-1, 1) / summed**0.5
    return numbers
