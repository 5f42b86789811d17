"""BIT, the bitemporal image transformer: both dates in four words each, read in the light of one another.

Chen, Qi and Shi 2021, "Remote sensing image change detection with transformers", IEEE TGRS 60, arXiv:2103.00208. A
ResNet-18 reads each date; a tokenizer sums its map into a few tokens; a transformer lets the tokens of both dates see
one another; and a second one writes them back into the pixels of each date, whose difference is then read. Good where
what changed is known by its surroundings; it sees the whole tile.

As published, the encoder ends after its third stage (S4) and steps no further than an eighth. The release's weights
hold the fourth stage and a classifier besides, which it does not use; they are left out. Its weights for LEVIR-CD have
`decoder_head_width=8`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register(
    "bit",
    title="BIT (bitemporal image transformer)",
    tasks=("change",),
    source=("arXiv:2103.00208",),
    transient=("encoder_weights", "wavelengths"),
)
def bit(
    in_channels: int = 3,
    classes: int = 2,
    tokens: int = 4,
    encoder_depth: int = 1,
    decoder_depth: int = 8,
    head_width: int = 64,
    decoder_head_width: int = 64,
    encoder_weights: str | None = None,
    wavelengths: Sequence[float | None] | None = None,
) -> nn.Module:
    """A network `(before [B, C, H, W], after [B, C, H, W])` -> logits `[B, classes, H, W]`; any H and W.

    Args:
        in_channels: bands of either date.
        classes: channels of the answer: 2 as published, 1 for a yes.
        tokens: for each date.
        encoder_depth: layers in which tokens see one another.
        decoder_depth: layers in which pixels see the tokens of their date.
        head_width: of each of eight heads of attention.
        decoder_head_width: the same in the decoder.
        encoder_weights: a local weight file of torchvision's `resnet18`, or the name of its weights, such as
            `IMAGENET1K_V1`, where torchvision's hub can be reached; None: random weights.
        wavelengths: centre of each band in nm, by which the first layer of the weights is made for other bands.

    Raises:
        CardError: the encoder's weights cannot be had or do not fit.
    """
    from swath.models.change._bit import BIT

    network = BIT(in_channels, classes, tokens, (encoder_depth, decoder_depth), (head_width, decoder_head_width))
    if encoder_weights is not None:
        network.load_encoder(encoder_weights, wavelengths)
    return network
