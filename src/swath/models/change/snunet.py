"""SNUNet-CD: a densely connected U-Net++ over two dates, whose finest maps keep where things end.

Fang, Li, Shao and Li 2021, "SNUNet-CD: a densely connected Siamese network for change detection of VHR images", IEEE
GRSL 19, doi:10.1109/LGRS.2021.3056416. One encoder reads both dates; every node of the decoder sees all nodes of its
scale before it, and the four finest maps are weighed by attention over channels (ECAM). Good for small objects and
sharp edges; it computes much at the full size, so it is slow for its number of weights.

As in the release, the scales below the first feed the decoder with the features of the second date, and the loss is the
task's own on the one map.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register(
    "snunet-cd",
    title="SNUNet-CD with ECAM",
    tasks=("change",),
    source=("doi:10.1109/LGRS.2021.3056416",),
    sizes={str(width): {"width": width} for width in (16, 32, 48)},
)
def snunet(in_channels: int = 3, classes: int = 2, width: int = 32) -> nn.Module:
    """A network `(before [B, C, H, W], after [B, C, H, W])` -> logits `[B, classes, H, W]`; any H and W.

    Args:
        in_channels: bands of either date.
        classes: channels of the answer: 2 as published, 1 for a yes.
        width: channels at the full size, a multiple of 4; they double with each of four halvings.

    Raises:
        CardError: the width is not a multiple of 4.
    """
    from swath.models.change._snunet import SNUNet

    if width < 4 or width % 4:
        raise CardError(f"width must be a multiple of 4; found {width}")
    return SNUNet(in_channels, classes, width)
