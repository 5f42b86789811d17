"""The modules of RSMamba (arXiv:2403.19654), named as in its release."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swath.nn.scan import scan

_PATCH = 16
_STEP = 8
_TAPS = 4
_PATHS = 3
_EPS = 1e-6


class Patches(nn.Module):
    """A patch every few pixels; beyond the lower and the right end there are zeros."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(in_channels, width, _PATCH, stride=_STEP, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, width, ceil(H / 8), ceil(W / 8)]`."""
        more = [max(0, (math.ceil(side / _STEP) - 1) * _STEP + _PATCH - side) for side in image.shape[-2:]]
        y: Tensor = self.projection(F.pad(image, (0, more[1], 0, more[0])))
        return y


class Mixer(nn.Module):
    """Mamba (arXiv:2312.00752): a short convolution and a selective scan along the sequence, gated."""

    def __init__(self, width: int, states: int) -> None:
        super().__init__()
        inner, rank = 2 * width, math.ceil(width / 16)
        self.parts = [rank, states, states]
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, _TAPS, groups=inner, padding=_TAPS - 1)
        self.x_proj = nn.Linear(inner, sum(self.parts), bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        self.A_log = nn.Parameter(torch.arange(1.0, states + 1).log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, L, width]` -> the same shape."""
        u, gate = self.in_proj(x).mT.chunk(2, 1)
        u = F.silu(self.conv1d(u)[..., : x.shape[1]])
        steps, entry, leave = self.x_proj(u.mT).mT.split(self.parts, 1)
        delta = self.dt_proj.weight @ steps
        rates = -self.A_log.float().exp()
        y = scan(u, delta, rates, entry, leave, self.D.float(), self.dt_proj.bias.float(), True)
        given: Tensor = self.out_proj((y * F.silu(gate)).mT)
        return given


class Backbone(nn.Module):
    """From an image to one vector."""

    def __init__(
        self, in_channels: int, width: int, depth: int, states: int, image_size: int, *, released: bool
    ) -> None:
        super().__init__()
        self.released = released
        self.side = math.ceil(image_size / _STEP)
        self.patch_embed = Patches(in_channels, width)
        self.pos_embed = nn.Parameter(torch.zeros(1, self.side**2, width))
        self.layers = nn.ModuleList(Mixer(width, states) for _ in range(depth))
        gates = (nn.Linear(_PATHS * width, _PATHS, bias=False) for _ in range(depth))
        self.gate_layers = nn.ModuleList(nn.Sequential(gate, nn.Softmax(-1)) for gate in gates)
        self.pre_norm, self.ln1, self.ln2 = (nn.LayerNorm(width, _EPS) for _ in range(3))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.kaiming_normal_(self.patch_embed.projection.weight, nonlinearity="linear")

    def forward(self, image: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, width]`."""
        x = self._placed(self.patch_embed(image))
        for number in range(len(self.layers)):
            x = x + self._along_paths(x, number)
        y: Tensor = self.ln2(self.ln1(x).mean(1))
        return y

    def _placed(self, grid: Tensor) -> Tensor:
        """Patches `[B, width, h, w]` -> `[B, h w, width]` that know where they are."""
        places: Tensor = self.pos_embed
        if grid.shape[-2:] != (self.side, self.side):
            learnt = torch.unflatten(places.mT, 2, (self.side, self.side))
            places = F.interpolate(learnt, grid.shape[-2:], mode="bicubic").flatten(2).mT
        return grid.flatten(2).mT + places

    def _along_paths(self, x: Tensor, number: int) -> Tensor:
        """What the layer finds in order, in reverse and shuffled, each put back in order and weighed."""
        order = self._shuffle(x.shape[1], number).to(x.device)
        read = self.pre_norm(torch.cat([x, x.flip(1), x[:, order]]))
        ahead, behind, shuffled = self.layers[number](read).chunk(_PATHS)
        found = torch.stack([ahead, behind.flip(1), shuffled[:, order.argsort()]], 1)
        shares: Tensor = self.gate_layers[number](found.mean(2).flatten(1))
        return (shares[..., None, None] * found).sum(1)

    def _shuffle(self, length: int, number: int) -> Tensor:
        again = None if self.training or self.released else torch.Generator().manual_seed(number)
        return torch.randperm(length, generator=again)


class RSMamba(nn.Module):
    """The network; see `rsmamba.rsmamba`."""

    def __init__(self, in_channels: int, classes: int, width: int, *how: *tuple[int, int, int], released: bool) -> None:
        super().__init__()
        self.backbone = Backbone(in_channels, width, *how, released=released)
        self.head = nn.ModuleDict({"fc": nn.Linear(width, classes)})

    def forward(self, image: Tensor) -> Tensor:
        """`[B, C, H, W]` -> logits `[B, K]`."""
        y: Tensor = self.head["fc"](self.backbone(image))
        return y
