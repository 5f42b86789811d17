"""Queries that find masks on maps of four scales, as in Mask2Former (arXiv:2112.01527); CDMaskFormer's form of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.nn.deformable import DeformableAttention, centres

_WIDTH, _HEADS, _WIDE = 256, 8, 1024
_ENCODER_LAYERS = 4
_SCALES = 4
_UNSEEN = 0.15
"""A query does not look where its mask is less likely than this."""


class EncoderLayer(nn.Module):
    """Deformable attention and a perceptron, each carried past and normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = DeformableAttention(_WIDTH, _SCALES - 1, _HEADS)
        self.norm1 = nn.LayerNorm(_WIDTH)
        self.linear1, self.linear2 = nn.Linear(_WIDTH, _WIDE), nn.Linear(_WIDE, _WIDTH)
        self.norm2 = nn.LayerNorm(_WIDTH)

    def forward(self, x: Tensor, places: Tensor, at: Tensor, sizes: Sequence[tuple[int, int]]) -> Tensor:
        """Features of all scales `[B, N, width]`, their places, and where they are `[N, 2]` -> the same shape."""
        x = self.norm1(x + self.self_attn(x + places, at, x, sizes))
        y: Tensor = self.norm2(x + self.linear2(F.relu(self.linear1(x))))
        return y


class Encoder(nn.Module):
    """The layers, and what tells the scales apart."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(EncoderLayer() for _ in range(_ENCODER_LAYERS))
        self.level_embed = nn.Parameter(torch.randn(_SCALES - 1, _WIDTH))

    def forward(self, maps: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """Maps of three scales `[B, width, h, w]` and their learnt places -> maps of the same shapes."""
        sizes = [(x.shape[2], x.shape[3]) for x in maps]
        x = torch.cat([one.flatten(2) for one in maps], 2).transpose(1, 2)
        levels = zip(places, self.level_embed, strict=True)
        where = torch.cat([(one + level[:, None, None]).flatten(2) for one, level in levels], 2).transpose(1, 2)
        at = centres(sizes, x)
        for layer in self.encoder.get_submodule("layers").children():
            x = layer(x, where, at, sizes)
        parts = torch.split(x.transpose(1, 2), [h * w for h, w in sizes], 2)
        return [torch.unflatten(part, 2, size) for part, size in zip(parts, sizes, strict=True)]


class PixelDecoder(nn.Module):
    """Maps of four scales that have seen each other, and the finest of them to make masks from."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        fine, *coarse = widths
        self.input_proj = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, _WIDTH, 1), nn.GroupNorm(32, _WIDTH)) for width in (*coarse[::-1], fine)
        )
        self.pos_linear = nn.ModuleList(nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, groups=_WIDTH) for _ in range(_SCALES))
        self.transformer = Encoder()
        self.mask_features = nn.Conv2d(_WIDTH, _WIDTH, 1)
        self.adapter_1 = nn.Sequential(nn.Conv2d(fine, _WIDTH, 1), nn.GroupNorm(32, _WIDTH), nn.ReLU())
        self.layer_1 = nn.Sequential(nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1), nn.GroupNorm(32, _WIDTH), nn.ReLU())

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Features at 1/32, 1/16, 1/8, 1/4 of the size -> what masks are made from, maps of those scales, places."""
        maps = [proj(x) for proj, x in zip(self.input_proj, features, strict=True)]
        places = [conv(x) for conv, x in zip(self.pos_linear, maps, strict=True)]
        seen = self.transformer(maps[:-1], places[:-1])
        fine = self.adapter_1(features[-1])
        fine = fine + F.interpolate(seen[-1], fine.shape[2:], mode="bilinear", align_corners=False)
        seen.append(self.layer_1(fine))
        return self.mask_features(seen[-1]), seen, places


class SelfAttention(nn.Module):
    """Queries look at each other."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(_WIDTH, _HEADS, batch_first=True)
        self.norm = nn.LayerNorm(_WIDTH)

    def forward(self, queries: Tensor, places: Tensor) -> Tensor:
        """`[B, Q, width]` -> the same shape."""
        named = queries + places
        y: Tensor = self.norm(queries + self.self_attn(named, named, queries, need_weights=False)[0])
        return y


class MaskedAttention(nn.Module):
    """Queries look at a map where their masks are."""

    def __init__(self) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(_WIDTH, _HEADS, batch_first=True)
        self.norm = nn.LayerNorm(_WIDTH)

    def forward(self, queries: Tensor, places: Tensor, memory: Tensor, where: Tensor, unseen: Tensor) -> Tensor:
        """Queries `[B, Q, width]`, a map and its places `[B, width, h, w]`, and what is not seen `[B, Q, h, w]`."""
        x = memory.flatten(2).transpose(1, 2)
        keys = x + where.flatten(2).transpose(1, 2)
        hidden = unseen.flatten(2)
        hidden = hidden & ~hidden.all(-1, keepdim=True)  # a query without a mask looks everywhere
        found = self.multihead_attn(
            queries + places, keys, x, attn_mask=hidden.repeat_interleave(_HEADS, 0), need_weights=False
        )[0]
        y: Tensor = self.norm(queries + found)
        return y


