"""The modules of Cloud-Adapter (arXiv:2411.13127); the adapter is named as in its release."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import timm
import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from swath.errors import CardError
from swath.models.pretrained import timm_weights
from swath.models.segment._mask2former import Mask2Former
from swath.models.segment._mask2former_loss import mask_loss
from swath.models.strict import load_strict
from swath.models.weights import StateDict
from swath.nn.padding import to_multiple

_PATCH = 16
_STRIDE = 32
_QUARTER = 4
_HEADS, _HEAD_WIDTH = 8, 64
_DEPTH = 4
_SCALES = (4.0, 2.0, 1.0, 0.5)
_LEAST = 1e-6


def vision_transformer(name: str, in_channels: int, image_size: int, options: Mapping[str, Any]) -> VisionTransformer:
    """A vision transformer of timm with patches of 16 px.

    Raises:
        CardError: there is none of that name, or it does not take the options.
    """
    sizes: dict[str, Any] = {"patch_size": _PATCH, "img_size": image_size, "dynamic_img_size": True}
    try:
        made = timm.create_model(name, pretrained=False, num_classes=0, in_chans=in_channels, **sizes, **options)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise CardError(f"timm has no vision transformer {name!r} of these options: {error}") from error
    if not isinstance(made, VisionTransformer):
        raise CardError(f"{name} is no plain vision transformer; take such as vit_large_patch14_dinov2")
    return made


class Unit(nn.Module):
    """A convolution, norm and ReLU, then one over channels and norm; added to what it reads where the shape is kept."""

    rectifies = True

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(inputs, inputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv_pw = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.adds = stride == 1 and inputs == outputs
        for conv in (self.conv_dw, self.conv_pw):
            nn.init.normal_(conv.weight, 0, math.sqrt(2 * conv.groups / (conv.kernel_size[0] ** 2 * conv.out_channels)))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, D, H / stride, W / stride]`."""
        inside = self.bn1(self.conv_dw(x))
        y: Tensor = self.bn2(self.conv_pw(inside.relu() if self.rectifies else inside))
        return x + y if self.adds else y


class Perception(nn.Module):
    """What convolutions see of the image, from the full size to a 16th of it, summed."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        # Bands apart first; the others are whole convolutions, though the paper calls them separable.
        self.proj_1x1 = Unit(in_channels, width, 1, groups=in_channels)
        self.spp_dw = nn.ModuleList(Unit(width, width, 3, stride=1 if at == 0 else 2) for at in range(1 + _DEPTH))

    def forward(self, image: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, width, H / 16, W / 16]`."""
        x, maps = self.proj_1x1(image), []
        for unit in self.spp_dw:
            x = unit(x)
            maps.append(x)
        return torch.stack([F.adaptive_avg_pool2d(one, x.shape[2:]) for one in maps]).sum(0)


