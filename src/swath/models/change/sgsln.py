"""SGSLN: two dates whose features are exchanged halfway, so that one decoder per date learns what differs.

Zhao et al. 2023, "Exchanging dual encoder-decoder: a new strategy for change detection with semantic guidance and
spatial localization", IEEE TGRS 61, arXiv:2311.11302. One encoder and one decoder are shared by the dates; at an eighth
of the size every other channel changes place between them. At each scale the dates are then fused by weights from
channels and places. Small and fast (0.4 to 6 million weights, half of each layer's channels pass untouched); good for
buildings in very fine imagery.

The sizes are named after the width of the deepest map, as in the paper. In train mode there are two further maps, one
per date at half the size, which learn the same change; `loss` counts each 0.2 times. The release compares them with
labels that were made half as large, here the maps are made as large as the labels. It swaps the dates of half of the
samples in training; that is up to whoever trains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_SIZES = {
    "128": {"widths": (8, 16, 32, 64, 128)},
    "256": {"widths": (16, 32, 64, 128, 256)},
    "512": {"widths": (32, 64, 128, 256, 512)},
}


@register("sgsln", title="SGSLN", tasks=("change",), source=("arXiv:2311.11302",), sizes=_SIZES)
def sgsln(
    in_channels: int = 3,
    classes: int = 1,
    widths: Sequence[int] = (32, 64, 128, 256, 512),
    dropout: float = 0.1,
) -> nn.Module:
    """A network `(before [B, C, H, W], after [B, C, H, W])` -> logits `[B, classes, H, W]`; any H and W.

    In train mode `(logits, first, second)`, the further ones `[B, classes, H / 2, W / 2]`.

    Args:
        in_channels: bands of either date.
        classes: channels of the answer: 1 as published, or 2.
        widths: channels at the full size, a half, a quarter, an eighth, a sixteenth; each twice the one before.
        dropout: share of features that are left out in training.

    Raises:
        CardError: the widths are not five that double, from a multiple of 4 on.
    """
    from swath.models.change._sgsln import SGSLN

    wanted = [widths[0] * 2**stage for stage in range(5)] if widths else []
    if list(widths) != wanted or widths[0] % 4:
        raise CardError(f"widths must be five that double, from a multiple of 4 on; found {list(widths)}")
    return SGSLN(in_channels, classes, tuple(widths), dropout)
