"""A perceptron for every pixel: what a class looks like in many bands, without a look at what lies around.

Bhandari and Mayer 2024, "Comparing deep learning models for rice mapping in Bhutan using high resolution satellite
imagery", arXiv:2406.07482, hold it ("DNN": three hidden layers with ReLU and dropout between them, written as 1 x 1
convolutions) against a U-Net, on stacks of a Planet mosaic, elevation and Sentinel-1. The U-Net was the better one
throughout; this one learns from points alone, needs no tiles, and its mosaics have no seams. The other of the pair is
`unet`. A stack of sensors is one image with as many bands. The widths are not in what could be read of the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.card import Task
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_TASKS: tuple[Task, ...] = ("segmentation", "regression")


@register("pixel-mlp", title="Perceptron per pixel", tasks=_TASKS, source=("arXiv:2406.07482",))
def pixel_mlp(
    in_channels: int, classes: int, widths: Sequence[int] = (256, 128, 64), dropout: float = 0.2
) -> nn.Module:
    """A network `[B, in_channels, H, W]` -> logits `[B, classes, H, W]`; any H and W.

    Args:
        in_channels: number of bands.
        classes: number of output channels.
        widths: of the hidden layers.
        dropout: share of features left out in training behind each of them.

    Raises:
        CardError: there is no hidden layer.
    """
    if not widths:
        raise CardError("widths must name one hidden layer or more; found none")
    from swath.models.segment._pixel_mlp import perceptron

    return perceptron(in_channels, classes, widths, dropout)
