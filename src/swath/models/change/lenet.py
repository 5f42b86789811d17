"""LENet: the dates exchange layers of their features, and pixels and channels that differ are given weight at every step.

Dong et al., IEEE JSTARS 2025, "Layer Exchange" with channel-spatial difference weighting (CSDW; OPEN-RSCD). A SwinV2 that
both dates share, weighted after each of its stages, two feature pyramids between which every second level is swapped,
and a decoder for each date that adds what the other one found. Large (168.1 M parameters with its heads) and made to
start from the encoder's ImageNet weights (`encoder_weights=`). It sees the whole tile; the order of dates counts.

Of the release nothing is mended here that changes numbers; a second encoder, which it builds and never runs, is left out.
Its windows were laid out for 256 x 256 px; here they are for any size, and the same ones at 256. All but the last layers
is held against the release's answers.

The release takes BGR normalised by the constants of ImageNet for RGB.
"""  # noqa: E501  (one line too many)

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register(
    "lenet",
    title="LENet (Layer Exchange Network)",
    tasks=("change",),
    source=("IEEE JSTARS 2025, https://github.com/dyzy41/lenet",),
    transient=("encoder_weights",),
    unchecked="its last layers were not held against the release",
)
def lenet(
    in_channels: int = 3,
    classes: int = 2,
    width: int = 128,
    depths: Sequence[int] = (2, 2, 18, 2),
    heads: Sequence[int] = (4, 8, 16, 32),
    hidden: int = 256,
    encoder_weights: str | None = None,
) -> nn.Module:
    """A network `(before, after)`, `[B, in_channels, H, W]` each -> logits `[B, classes, H, W]`; any H and W.

    In train mode it gives three: the answer, and those of two coarser maps, which count 0.3 times each in its `loss`.

    Args:
        in_channels: bands of each date.
        classes: channels of the answer; the paper has two, no change and change.
        width: of the encoder's finest features.
        depths: blocks of the encoder at 1/4, 1/8, 1/16 and 1/32 of the size.
        heads: of attention there.
        hidden: features of the decoder, a multiple of 64.
        encoder_weights: a weight file of timm's `swinv2_base_window8_256`, or the tag `ms_in1k`; None: random weights.

    Raises:
        CardError: depths and heads are not of four scales, `hidden` is no such multiple, or weights do not fit.
    """
    from swath.models.change._lenet import LENet

    if len(depths) != 4 or len(heads) != 4:
        raise CardError(f"depths and heads must be of four scales; found {len(depths)} and {len(heads)}")
    if hidden < 64 or hidden % 64:
        raise CardError(f"hidden must be a multiple of 64; found {hidden}")
    network = LENet(in_channels, classes, width, depths, heads, hidden)
    if encoder_weights is not None:
        network.load_encoder(encoder_weights)
    return network
