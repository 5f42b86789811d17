"""Mask2Former's head (arXiv:2112.01527), named as in OpenMMLab's: queries look for masks where they suppose them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swath.nn.deformable import DeformableAttention, centres

_WIDTH, _HEADS = 256, 8
_LEVELS = 3
_ENCODER_LAYERS = 6
_GROUPS = 32
_PERIOD = 10_000.0


def places(height: int, width: int, like: Tensor) -> Tensor:
    """Sines and cosines of rows, then of columns, which run from 0 to a whole turn: `[width, height, width]`."""
    at = torch.arange(_WIDTH // 2, device=like.device)
    period = _PERIOD ** (2 * (at // 2) / (_WIDTH // 2))

    def waves(length: int) -> Tensor:
        steps = torch.arange(1, length + 1, device=like.device) / (length + 1e-6) * 2 * math.pi
        angles = steps / period[:, None]
        return torch.where(at[:, None] % 2 == 0, angles.sin(), angles.cos())

    rows, columns = waves(height)[:, :, None].expand(-1, -1, width), waves(width)[:, None].expand(-1, height, -1)
    return torch.cat([rows, columns]).to(like.dtype)


class ConvNorm(nn.Module):
    """A convolution and a norm over groups; ReLU where it is asked for."""

    def __init__(self, inputs: int, kernel: int = 1, *, bias: bool = False, rectified: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, _WIDTH, kernel, padding=kernel // 2, bias=bias)
        self.gn = nn.GroupNorm(_GROUPS, _WIDTH)
        self.rectified = rectified

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> `[B, width, h, w]`."""
        y: Tensor = self.gn(self.conv(x))
        return y.relu() if self.rectified else y


class FeedForward(nn.Module):
    """Two layers, added to what they read."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Sequential(nn.Linear(_WIDTH, hidden), nn.ReLU()), nn.Linear(hidden, _WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """`[..., width]` -> the same shape."""
        y: Tensor = x + self.layers(x)
        return y


class EncoderLayer(nn.Module):
    """Deformable attention over all scales and a perceptron, each with a norm behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = DeformableAttention(_WIDTH, _LEVELS, _HEADS)
        self.ffn = FeedForward(1024)
        self.norms = nn.ModuleList(nn.LayerNorm(_WIDTH) for _ in range(2))

    def forward(self, x: Tensor, where: Tensor, at: Tensor, sizes: Sequence[tuple[int, int]]) -> Tensor:
        """`[B, N, width]`, codes of its places, places `[N, 2]` -> the same shape."""
        first, second = self.norms
        x = first(x + self.self_attn(x + where, at, x, sizes))
        y: Tensor = second(self.ffn(x))
        return y


