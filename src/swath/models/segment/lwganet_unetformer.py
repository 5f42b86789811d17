"""LWGANet under the decoder of UNetFormer: segmentation with few weights, fine details and long views along lines.

Lu et al. 2026, "LWGANet", AAAI, arXiv:2501.10040 (the backbone, see `lwganet`), and Wang et al. 2022, "UNetFormer: a
UNet-like transformer for efficient semantic segmentation of remote sensing urban scene imagery", ISPRS Journal 190,
arXiv:2109.08937 (the decoder, on which LWGANet's authors report segmentation of UAVid and LoveDA). Three blocks of
attention within windows, whose answers are shared along rows and columns, beside convolutions. Good for streets,
buildings and plots in very fine imagery.

In train mode the coarser maps answer too, and count 0.4 times, as published; the loss is cross entropy and Dice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.classify.lwganet import SIZES, SOURCE, check
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_HEADS = 8


@register(
    "lwganet-unetformer",
    title="UNetFormer on LWGANet",
    tasks=("segmentation",),
    source=(*SOURCE, "arXiv:2109.08937"),
    sizes=SIZES,
    transient=("encoder_weights",),
)
def lwganet_unetformer(
    in_channels: int = 3,
    classes: int = 1,
    width: int = 32,
    depths: Sequence[int] = (1, 2, 4, 2),
    drop_path: float = 0.0,
    decoder_width: int = 64,
    dropout: float = 0.1,
    encoder_weights: str | None = None,
) -> nn.Module:
    """A network `[B, in_channels, H, W]` -> logits `[B, classes, H, W]`; any H and W.

    In train mode `(logits, coarser)`, both of that shape.

    Args:
        in_channels: number of bands.
        classes: channels of the answer.
        width: see `lwganet`.
        depths: see `lwganet`.
        drop_path: see `lwganet`.
        decoder_width: of the decoder; a multiple of 8.
        dropout: share of channels left out in training before the last layer.
        encoder_weights: a local file of LWGANet's ImageNet weights; its last layers are left out. None: random weights.

    Raises:
        CardError: a width or the depths are none that it can be built from, or the weights do not fit.
    """
    check(width, depths)
    if decoder_width < _HEADS or decoder_width % _HEADS:
        raise CardError(f"decoder_width must be a multiple of {_HEADS}, one part per head; found {decoder_width}")
    from swath.models.segment._lwganet import LWGANetSegmentation

    network = LWGANetSegmentation(in_channels, classes, (width, depths, drop_path), decoder_width, dropout)
    if encoder_weights is not None:
        from swath.models.pretrained import load_parts

        load_parts(network.backbone, encoder_weights, ("Stem", "stages"))
    return network
