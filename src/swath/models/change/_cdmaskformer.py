"""The modules and the network of `cdmaskformer`; `cdmaskformer.py` says what it is and registers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.models.change._queries import PixelDecoder, Predictor
from swath.models.change._seaformer import WIDTHS, SeaFormer
from swath.models.strict import load_strict
from swath.models.weights import read_state
from swath.nn.padding import to_multiple

_SCALES = 4
_STRIDE = 32
_LEAST = 1e-6
"""Of a probability and of its opposite, where it becomes a logit."""
_OF_NONE, _OF_MASK, _OF_DICE = 0.1, 10.0, 10.0
"""What counts in the loss: queries that should say no change; masks, twice."""
_IDLE = tuple(f"backbone.backbone.{name}." for name in ("smb5", "trans3", "linear"))


def dsconv(inputs: int, outputs: int) -> nn.Sequential:
    """A depthwise convolution and one over the channels."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs),
        nn.Conv2d(inputs, outputs, 1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class SaE(nn.Module):
    """A weight for each channel, from its mean, through four narrow layers side by side (arXiv:2311.10807)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = width // 32
        self.fc1, self.fc2, self.fc3, self.fc4 = (
            nn.Sequential(nn.Linear(width, narrow, bias=False), nn.ReLU()) for _ in range(4)
        )
        self.fc = nn.Sequential(nn.Linear(4 * narrow, width, bias=False), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> weights `[B, C, 1, 1]`."""
        mean = x.mean((2, 3))
        parts = [part(mean) for part in (self.fc1, self.fc2, self.fc3, self.fc4)]
        y: Tensor = self.fc(torch.cat(parts, 1))
        return y[..., None, None]


class Fusion(nn.Module):
    """Both dates, weighed by channel and by pixel from what differs between them, become one map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.catconvA, self.catconvB, self.catconv = (dsconv(2 * width, width) for _ in range(3))
        self.convA, self.convB = nn.Conv2d(width, 1, 1), nn.Conv2d(width, 1, 1)
        self.senetv2 = SaE(width)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """Two maps `[B, C, h, w]` -> one."""
        differ = before - after
        channels = self.senetv2(differ)
        one = torch.sigmoid(self.convA(self.catconvA(torch.cat([differ, before], 1)))) * before * channels
        other = torch.sigmoid(self.convB(self.catconvB(torch.cat([differ, after], 1)))) * after * channels
        y: Tensor = self.catconv(torch.cat([one, other], 1))
        return y


class Head(nn.Module):
    """From the features of both dates to classes and masks."""

    def __init__(self, queries: int, layers: int) -> None:
        super().__init__()
        self.tff1, self.tff2, self.tff3, self.tff4 = map(Fusion, WIDTHS[:_SCALES])
        self.sem_seg_head = nn.Module()
        self.sem_seg_head.pixel_decoder = PixelDecoder(WIDTHS[:_SCALES])
        self.sem_seg_head.predictor = Predictor(queries, layers)

    def forward(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Features of four scales of both dates -> classes and masks, see `cdmaskformer`."""
        fusions = (self.tff1, self.tff2, self.tff3, self.tff4)
        fused = [fuse(*pair) for fuse, *pair in zip(fusions, before, after, strict=True)]
        parts = self.sem_seg_head.get_submodule
        y: tuple[Tensor, Tensor] = parts("predictor")(*parts("pixel_decoder")(fused[::-1]))
        return y


class CDMaskFormer(nn.Module):
    """The network; see `cdmaskformer.cdmaskformer`."""

    def __init__(self, in_channels: int = 3, queries: int = 5, layers: int = 13, *, released: bool = False) -> None:
        super().__init__()
        self.released = released
        self.backbone = nn.Module()
        self.backbone.backbone = SeaFormer(in_channels, len(WIDTHS) if released else _SCALES)
        self.decoderhead = Head(queries, layers)

    def forward(self, before: Tensor, after: Tensor) -> Tensor | tuple[Tensor, ...]:
        """`[B, C, H, W]` each -> logits `[B, 1, H, W]`; in train mode see `cdmaskformer.cdmaskformer`."""
        height, width = before.shape[-2:]
        encoder = self.backbone.get_submodule("backbone")
        one, other = (encoder(to_multiple(image, _STRIDE)) for image in (before, after))
        classes, masks = self.decoderhead(one, other)
        wide = F.interpolate(masks[-1].float(), scale_factor=4, mode="bilinear", align_corners=False)
        likely = classes[-1].float().softmax(-1)[..., 1:, None] * wide[..., :height, :width].sigmoid()
        if self.released:
            total = likely.sum(1, keepdim=True)
            least, most = (by(total, dim=(1, 2, 3), keepdim=True) for by in (torch.amin, torch.amax))
            answer = (total - least) / (most - least)
        else:
            surprise = -torch.log1p(-likely.clamp(max=1 - _LEAST)).sum(1, keepdim=True)  # at none of them
            answer = torch.expm1(surprise.clamp(min=_LEAST)).log()
        return (answer, classes, masks) if self.training else answer

    def loss(self, answer: Sequence[Tensor], targets: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The paper's, summed over what the queries say after each layer.

        The query whose class and mask cost least is the one that has to find the change; cross entropy of the classes,
        and cross entropy and Dice of that query's mask, over labelled pixels.

        Args:
            answer: what the network gives in train mode.
            targets: 1 where there is change `[B, H, W]`, -1 where not labelled.
            of: the task's loss, which this one replaces.
        """
        _, classes, masks = answer
        known, truth = (targets >= 0).flatten(1).float(), (targets == 1).flatten(1).float()
        changed = truth.any(1)
        if self.released:
            changed = changed & (targets == 0).flatten(1).any(1)
        height, width = targets.shape[-2:]
        total = masks.new_zeros(())
        for said, mask in zip(classes.float(), masks.float(), strict=True):
            wide = F.interpolate(mask, scale_factor=4, mode="bilinear", align_corners=False)
            x = wide[..., :height, :width].flatten(2)
            with torch.no_grad():
                chosen = _cheapest(said, x, truth, known)
            finds = F.one_hot(chosen, x.shape[1]) * changed[:, None]
            total = total + F.cross_entropy(said.flatten(0, 1), finds.flatten(), said.new_tensor([_OF_NONE, 1.0]))
            own = x[torch.arange(len(x)), chosen]
            each = _OF_MASK * _mean(F.binary_cross_entropy_with_logits(own, truth, reduction="none"), known)
            each = each + _OF_DICE * _lost(own.sigmoid(), truth, known)
            total = total + (each * changed).sum() / changed.sum().clamp(min=1)
        return total

    def load_encoder(self, path: str) -> None:
        """Take the backbone from a weight file of SeaFormer-L, without what is not used."""
        state = {key.removeprefix("state_dict."): tensor for key, tensor in read_state(path).items()}
        used = {f"backbone.backbone.{key}": tensor for key, tensor in state.items()}
        used = {key.removeprefix("backbone.backbone."): one for key, one in self.from_release(used).items()}
        load_strict(self.backbone.get_submodule("backbone"), used)

    def from_release(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The release's weights without those that never count, unless this is the release's form."""
        return {key: one for key, one in state.items() if self.released or not key.startswith(_IDLE)}


def _cheapest(said: Tensor, masks: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """The query of each tile that fits its change best, `[B]`: by class, focal loss (arXiv:1708.02002) and Dice."""
    likely = masks.sigmoid()
    yes, no = 0.25 * (1 - likely).square() * F.softplus(-masks), 0.75 * likely.square() * F.softplus(masks)
    focal = _mean(torch.where(truth[:, None] > 0, yes, no), known[:, None])
    cost = _OF_MASK * focal - said.softmax(-1)[..., 1] + _OF_DICE * _lost(likely, truth[:, None], known[:, None])
    return cost.argmin(1)


def _mean(each: Tensor, known: Tensor) -> Tensor:
    """Over the labelled pixels of the last axis."""
    return (each * known).sum(-1) / known.sum(-1).clamp(min=1)


def _lost(likely: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """1 minus the Dice coefficient over the labelled pixels of the last axis, 1 added above and below."""
    either = (likely * known).sum(-1) + truth.sum(-1)
    return 1 - (2 * (likely * truth).sum(-1) + 1) / (either + 1)
