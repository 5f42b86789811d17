"""The modules of RSBuilding (arXiv:2403.07564), named as in its release."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.models.swin import swin_names, with_made
from swath.models.weights import StateDict
from swath.nn.padding import to_multiple
from swath.nn.swin import Swin
from swath.nn.two_way import TwoWay

_STRIDE = 32
_LEVELS = 4
_ENCODER = "backbone."
_resized = partial(F.interpolate, mode="bilinear")


class LayerNorm2d(nn.LayerNorm):
    """A norm over the channels of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Plain(nn.Module):
    """A convolution with a name of its own."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, D, H, W]`."""
        y: Tensor = self.conv(x)
        return y


class Unit(nn.Module):
    """Convolution and norm: over channels without a rectifier, or over groups and with one."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 1, *, groups: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
        if groups:
            self.gn = nn.GroupNorm(groups, out_channels)
        else:
            self.norm_layer = LayerNorm2d(out_channels)
        self.grouped = groups > 0

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, D, H, W]`."""
        x = self.conv(x)
        y: Tensor = self.gn(x).relu() if self.grouped else self.norm_layer(x)
        return y


class Pyramid(nn.Module):
    """Four scales out of one (ViTDet, arXiv:2203.16527): four times and twice as large, as large, half as large."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        half, quarter = in_channels // 2, in_channels // 4
        larger = nn.ConvTranspose2d(in_channels, half, 2, 2)
        self.fpn1 = nn.Sequential(larger, LayerNorm2d(half), nn.GELU(), nn.ConvTranspose2d(half, quarter, 2, 2))
        self.fpn2 = nn.Sequential(nn.ConvTranspose2d(in_channels, half, 2, 2))
        self.fpn3 = nn.Sequential(nn.Identity())
        self.fpn4 = nn.Sequential(nn.MaxPool2d(2))
        self.lateral_convs = nn.ModuleList(Unit(n, width) for n in (quarter, half, in_channels, in_channels))
        self.fpn_convs = nn.ModuleList(Unit(width, width, 3) for _ in range(_LEVELS))

    def forward(self, x: Tensor) -> list[Tensor]:
        """`[B, C, h, w]` -> maps `[B, width, ...]`, the finest first."""
        scales = (self.fpn1, self.fpn2, self.fpn3, self.fpn4)
        steps = zip(scales, self.lateral_convs, self.fpn_convs, strict=True)
        return [conv(lateral(scale(x))) for scale, lateral, conv in steps]


class TopDown(nn.Module):
    """Scales to each of which the coarser ones are added (FPN, arXiv:1612.03144)."""

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral_convs = nn.ModuleList(Plain(n, width) for n in widths)
        self.fpn_convs = nn.ModuleList(Plain(width, width, 3) for _ in widths)

    def forward(self, scales: Sequence[Tensor]) -> list[Tensor]:
        """Maps `[B, C, ...]`, the finest first -> maps `[B, width, ...]`."""
        levels = [lateral(x) for lateral, x in zip(self.lateral_convs, scales, strict=True)]
        for finer in reversed(range(len(levels) - 1)):
            levels[finer] = levels[finer] + F.interpolate(levels[finer + 1], levels[finer].shape[2:])
        return [conv(level) for conv, level in zip(self.fpn_convs, levels, strict=True)]


class PositionCode(nn.Module):
    """Sines and cosines of places along random directions."""

    def __init__(self, width: int, *, released: bool) -> None:
        super().__init__()
        self.released = released
        self.positional_encoding_gaussian_matrix: Tensor
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, width // 2))

    def forward(self, height: int, width: int) -> Tensor:
        """Codes `[height width, 2 n]` of the cells of a grid."""
        directions = self.positional_encoding_gaussian_matrix.float()
        y, x = ((torch.arange(n, device=directions.device) + 0.5) / n * 2 - 1 for n in (height, width))
        places = torch.stack([x.repeat(height), y.repeat_interleave(width)], -1)
        angles = 2 * math.pi * (places @ directions)
        if self.released:
            angles = angles.half()
        return torch.cat([angles.sin(), angles.cos()], -1).float()


class TwoWayLevels(nn.Module):
    """A layer for each level; queries go from one to the next."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TwoWay(width) for _ in range(_LEVELS))


class Fusion(nn.Module):
    """Levels joined on the finest."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(Unit(width, width, groups=width // 8) for _ in range(_LEVELS))
        self.fusion_conv = Unit(_LEVELS * width, width, groups=width // 8)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Maps `[B, C, ...]`, the finest first -> one as large as that."""
        size = levels[0].shape[2:]
        parts = [_resized(conv(level), size) for conv, level in zip(self.convs, levels, strict=True)]
        y: Tensor = self.fusion_conv(torch.cat(parts, 1))
        return y


