"""LWGANet under the head of A2Net: change at four scales, each supervised, with few weights.

Lu et al. 2026, "LWGANet", AAAI, arXiv:2501.10040 (the backbone, see `lwganet`), and Li et al. 2023, "Lightweight remote
sensing change detection with progressive feature aggregation and supervised attention", IEEE TGRS 61,
doi:10.1109/TGRS.2023.3241436 (the head). Each scale takes in its neighbours, the dates are compared by their difference
seen at ever smaller distances, and on the way up a map of change at each scale gates the next. Good for buildings in
very fine imagery on small machines.

In train mode the maps of all four scales learn the change, by binary cross entropy and Dice, and count alike. The
release gives probabilities; here are their logits. Its other network for change (CLAFA) is not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.models.classify.lwganet import SIZES, SOURCE, check
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register(
    "lwganet-a2net",
    title="A2Net on LWGANet",
    tasks=("change",),
    source=(*SOURCE, "doi:10.1109/TGRS.2023.3241436"),
    sizes=SIZES,
    transient=("encoder_weights",),
)
def lwganet_a2net(
    in_channels: int = 3,
    classes: int = 1,
    width: int = 32,
    depths: Sequence[int] = (1, 2, 4, 2),
    drop_path: float = 0.0,
    encoder_weights: str | None = None,
) -> nn.Module:
    """A network `(before, after)`, `[B, in_channels, H, W]` each -> logits `[B, classes, H, W]`; any H and W.

    In train mode four such answers, from the finest scale to the coarsest.

    Args:
        in_channels: bands of either date.
        classes: channels of the answer: 1 as published, or more, of which the first is "unchanged".
        width: see `lwganet`.
        depths: see `lwganet`.
        drop_path: see `lwganet`.
        encoder_weights: a local file of LWGANet's ImageNet weights; its last layers are left out. None: random weights.

    Raises:
        CardError: the width or the depths are none that it can be built from, or the weights do not fit.
    """
    check(width, depths)
    from swath.models.change._a2net import A2Net

    network = A2Net(in_channels, classes, width, depths, drop_path)
    if encoder_weights is not None:
        from swath.models.pretrained import load_parts

        load_parts(network.backbone, encoder_weights, ("Stem", "stages"))
    return network