class LowRank(nn.Module):
    """A matrix of small rank, as two."""

    def __init__(self, inputs: int, outputs: int, rank: int) -> None:
        super().__init__()
        self.loramlp = nn.Sequential(nn.Linear(inputs, rank, bias=False), nn.Linear(rank, outputs, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """`[..., inputs]` -> `[..., outputs]`."""
        y: Tensor = self.loramlp(x)
        return y


class CrossAttention(nn.Module):
    """Tokens look at the context."""

    def __init__(self, width: int, context: int, rank: int) -> None:
        super().__init__()
        inner = _HEADS * _HEAD_WIDTH
        self.to_q = LowRank(width, inner, rank)
        self.to_k, self.to_v = LowRank(context, inner, rank), LowRank(context, inner, rank)
        self.to_out = LowRank(inner, width, rank)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """`[B, N, width]`, `[B, M, context]` -> `[B, N, width]`."""
        parts = (self.to_q(x), self.to_k(context), self.to_v(context))
        found = F.scaled_dot_product_attention(*(part.unflatten(-1, (_HEADS, -1)).transpose(1, 2) for part in parts))
        y: Tensor = self.to_out(found.transpose(1, 2).flatten(2))
        return y


class Interaction(nn.Module):
    """What tokens found is added to them."""

    def __init__(self, width: int, context: int, rank: int) -> None:
        super().__init__()
        self.attn = CrossAttention(width, context, rank)

    def forward(self, tokens: Tensor, context: Tensor, size: tuple[int, int]) -> Tensor:
        """Tokens `[B, h w, width]` on a grid `[h, w]`, context `[B, C, H, W]` -> tokens."""
        seen = context if context.shape[2:] == size else F.interpolate(context, size, mode="bilinear")
        y: Tensor = tokens + self.attn(tokens, seen.flatten(2).mT)
        return y


class Adapter(nn.Module):
    """All that is trained of the encoder."""

    def __init__(
        self, in_channels: int, width: int, blocks: int, context: int, rank: int, *, released: bool = False
    ) -> None:
        super().__init__()
        self.cnn = Perception(in_channels, context)
        self.net = nn.ModuleList(Interaction(width, context, rank) for _ in range(blocks))
        for unit in self.cnn.modules():
            if isinstance(unit, Unit):
                unit.rectifies = not released


class CloudAdapter(nn.Module):
    """The network; see `cloud_adapter.cloud_adapter`.

    Args:
        foundation: the vision transformer, which is frozen.
        in_channels: bands.
        classes: channels of the answer.
        adapter: channels of the context, rank.
        head: queries, layers.
        released: the release's form.
    """

    def __init__(
        self,
        foundation: VisionTransformer,
        in_channels: int,
        classes: int,
        adapter: tuple[int, int],
        head: tuple[int, int],
        *,
        released: bool = False,
    ) -> None:
        super().__init__()
        self.classes = classes
        foundation.norm = nn.Identity()  # nothing comes of it: what is read are blocks
        self.foundation: Any = foundation.requires_grad_(False).eval()
        width, blocks = foundation.embed_dim, len(foundation.blocks)
        self.adapter = Adapter(in_channels, width, blocks, *adapter, released=released)
        self.head = Mask2Former((width,) * len(_SCALES), max(2, classes), *head)
        self.tapped = tuple(max(0, -(-share * blocks // 6) - 1) for share in (2, 3, 4, 6))

    def train(self, mode: bool = True) -> CloudAdapter:
        """Training leaves the foundation model as it is."""
        super().train(mode)
        self.foundation.eval()
        return self

    def features(self, image: Tensor) -> list[Tensor]:
        """`[B, C, H, W]`, sides multiples of 32 -> maps at a quarter to a 32nd of the size."""
        context = self.adapter.cnn(image)
        size = (image.shape[2] // _PATCH, image.shape[3] // _PATCH)
        vit = self.foundation
        # In bfloat16 a convolution with such strides went astray on a processor that we tried.
        with torch.autocast(image.device.type, enabled=False):
            x = vit.norm_pre(vit._pos_embed(vit.patch_embed(image.float())))
        first = vit.num_prefix_tokens
        after = []
        for block, interact in zip(vit.blocks, self.adapter.net, strict=True):
            x = block(x)
            x = torch.cat([x[:, :first], interact(x[:, first:], context, size)], 1)
            after.append(x[:, first:])
        grids = [torch.unflatten(after[at].mT, 2, size) for at in self.tapped]
        return [
            one if scale == 1 else F.interpolate(one, scale_factor=scale, mode="bilinear")
            for one, scale in zip(grids, _SCALES, strict=True)
        ]

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """`[B, C, H, W]` -> logits `[B, K, H, W]`; in train mode see `cloud_adapter.cloud_adapter`."""
        whole = to_multiple(image, _STRIDE)
        features = self.features(whole)
        # Whether a query sees a place hangs on a sign, which half precision changes where a mask is unsure.
        with torch.autocast(whole.device.type, enabled=False):
            classes, masks = self.head([x.float() for x in features])
        wide = F.interpolate(masks[-1], whole.shape[2:], mode="bilinear")
        wide = wide[..., : image.shape[-2], : image.shape[-1]]
        likely = classes[-1].softmax(-1)[..., :-1]
        scores = torch.einsum("bqk,bqhw->bkhw", likely, wide.sigmoid()).clamp(min=_LEAST).log()
        logits = scores[:, 1:] - scores[:, :1] if self.classes == 1 else scores
        return (logits, classes, masks) if self.training else logits

    def loss(self, answer: Sequence[Tensor], targets: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Mask2Former's loss of what the queries say after each layer; `of`, the task's own, has no part in it."""
        _, classes, masks = answer
        return mask_loss(classes, masks, targets, _QUARTER)

    def load_foundation(self, name: str, source: str) -> None:
        """Take the frozen part from weights of timm's network, patches and positions interpolated.

        Raises:
            CardError: they cannot be had, or do not fit.
        """
        state = dict(timm_weights(name, source))
        for key in ("norm.weight", "norm.bias", "mask_token"):
            state.pop(key, None)
        own = self.foundation.state_dict()
        resize = {"patch_embed.proj.weight": _patches, "pos_embed": _positions}
        for key, resized in resize.items():
            if key in state and state[key].shape != own[key].shape:
                state[key] = resized(state[key], own[key].shape)
        load_strict(self.foundation, state)

    def from_release(self, state: StateDict) -> StateDict:
        """The release's names are others; what it does not hold of the foundation model is as it is here."""
        names = {"backbone.cloud_adapter.": "adapter.", "decode_head.": "head.", "backbone.": "foundation."}
        without = ("backbone.mask_token", "backbone.norm.")
        found: dict[str, Tensor] = {}
        for key, tensor in state.items():
            release = next((name for name in names if key.startswith(name)), "")
            if not key.startswith(without):
                found[names.get(release, "") + key.removeprefix(release)] = tensor
        kept = {f"foundation.{key}": tensor for key, tensor in self.foundation.state_dict().items()}
        return {**kept, **found}


def _patches(weight: Tensor, shape: torch.Size) -> Tensor:
    """Filters of patches of another size."""
    return F.interpolate(weight.float(), shape[2:], mode="bicubic").to(weight.dtype)


def _positions(codes: Tensor, shape: torch.Size) -> Tensor:
    """Positions `[1, 1 + n n, C]` of another grid; the first is no place."""
    before, after = (math.isqrt(count - 1) for count in (codes.shape[1], shape[1]))
    grid = torch.unflatten(codes[:, 1:].mT.float(), 2, (before, before))
    places = F.interpolate(grid, (after, after), mode="bicubic").flatten(2).mT
    return torch.cat([codes[:, :1], places.to(codes.dtype)], 1)
