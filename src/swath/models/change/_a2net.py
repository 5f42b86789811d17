"""The head of A2Net on LWGANet, named as in LWGANet's release."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swath.nn.lwganet import STRIDE, LWGANet
from swath.nn.padding import to_multiple

_WIDTH = 64
_RATES = (7, 5, 3, 1)


def rectified(inputs: int, outputs: int, kernel: int = 3) -> list[nn.Module]:
    """A convolution, its norm, ReLU."""
    return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.BatchNorm2d(outputs), nn.ReLU()]


def twice(x: Tensor) -> Tensor:
    """`[B, C, h, w]` -> `[B, C, 2 h, 2 w]`."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear")


class Fusion(nn.Module):
    """What neighbouring scales say, beside the scale's own map."""

    def __init__(self, neighbours: int, own: int) -> None:
        super().__init__()
        last = (nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1), nn.BatchNorm2d(_WIDTH))
        self.conv_fuse = nn.Sequential(*rectified(neighbours, _WIDTH), *last)
        self.conv_identity = nn.Conv2d(own, _WIDTH, 1)

    def forward(self, near: Tensor, own: Tensor) -> Tensor:
        """`[B, N, H, W]`, `[B, C, H, W]` -> `[B, 64, H, W]`."""
        return F.relu(self.conv_fuse(near) + self.conv_identity(own))


class Aggregation(nn.Module):
    """Each scale takes in the finer and the coarser one.

    Modules are named by scale, 2 for a quarter of the size to 5, and by the map that they read.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.near = {scale: [one for one in (scale - 1, scale, scale + 1) if 2 <= one <= 5] for scale in range(2, 6)}
        half = _WIDTH // 2
        for scale, near in self.near.items():
            for one in near:
                smaller = [nn.MaxPool2d(2)] if one < scale else []
                self.add_module(f"conv_scale{scale}_c{one}", nn.Sequential(*smaller, *rectified(widths[one - 2], half)))
            self.add_module(f"conv_aggregation_s{scale}", Fusion(half * len(near), widths[scale - 2]))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps at 1/4 to 1/32 of the size -> 64 channels at each."""
        return [self._at(scale, maps) for scale in self.near]

    def _at(self, scale: int, maps: Sequence[Tensor]) -> Tensor:
        read = [(one, self.get_submodule(f"conv_scale{scale}_c{one}")(maps[one - 2])) for one in self.near[scale]]
        near = torch.cat([twice(x) if one > scale else x for one, x in read], 1)
        fused: Tensor = self.get_submodule(f"conv_aggregation_s{scale}")(near, maps[scale - 2])
        return fused


class Difference(nn.Module):
    """How the dates differ, seen at ever smaller distances."""

    def __init__(self) -> None:
        super().__init__()
        for branch, rate in enumerate(_RATES, 1):
            seen = nn.Sequential(nn.Conv2d(_WIDTH, _WIDTH, 3, padding=rate, dilation=rate), nn.BatchNorm2d(_WIDTH))
            self.add_module("conv_branch1" if branch == 1 else f"conv_branch{branch}_f", seen)
            self.add_module(f"conv_branch{branch + 1}", nn.Conv2d(_WIDTH, _WIDTH, 1))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Two dates `[B, 64, H, W]` -> the same shape."""
        apart = (first - second).abs()
        x = apart
        for branch in range(1, len(_RATES) + 1):
            x = self.get_submodule("conv_branch1" if branch == 1 else f"conv_branch{branch}_f")(x)
            x = F.relu(self.get_submodule(f"conv_branch{branch + 1}")(apart) + x)
        return x


class Supervised(nn.Module):
    """A map of change, which gates the features by what it says of each pixel."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.cls = nn.Conv2d(_WIDTH, classes, 1)
        self.conv_context = nn.Sequential(*rectified(2, _WIDTH, 1))
        self.conv2 = nn.Sequential(*rectified(_WIDTH, _WIDTH))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, 64, H, W]` -> the same shape, and logits `[B, K, H, W]`."""
        logits = self.cls(x)
        changed = logits.sigmoid() if logits.shape[1] == 1 else 1 - logits.softmax(1)[:, :1]
        gate = self.conv_context(torch.cat([changed, 1 - changed], 1))
        return self.conv2(x * gate), logits


class Decoder(nn.Module):
    """From coarse to fine; at each scale a map of change is learnt."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        for scale in (5, 4, 3):
            self.add_module(f"sam_p{scale}", Supervised(classes))
            self.add_module(f"conv_p{scale - 1}", nn.Sequential(*rectified(_WIDTH, _WIDTH)))
        self.cls = nn.Conv2d(_WIDTH, classes, 1)

    def forward(self, fused: Sequence[Tensor]) -> list[Tensor]:
        """Features at 1/4 to 1/32 of the size -> logits at each of them."""
        found = []
        x = fused[3]
        for scale in (5, 4, 3):
            x, logits = self.get_submodule(f"sam_p{scale}")(x)
            found.append(logits)
            x = self.get_submodule(f"conv_p{scale - 1}")(fused[scale - 3] + twice(x))
        return [self.cls(x), *reversed(found)]


class A2Net(nn.Module):
    """The network; see `lwganet_a2net.lwganet_a2net`."""

    def __init__(self, in_channels: int, classes: int, *backbone: *tuple[int, Sequence[int], float]) -> None:
        super().__init__()
        self.backbone = LWGANet(in_channels, *backbone)
        self.swa = Aggregation(self.backbone.widths)
        self.tfm = nn.ModuleDict({f"tffm_x{scale}": Difference() for scale in range(2, 6)})
        self.decoder = Decoder(classes)

    def forward(self, before: Tensor, after: Tensor) -> Tensor | tuple[Tensor, ...]:
        """`[B, C, H, W]` each -> logits `[B, K, H, W]`; in train mode of all four scales, each of the full size."""
        height, width = before.shape[-2:]
        both = self.swa(self.backbone(to_multiple(torch.cat([before, after]), STRIDE)))
        fused = [fuse(*maps.chunk(2)) for fuse, maps in zip(self.tfm.values(), both, strict=True)]
        answers = self.decoder(fused)
        full = tuple(
            F.interpolate(logits, scale_factor=4.0 * 2**place, mode="bilinear")[..., :height, :width]
            for place, logits in enumerate(answers if self.training else answers[:1])
        )
        return full if self.training else full[0]

    def loss(self, answer: Sequence[Tensor], targets: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The task's own loss at all four scales, summed; see `docs/networks.md`."""
        return torch.stack([of(logits, targets) for logits in answer]).sum()
