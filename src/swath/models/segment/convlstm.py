"""ConvLSTM: a memory for each pixel that reads a series date by date.

Shi et al. 2015, "Convolutional LSTM network", NeurIPS, arXiv:1506.04214; Rußwurm and Körner 2018, "Convolutional LSTMs
for cloud-robust segmentation of remote sensing imagery", arXiv:1811.02471; the form that U-TAE's authors compare with
(arXiv:2107.07933). What the memory holds in the end is told apart by one more convolution. Good for long series of
small images on little memory; it is told no days, and sees no farther than a pixel per date. 1.0 M weights.

A date that is 0 everywhere leaves the memory as it is; the release, which fills up short series with such dates, reads
them as it does others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register(
    "convlstm",
    title="ConvLSTM",
    tasks=("segmentation",),
    source=("arXiv:1506.04214", "arXiv:1811.02471"),
    series=True,
)
def convlstm(in_channels: int = 10, classes: int = 20, width: int = 160) -> nn.Module:
    """A network `[B, T, C, H, W]` -> logits `[B, classes, H, W]`; any T, H and W.

    Args:
        in_channels: bands of a date.
        classes: channels of the answer; 20 on PASTIS.
        width: numbers that each pixel remembers.

    Raises:
        CardError: the width is less than 1.
    """
    if width < 1:
        raise CardError(f"width must be 1 or more; found {width}")
    from swath.models.segment._convlstm import ConvLSTMSegmentation

    return ConvLSTMSegmentation(in_channels, classes, width)
