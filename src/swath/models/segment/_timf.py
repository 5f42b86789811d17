"""The modules of TIMF (arXiv:2305.14914), reconstructed; see `timf.py`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swath.models.strict import load_strict
from swath.models.weights import StateDict
from swath.nn.beside import parted
from swath.nn.mix_transformer import MixTransformer
from swath.nn.padding import to_multiple

_STRIDE = 32
_REDUCTIONS = (8, 4, 2, 1)
_FIRST = "patch_embed1.proj.weight"


class Look(nn.Module):
    """Each token looks at those of two maps, which are summed to fewer before."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.kv, self.proj = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.fewer = nn.Conv2d(width, width, reduction, reduction) if reduction > 1 else nn.Identity()
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, maps: Sequence[Tensor]) -> Tensor:
        """Tokens `[B, h, w, C]`, maps `[B, C, h, w]` -> `[B, h, w, C]`."""
        seen = torch.cat([self.norm(self.fewer(one).flatten(2).mT) for one in maps], 1)
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.q(x.flatten(1, 2)), *self.kv(seen).chunk(2, -1))
        )
        found = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        y: Tensor = self.proj(found)
        return y


class Fusion(nn.Module):
    """One scale of the third stream."""

    def __init__(self, before: int | None, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.carry = None if before is None else nn.Conv2d(before, width, 3, 2, padding=1)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.look = Look(width, heads, reduction)
        self.choose = nn.Sequential(nn.Linear(2 * width, width // 4), nn.GELU(), nn.Linear(width // 4, 2))
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def shares(self, image: Tensor, height: Tensor) -> Tensor:
        """How much image and height count at each place: `[B, C, h, w]` twice -> `[B, 2, h, w]`, 1 in sum."""
        both = torch.cat([image, height], 1).permute(0, 2, 3, 1)
        y: Tensor = self.choose(both).softmax(-1).permute(0, 3, 1, 2)
        return y

    def forward(self, fused: Tensor | None, image: Tensor, height: Tensor) -> Tensor:
        """What the finer scale came to `[B, D, 2 h, 2 w]`, and both maps `[B, C, h, w]` -> `[B, C, h, w]`."""
        carried = (image + height) / 2 if self.carry is None or fused is None else self.carry(fused)
        x = carried.permute(0, 2, 3, 1)
        x = x + self.look(self.norm1(x), (image, height))
        share = self.shares(image, height)
        x = x + (share[:, :1] * image + share[:, 1:] * height).permute(0, 2, 3, 1)
        y: Tensor = x + self.mlp(self.norm2(x))
        return y.permute(0, 3, 1, 2)


class Decoder(nn.Module):
    """SegFormer's (arXiv:2105.15203): all scales in one width, large, side by side, then a layer per pixel."""

    def __init__(self, widths: Sequence[int], width: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.levels = nn.ModuleList(nn.Conv2d(inputs, width, 1) for inputs in widths)
        self.join = nn.Sequential(
            nn.Conv2d(len(widths) * width, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.last = nn.Sequential(nn.Dropout2d(dropout), nn.Conv2d(width, classes, 1))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps from fine to coarse -> logits as large as the finest."""
        size = maps[0].shape[2:]
        parts = [F.interpolate(level(x), size, mode="bilinear") for level, x in zip(self.levels, maps, strict=True)]
        y: Tensor = self.last(self.join(torch.cat(parts, 1)))
        return y


class TIMF(nn.Module):
    """The network; see `timf.timf`.

    Args:
        in_channels: bands of image and heights together.
        classes: channels of the answer.
        height_channels: bands of the heights.
        stages: widths, depths and heads of the encoders.
        decoder_width: of the decoder.
        dropout: share of channels left out in training before the last layer.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        height_channels: int,
        stages: tuple[Sequence[int], Sequence[int], Sequence[int]],
        decoder_width: int,
        dropout: float,
    ) -> None:
        super().__init__()
        widths, _, heads = stages
        self.height_channels = height_channels
        self.image_encoder = MixTransformer(in_channels - height_channels, *stages)
        self.height_encoder = MixTransformer(height_channels, *stages)
        self.fusions = nn.ModuleList(
            Fusion(*sizes) for sizes in zip((None, *widths[:-1]), widths, heads, _REDUCTIONS, strict=True)
        )
        self.decoder = Decoder(widths, decoder_width, classes, dropout)

    def load_encoders(self, state: StateDict) -> None:
        """Take the weights of a Mix Transformer of three bands for both encoders."""
        load_strict(self.image_encoder, state, adapt=("headless",))
        if _FIRST in state and self.height_channels == 1:
            state = {**state, _FIRST: state[_FIRST].sum(1, keepdim=True)}
        load_strict(self.height_encoder, state, adapt=("headless",))

    def forward(self, image: Tensor, height: Tensor | None = None) -> Tensor:
        """`[B, C, H, W]`, heights in it or beside it -> logits `[B, K, H, W]`."""
        image, height = parted(image, height, self.height_channels)
        whole = [to_multiple(one, _STRIDE) for one in (image, height)]
        fused: Tensor | None = None
        maps: list[Tensor] = []
        streams = zip(self.fusions, self.image_encoder(whole[0]), self.height_encoder(whole[1]), strict=True)
        for fusion, seen, raised in streams:
            fused = fusion(fused, seen, raised)
            maps.append(fused)
        logits = F.interpolate(self.decoder(maps), whole[0].shape[2:], mode="bilinear")
        return logits[..., : image.shape[-2], : image.shape[-1]]