class QueryMLP(nn.Module):
    """Three layers that turn a query into weights of features."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width // 4)])

    def forward(self, x: Tensor) -> Tensor:
        """`[B, Q, C]` -> `[B, Q, C / 4]`."""
        first, second, last = self.layers
        y: Tensor = last(second(first(x).relu()).relu())
        return y


def _features(width: int) -> nn.Sequential:
    """What the queries' weights are for; the release's transposed convolutions of one pixel."""
    half, quarter = width // 2, width // 4
    first, second = nn.ConvTranspose2d(width, half, 1), nn.ConvTranspose2d(half, quarter, 1)
    return nn.Sequential(first, LayerNorm2d(half), nn.GELU(), second, nn.GELU())


class Decoder(nn.Module):
    """Logits at a quarter of the size: classes before, classes after, change."""

    def __init__(self, in_channels: int | Sequence[int], kinds: int, width: int, *, released: bool) -> None:
        super().__init__()
        self.kinds = kinds
        self.pe_emb = PositionCode(width, released=released)
        self.building_a_embed, self.building_b_embed = (nn.Embedding(kinds, width) for _ in range(2))
        self.cd_embed = nn.Embedding(1, width)
        self.transformer_decoder = TwoWayLevels(width)
        self.simple_fpn: nn.Module
        if isinstance(in_channels, int):
            self.simple_fpn = Pyramid(in_channels, width)
        else:
            self.simple_fpn = TopDown(in_channels, width)
        self.fusion_ab, self.fusion_cd = (Fusion(width) for _ in range(2))
        self.pred_head_ab, self.pred_head_cd = (QueryMLP(width) for _ in range(2))
        self.output_upscaling_ab, self.output_upscaling_cd = (_features(width) for _ in range(2))

    def forward(self, encoded: Tensor | Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """What the encoder gives of 2 B images, first dates first -> `[B, kinds, h, w]` twice and `[B, 1, h, w]`."""
        levels = self.simple_fpn(encoded)
        batch = len(levels[0]) // 2
        asked = torch.cat([self.building_a_embed.weight, self.building_b_embed.weight, self.cd_embed.weight])
        asked = asked.expand(batch, -1, -1)
        queries, dates = asked, []
        for layer, level in zip(self.transformer_decoder.layers, reversed(levels), strict=True):
            height, width = level.shape[2:]
            image = torch.cat(level.flatten(2).transpose(1, 2).chunk(2), 1)
            queries, image = layer(queries, image, asked, self.pe_emb(height, width).repeat(2, 1))
            dates.append(image.unflatten(1, (2, height, width)).permute(1, 0, 4, 2, 3))
        dates.reverse()
        before, after = (self._read(queries, [one[when] for one in dates], when) for when in range(2))
        fused = self.output_upscaling_cd(self.fusion_cd([one[0] - one[1] for one in dates]))
        change = torch.einsum("bqc,bchw->bqhw", self.pred_head_cd(queries[:, -1:]), fused)
        return before, after, change

    def _read(self, queries: Tensor, levels: Sequence[Tensor], when: int) -> Tensor:
        """Classes of one date."""
        own = self.pred_head_ab(queries[:, when * self.kinds : (when + 1) * self.kinds])
        return torch.einsum("bqc,bchw->bqhw", own, self.output_upscaling_ab(self.fusion_ab(levels)))


class RSBuilding(nn.Module):
    """The network; see `rsbuilding.rsbuilding`.

    Args:
        encoder: gives `[B, width, H / 16, W / 16]`, or maps of 1/4, 1/8, 1/16 and 1/32 of the size.
        width: of what the encoder gives; of maps of each of them.
        classes: channels of change, or number of classes.
        decoder_width: of the decoder.
        released: the release's form.
    """

    def __init__(
        self,
        encoder: nn.Module,
        width: int | Sequence[int],
        classes: int,
        decoder_width: int,
        *,
        released: bool = False,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.backbone = encoder
        self.decode_head = Decoder(width, max(1, classes - 1), decoder_width, released=released)

    def from_release(self, state: StateDict) -> StateDict:
        """The release's weights by the names here, which for the vision transformer are the same."""
        if not isinstance(self.backbone, Swin):
            return state
        theirs = {key.removeprefix(_ENCODER): one for key, one in state.items() if key.startswith(_ENCODER)}
        encoder = with_made(swin_names(theirs), self.backbone)
        rest = {key: one for key, one in state.items() if not key.startswith(_ENCODER)}
        return {**rest, **{f"{_ENCODER}{key}": one for key, one in encoder.items()}}

    def maps(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the classes before and after `[B, K - 1, H, W]`, and of change `[B, 1, H, W]`."""
        height, width = before.shape[-2:]
        images = to_multiple(torch.cat([before, after]), _STRIDE)
        coarse = self.decode_head(self.backbone(images))
        first, second, change = (_resized(one, images.shape[2:])[..., :height, :width] for one in coarse)
        return first, second, change

    def forward(self, before: Tensor, after: Tensor, *, task: str = "change") -> Tensor | tuple[Tensor, ...]:
        """Two dates `[B, C, H, W]` -> the answer that the task wants."""
        first, second, change = self.maps(before, after)
        if task == "semantic-change":
            return change, _with_nothing(first), _with_nothing(second)
        return _with_nothing(change) if self.classes == 2 else change


def _with_nothing(logits: Tensor) -> Tensor:
    """Logits of classes with one before them, of nothing, that is 0."""
    return torch.cat([torch.zeros_like(logits[:, :1]), logits], 1)
