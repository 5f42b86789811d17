"""The modules and the three networks of ChangeMamba (arXiv:2404.03425), named as in its release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.models.change._lovasz import lovasz
from swath.nn.padding import to_multiple
from swath.nn.scan_block import ScanBlock, ToLast, drop_paths, halved, patches

_STRIDE = 32
_WALKS, _STATES = 4, 1
_LEVELS = (4, 3, 2, 1)
"""Of the decoders, from coarse to fine."""
_DROP = 0.1
"""Chance that a block of a decoder is passed by in training."""
_CHANGE, _DATES, _ALIKE, _OVERLAP, _BUILDING = 1.0, 0.5, 0.25, 0.75, 0.5
"""Shares of the losses."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a network; see `changemamba.mambabcd`."""

    in_channels: int
    width: int
    depths: tuple[int, ...]
    hidden: int
    drop_path: float

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the encoder's features, from fine to coarse."""
        return tuple(self.width * 2**stage for stage in range(4))


def _block(width: int, drop: float) -> ScanBlock:
    return ScanBlock(width, _STATES, _WALKS, gated=False, conv_bias=False, drop_path=drop)


class Stage(nn.Module):
    """Blocks at one scale, and what leads to the next where there is one."""

    def __init__(self, width: int, drops: Sequence[float], *, last: bool) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(_block(width, drop) for drop in drops))
        self.downsample = nn.Identity() if last else halved(width)


class Encoder(nn.Module):
    """VMamba."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.patch_embed = patches(shape.in_channels, shape.width)
        self.layers = nn.ModuleList(
            Stage(width, drops, last=width == shape.widths[-1])
            for width, drops in zip(shape.widths, drop_paths(shape.depths, shape.drop_path), strict=True)
        )
        for stage, width in enumerate(shape.widths):
            self.add_module(f"outnorm{stage}", nn.LayerNorm(width))

    def forward(self, image: Tensor) -> list[Tensor]:
        """`[B, C, H, W]` -> four maps at 1/4 to 1/32 of the size."""
        x, found = self.patch_embed(image), []
        for index, stage in enumerate(self.layers):
            x = stage.get_submodule("blocks")(x)
            found.append(self.get_submodule(f"outnorm{index}")(x).permute(0, 3, 1, 2))
            x = stage.get_submodule("downsample")(x)
        return found


class ResBlock(nn.Module):
    """Two convolutions, around which the input is carried."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2))
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> the same shape."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(x + y)


def resized(x: Tensor, size: Sequence[int]) -> Tensor:
    """`[B, C, h, w]` at another size."""
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)


def _projected(inputs: int, hidden: int) -> nn.Sequential:
    """A map of another width, scanned."""
    return nn.Sequential(nn.Conv2d(inputs, hidden, 1), ToLast(), _block(hidden, _DROP), ToLast(back=True))


def _mixed(inputs: int, hidden: int) -> nn.Sequential:
    """A map of another width."""
    return nn.Sequential(nn.Conv2d(inputs, hidden, 1), nn.BatchNorm2d(hidden), nn.ReLU())


