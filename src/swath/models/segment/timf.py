"""TIMF: an image and heights, each read by a transformer of its own, and joined on every scale, token by token.

Xiong et al. 2023, "GAMUS: a geometry-aware multi-modal semantic segmentation benchmark for remote sensing data",
arXiv:2305.14914: of early, late and intermediary fusion the last is the best, and best of all where each token decides
what counts. For aerial RGB with heights above ground (nDSM): a roof and a road of one colour differ in metres.

The code of TIMF was not released, and neither sizes nor equations could be had, so this is a reconstruction and could
not be compared: two Mix Transformers (MiT-B2); on each of four scales tokens of a third stream look at those of both
and take in their sum, weighed by a softmax over the two; SegFormer's decoder. It learns by cross entropy and Dice.

| given | image | heights |
| --- | --- | --- |
| one stack, `in_channels` bands | its first bands | its last `height_channels` |
| `(image, height)` | `in_channels - height_channels` bands | `[B, height_channels, H, W]` |

Heights are best normalised by fixed numbers (0 to 50 m, say): the benchmark stretched those of each tile by itself, by
which a shed beside a house and a house beside a tower come to look alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register("timf", title="TIMF", tasks=("segmentation",), source=("arXiv:2305.14914",), transient=("encoder_weights",))
def timf(
    in_channels: int = 4,
    classes: int = 7,
    height_channels: int = 1,
    widths: Sequence[int] = (64, 128, 320, 512),
    depths: Sequence[int] = (3, 4, 6, 3),
    heads: Sequence[int] = (1, 2, 5, 8),
    decoder_width: int = 512,
    dropout: float = 0.1,
    encoder_weights: str | None = None,
) -> nn.Module:
    """A network `(image [B, C, H, W], height=None)` -> logits `[B, classes, H, W]`; any H and W.

    Args:
        in_channels: bands of image and heights together.
        classes: channels of the answer; 7 in the benchmark, the first of which is what is none of the six.
        height_channels: bands of the heights.
        widths: of the four scales of either encoder; each a multiple of its `heads`.
        depths: blocks of each scale.
        heads: of attention on each scale.
        decoder_width: of the decoder.
        dropout: share of channels left out in training before the last layer.
        encoder_weights: a local weight file of a Mix Transformer in SegFormer's names, made for three bands. Both
            encoders take it; the heights' with its first filters summed, which is to see a height thrice. None: random
            weights.

    Raises:
        CardError: there is no band but heights, or the encoder's weights cannot be read or do not fit.
    """
    if not 0 < height_channels < in_channels:
        raise CardError(
            f"in_channels are those of image and heights together: more than height_channels, {height_channels}, which "
            f"are 1 or more; found {in_channels}"
        )
    from swath.models.segment._timf import TIMF

    network = TIMF(in_channels, classes, height_channels, (widths, depths, heads), decoder_width, dropout)
    if encoder_weights is not None:
        from swath.models.weights import read_state

        network.load_encoders(read_state(encoder_weights))
    return network
