"""The modules of UrbanSAM (arXiv:2502.15199), after its description; see `urbansam.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swath.models.sam import sam_encoder
from swath.models.segment._uscaling import Uscaling, larger
from swath.models.strict import load_strict
from swath.nn.padding import to_multiple
from swath.nn.sam_vit import SamViT
from swath.nn.two_way import TwoWay

_STRIDE = 64
_PATCH = 16
_HEADS = 8
_QUARTERS = 4
_LEVELS = (1.0, 0.5, 0.25)
"""What the answers of the decoder's scales count, the finest first."""
_OF_MASK, _OF_AGREEMENT = 0.25, 0.1


class LowRankQKV(nn.Linear):
    """SAM's queries, keys and values, to which queries and values of small rank are added (arXiv:2106.09685)."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__(width, 3 * width)
        self.down = nn.Linear(width, 2 * rank, bias=False)
        self.up_q, self.up_v = nn.Linear(rank, width, bias=False), nn.Linear(rank, width, bias=False)
        nn.init.zeros_(self.up_q.weight)
        nn.init.zeros_(self.up_v.weight)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., width]` -> `[..., 3 width]`."""
        q, v = self.down(x).chunk(2, -1)
        own = super().forward(x)
        return own + torch.cat([self.up_q(q), torch.zeros_like(x), self.up_v(v)], -1)


class Neck(nn.Sequential):
    """SAM's last layers of the encoder."""

    def __init__(self, width: int, neck: int) -> None:
        super().__init__(
            nn.Conv2d(width, neck, 1, bias=False),
            ChannelNorm(neck),
            nn.Conv2d(neck, neck, 3, padding=1, bias=False),
            ChannelNorm(neck),
        )


class ChannelNorm(nn.LayerNorm):
    """A norm over the channels of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Alignment(nn.Module):
    """Tokens of the encoder look at the adapter where it supposes an object; its share is 0 at first."""

    def __init__(self, width: int, adapter: int, inner: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.q, self.kv, self.proj = nn.Linear(width, inner), nn.Linear(adapter, 2 * inner), nn.Linear(inner, width)
        self.share = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor, seen: Tensor, supposed: Tensor) -> Tensor:
        """Tokens `[B, h, w, width]`, a map `[B, C, h', w']`, where there may be an object `[B, 1, h', w']` bool."""
        hidden = ~supposed.flatten(2)
        hidden = hidden & ~hidden.all(-1, keepdim=True)  # where nothing is supposed, all is looked at
        k, v = self.kv(seen.flatten(2).mT).chunk(2, -1)
        q = self.q(self.norm(x).flatten(1, 2))
        q, k, v = (part.unflatten(-1, (_HEADS, -1)).transpose(1, 2) for part in (q, k, v))
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=~hidden[:, None])
        y: Tensor = x + self.share * self.proj(found.transpose(1, 2).flatten(2)).reshape(x.shape)
        return y


class Prompter(nn.Module):
    """Prompts that are made from what the adapter saw: tokens, and a map to be added to the image's."""

    def __init__(self, adapter: int, neck: int, prompts: int) -> None:
        super().__init__()
        self.ask = nn.Parameter(torch.randn(prompts, neck) * 0.02)
        self.keys, self.values = nn.Linear(adapter, neck), nn.Linear(adapter, neck)
        self.dense = nn.Conv2d(adapter, neck, 1)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Maps of four scales -> tokens `[B, P, neck]` and a map at a 16th of the size."""
        deepest = maps[-1].flatten(2).mT
        asked = self.ask.expand(len(deepest), -1, -1)
        tokens = asked + F.scaled_dot_product_attention(asked, self.keys(deepest), self.values(deepest))
        return tokens, self.dense(maps[2])


class Step(nn.Module):
    """Twice the size, and the adapter's detail."""

    def __init__(self, inputs: int, outputs: int, adapter: int) -> None:
        super().__init__()
        self.up = nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 2, 2), ChannelNorm(outputs))
        self.skip = nn.Conv2d(adapter, outputs, 1)

    def forward(self, x: Tensor, detail: Tensor) -> Tensor:
        """`[B, C, h, w]`, `[B, A, 2 h, 2 w]` -> `[B, D, 2 h, 2 w]`."""
        return F.gelu(self.up(x) + self.skip(detail))


