"""MapFormer: what changed since a map was drawn, from images of both dates and the map of the first.

Bernhard, Strauß and Schubert 2023, "MapFormer: boosting change detection by using pre-change information", ICCV,
arXiv:2303.17859. A Mix Transformer reads each date; at every scale ten mixtures of both dates and the map are made, and
the map says, channel by channel and pixel by pixel, which of them count. Good for keeping a map of land cover or a
register of buildings up to date: the authors gain more by the map than others do by their networks.

In train mode it also learns that the first image looks like its map everywhere, and the second where nothing changed:
the cosine of their embeddings at a quarter of the size is pulled towards 1 there, and to 0 or less where something did.

| `land` | what it says of a pixel |
| --- | --- |
| 0, 1, ... `map_classes - 1` | its class on the first date |
| any other number, NaN | not known |
| left out | nothing is known anywhere |

As a model it has two inputs: the images, `DatesRule(min=2, max=2, given="arguments")`, and the map as one band without
normalisation, with `fill=-1` and its `classes`: what a map calls nodata, or has no such class for, is not known. The
release's head for the classes of the second date is not here, nor are its forms for one image or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register(
    "mapformer",
    title="MapFormer",
    tasks=("change",),
    source=("arXiv:2303.17859",),
    transient=("encoder_weights",),
    unchecked="what reads the map and the head were held against the release, the whole network was not",
)
def mapformer(
    in_channels: int = 3,
    classes: int = 2,
    map_classes: int = 6,
    mixtures: int = 10,
    width: int = 256,
    map_width: int = 32,
    widths: Sequence[int] = (64, 128, 320, 512),
    depths: Sequence[int] = (3, 4, 6, 3),
    heads: Sequence[int] = (1, 2, 5, 8),
    dropout: float = 0.1,
    encoder_weights: str | None = None,
) -> nn.Module:
    """A network `(before [B, C, H, W], after [B, C, H, W], land=None)` -> logits `[B, classes, H, W]`; any H and W.

    `land` is `[B, H, W]` or `[B, 1, H, W]`. In train mode the network gives besides the logits the embeddings of both
    dates and of the map, `[B, map_width, H / 4, W / 4]`.

    Args:
        in_channels: bands of either date.
        classes: channels of the answer: 2 as published, 1 for a yes.
        map_classes: of the map; 6 on DynamicEarthNet, 5 on HRSCD.
        mixtures: of which the map chooses.
        width: of the head.
        map_width: of the map's features.
        widths: of the encoder's four stages (as they stand, MiT-B2); each a multiple of its `heads`.
        depths: blocks of each stage.
        heads: of attention in each stage.
        dropout: share of channels left out in training before the last layer.
        encoder_weights: a local weight file of a Mix Transformer in SegFormer's names; None: random weights.

    Raises:
        CardError: the encoder's weights cannot be read or do not fit.
    """
    from swath.models.change._mapformer import MapFormer

    network = MapFormer(in_channels, classes, map_classes, mixtures, width, map_width, (widths, depths, heads), dropout)
    if encoder_weights is not None:
        from swath.models.strict import load_strict
        from swath.models.weights import read_state

        load_strict(network.encoder, read_state(encoder_weights), adapt=("headless",))
    return network
