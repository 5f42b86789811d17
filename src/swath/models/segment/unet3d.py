"""3D U-Net: a series of images as one block, convolved along time as along rows and columns.

Rustowicz et al. 2019, "Semantic segmentation of crop type in Africa: a novel dataset and analysis of deep learning
methods", CVPR Workshops; the form that U-TAE's authors compare with (arXiv:2107.07933). Two halvings of time and space,
and the mean over time in the end. Good for crops where the dates of all places are alike and evenly spread: it is told
no days. 1.6 M weights.

Time is halved twice, so that of T dates the answers of the first T - T % 4 are averaged, as released; the rest are only
looked at. Where there are fewer than four dates the last one is repeated. A date that is 0 everywhere is left out of
the mean. Image sizes that are no multiple of 4 px are filled up and cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register(
    "unet3d",
    title="3D U-Net",
    tasks=("segmentation",),
    source=("CVPR Workshops 2019", "arXiv:2107.07933"),
    series=True,
)
def unet3d(in_channels: int = 10, classes: int = 20, width: int = 8) -> nn.Module:
    """A network `[B, T, C, H, W]` -> logits `[B, classes, H, W]`; any T, H and W.

    Args:
        in_channels: bands of a date.
        classes: channels of the answer; 20 on PASTIS.
        width: a quarter of the features at the full size.

    Raises:
        CardError: the width is less than 1.
    """
    if width < 1:
        raise CardError(f"width must be 1 or more; found {width}")
    from swath.models.segment._unet3d import UNet3D

    return UNet3D(in_channels, classes, width)
