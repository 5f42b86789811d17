"""Any encoder of timm with one linear layer: what whole images show, one class or several, from any number of bands.

The library (https://github.com/huggingface/pytorch-image-models) holds some thousand encoders by name, `resnet18`,
`regnetx_002`, `convnext_atto`, `vit_tiny_patch16_224` among them. Good as a baseline on any labelled scenes, and with
weights learnt elsewhere where labels are few. `swath evaluate --probe` looks at the features before the last layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register(
    "timm",
    title="encoder of timm",
    tasks=("classification",),
    source=("https://github.com/huggingface/pytorch-image-models",),
    transient=("encoder_weights", "wavelengths"),
)
def timm(
    in_channels: int = 3,
    classes: int = 1000,
    encoder: str = "resnet18",
    options: dict[str, Any] | None = None,
    encoder_weights: str | None = None,
    wavelengths: Sequence[float | None] | None = None,
) -> nn.Module:
    """A network `[B, in_channels, H, W]` -> logits `[B, classes]`; which sizes it takes is the encoder's own.

    Args:
        in_channels: number of bands.
        classes: channels of the answer.
        encoder: a name of timm's, without a tag.
        options: further arguments of the encoder, such as `channels`, `layers` or `drop_path_rate`.
        encoder_weights: a local weight file of the encoder, or the tag of published weights such as `a1_in1k`; a
            classifier in it is left out. They are taken to be for red, green and blue. None: random weights.
        wavelengths: centre of each band in nm, by which the first layer of the weights is made for other bands.

    Raises:
        CardError: no such encoder or option, or the weights do not fit.
    """
    from swath.models.classify._timm_encoder import made

    return made(in_channels, classes, encoder, options or {}, encoder_weights, wavelengths)
