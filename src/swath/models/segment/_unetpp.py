"""U-Net++ (arXiv:1807.10165) of segmentation-models-pytorch, with an answer from each of its nested U-Nets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swath.models.pretrained import in_bands
from swath.models.strict import load_strict
from swath.models.weights import StateDict
from swath.nn.padding import to_multiple

_STRIDE = 32
_IDLE = ("_conv_head", "_bn1")
"""What the library's encoder keeps of the classifier, and does not use."""


class NestedUNet(nn.Module):
    """The network; see `unetpp_efficientnet.unetpp_efficientnet`."""

    encoder: Any
    decoder: Any

    def __init__(self, in_channels: int, classes: int, encoder: str, widths: Sequence[int]) -> None:
        super().__init__()
        whole = smp.UnetPlusPlus(
            encoder, encoder_weights=None, in_channels=in_channels, classes=classes, decoder_channels=tuple(widths)
        )
        self.encoder, self.decoder = whole.encoder, whole.decoder
        for name in _IDLE:
            delattr(self.encoder, name)
        self.head = nn.Conv2d(widths[-1], classes, 1)
        # Nodes of the finest skipped scale, X(0, j) of the paper; the library counts from the coarsest one, and one
        # more node, which skips nothing, brings the last of them to the full size.
        skipped = self.encoder.out_channels[1]
        last = self.decoder.depth - 1
        self.nodes = tuple(f"x_{first}_{last}" for first in range(1, last + 1))
        self.beside = nn.ModuleList(nn.Conv2d(skipped, classes, 1) for _ in self.nodes)

    def load_encoder(self, state: StateDict, name: str, wavelengths: Sequence[float | None] | None) -> None:
        """Take the weights of the library's encoder, without its classifier."""
        without = ("_fc", *_IDLE)
        taken = {key: one for key, one in state.items() if key.partition(".")[0] not in without}
        load_strict(self.encoder, in_bands(self.encoder, taken, name, wavelengths))

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        """`[B, C, H, W]` -> logits `[B, K, H, W]`; in train mode those of all nested U-Nets."""
        features = self.encoder(to_multiple(image, _STRIDE))
        if not self.training:
            return self._cut(self.head(self.decoder(features)), image)
        found: dict[str, Tensor] = {}
        hooks = [self.decoder.blocks[name].register_forward_hook(_kept(found, name)) for name in self.nodes]
        try:
            answers = [self.head(self.decoder(features))]
        finally:
            for hook in hooks:
                hook.remove()
        size = answers[0].shape[-2:]
        answers += [
            F.interpolate(conv(found[name]), size, mode="bilinear")
            for name, conv in zip(self.nodes, self.beside, strict=True)
        ]
        return tuple(self._cut(answer, image) for answer in answers)

    @staticmethod
    def _cut(logits: Tensor, image: Tensor) -> Tensor:
        return logits[..., : image.shape[-2], : image.shape[-1]]

    def loss(self, answer: Sequence[Tensor], targets: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The mean of the task's loss over all answers."""
        return torch.stack([of(logits, targets) for logits in answer]).mean()


def _kept(found: dict[str, Tensor], name: str) -> Callable[..., None]:
    """A hook that keeps what a node gives."""

    def keep(module: nn.Module, given: Any, answer: Tensor) -> None:
        found[name] = answer

    return keep