class Layers(nn.Module):
    """A list of layers, one floor deeper."""

    def __init__(self, layers: Sequence[nn.Module], *, norm: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        if norm:
            self.post_norm = nn.LayerNorm(_WIDTH)


class PixelDecoder(nn.Module):
    """Three coarse scales that have seen each other, and a fine one that masks are made of."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        fine, *coarse = widths
        self.input_convs = nn.ModuleList(ConvNorm(width, bias=True) for width in coarse[::-1])
        self.encoder = Layers([EncoderLayer() for _ in range(_ENCODER_LAYERS)])
        self.level_encoding = nn.Embedding(_LEVELS, _WIDTH)
        self.lateral_convs = nn.ModuleList([ConvNorm(fine)])
        self.output_convs = nn.ModuleList([ConvNorm(_WIDTH, 3, rectified=True)])
        self.mask_feature = nn.Conv2d(_WIDTH, _WIDTH, 1)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Maps from 1/4 to 1/32 of the size -> `[B, width, H / 4, W / 4]`, and three maps from coarse to fine."""
        fine, *coarse = maps
        parts = [conv(x) for conv, x in zip(self.input_convs, coarse[::-1], strict=True)]
        sizes = [(x.shape[2], x.shape[3]) for x in parts]
        levels = zip(sizes, self.level_encoding.weight, strict=True)
        where = torch.cat([(places(*size, fine) + level[:, None, None]).flatten(1) for size, level in levels], 1).mT
        x = torch.cat([part.flatten(2) for part in parts], 2).mT
        at = centres(sizes, x)
        for layer in self.encoder.layers:
            x = layer(x, where, at, sizes)
        seen = [
            torch.unflatten(part, 2, size)
            for part, size in zip(torch.split(x.mT, [h * w for h, w in sizes], 2), sizes, strict=True)
        ]
        own = self.lateral_convs[0](fine)
        joined = self.output_convs[0](own + F.interpolate(seen[-1], own.shape[2:], mode="bilinear"))
        return self.mask_feature(joined), seen


class Attention(nn.Module):
    """Attention, added to what asks; its layer is one floor deeper."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(_WIDTH, _HEADS, batch_first=True)

    def forward(self, x: Tensor, asked: Tensor, keys: Tensor, values: Tensor, unseen: Tensor | None = None) -> Tensor:
        """`[B, Q, width]` that asks as `asked`, `[B, N, width]` twice, what is not seen `[B heads, Q, N]`."""
        y: Tensor = x + self.attn(asked, keys, values, attn_mask=unseen, need_weights=False)[0]
        return y


class DecoderLayer(nn.Module):
    """Queries look at a map where their masks are, then at each other."""

    def __init__(self) -> None:
        super().__init__()
        self.cross_attn, self.self_attn = Attention(), Attention()
        self.ffn = FeedForward(2048)
        self.norms = nn.ModuleList(nn.LayerNorm(_WIDTH) for _ in range(3))

    def forward(self, x: Tensor, named: Tensor, memory: Tensor, where: Tensor, unseen: Tensor) -> Tensor:
        """Queries `[B, Q, width]` and what they are known by, a map `[B, N, width]` and its places, what is hidden."""
        first, second, third = self.norms
        x = first(self.cross_attn(x, x + named, memory + where, memory, unseen))
        x = second(self.self_attn(x, x + named, x + named, x))
        y: Tensor = third(self.ffn(x))
        return y


class Mask2Former(nn.Module):
    """The head.

    Args:
        widths: channels of the maps, from 1/4 to 1/32 of the size.
        classes: number of classes; one more is "nothing".
        queries: masks that are looked for.
        layers: of the decoder.
    """

    def __init__(self, widths: Sequence[int], classes: int, queries: int, layers: int) -> None:
        super().__init__()
        self.pixel_decoder = PixelDecoder(widths)
        self.transformer_decoder = Layers([DecoderLayer() for _ in range(layers)], norm=True)
        self.query_embed, self.query_feat = nn.Embedding(queries, _WIDTH), nn.Embedding(queries, _WIDTH)
        self.level_embed = nn.Embedding(_LEVELS, _WIDTH)
        self.cls_embed = nn.Linear(_WIDTH, classes + 1)
        self.mask_embed = nn.Sequential(
            nn.Linear(_WIDTH, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, _WIDTH)
        )
        for weight in self.transformer_decoder.parameters():
            if weight.ndim > 1:
                nn.init.xavier_normal_(weight)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Maps of four scales -> classes `[L + 1, B, Q, K + 1]`, masks `[L + 1, B, Q, H / 4, W / 4]`."""
        masks, memories = self.pixel_decoder(maps)
        levels = [
            (x.flatten(2).mT + level, places(x.shape[2], x.shape[3], x).flatten(1).mT, x.shape[2:])
            for x, level in zip(memories, self.level_embed.weight, strict=True)
        ]
        queries, named = (table.weight.expand(len(masks), -1, -1) for table in (self.query_feat, self.query_embed))
        said = [self._say(queries, masks)]
        for number, layer in enumerate(self.transformer_decoder.layers):
            memory, where, size = levels[number % _LEVELS]
            queries = layer(queries, named, memory, where, _hidden(said[-1][1], size))
            said.append(self._say(queries, masks))
        classes, found = zip(*said, strict=True)
        return torch.stack(classes), torch.stack(found)

    def _say(self, queries: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        x = self.transformer_decoder.post_norm(queries)
        return self.cls_embed(x), torch.einsum("bqc,bchw->bqhw", self.mask_embed(x), masks)


def _hidden(mask: Tensor, size: Sequence[int]) -> Tensor:
    """What each query does not see `[B heads, Q, h w]`: where its mask is unlikely, unless that is everywhere."""
    unlikely = (F.interpolate(mask.detach(), tuple(size), mode="bilinear") < 0).flatten(2)
    unlikely = unlikely & ~unlikely.all(-1, keepdim=True)
    return unlikely.repeat_interleave(_HEADS, 0)
