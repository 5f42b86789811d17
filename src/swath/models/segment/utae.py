"""U-TAE: a series of images becomes one map; attention says which dates count, pixel by pixel.

Garnot and Landrieu 2021, "Panoptic segmentation of satellite image time series with convolutional temporal attention
networks", ICCV, arXiv:2107.07933. A U-Net encodes each date by itself; at an eighth of the size sixteen heads of
attention weigh the dates of every pixel, and the same weights, made larger, sum what the finer scales saw. Good for
crops and whatever shows in the course of a year; clouded dates lose their weight by themselves. 1.1 M weights;
published on PASTIS (Sentinel-2 at 10 m, 33 to 61 dates). It learns by cross entropy; the release gives the void class
no weight.

| input | |
| --- | --- |
| `image` | `[B, T, C, H, W]`; a date whose pixels are all 0 after normalisation is none, and has no weight |
| `days` | `[T]` or `[B, T]`, since 1970-01-01; `first_day` is subtracted |

The release rectifies the logits too, so that none is below 0; here the last layer's ReLU is left out, and
`released=True` has it. The panoptic head (PaPs) is not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_GROUPS = 4


@register("utae", title="U-TAE", tasks=("segmentation",), source=("arXiv:2107.07933",), series=True)
def utae(
    in_channels: int = 10,
    classes: int = 20,
    widths: Sequence[int] = (64, 64, 64, 128),
    decoder_widths: Sequence[int] = (32, 32, 64, 128),
    inner: int = 256,
    heads: int = 16,
    keys: int = 4,
    first_day: float = 17775.0,
    released: bool = False,
) -> nn.Module:
    """A network `(image [B, T, C, H, W], days [B, T])` -> logits `[B, classes, H, W]`; any T, H and W.

    Args:
        in_channels: bands of a date.
        classes: channels of the answer; 20 on PASTIS.
        widths: of the encoder, from the full size on, each at half the size of the one before.
        decoder_widths: likewise of the decoder; the last is that of the encoder.
        inner: width of what attention looks at.
        heads: of attention; each weighs a part of the channels.
        keys: numbers by which a head asks.
        first_day: from which days count, in days since 1970-01-01; as it stands 2018-09-01, that of PASTIS.
        released: whether the logits are rectified.

    Raises:
        CardError: widths do not go together, or cannot be parted among groups and heads.
    """
    if len(widths) < 2 or len(widths) != len(decoder_widths) or widths[-1] != decoder_widths[-1]:
        raise CardError(
            f"widths and decoder_widths must be two or more, as many, and end alike; found {list(widths)} and "
            f"{list(decoder_widths)}"
        )
    if any(width % _GROUPS or width % heads for width in widths) or inner % heads:
        raise CardError(
            f"widths and inner must be multiples of {_GROUPS} and of heads, {heads}; found {list(widths)}, {inner}"
        )
    from swath.models.segment._utae import UTAE

    sizes, attention = (tuple(widths), tuple(decoder_widths)), (inner, heads, keys)
    return UTAE(in_channels, classes, sizes, attention, first_day, released=released)
