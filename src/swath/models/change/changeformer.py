"""ChangeFormer: a hierarchical transformer reads both dates, and their difference is learnt at four scales.

Bandara and Patel 2022, "A transformer-based Siamese network for change detection", IGARSS, arXiv:2201.01293. The
encoder is a Mix Transformer like SegFormer's; a small convolution learns the difference at each scale, and the coarser
ones go into the finer. Good on large buildings and land cover with many labels; heavy (41 M weights), and it sees the
whole tile.

This is the release's sixth and final form, which its weights are for. In train mode there are four coarser answers
besides, and `loss` weighs the five as the release does: 0.5, 0.5, 0.5, 0.8 from coarse to fine, and 1 for the map of
the full size. The release compares the coarse ones with shrunk labels; here they are made as large as the labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register("changeformer", title="ChangeFormer (V6)", tasks=("change",), source=("arXiv:2201.01293",))
def changeformer(
    in_channels: int = 3,
    classes: int = 2,
    widths: Sequence[int] = (64, 128, 320, 512),
    depths: Sequence[int] = (3, 3, 4, 3),
    heads: Sequence[int] = (1, 2, 4, 8),
    decoder_width: int = 256,
    dropout: float = 0.1,
    drop_path: float = 0.1,
) -> nn.Module:
    """A network `(before [B, C, H, W], after [B, C, H, W])` -> logits `[B, classes, H, W]`; any H and W.

    In train mode five answers: that of the full size, then those at a 32nd, a 16th, an eighth and a quarter of it.

    Args:
        in_channels: bands of either date.
        classes: channels of the answer: 2 as published, 1 for a yes.
        widths: of the encoder's four stages; each a multiple of its `heads`.
        depths: blocks of each stage.
        heads: of attention in each stage.
        decoder_width: of the decoder.
        dropout: share of features, and of what attention looks at, left out in training.
        drop_path: chance that the encoder's last block is left out in training; less before.
    """
    from swath.models.change._changeformer import ChangeFormer

    return ChangeFormer(in_channels, classes, widths, depths, heads, decoder_width, dropout, drop_path)
