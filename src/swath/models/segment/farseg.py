"""FarSeg: segmentation where nearly all is background; the scene says what of it is worth looking at.

Zheng et al. 2020, "Foreground-aware relation network for geospatial object segmentation in high spatial resolution
remote sensing imagery", CVPR, arXiv:2011.09766. A vector of the whole tile is held against each pixel of a feature
pyramid, and what does not go with it is dimmed; a light decoder adds the scales. Good for small objects of several
classes in very fine imagery (ships, vehicles, storage tanks; published on iSAID). 31.4 M weights with ResNet-50.

It learns by a loss of its own: cross entropy in which pixels that are nearly right count ever less (focal, squared),
put back to its sum so that steps do not become smaller; it sets in along a cosine over the first 10,000 steps
(`anneal`). Weights of classes and smoothing of labels have no part in it. In train mode the network gives the number of
steps beside its logits. The release answers with probabilities; here are their logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_ENCODERS = ("resnet18", "resnet34", "resnet50", "resnet101")


@register(
    "farseg",
    title="FarSeg",
    tasks=("segmentation",),
    source=("arXiv:2011.09766",),
    transient=("encoder_weights", "wavelengths"),
)
def farseg(
    in_channels: int = 3,
    classes: int = 16,
    encoder: str = "resnet50",
    pyramid_width: int = 256,
    decoder_width: int = 128,
    anneal: int = 10_000,
    encoder_weights: str | None = None,
    wavelengths: Sequence[float | None] | None = None,
) -> nn.Module:
    """A network `[B, in_channels, H, W]` -> logits `[B, classes, H, W]`; any H and W.

    Args:
        in_channels: number of bands.
        classes: channels of the answer; 16 on iSAID, 1 for a yes.
        encoder: of torchvision: resnet18, resnet34, resnet50 or resnet101.
        pyramid_width: of the feature pyramid and the scene's vector.
        decoder_width: of the decoder.
        anneal: steps over which the loss passes from cross entropy to its own form; 10,000 of 60,000 as published.
        encoder_weights: a local weight file of torchvision's encoder, or the name of its weights, such as
            `IMAGENET1K_V1`, where torchvision's hub can be reached; None: random weights.
        wavelengths: centre of each band in nm, by which the first layer of the weights is made for other bands.

    Raises:
        CardError: no such encoder, fewer than one step, or the encoder's weights cannot be had or do not fit.
    """
    if encoder not in _ENCODERS:
        raise CardError(f"encoder must be one of {', '.join(_ENCODERS)}; found {encoder!r}")
    if anneal < 1:
        raise CardError(f"anneal must be 1 step or more; found {anneal}")
    from swath.models.segment._farseg import FarSeg

    network = FarSeg(in_channels, classes, encoder, pyramid_width, decoder_width, anneal)
    if encoder_weights is not None:
        network.load_encoder(encoder, encoder_weights, wavelengths)
    return network
