"""TinyCD: change from low-level features alone, mixed channel by channel, with a quarter of a million weights.

Codegoni, Lombardi and Ferrari 2023, "TINYCD: a (not so) deep learning model for change detection", Neural Computing and
Applications, arXiv:2207.13159. The first blocks of an EfficientNet-B4 read both dates; each channel is mixed with
itself on the other date, and the mixtures become masks (MAMB) that gate the way up to the full size. Made for small
machines and little memory; good for texture and edges, weak where it matters what a thing is.

It normalises over the tile, so it sees all of it. The release gives probabilities; here are their logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register(
    "tinycd",
    title="TinyCD",
    tasks=("change",),
    source=("arXiv:2207.13159",),
    transient=("encoder_weights", "wavelengths"),
)
def tinycd(
    in_channels: int = 3,
    classes: int = 1,
    encoder_weights: str | None = None,
    wavelengths: Sequence[float | None] | None = None,
) -> nn.Module:
    """A network `(before [B, C, H, W], after [B, C, H, W])` -> logits `[B, classes, H, W]`; any H and W.

    Args:
        in_channels: bands of either date.
        classes: channels of the answer: 1 as published, or 2.
        encoder_weights: a local weight file of torchvision's `efficientnet_b4`, or the name of its weights, such as
            `IMAGENET1K_V1`, where torchvision's hub can be reached; None: random weights.
        wavelengths: centre of each band in nm, by which the first layer of the weights is made for other bands.

    Raises:
        CardError: the encoder's weights cannot be had or do not fit.
    """
    from swath.models.change._tinycd import TinyCD

    network = TinyCD(in_channels, classes)
    if encoder_weights is not None:
        network.load_encoder(encoder_weights, wavelengths)
    return network
