"""The modules of MapFormer (arXiv:2303.17859)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.models.weights import StateDict
from swath.nn.mix_transformer import MixTransformer
from swath.nn.padding import to_multiple

_STRIDE = 32
_QUARTER = 4
_resized = partial(F.interpolate, mode="bilinear")


class ConvUnit(nn.Module):
    """Convolution, norm, rectifier."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 1, groups: int = 1) -> None:
        super().__init__()
        dilation = 1 if kernel == 1 else 2
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, padding=padding, dilation=dilation, groups=groups, bias=False
        )
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, D, H, W]`."""
        return F.relu(self.bn(self.conv(x)))


class MapEncoder(nn.Module):
    """Features of a map at a quarter of its size."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.classes = classes
        self.layer1 = nn.Conv2d(classes + 1, width, 1)
        self.layer2 = ConvUnit(width, width, 5)
        self.layer3 = ConvUnit(width, width, 5)

    def forward(self, land: Tensor) -> Tensor:
        """`[B, H, W]` of classes -> `[B, width, H / 4, W / 4]`; what is no class has a channel of its own."""
        known = (land >= 0) & (land < self.classes)
        shares = F.one_hot(torch.where(known, land, self.classes).long(), self.classes + 1).permute(0, 3, 1, 2)
        like = self.layer1.weight
        coarse = _resized(shares.to(like.dtype), scale_factor=1 / _QUARTER)
        y: Tensor = self.layer3(self.layer2(self.layer1(coarse)))
        return y


class Mixtures(nn.Module):
    """Several mixtures of both dates and the map, one after another along the channels."""

    def __init__(self, in_channels: int, width: int, count: int) -> None:
        super().__init__()
        self.conv1 = ConvUnit(in_channels, count * width)
        self.conv2 = ConvUnit(count * width, count * width, groups=count)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> `[B, count width, h, w]`."""
        y: Tensor = self.conv2(self.conv1(x))
        return y


class Embedding(nn.Module):
    """The maps of one date as one, in the space of the map's features."""

    def __init__(self, widths: Sequence[int], width: int, out_channels: int, dropout: float) -> None:
        super().__init__()
        self.convs = nn.ModuleList(ConvUnit(before, width) for before in widths)
        self.fusion_conv = ConvUnit(len(widths) * width, width)
        self.dropout = nn.Dropout2d(dropout)
        self.conv_seg = nn.Conv2d(width, out_channels, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps of four scales -> `[B, out_channels, H / 4, W / 4]`."""
        size = maps[0].shape[2:]
        parts = [_resized(conv(x), size) for conv, x in zip(self.convs, maps, strict=True)]
        y: Tensor = self.conv_seg(self.dropout(self.fusion_conv(torch.cat(parts, 1))))
        return y


class Head(nn.Module):
    """Change, from the maps of two dates and the features of the map."""

    def __init__(
        self,
        widths: Sequence[int],
        classes: int,
        map_classes: int,
        mixtures: int,
        width: int,
        map_width: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.mixtures = mixtures
        self.map_encoder = MapEncoder(map_classes, map_width)
        self.temporal_fusion_modules = nn.ModuleList(Mixtures(2 * w + map_width, width, mixtures) for w in widths)
        self.attention_weights = nn.ModuleList(nn.Conv2d(map_width, mixtures * width, 1) for _ in widths)
        self.fusion_conv = ConvUnit(len(widths) * width, width)
        self.dropout = nn.Dropout2d(dropout)
        self.conv_seg = nn.Conv2d(width, classes, 1)
        self.contrastive_img_forward = Embedding(widths, width, map_width, dropout)

    def forward(self, first: Sequence[Tensor], second: Sequence[Tensor], drawn: Tensor) -> Tensor:
        """Maps of two dates and features of the map -> logits at a quarter of the size."""
        size, parts = first[0].shape[2:], []
        for one, other, mix, choose in zip(
            first, second, self.temporal_fusion_modules, self.attention_weights, strict=True
        ):
            seen = _resized(drawn, one.shape[2:])
            mixed, chosen = (
                part.unflatten(1, (self.mixtures, -1)) for part in (mix(torch.cat([one, other, seen], 1)), choose(seen))
            )
            parts.append(_resized((mixed * chosen.softmax(1)).sum(1), size))
        logits: Tensor = self.conv_seg(self.dropout(self.fusion_conv(torch.cat(parts, 1))))
        return logits


class MapFormer(nn.Module):
    """The network; see `mapformer.mapformer`.

    Args:
        in_channels: bands of either date.
        classes: channels of the answer.
        map_classes: of the map.
        mixtures: of which the map chooses.
        width: of the head.
        map_width: of the map's features.
        stages: widths, depths and heads of the encoder.
        dropout: share of channels left out in training before the last layer.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        map_classes: int,
        mixtures: int,
        width: int,
        map_width: int,
        stages: tuple[Sequence[int], Sequence[int], Sequence[int]],
        dropout: float,
    ) -> None:
        super().__init__()
        self.encoder = MixTransformer(in_channels, *stages)
        self.head = Head(stages[0], classes, map_classes, mixtures, width, map_width, dropout)

    def from_release(self, state: StateDict) -> StateDict:
        """The release's names are others, and it may tell the classes of the second date, which is left out here."""
        state = {key: one for key, one in state.items() if not key.startswith("decode_head.sem_head.")}
        names = {"backbone.backbone.": "encoder.", "decode_head.bc_head.": "head."}
        for release, own in names.items():
            state = {own + key.removeprefix(release) if key.startswith(release) else key: state[key] for key in state}
        return state

    def forward(
        self, before: Tensor, after: Tensor, land: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor, Tensor, Tensor]:
        """Two dates `[B, C, H, W]`, a map `[B, H, W]` -> logits `[B, K, H, W]`; in train mode embeddings as well."""
        height, width = before.shape[-2:]
        images = [to_multiple(date, _STRIDE) for date in (before, after)]
        if land is None:
            land = before.new_full((len(before), height, width), -1)
        land = land[:, 0] if land.ndim == 4 else land
        drawn = self.head.map_encoder(F.pad(land, (0, -width % _STRIDE, 0, -height % _STRIDE), value=-1))
        first, second = (self.encoder(image) for image in images)
        logits = _resized(self.head(first, second, drawn), images[0].shape[2:])[..., :height, :width]
        if not self.training:
            return logits
        embed = self.head.contrastive_img_forward
        rows, columns = (-(-side // _QUARTER) for side in (height, width))
        about = [part[..., :rows, :columns] for part in (embed(first), embed(second), drawn.detach())]
        return logits, about[0], about[1], about[2]

    def loss(self, answer: Sequence[Tensor], targets: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The task's loss, and how images and map agree; agreement and disagreement are each counted as a mean.

        Args:
            answer: what the network gives in train mode.
            targets: 1 where there is change `[B, H, W]`, -1 where not labelled.
            of: the task's loss.
        """
        logits, first, second, drawn = answer
        wanted = F.interpolate(targets[:, None].float(), drawn.shape[2:])[:, 0]
        same, changed = wanted == 0, wanted == 1
        then, now = (F.cosine_similarity(drawn.float(), date.float(), dim=1) for date in (first, second))
        alike = then.sum() + (now * same).sum()
        unlike = (now.clamp_min(0) * changed).sum()
        return of(logits, targets) - alike / (then.numel() + same.sum()) + unlike / changed.sum().clamp_min(1)