class ChangeDecoder(nn.Module):
    """At each scale the dates are scanned together in three layouts; then from coarse to fine."""

    def __init__(self, widths: Sequence[int], hidden: int) -> None:
        super().__init__()
        for level in _LEVELS:
            width = widths[level - 1]
            for layout, inputs in ((1, 2 * width), (2, width), (3, width)):
                self.add_module(f"st_block_{level}{layout}", _projected(inputs, hidden))
            self.add_module(f"fuse_layer_{level}", _mixed(5 * hidden, hidden))
            if level < _LEVELS[0]:
                self.add_module(f"smooth_layer_{level}", ResBlock(hidden))

    def forward(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> Tensor:
        """Four maps of each date -> `[B, hidden, H / 4, W / 4]`."""
        found = self._joined(4, before[3], after[3])
        for level in _LEVELS[1:]:
            fine = self._joined(level, before[level - 1], after[level - 1])
            found = self.get_submodule(f"smooth_layer_{level}")(fine + resized(found, fine.shape[-2:]))
        return found

    def _joined(self, level: int, before: Tensor, after: Tensor) -> Tensor:
        width = before.shape[-1]
        stacked, in_turn, beside = (self.get_submodule(f"st_block_{level}{layout}") for layout in (1, 2, 3))
        one = stacked(torch.cat([before, after], 1))
        other = in_turn(torch.stack([before, after], -1).flatten(-2))
        third = beside(torch.cat([before, after], -1))
        parts = [one, other[..., ::2], other[..., 1::2], third[..., :width], third[..., width:]]
        y: Tensor = self.get_submodule(f"fuse_layer_{level}")(torch.cat(parts, 1))
        return y


class SemanticDecoder(nn.Module):
    """One date from coarse to fine, scanned at each scale."""

    def __init__(self, widths: Sequence[int], hidden: int) -> None:
        super().__init__()
        self.st_block_4_semantic = _projected(widths[3], hidden)
        for level in _LEVELS[1:]:
            scanned = nn.Sequential(ToLast(), _block(hidden, _DROP), ToLast(back=True))
            self.add_module(f"st_block_{level}_semantic", scanned)
            self.add_module(f"trans_layer_{level}", _mixed(widths[level - 1], hidden))
        for level in range(4):
            self.add_module(f"smooth_layer_{level}_semantic", ResBlock(hidden))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Four maps -> `[B, hidden, H / 4, W / 4]`."""
        found = self.st_block_4_semantic(features[3])
        for level in _LEVELS[1:]:
            fine = self.get_submodule(f"trans_layer_{level}")(features[level - 1])
            found = self.get_submodule(f"smooth_layer_{level}_semantic")(fine + resized(found, fine.shape[-2:]))
            found = self.get_submodule(f"st_block_{level}_semantic")(found)
        y: Tensor = self.get_submodule("smooth_layer_0_semantic")(found)
        return y


class ChangeMamba(nn.Module):
    """What the three networks share."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.encoder = Encoder(shape)

    def features(self, before: Tensor, after: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Four maps of each date, whose sides are filled up to multiples of 32 px."""
        both = self.encoder(to_multiple(torch.cat([before, after]), _STRIDE))
        first, second = zip(*(x.chunk(2) for x in both), strict=True)
        return list(first), list(second)


def _on(image: Tensor, logits: Tensor) -> Tensor:
    """Logits at 1/4 of the size, on the pixels of an image that was filled up."""
    height, width = image.shape[-2:]
    return resized(logits, [4 * side for side in logits.shape[-2:]])[..., :height, :width]


class MambaBCD(ChangeMamba):
    """The network; see `changemamba.mambabcd`."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__(shape)
        self.decoder = ChangeDecoder(shape.widths, shape.hidden)
        self.main_clf = nn.Conv2d(shape.hidden, classes, 1)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """`[B, C, H, W]` each -> logits `[B, K, H, W]`."""
        return _on(before, self.main_clf(self.decoder(*self.features(before, after))))

    def loss(self, answer: Tensor, targets: Tensor, of: object) -> Tensor:
        """The paper's: cross entropy and the overlap; `of`, the task's own loss, has no part in it.

        Args:
            answer: logits `[B, K, H, W]`.
            targets: positions `[B, H, W]`, -1 where not labelled.
            of: left alone.
        """
        return loss_of(answer, targets, _CHANGE, _OVERLAP)


class MambaSCD(ChangeMamba):
    """The network; see `changemamba.mambascd`."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__(shape)
        self.decoder_bcd = ChangeDecoder(shape.widths, shape.hidden)
        self.decoder_T1, self.decoder_T2 = (SemanticDecoder(shape.widths, shape.hidden) for _ in range(2))
        self.main_clf_cd = nn.Conv2d(shape.hidden, 2, 1)
        self.aux_clf = nn.Conv2d(shape.hidden, classes, 1)

    def maps(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the release gives: change `[B, 2, H, W]`, the first date's classes and the second's `[B, K, H, W]`."""
        first, second = self.features(before, after)
        change = self.main_clf_cd(self.decoder_bcd(first, second))
        dates = (self.aux_clf(self.decoder_T1(first)), self.aux_clf(self.decoder_T2(second)))
        return _on(before, change), _on(before, dates[0]), _on(before, dates[1])

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `maps`, with one logit of change: a sigmoid of it is what a softmax of the two is."""
        change, *dates = self.maps(before, after)
        return change[:, 1:] - change[:, :1], dates[0], dates[1]

    def loss(self, answer: Sequence[Tensor], targets: Tensor, of: object) -> Tensor:
        """The paper's; classes count where they are labelled.

        Args:
            answer: what `forward` gives.
            targets: change and the positions of either date's class `[B, 3, H, W]`, -1 where not labelled.
            of: left alone.
        """
        change, *dates = answer
        total = loss_of(change, targets[:, 0], _CHANGE, _OVERLAP)
        for date, truth in zip(dates, (targets[:, 1], targets[:, 2]), strict=True):
            total = total + loss_of(date, truth, _DATES, _DATES * _OVERLAP)
        apart = dates[0].float().softmax(1) - dates[1].float().softmax(1)
        same = (targets[:, :1] == 0).to(apart)
        return total + _ALIKE * (apart.square() * same).mean()


class MambaBDA(ChangeMamba):
    """The network; see `changemamba.mambabda`."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__(shape)
        self.decoder_damage = ChangeDecoder(shape.widths, shape.hidden)
        self.decoder_building = SemanticDecoder(shape.widths, shape.hidden)
        self.main_clf = nn.Conv2d(shape.hidden, classes, 1)
        self.aux_clf = nn.Conv2d(shape.hidden, 2, 1)

    def maps(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        """What the release gives: buildings `[B, 2, H, W]`, damage `[B, K, H, W]`."""
        first, second = self.features(before, after)
        building = self.aux_clf(self.decoder_building(first))
        return _on(before, building), _on(before, self.main_clf(self.decoder_damage(first, second)))

    def forward(self, before: Tensor, after: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Logits of damage `[B, K, H, W]`; in train mode those of buildings `[B, 2, H, W]` besides."""
        if not self.training:
            first, second = self.features(before, after)
            return _on(before, self.main_clf(self.decoder_damage(first, second)))
        building, damage = self.maps(before, after)
        return damage, building

    def loss(self, answer: Sequence[Tensor], targets: Tensor, of: object) -> Tensor:
        """The paper's, for damage and for buildings, which are where any class but the first is labelled.

        Args:
            answer: what `forward` gives in train mode.
            targets: positions `[B, H, W]`, -1 where not labelled.
            of: left alone.
        """
        damage, building = answer
        there = torch.where(targets < 0, targets, (targets > 0).long())
        return loss_of(damage, targets, _CHANGE, _OVERLAP) + loss_of(building, there, _CHANGE, _BUILDING)


def loss_of(logits: Tensor, targets: Tensor, cross_entropy: float, overlap: float) -> Tensor:
    """Cross entropy and the Lovász loss, in shares; 0 where nothing is labelled.

    Args:
        logits: `[B, K, H, W]`; one channel is that of a yes.
        targets: positions `[B, H, W]`, -1 where not labelled.
        cross_entropy: share of it.
        overlap: share of the Lovász loss.
    """
    x = torch.cat([torch.zeros_like(logits), logits], 1) if logits.shape[1] == 1 else logits
    entropy = F.cross_entropy(x.float(), targets, ignore_index=-1, reduction="sum")
    return cross_entropy * entropy / (targets >= 0).sum().clamp(min=1) + overlap * lovasz(x, targets)
