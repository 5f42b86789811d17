"""RSMamba: scenes told apart by selective scans of their patches, in order, in reverse and shuffled.

Chen et al. 2024, "RSMamba: remote sensing image classification with state space model", IEEE GRSL, arXiv:2403.19654.
Patches of 16 px, one every 8 px, are read as a sequence along three paths by one mixer; a gate weighs what each found
(multi-path activation), so that no place is seen only by those behind it. Good where a scene is told by what lies far
apart in it. B has 6.4 M weights, L 16.2 M, H 33.1 M.

The release takes RGB at 224 px, normalised by the constants of each data set, and learns from scratch by cross entropy
with labels smoothed by 0.1. Its third path is shuffled anew at each call, so that it never answers the same twice; here
that is so in training alone, and in eval mode each layer has one shuffle for each number of patches. `released=True`
shuffles anew in eval mode too. Positions of other sizes are interpolated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_SIZES = {
    "b": {"width": 192, "depth": 24},
    "l": {"width": 256, "depth": 36},
    "h": {"width": 320, "depth": 48},
}


@register("rsmamba", title="RSMamba", tasks=("classification",), source=("arXiv:2403.19654",), sizes=_SIZES)
def rsmamba(
    in_channels: int = 3,
    classes: int = 21,
    width: int = 192,
    depth: int = 24,
    states: int = 16,
    image_size: int = 224,
    released: bool = False,
) -> nn.Module:
    """A network `[B, in_channels, H, W]` -> logits `[B, classes]`; any H and W.

    Args:
        in_channels: number of bands.
        classes: channels of the answer: 21 on UC Merced, 30 on AID, 45 on RESISC45.
        width: of a patch's features; a mixer is twice as wide inside.
        depth: layers.
        states: numbers that a channel carries along a path.
        image_size: in px, of the positions that are learnt.
        released: whether the third path is shuffled anew in eval mode too.

    Raises:
        CardError: a number is less than 1.
    """
    if min(width, depth, states, image_size) < 1:
        raise CardError("width, depth, states and image_size must be 1 or more")
    from swath.models.classify._rsmamba import RSMamba

    return RSMamba(in_channels, classes, width, depth, states, image_size, released=released)
