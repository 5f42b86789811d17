"""LWGANet: a small and fast network for scenes; four groups of channels look at a point, near, around and everywhere.

Lu et al. 2026, "LWGANet: addressing spatial and channel redundancy in remote sensing visual tasks with light-weight
grouped attention", AAAI, arXiv:2501.10040. Each quarter of the channels has attention of another reach, so that small
and large things are seen at once; the widest keeps the largest of each four pixels alone, which is cheap. L0 (2.9 M
weights with 1,000 classes), L1 (7.1 M) and L2 (14.3 M) differ in width. Good for classification on small machines; the
same backbone is in `lwganet-unetformer` for segmentation and in `lwganet-a2net` for change.

The release takes RGB normalised by the constants of ImageNet, 224 px, and halts at maps that are not square; here any
size is filled up to a multiple of 32 px. The release's ImageNet weights are free for non-commercial use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

SOURCE = ("arXiv:2501.10040",)
SIZES: Mapping[str, Mapping[str, Any]] = {
    "l0": {"width": 32, "depths": (1, 2, 4, 2), "drop_path": 0.0},
    "l1": {"width": 64, "depths": (1, 2, 4, 2), "drop_path": 0.1},
    "l2": {"width": 96, "depths": (1, 4, 4, 2), "drop_path": 0.1},
}


@register(
    "lwganet",
    title="LWGANet",
    tasks=("classification",),
    source=SOURCE,
    sizes=SIZES,
    transient=("encoder_weights",),
)
def lwganet(
    in_channels: int = 3,
    classes: int = 1000,
    width: int = 32,
    depths: Sequence[int] = (1, 2, 4, 2),
    drop_path: float = 0.0,
    encoder_weights: str | None = None,
) -> nn.Module:
    """A network `[B, in_channels, H, W]` -> logits `[B, classes]`; any H and W.

    Args:
        in_channels: number of bands.
        classes: channels of the answer.
        width: features at 1/4 of the size, doubled at each halving; from 96 on ReLU stands for GELU, as released.
        depths: blocks at 1/4, 1/8, 1/16 and 1/32 of the size.
        drop_path: chance that the last block is passed by in training; less before.
        encoder_weights: a local file of the release's ImageNet weights; all but the last layer is taken. None: random.

    Raises:
        CardError: depths are not of four scales, the width is no multiple of 16, or the weights do not fit.
    """
    check(width, depths)
    from swath.models.classify._lwganet import LWGANetClassifier

    network = LWGANetClassifier(in_channels, classes, width, depths, drop_path)
    if encoder_weights is not None:
        from swath.models.pretrained import load_parts

        load_parts(network, encoder_weights, ("Stem", "stages", "avgpool_pre_head"))
    return network


def check(width: int, depths: Sequence[int]) -> None:
    """Refuse what no LWGANet can be built from.

    Raises:
        CardError: depths are not of four scales, or the width is no multiple of 16.
    """
    if len(depths) != 4 or min(depths) < 1:
        raise CardError(f"depths must be of four scales, one block or more each; found {list(depths)}")
    if width < 16 or width % 16:
        raise CardError(f"width must be a multiple of 16 (four groups, heads of four channels); found {width}")
