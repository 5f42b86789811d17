"""DeepTriNet: DeepLabv3+ whose finer features are attended to by channel, by place and by pixel before they join.

"DeepTriNet: a tri-level attention based DeepLabv3+ architecture for semantic segmentation of satellite images", 2023,
arXiv:2310.06848. Squeeze and excitation behind the pyramid of dilated convolutions and in the decoder; tri-level
attention (TAU) where features of the encoder come in, to close the gap between what they mean and what the decoder
means. Published for land cover (LandCover.ai in four classes, GID-2).

Nothing of it was released, and the paper gives no size of anything, so this is an implementation after its figures and
words, and could not be compared: the encoder is a ResNet of torchvision whose last stage is dilated; TAU adds the three
attentions to its input; features at 1/16, 1/8 and 1/4 of the size come in through it; the answer is made four times as
large. The paper's numbers should not be expected of it. It learns by cross entropy and Dice, as all here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_ENCODERS = ("resnet50", "resnet101")


@register(
    "deeptrinet",
    title="DeepTriNet",
    tasks=("segmentation",),
    source=("arXiv:2310.06848",),
    transient=("encoder_weights", "wavelengths"),
)
def deeptrinet(
    in_channels: int = 3,
    classes: int = 5,
    encoder: str = "resnet50",
    width: int = 256,
    dropout: float = 0.5,
    encoder_weights: str | None = None,
    wavelengths: Sequence[float | None] | None = None,
) -> nn.Module:
    """A network `[B, in_channels, H, W]` -> logits `[B, classes, H, W]`; any H and W.

    Args:
        in_channels: number of bands.
        classes: channels of the answer.
        encoder: of torchvision: resnet50 or resnet101.
        width: of the dilated pyramid and of the decoder; 16 or more.
        dropout: share of features left out in training behind the pyramid.
        encoder_weights: a local weight file of torchvision's encoder, or the name of its weights, such as
            `IMAGENET1K_V2`, where torchvision's hub can be reached; None: random weights.
        wavelengths: centre of each band in nm, by which the first layer of the weights is made for other bands.

    Raises:
        CardError: no such encoder, too small a width, or the encoder's weights cannot be had or do not fit.
    """
    if encoder not in _ENCODERS:
        raise CardError(f"encoder must be one of {', '.join(_ENCODERS)}; found {encoder!r}")
    if width < 16:
        raise CardError(f"width must be 16 or more; found {width}")
    from swath.models.segment._deeptrinet import DeepTriNet

    network = DeepTriNet(in_channels, classes, encoder, width, dropout)
    if encoder_weights is not None:
        network.load_encoder(encoder, encoder_weights, wavelengths)
    return network
