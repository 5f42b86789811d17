"""L-TAE: light attention over the dates of a pixel tells what grows there.

Garnot and Landrieu 2020, "Lightweight temporal self-attention for classifying satellite image time series", AALTD,
arXiv:2007.00586. Every date becomes a vector, to which its day is added as sines and cosines; each head asks one learnt
question of all dates, of its own part of the channels, so that there are few weights (some 110,000 here); the sum goes
through dense layers to the classes. Good for long series with gaps: dates that were not seen take no part, and nothing
is filled in. In the paper a set of pixels of each parcel is encoded first (PSE); here it is each pixel by itself, so
that a dense layer stands in its place, and a parcel's class is voted afterwards.

| input | |
| --- | --- |
| `image` | `[B, T, C, H, W]`; of each pixel a date whose bands are all 0 after normalisation was not seen |
| `days` | `[T]` or `[B, T]`, since 1970-01-01; counted from the day of the year `begins` on |

Heads and days are those of U-TAE, which are held against its release; norms over dates leave out those not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register("ltae", title="L-TAE", tasks=("segmentation",), source=("arXiv:2007.00586",), series=True)
def ltae(
    in_channels: int = 10,
    classes: int = 20,
    width: int = 128,
    inner: int = 256,
    heads: int = 16,
    keys: int = 8,
    decoder: Sequence[int] = (64, 32),
    dropout: float = 0.2,
    begins: float = 1.0,
) -> nn.Module:
    """A network `(image [B, T, C, H, W], days [B, T])` -> logits `[B, classes, H, W]`; any T, H and W.

    Args:
        in_channels: bands of a date; 10 and 20 classes in the paper.
        classes: channels of the answer.
        width: of what a date becomes first, and of what all of them become.
        inner: width of what attention looks at.
        heads: of attention; each weighs a part of the channels.
        keys: numbers by which a head asks.
        decoder: widths of the dense layers before the classes.
        dropout: of what attention found.
        begins: day of the year from which days count.

    Raises:
        CardError: width and inner cannot be parted among the heads.
    """
    if width % heads or inner % heads:
        raise CardError(f"width and inner must be multiples of heads, {heads}; found {width} and {inner}")
    from swath.models.series._ltae import LTAE

    return LTAE(in_channels, classes, (width, inner, heads, keys), tuple(decoder), dropout, begins)
