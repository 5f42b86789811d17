"""HRNet (arXiv:1908.07919), named as in its release: four scales side by side that tell each other what they see."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

_STEM = 64
_FIRST = 256
_BLOCKS = 4
_BRANCHES = 4


def _normed(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, rectified: bool = False) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), *([nn.ReLU()] if rectified else []))


def _halved(inputs: int, outputs: int, times: int) -> nn.Sequential:
    """Half the size, several times over; the last one changes the width and is not rectified."""
    steps = [_normed(inputs, inputs, stride=2, rectified=True) for _ in range(times - 1)]
    return nn.Sequential(*steps, _normed(inputs, outputs, stride=2))


class Exchange(nn.Module):
    """Blocks on each scale, then each scale is the sum of what all saw."""

    def __init__(self, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*(BasicBlock(w, w) for _ in range(blocks))) for w in widths)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(self._path(widths, start, end) for start in range(len(widths))) for end in range(len(widths))
        )

    @staticmethod
    def _path(widths: Sequence[int], start: int, end: int) -> nn.Module:
        if start == end:
            return nn.Identity()
        if start > end:
            return _normed(widths[start], widths[end], 1)
        return _halved(widths[start], widths[end], end - start)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps from fine to coarse -> maps of the same shapes."""
        seen = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        found = []
        for own, paths in zip(seen, self.fuse_layers, strict=True):
            told = [path(x) for path, x in zip(paths.children(), seen, strict=True)]
            found.append(F.relu(torch.stack([_as_large(x, own) for x in told]).sum(0)))
        return found


def _as_large(x: Tensor, own: Tensor) -> Tensor:
    """Corners lie on corners, as released."""
    size = own.shape[2:]
    return x if x.shape[2:] == size else F.interpolate(x, size, mode="bilinear", align_corners=True)


class HRNet(nn.Module):
    """The network without a head.

    Args:
        in_channels: bands.
        width: of the finest scale; each of the others has twice that of the one before. 18, 32 or 48 as published.
        exchanges: on two, three and four scales.
        blocks: on each scale before each exchange.
    """

    def __init__(
        self, in_channels: int, width: int = 18, exchanges: Sequence[int] = (1, 4, 3), blocks: int = _BLOCKS
    ) -> None:
        super().__init__()
        self.widths = tuple(width * 2**scale for scale in range(_BRANCHES))
        self.conv1 = nn.Conv2d(in_channels, _STEM, 3, 2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_STEM)
        self.conv2 = nn.Conv2d(_STEM, _STEM, 3, 2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(_STEM)
        wide = nn.Sequential(nn.Conv2d(_STEM, _FIRST, 1, bias=False), nn.BatchNorm2d(_FIRST))
        first = Bottleneck(_STEM, _FIRST // 4, downsample=wide)
        self.layer1 = nn.Sequential(first, *(Bottleneck(_FIRST, _FIRST // 4) for _ in range(blocks - 1)))
        self.transition1 = nn.ModuleList(
            [_normed(_FIRST, self.widths[0], rectified=True), nn.Sequential(self._new(_FIRST, self.widths[1]))]
        )
        for scales, count in enumerate(exchanges, 2):
            self.add_module(f"stage{scales}", nn.Sequential(*(self._exchange(scales, blocks) for _ in range(count))))
            if scales < _BRANCHES:
                new = nn.Sequential(self._new(self.widths[scales - 1], self.widths[scales]))
                kept = [nn.Identity() for _ in range(scales)]
                self.add_module(f"transition{scales}", nn.ModuleList([*kept, new]))

    def _exchange(self, scales: int, blocks: int) -> Exchange:
        return Exchange(self.widths[:scales], blocks)

    @staticmethod
    def _new(inputs: int, outputs: int) -> nn.Sequential:
        return _normed(inputs, outputs, stride=2, rectified=True)

    def forward(self, image: Tensor) -> Tensor:
        """`[B, C, H, W]`, sides multiples of 32 -> all scales as large as the finest, `[B, 15 width, H / 4, W / 4]`."""
        x = F.relu(self.bn1(self.conv1(image)))
        x = self.layer1(F.relu(self.bn2(self.conv2(x))))
        maps = [x]
        for scales in range(2, _BRANCHES + 1):
            *kept, new = self.get_submodule(f"transition{scales - 1}").children()
            before = maps if scales > 2 else [x]
            maps = [step(one) for step, one in zip(kept, before, strict=True)] + [new(before[-1])]
            for exchange in self.get_submodule(f"stage{scales}").children():
                maps = exchange(maps)
        return torch.cat([_as_large(one, maps[0]) for one in maps], 1)
