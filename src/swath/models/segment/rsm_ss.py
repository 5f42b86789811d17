"""RSM-SS: segmentation where each place sees the whole of a large image, at a cost that is linear in its pixels.

Zhao et al. 2024, "RS-Mamba for large remote sensing image dense prediction", IEEE GRSL, arXiv:2404.02668. The encoder
and the decoder of `rsm-cd` for one date, published for roads and buildings. The published size has 50.4 M weights; the
release takes RGB normalised by the constants of ImageNet, of multiples of 32 px; here others are filled up and cut.
It learns by cross entropy and Dice, as all networks for segmentation do here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.models.change.rsm_cd import check
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register("rsm-ss", title="RSM-SS (RS-Mamba)", tasks=("segmentation",), source=("arXiv:2404.02668",))
def rsm_ss(
    in_channels: int = 3,
    classes: int = 1,
    width: int = 96,
    depths: Sequence[int] = (2, 2, 9, 2),
    states: int = 16,
    mlp_ratio: float = 4.0,
    drop_path: float = 0.1,
) -> nn.Module:
    """A network `[B, in_channels, H, W]` -> logits `[B, classes, H, W]`; any H and W.

    Args:
        in_channels: number of bands.
        classes: channels of the answer.
        width: features at 1/4 of the size, doubled at each halving; even.
        depths: blocks at 1/4, 1/8, 1/16 and 1/32 of the size.
        states: numbers that a channel carries along a walk.
        mlp_ratio: width of the perceptrons' hidden layer over that of a block.
        drop_path: chance that the last block is passed by in training; less before.

    Raises:
        CardError: depths are not of four scales, or the width is odd.
    """
    check(width, depths)
    from swath.models.change._rsm import RSMSegmentation

    return RSMSegmentation(in_channels, classes, width, depths, states, mlp_ratio, drop_path)
