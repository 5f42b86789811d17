"""RSM-CD: change where each place sees the whole of a large image, at a cost that is linear in its pixels.

Zhao et al. 2024, "RS-Mamba for large remote sensing image dense prediction", IEEE GRSL, arXiv:2404.02668. One encoder
of selective scans along eight walks (rows, columns, both diagonals, there and back) reads each date; the dates are
joined at each of four scales and decoded as in SGSLN. Good for large objects and large tiles; slower than a
convolutional network of its size. The published size has 51.9 M weights; the release takes RGB normalised by the
constants of ImageNet, of multiples of 32 px. Here other sizes are filled up and cut.

Its diagonals come in again at the other side of the image, as released, so that neighbours along a walk may lie far
apart. It learns by cross entropy and Dice, as all networks for change do here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register("rsm-cd", title="RSM-CD (RS-Mamba)", tasks=("change",), source=("arXiv:2404.02668",))
def rsm_cd(
    in_channels: int = 3,
    classes: int = 1,
    width: int = 96,
    depths: Sequence[int] = (2, 2, 9, 2),
    states: int = 16,
    mlp_ratio: float = 4.0,
    drop_path: float = 0.2,
) -> nn.Module:
    """A network `(before, after)`, `[B, in_channels, H, W]` each -> logits `[B, classes, H, W]`; any H and W.

    Args:
        in_channels: bands of each date.
        classes: channels of the answer: 1 as published, or more.
        width: features at 1/4 of the size, doubled at each halving; even.
        depths: blocks at 1/4, 1/8, 1/16 and 1/32 of the size.
        states: numbers that a channel carries along a walk.
        mlp_ratio: width of the perceptrons' hidden layer over that of a block.
        drop_path: chance that the last block is passed by in training; less before.

    Raises:
        CardError: depths are not of four scales, or the width is odd.
    """
    check(width, depths)
    from swath.models.change._rsm import RSMChange

    return RSMChange(in_channels, classes, width, depths, states, mlp_ratio, drop_path)


def check(width: int, depths: Sequence[int]) -> None:
    """Refuse what none of the networks of this kind can be built from.

    Raises:
        CardError: depths are not of four scales, or the width is odd.
    """
    if len(depths) != 4 or min(depths) < 1:
        raise CardError(f"depths must be of four scales, one block or more each; found {list(depths)}")
    if width < 2 or width % 2:
        raise CardError(f"width must be even; found {width}")