class Decoder(nn.Module):
    """SAM's decoder; a token per class says on each of three scales what to look for."""

    def __init__(self, neck: int, adapter: int, classes: int) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(classes, neck) * 0.02)
        self.layers = nn.ModuleList(TwoWay(neck) for _ in range(2))
        widths = (neck, neck // 4, neck // 8)
        self.steps = nn.ModuleList(Step(*pair, adapter) for pair in pairwise(widths))
        self.say = nn.ModuleList(
            nn.Sequential(nn.Linear(neck, neck), nn.ReLU(), nn.Linear(neck, width)) for width in widths
        )

    def forward(self, image: Tensor, prompts: Tensor, places: Tensor, maps: Sequence[Tensor]) -> list[Tensor]:
        """An image `[B, N, h, w]`, prompts, codes of places `[h w, N]`, the adapter's maps -> logits, finest first."""
        batch, _, height, width = image.shape
        asked = torch.cat([self.tokens.expand(batch, -1, -1), prompts], 1)
        queries, x = asked, image.flatten(2).mT
        for layer in self.layers:
            queries, x = layer(queries, x, asked, places)
        grid = torch.unflatten(x.mT, 2, (height, width))
        scales = [grid]
        for step, detail in zip(self.steps, (maps[1], maps[0]), strict=True):
            scales.append(step(scales[-1], detail))
        found = queries[:, : len(self.tokens)]
        answers = [
            torch.einsum("bkc,bchw->bkhw", say(found), scale) for say, scale in zip(self.say, scales, strict=True)
        ]
        return answers[::-1]


class UrbanSAM(nn.Module):
    """The network; see `urbansam.urbansam`.

    Args:
        encoder: SAM's, without its neck; it is frozen.
        in_channels: bands.
        classes: channels of the answer.
        width: of the encoder.
        neck: width of what the encoder gives.
        rank: of what is added in its attention.
        adapter: width of the adapter.
        prompts: tokens that are made.
    """

    directions: Tensor

    def __init__(
        self,
        encoder: SamViT,
        in_channels: int,
        classes: int,
        width: int,
        neck: int,
        rank: int,
        adapter: int,
        prompts: int,
    ) -> None:
        super().__init__()
        self.encoder, self.neck = encoder.requires_grad_(False), Neck(width, neck).requires_grad_(False)
        for layer in self.encoder.layers:
            own = layer.get_submodule("attn")
            own.qkv = LowRankQKV(width, rank)
            own.qkv.weight.requires_grad_(False)
            own.qkv.bias.requires_grad_(False)
        self.adapter = Uscaling(in_channels, adapter)
        self.suppose = nn.Conv2d(adapter, classes, 1)
        self.align = nn.ModuleList(Alignment(width, adapter, neck) for _ in range(_QUARTERS))
        self.prompter = Prompter(adapter, neck, prompts)
        self.decoder = Decoder(neck, adapter, classes)
        self.register_buffer("directions", torch.randn(2, neck // 2))

    def load_sam(self, source: str) -> None:
        """Take the frozen part from a weight file of SAM."""
        state = sam_encoder(source)
        own = nn.ModuleDict({"encoder": self.encoder, "neck": self.neck})
        added = {key: one for key, one in own.state_dict().items() if ".qkv.down." in key or ".qkv.up_" in key}
        named = {key if key.startswith("neck.") else f"encoder.{key}": one for key, one in state.items()}
        load_strict(own, {**added, **named})

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        """`[B, C, H, W]` -> logits `[B, K, H, W]`; in train mode those of coarser scales and of the mask as well."""
        whole = to_multiple(image, _STRIDE)
        maps = self.adapter(whole)
        supposed = self.suppose(maps[2])
        tokens, dense = self.prompter(maps)
        seen = self.neck(self._tokens(whole, maps, supposed).permute(0, 3, 1, 2)) + dense
        answers = self.decoder(seen, tokens, self._places(seen), maps)
        size = (whole.shape[2], whole.shape[3])
        wide = [larger(one, size)[..., : image.shape[2], : image.shape[3]] for one in (*answers, supposed)]
        return tuple(wide) if self.training else wide[0]

    def _tokens(self, image: Tensor, maps: Sequence[Tensor], supposed: Tensor) -> Tensor:
        """The encoder, which looks at the adapter behind each quarter of its layers."""
        there = supposed.detach().amax(1, keepdim=True) > 0
        x = self.encoder.tokens(image)
        size, count = (x.shape[1], x.shape[2]), len(self.encoder.layers)
        for number, layer in enumerate(self.encoder.layers, 1):
            x = layer(x)
            quarter, rest = divmod(number * _QUARTERS, count)
            if rest < _QUARTERS:
                # Scales from coarse to fine; the finer ones as means over a token's place.
                scale = maps[-quarter]
                scale = scale if scale.shape[2] <= size[0] else F.adaptive_avg_pool2d(scale, size)
                where = F.adaptive_max_pool2d(there.float(), scale.shape[2:]) > 0
                x = self.align[quarter - 1](x, scale, where)
        return x

    def _places(self, grid: Tensor) -> Tensor:
        """Sines and cosines of the places of a grid along random directions, `[h w, neck]`."""
        y, x = ((torch.arange(n, device=grid.device) + 0.5) / n * 2 - 1 for n in grid.shape[2:])
        at = torch.stack([x.repeat(len(y)), y.repeat_interleave(len(x))], -1)
        angles = 2 * torch.pi * at @ self.directions.float()
        return torch.cat([angles.sin(), angles.cos()], -1).to(grid.dtype)

    def loss(self, answer: Sequence[Tensor], targets: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The task's loss on each scale and of what is supposed, and how much scales disagree."""
        *scales, supposed = answer
        total = _OF_MASK * of(supposed, targets)
        for weight, logits in zip(_LEVELS, scales, strict=True):
            total = total + weight * of(logits, targets)
        likely = [logits.float().sigmoid() for logits in scales]
        apart = [(fine - coarse).square().mean() for fine, coarse in pairwise(likely)]
        return total + _OF_AGREEMENT * torch.stack(apart).sum()
