"""The modules and the network of `lenet`; `lenet.py` says what it is and registers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from timm.models.swin_transformer_v2 import SwinTransformerV2, SwinTransformerV2Block
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock

from swath.models.pretrained import timm_weights
from swath.models.strict import load_strict
from swath.nn.padding import to_multiple

_STRIDE, _WINDOW = 32, 8
_IMAGE = 256
"""Side in px of images that windows are laid out for: where a map is no larger than one, none is shifted."""
_ASIDE = 0.3
"""What each of the coarser answers counts in the loss."""
_IDLE = "backbone."


class CSDW(nn.Module):
    """Both dates, weighted where pixels and channels differ, are added to what they were."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convA, self.convB = BasicBlock(width, width), BasicBlock(width, width)

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        """Two maps `[B, C, h, w]` -> two of the same shape."""
        pixels = 1 - torch.sigmoid(F.cosine_similarity(before, after, dim=1))[:, None]
        channels = 1 - torch.sigmoid(F.cosine_similarity(before.flatten(2), after.flatten(2), dim=2))[..., None, None]
        weight = pixels * channels
        return before + self.convA(before * weight), after + self.convB(after * weight)


class FPN(nn.Module):
    """A feature pyramid: each level and the coarser ones above it, in one width (arXiv:1612.03144)."""

    def __init__(self, widths: Sequence[int], hidden: int) -> None:
        super().__init__()

        def convs(inputs: Sequence[int], kernel: int) -> nn.ModuleList:
            made = (nn.Conv2d(width, hidden, kernel, padding=kernel // 2) for width in inputs)
            return nn.ModuleList(nn.ModuleDict({"conv": conv}) for conv in made)

        self.lateral_convs = convs(widths, 1)
        self.fpn_convs = convs([hidden] * len(widths), 3)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Maps from fine to coarse -> maps of the same sizes, `hidden` channels each."""
        levels = [part.get_submodule("conv")(x) for part, x in zip(self.lateral_convs, features, strict=True)]
        for fine in range(len(levels) - 2, -1, -1):
            levels[fine] = levels[fine] + F.interpolate(levels[fine + 1], levels[fine].shape[2:], mode="nearest")
        return [part.get_submodule("conv")(x) for part, x in zip(self.fpn_convs, levels, strict=True)]


class Blocks(nn.Module):
    """Two blocks of SwinV2, the second one's windows shifted."""

    def __init__(self, width: int, heads: int, resolution: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(
                SwinTransformerV2Block(
                    width, resolution, heads, window_size=_WINDOW, shift_size=shift, dynamic_mask=True
                )
                for shift in (0, _WINDOW // 2)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, h, w, C]` -> `[B, C, h, w]`."""
        y: Tensor = self.blocks(x)
        return y.permute(0, 3, 1, 2)


class ConvNorm(nn.Module):
    """A convolution and, where asked for, batch normalisation."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, *, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=not norm)
        if norm:
            self.bn = nn.BatchNorm2d(outputs)
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """`[B, I, h, w]` -> `[B, O, h, w]`."""
        y: Tensor = self.bn(self.conv(x)) if self.norm else self.conv(x)
        return y


class Squeeze(nn.Module):
    """Channels weighed by their means, then brought to another number, between 0 and 1."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        narrow = max(8, (inputs // 16 + 4) // 8 * 8)
        self.conv1, self.conv2 = ConvNorm(inputs, narrow, norm=False), ConvNorm(narrow, inputs, norm=False)
        self.conv3 = ConvNorm(inputs, outputs, norm=True)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, I, h, w]` -> `[B, O, h, w]`."""
        weight = F.hardsigmoid(self.conv2(F.relu(self.conv1(x.mean((2, 3), keepdim=True)))))
        return F.hardsigmoid(self.conv3(x * weight))


class FCNHead(nn.Module):
    """Logits from a map."""

    def __init__(self, width: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList([ConvNorm(width, hidden, 3, norm=True)])
        self.dropout = nn.Dropout2d(0.1)
        self.conv_seg = nn.Conv2d(hidden, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> `[B, K, h, w]`."""
        y: Tensor = self.conv_seg(self.dropout(F.relu(self.convs[0](x))))
        return y


def exchanged(before: Sequence[Tensor], after: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """The levels of two dates, of which the first, third, ... change places."""
    pairs = [(b, a) if level % 2 == 0 else (a, b) for level, (a, b) in enumerate(zip(before, after, strict=True))]
    return [one for one, _ in pairs], [other for _, other in pairs]


class Body(nn.Module):
    """From two images to three maps of change."""

    def __init__(self, in_channels: int, width: int, depths: Sequence[int], heads: Sequence[int], hidden: int) -> None:
        super().__init__()
        swin = SwinTransformerV2(
            img_size=_IMAGE,
            in_chans=in_channels,
            num_classes=0,
            embed_dim=width,
            depths=tuple(depths),
            num_heads=tuple(heads),
            window_size=_WINDOW,
            strict_img_size=False,
        )
        stages = {f"layers_{number}": stage for number, stage in enumerate(swin.layers)}
        self.model = nn.ModuleDict({"patch_embed": swin.patch_embed, **stages})
        widths = [width * 2**level for level in range(len(depths))]
        self.fpnA, self.fpnB = FPN(widths, hidden), FPN(widths, hidden)

        def decoder() -> nn.Sequential:
            parts = (Blocks(hidden, hidden // 64 * 2**level, _IMAGE // 4 // 2**level) for level in range(len(depths)))
            return nn.Sequential(nn.Identity(), *parts)

        def channels() -> nn.Sequential:
            return nn.Sequential(nn.Identity(), *(Squeeze(2 * hidden, hidden) for _ in depths))

        self.decode_layersA, self.decode_layersB = decoder(), decoder()
        self.channelA, self.channelB = channels(), channels()
        self.re_weight3, self.re_weight2, self.re_weight1 = (CSDW(hidden) for _ in range(3))
        self.rwe = nn.Sequential(*(CSDW(wide) for wide in (width, *widths)))

    def forward(self, before: Tensor, after: Tensor) -> list[Tensor]:
        """`[B, C, H, W]` each -> maps `[B, 2 * hidden, h, w]` at 1/8, 1/4 and 1/4 of the size."""
        one, other = self.fpnA, self.fpnB
        levels = exchanged(*self._encoded(before, after))
        firsts, lasts = exchanged(one(levels[0]), other(levels[1]))
        a, b = firsts[-1], lasts[-1]
        found = []
        for level in range(len(firsts), 0, -1):
            a, b = (
                self.channelA[level](torch.cat([self._attended(self.decode_layersA[level], a), b], 1)),
                self.channelB[level](torch.cat([self._attended(self.decode_layersB[level], b), a], 1)),
            )
            if level > 1:
                a, b = (F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False) for x in (a, b))
            if level < len(firsts):
                a, b = self.get_submodule(f"re_weight{level}")(a, b)
                found.append(torch.cat([a, b], 1))
            if level > 1:
                a, b = firsts[level - 2] + b, lasts[level - 2] + a
        return found

    def _encoded(self, before: Tensor, after: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Features of both dates at 1/4, 1/8, 1/16 and 1/32 of the size, weighted after each stage."""
        firsts, lasts = [], []
        a, b = before, after
        for stage, weigh in zip(self.model.values(), self.rwe, strict=True):
            a, b = weigh(stage(a).permute(0, 3, 1, 2), stage(b).permute(0, 3, 1, 2))
            firsts.append(a)
            lasts.append(b)
            a, b = a.permute(0, 2, 3, 1), b.permute(0, 2, 3, 1)
        return firsts[1:], lasts[1:]

    @staticmethod
    def _attended(blocks: nn.Module, x: Tensor) -> Tensor:
        y: Tensor = blocks(x.permute(0, 2, 3, 1))
        return y


class LENet(nn.Module):
    """The network; see `lenet.lenet`."""

    def __init__(
        self, in_channels: int, classes: int, width: int, depths: Sequence[int], heads: Sequence[int], hidden: int
    ) -> None:
        super().__init__()
        self.model = Body(in_channels, width, depths, heads, hidden)
        self.decode_head = FCNHead(2 * hidden, hidden, classes)
        self.auxiliary_head = nn.ModuleList(FCNHead(2 * hidden, hidden, classes) for _ in range(2))

    def forward(self, before: Tensor, after: Tensor) -> Tensor | tuple[Tensor, ...]:
        """`[B, C, H, W]` each -> logits `[B, K, H, W]`; in train mode those of the coarser maps besides."""
        height, width = before.shape[-2:]
        first, last = to_multiple(before, _STRIDE), to_multiple(after, _STRIDE)
        *coarse, fine = self.model(first, last)

        def answer(head: nn.Module, x: Tensor) -> Tensor:
            logits = F.interpolate(head(x), first.shape[2:], mode="bilinear", align_corners=False)
            return logits[..., :height, :width]

        logits = answer(self.decode_head, fine)
        if not self.training:
            return logits
        return (logits, *(answer(head, x) for head, x in zip(self.auxiliary_head, coarse, strict=True)))

    def loss(self, answer: Sequence[Tensor], targets: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The paper's weights of the three answers, each of which counts by the task's loss (in the paper: cross entropy).

        Args:
            answer: what the network gives in train mode.
            targets: `[B, H, W]`, -1 where not labelled.
            of: the task's loss.
        """  # noqa: E501
        logits, *coarser = answer
        return of(logits, targets) + _ASIDE * torch.stack([of(one, targets) for one in coarser]).sum()

    def load_encoder(self, source: str) -> None:
        """Take the encoder from timm's weights, without what lies behind its stages and what is made anew."""
        found = timm_weights("swinv2_base_window8_256", source)
        state = {key.removeprefix("model."): one for key, one in found.items()}
        own = self.model.model.state_dict()
        named = {key.replace("layers.", "layers_", 1): one for key, one in state.items()}
        made = ("relative_coords_table", "relative_position_index", "attn_mask")
        used = {
            key: one
            for key, one in named.items()
            if key in own or (key.startswith(("patch_embed.", "layers_")) and not key.endswith(made))
        }
        load_strict(self.model.model, used)

    def from_release(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The release's weights without those of the encoder that never runs."""
        return {key: one for key, one in state.items() if not key.startswith(_IDLE)}
