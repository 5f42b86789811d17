"""CDMaskFormer: a few learnt queries each find a mask of change and say whether it is one.

Ma et al. 2024, "Rethinking Remote Sensing Change Detection With A Mask View", arXiv:2406.15320 (CDMask in rschange). A
SeaFormer-L that both dates share, fusion by the signed difference of the dates, deformable attention over three scales,
and 13 layers in which 5 queries look at masks on four scales. The answer is a set of whole masks, which helps where
change comes as objects. It sees the whole tile.

`released=True` computes what the release computes, and takes its weights. The default mends what the release loses:

| | release | here |
| --- | --- | --- |
| answer | what all masks say, summed, then stretched from 0 to 1 in every tile, so that none is without change | the logit of the probability that any mask holds |
| a tile that has changed everywhere | is learnt from as one without change | as what it is |
| last stage and classifier of the backbone | have weights, never count | left out |
| size | multiples of 32 px | any |

The release takes RGB normalised by the constants of ImageNet.
"""  # noqa: E501  (a table)

from __future__ import annotations

from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register(
    "cdmaskformer",
    title="CDMaskFormer",
    tasks=("change",),
    source=("arXiv:2406.15320",),
    transient=("encoder_weights",),
)
def cdmaskformer(
    in_channels: int = 3,
    classes: int = 1,
    queries: int = 5,
    layers: int = 14,
    encoder_weights: str | None = None,
    released: bool = False,
) -> nn.Module:
    """A network `(before, after)`, `[B, in_channels, H, W]` each -> logits `[B, 1, H, W]`; any H and W.

    In train mode it gives besides what each query says before the first layer and behind each: classes
    `[L, B, queries, 2]` (no change, change) and masks `[L, B, queries, H / 4, W / 4]`. Its `loss` is the paper's: the
    query that fits best has to say the change, and the others that they have none.

    Args:
        in_channels: bands of each date.
        classes: 1; it tells change and nothing else.
        queries: number of masks.
        layers: answers of the queries, of which the first comes before any layer; the paper has 14.
        encoder_weights: a local weight file of SeaFormer-L on ImageNet; None: random weights.
        released: the release's form; it gives numbers from 0 to 1.

    Raises:
        CardError: more than one class, or weights that do not fit.
    """
    from swath.models.change._cdmaskformer import CDMaskFormer

    if classes != 1:
        raise CardError(f"cdmaskformer gives one channel, of change; found classes={classes}")
    network = CDMaskFormer(in_channels, queries, layers - 1, released=released)
    if encoder_weights is not None:
        network.load_encoder(encoder_weights)
    return network
