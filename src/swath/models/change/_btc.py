"""The modules and the network of `btc`; `btc.py` says what it is and registers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.models.strict import load_strict
from swath.models.weights import read_state
from swath.nn.padding import to_multiple
from swath.nn.swin import Swin

_STRIDE = 32
_POOLED = (1, 2, 3, 6)
_RENAMED = (
    ("backbone.swin.", "backbone."),
    ("attention.q_proj", "attention.self.query"),
    ("attention.k_proj", "attention.self.key"),
    ("attention.v_proj", "attention.self.value"),
    ("attention.relative_position_bias.", "attention.self."),
    ("attention.o_proj", "attention.output.dense"),
    ("mlp.fc1", "intermediate.dense"),
    ("mlp.fc2", "output.dense"),
)
"""Names of transformers 5.x, and of 4.x, which the release is written with."""
_MADE = "relative_position_index"
_ENCODER = "pixel_level_module.encoder."


class ConvNorm(nn.Module):
    """A convolution, batch normalisation and a rectifier."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.batch_norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, I, h, w]` -> `[B, O, h, w]`."""
        return F.relu(self.batch_norm(self.conv(x)))


def resized(x: Tensor, like: Tensor) -> Tensor:
    """`[B, C, h, w]` on the grid of another map."""
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)


class UPerNet(nn.Module):
    """The decoder: the coarsest map pooled to several sizes, then from coarse to fine (arXiv:1807.10221)."""

    def __init__(self, widths: Sequence[int], hidden: int, classes: int) -> None:
        super().__init__()
        *finer, coarse = widths
        self.classifier = nn.Conv2d(hidden, classes, 1)
        self.psp_modules = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(size), ConvNorm(coarse, hidden, 1)) for size in _POOLED
        )
        self.bottleneck = ConvNorm(coarse + len(_POOLED) * hidden, hidden, 3)
        self.lateral_convs = nn.ModuleList(ConvNorm(width, hidden, 1) for width in finer)
        self.fpn_convs = nn.ModuleList(ConvNorm(hidden, hidden, 3) for _ in finer)
        self.fpn_bottleneck = ConvNorm(len(widths) * hidden, hidden, 3)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Maps from fine to coarse -> logits on the grid of the finest."""
        *finer, coarse = features
        pooled = [resized(pool(coarse), coarse) for pool in self.psp_modules]
        laterals = [conv(x) for conv, x in zip(self.lateral_convs, finer, strict=True)]
        above = self.bottleneck(torch.cat([coarse, *pooled], 1))
        found = [above]
        for lateral, conv in zip(laterals[::-1], list(self.fpn_convs)[::-1], strict=True):
            above = lateral + resized(above, lateral)
            found.append(conv(above))
        whole = torch.cat([resized(x, found[-1]) for x in found[::-1]], 1)
        y: Tensor = self.classifier(self.fpn_bottleneck(whole))
        return y


class BTC(nn.Module):
    """The network; see `btc.btc`."""

    def __init__(
        self,
        in_channels: int,
        classes: int,
        width: int,
        depths: Sequence[int],
        heads: Sequence[int],
        window: int,
        hidden: int,
        drop_path: float,
    ) -> None:
        super().__init__()
        encoder = Swin(in_channels, width, depths, heads, window, drop_path)
        self.enc = nn.Module()
        self.enc.backbone = encoder
        self.dec = UPerNet(encoder.widths, hidden, classes)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """`[B, C, H, W]` each -> logits `[B, K, H, W]`."""
        both = to_multiple(torch.cat([before, after]), _STRIDE)
        features = self.enc.get_submodule("backbone")(both)
        logits = self.dec([torch.sub(*x.chunk(2)) for x in features])
        return resized(logits, both)[..., : before.shape[-2], : before.shape[-1]]

    def loss(self, answer: Tensor, targets: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The paper's for one channel: 1 minus the Dice coefficient of the batch, 1 added above and below.

        Args:
            answer: logits `[B, K, H, W]`.
            targets: 1 where there is change `[B, H, W]`, -1 where not labelled.
            of: the task's loss, for several channels.
        """
        if answer.shape[1] != 1:
            return of(answer, targets)
        likely, truth = answer[:, 0].float().sigmoid() * (targets >= 0), (targets == 1).float()
        return 1 - (2 * (likely * truth).sum() + 1) / (likely.sum() + truth.sum() + 1)

    def load_encoder(self, path: str) -> None:
        """Take the encoder from a weight file of Mask2Former, or of a Swin alone."""
        state = read_state(path)
        if any(_ENCODER in key for key in state):
            state = {key.partition(_ENCODER)[2]: one for key, one in state.items() if _ENCODER in key}
        named = self.from_release({f"enc.backbone.{key}": one for key, one in state.items()})
        start = "enc.backbone."
        load_strict(
            self.enc.get_submodule("backbone"),
            {key.removeprefix(start): one for key, one in named.items() if key.startswith(start)},
        )

    def from_release(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The release's weights by the names of transformers 4.x, as it was written, whichever it was saved by."""
        named = {}
        for key, tensor in state.items():
            for new, old in _RENAMED:
                key = key.replace(new, old)
            named[key] = tensor
        made = {key: tensor for key, tensor in self.state_dict().items() if key.endswith(_MADE)}
        return {**made, **{key: one for key, one in named.items() if ".backbone.layernorm." not in key}}
