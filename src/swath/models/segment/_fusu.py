"""The modules of FUSU's network (arXiv:2405.19055)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swath.models.weights import StateDict
from swath.nn.hrnet import HRNet
from swath.nn.padding import to_multiple

_STRIDE = 32
_POOLS = (1, 2, 3, 6)
_DROPOUT, _DROPOUT_OF_MEAN = 0.1, 0.3
_IGNORE = -1
_LAST = 3
"""Of the release's four ways to join series and images it uses the last."""
_resized = partial(F.interpolate, mode="bilinear")
Answers = Tensor | tuple[Tensor, ...]


def _classifier(inputs: int, width: int, classes: int) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, width, 3, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout(_DROPOUT), nn.Conv2d(width, classes, 1)]


class Pooled(nn.Module):
    """Features beside their means over the whole, and over grids of 2, 3 and 6 (PSPNet, arXiv:1612.01105)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        for number, _ in enumerate(_POOLS, 1):
            conv = nn.Conv2d(width, width // 4, 1, bias=False)
            self.add_module(f"conv{number}", nn.Sequential(conv, nn.BatchNorm2d(width // 4), nn.ReLU()))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> `[B, C + 4 (C // 4), h, w]`."""
        means = [
            _resized(self.get_submodule(f"conv{number}")(F.adaptive_avg_pool2d(x, side)), x.shape[2:])
            for number, side in enumerate(_POOLS, 1)
        ]
        return torch.cat([x, *means], 1)


def _mean_layers(before: int, after: int) -> nn.Sequential:
    """From the width of the series to that of the images, in three steps."""
    step = abs(after - before) // 3 * (1 if after > before else -1)
    widths = (before, before + step, before + 2 * step, after)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths[:3]):
        layers += [nn.Linear(inputs, outputs), nn.Dropout(_DROPOUT_OF_MEAN), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[2], after))


class FUSU(nn.Module):
    """The network; see `fusu.fusu`.

    Args:
        fine: encoder of the images.
        series: U-TAE, whose last layer is left out.
        series_channels: bands of the series.
        series_width: of U-TAE's features.
        classes: of the answer.
        under: side of the series' middle that lies under the images; None: all of it.
        released: the release's form.
    """

    fusion: Any

    def __init__(
        self,
        fine: HRNet,
        series: nn.Module,
        series_channels: int,
        series_width: int,
        classes: int,
        under: int | None,
        *,
        released: bool = False,
    ) -> None:
        super().__init__()
        self.series_channels, self.classes, self.under, self.released = series_channels, classes, under, released
        self.backbone, self.fusion = fine, series
        del self.fusion.out_conv
        width = sum(fine.widths)
        self.middle, self.mean = nn.Conv2d(series_width, width, 1), _mean_layers(series_width, width)
        self.head = nn.Sequential(*_classifier(width, width // 4, classes))
        pooled = width + len(_POOLS) * (width // 4)
        self.head_bin = nn.Sequential(Pooled(width), *_classifier(pooled, width // 4, 1))

    def from_release(self, state: StateDict) -> StateDict:
        """The release's weights without those that never count, by the names of here."""
        names = {
            f"fm_utae_featmap_cropped.conv_list.{_LAST}.": "middle.",
            f"fm_utae_featmap_collapsed.mlps.{_LAST}.": "mean.",
            "head.head.": "head.",
            "head_bin.conv5.": "head_bin.",
        }
        idle = ("fm_utae_", "fusion.out_conv.", "head_bin.0.fusion.")
        found: dict[str, Tensor] = {}
        for key, tensor in state.items():
            release = next((name for name in names if key.startswith(name)), "")
            own = names.get(release, "") + key.removeprefix(release)
            if not own.startswith(idle):
                found[own] = tensor
        return found

    def forward(
        self,
        before: Tensor,
        after: Tensor,
        series: Tensor | None = None,
        series_days: Tensor | None = None,
        *,
        task: str = "change",
    ) -> Answers:
        """Two dates `[B, C, H, W]`, a series `[B, T, S, h, w]`, its days `[B, T]` -> the answer that the task wants."""
        height, width = before.shape[-2:]
        both = to_multiple(torch.cat([before, after]), _STRIDE)
        first, second = self.backbone(both).chunk(2)
        added = self._added(before, series, series_days, first.shape[2:])

        def wide(logits: Tensor) -> Tensor:
            return _resized(logits, both.shape[2:])[..., :height, :width]

        # What is added to both is no part of how they differ; half precision need not add and take it away.
        change = wide(self.head_bin((first - second).abs()))
        if task != "semantic-change":
            return torch.cat([torch.zeros_like(change), change], 1) if self.classes == 2 else change
        land = [wide(self.head(one + added)) for one in (first, second)]
        own = [wide(self.head(added))] if self.training else []
        return (change, *land, *own)

    def _added(self, like: Tensor, series: Tensor | None, days: Tensor | None, size: torch.Size) -> Tensor:
        """What the series says of the images, `[B, C, *size]`."""
        if series is None:
            side = 2 * int(self.fusion.stride)
            series = like.new_zeros(len(like), 1, self.series_channels, side, side)
        x = self.fusion.features(series, None if self.released else days)
        around = x.mean((2, 3))
        around = around[:1] if self.released else around
        y: Tensor = _resized(self.middle(self._cut(x)), size) + self.mean(around)[..., None, None]
        return y

    def _cut(self, x: Tensor) -> Tensor:
        """The middle that lies under the images."""
        side = self.under
        if side is None:
            return x
        top, left = (max(0, round((length - side) / 2)) for length in x.shape[2:])
        return x[..., top : top + side, left : left + side]

    def loss(self, answer: Answers, targets: Tensor, of: Callable[[Answers, Tensor], Tensor]) -> Tensor:
        """The task's loss; of semantic change also the cross entropy of the series' own answer for the first date.

        Args:
            answer: what the network gives in train mode.
            targets: of change `[B, H, W]`; of semantic change `[B, 3, H, W]`: change, class before, class after.
            of: the task's loss.
        """
        if isinstance(answer, Tensor):
            return of(answer, targets)
        *parts, series = answer
        truth = targets[:, 1].long()
        each = F.cross_entropy(series.float(), truth, ignore_index=_IGNORE, reduction="sum")
        return of(tuple(parts), targets) + each / (truth != _IGNORE).sum().clamp(min=1)