class RowColumnAttention(nn.Module):
    """Attention to rows and to columns, whose product is where a query looks (arXiv:2109.07107); keys are gated."""

    def __init__(self) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(5 * _WIDTH, _WIDTH))
        self.in_proj_bias = nn.Parameter(torch.zeros(5 * _WIDTH))
        self.out_proj, self.lin = nn.Linear(_WIDTH, _WIDTH), nn.Linear(_WIDTH, _WIDTH)

    def forward(self, along: Tensor, down: Tensor, memory: Tensor, where: Tensor) -> Tensor:
        """Queries by column and by row `[B, Q, width]`, a map and its places `[B, width, h, w]` -> `[B, Q, width]`."""
        gate = torch.sigmoid(self.lin(memory.mean((2, 3))))[:, None]
        keys = (memory + where).transpose(1, 3)  # [B, w, h, width]
        given = (along, down, keys.mean(2), keys.mean(1), memory.permute(0, 2, 3, 1))
        weights = zip(self.in_proj_weight.chunk(5), self.in_proj_bias.chunk(5), strict=True)
        columns, rows, column_keys, row_keys, values = (
            F.linear(x, *weight) for x, weight in zip(given, weights, strict=True)
        )

        def shares(queries: Tensor, keys: Tensor) -> Tensor:
            q, k = (torch.unflatten(x, -1, (_HEADS, -1)).transpose(1, 2) for x in (queries, keys * gate))
            share: Tensor = (q @ k.transpose(2, 3) * (_WIDTH // _HEADS) ** -0.5).softmax(-1)
            return share

        each = torch.unflatten(values, -1, (_HEADS, -1))
        found = torch.einsum("bnqh,bnqw,bhwnd->bqnd", shares(rows, row_keys), shares(columns, column_keys), each)
        y: Tensor = self.out_proj(found.flatten(2))
        return y


class AxialAttention(nn.Module):
    """Queries look at the finest map, by rows and columns, from places of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.multihead_attn = RowColumnAttention()
        self.norm = nn.LayerNorm(_WIDTH)
        self.adapt_pos1d = nn.Sequential(nn.Linear(_WIDTH, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, _WIDTH))

    def forward(self, queries: Tensor, at: Tensor, memory: Tensor, where: Tensor) -> Tensor:
        """Queries `[B, Q, width]` at x and y `[Q, 2]`, a map and its places `[B, width, h, w]`."""
        along, down = (queries + self.adapt_pos1d(waves(at[:, axis])) for axis in (0, 1))
        y: Tensor = self.norm(queries + self.multihead_attn(along, down, memory, where))
        return y


class FeedForward(nn.Module):
    """A perceptron for each query."""

    def __init__(self) -> None:
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(_WIDTH, _WIDE), nn.Linear(_WIDE, _WIDTH)
        self.norm = nn.LayerNorm(_WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, Q, width]` -> the same shape."""
        y: Tensor = self.norm(x + self.linear2(F.relu(self.linear1(x))))
        return y


def waves(at: Tensor) -> Tensor:
    """Sines and cosines in turn of numbers `[Q]`, from 1 turn each to 1e-4: `[Q, width]`."""
    slow = 1e4 ** (-torch.arange(0, _WIDTH, 2, device=at.device) / _WIDTH)
    angles = 2 * math.pi * at[:, None] * slow
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)


class Predictor(nn.Module):
    """Queries that look, layer by layer, and say after each what they have found."""

    def __init__(self, queries: int, layers: int) -> None:
        super().__init__()
        self.transformer_self_attention_layers = nn.ModuleList(SelfAttention() for _ in range(layers))
        self.transformer_cross_attention_layers = nn.ModuleList(
            AxialAttention() if layer % _SCALES == _SCALES - 1 else MaskedAttention() for layer in range(layers)
        )
        self.transformer_ffn_layers = nn.ModuleList(FeedForward() for _ in range(layers))
        for weight in self.parameters():
            if weight.ndim > 1:
                nn.init.xavier_uniform_(weight)
        self.decoder_norm = nn.LayerNorm(_WIDTH)
        self.query_feat, self.query_embed = nn.Embedding(queries, _WIDTH), nn.Embedding(queries, _WIDTH)
        self.query_pos_embed = nn.Embedding(queries, 2)
        self.level_embed = nn.Embedding(_SCALES, _WIDTH)
        self.class_embed = nn.Linear(_WIDTH, 2)
        self.mask_embed = nn.Module()
        self.mask_embed.layers = nn.ModuleList(nn.Linear(_WIDTH, _WIDTH) for _ in range(3))

    def forward(self, masks: Tensor, maps: Sequence[Tensor], places: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """What masks are made from, maps of four scales, their places -> classes and masks, see `cdmaskformer`."""
        queries = self.query_feat.weight.expand(len(masks), -1, -1)
        named = self.query_embed.weight
        levels = [x + level[:, None, None] for x, level in zip(maps, self.level_embed.weight, strict=True)]
        said = [self._say(queries, masks)]
        layers = zip(
            self.transformer_cross_attention_layers,
            self.transformer_self_attention_layers,
            self.transformer_ffn_layers,
            strict=True,
        )
        for number, (look, among, think) in enumerate(layers):
            memory, where = levels[number % _SCALES], places[number % _SCALES]
            if isinstance(look, AxialAttention):
                queries = look(queries, self.query_pos_embed.weight, memory, where)
            else:
                mask = F.interpolate(said[-1][1], memory.shape[2:], mode="bilinear", align_corners=False)
                queries = look(queries, named, memory, where, mask.sigmoid().detach() < _UNSEEN)
            queries = think(among(queries, named))
            said.append(self._say(queries, masks))
        classes, found = zip(*said, strict=True)
        return torch.stack(classes), torch.stack(found)

    def _say(self, queries: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        x = self.decoder_norm(queries)
        first, second, third = self.mask_embed.get_submodule("layers").children()
        kernels = third(F.relu(second(F.relu(first(x)))))
        return self.class_embed(x), torch.einsum("bqc,bchw->bqhw", kernels, masks)
