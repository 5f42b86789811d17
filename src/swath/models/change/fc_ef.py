"""FC-EF, FC-Siam-conc, FC-Siam-diff: the fully convolutional networks with which learning change end to end began.

Daudt, Le Saux and Boulch 2018, "Fully convolutional Siamese networks for change detection", arXiv:1810.08462. A small
U-Net reads both dates as one image (EF, early fusion), or one encoder reads each date and the decoder gets the features
of both (conc) or the size of their difference (diff). 1.35 to 1.55 million weights and a finite receptive field: good
for few labels, for a first number to be better than, and for exact mosaics.

As in the release, the features at the coarsest scale are those of the second date alone, and a map that was pooled from
an odd size is filled up by its last row and column. The release gives log-probabilities; here are the logits of these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


def _builder(fusion: Literal["early", "conc", "diff"]) -> Callable[..., nn.Module]:
    def build(in_channels: int = 3, classes: int = 2, dropout: float = 0.2) -> nn.Module:
        """A network `(before [B, C, H, W], after [B, C, H, W])` -> logits `[B, classes, H, W]`; sides of 16 px or more.

        Args:
            in_channels: bands of either date.
            classes: channels of the answer: 2 as published, 1 for a yes.
            dropout: share of the channels that are left out after every layer in training.
        """
        from swath.models.change._fc_ef import FullyConvolutional

        return FullyConvolutional(in_channels, classes, fusion, dropout)

    return build


_SOURCE = ("arXiv:1810.08462",)
register("fc-ef", title="FC-EF", tasks=("change",), source=_SOURCE)(_builder("early"))
register("fc-siam-conc", title="FC-Siam-conc", tasks=("change",), source=_SOURCE)(_builder("conc"))
register("fc-siam-diff", title="FC-Siam-diff", tasks=("change",), source=_SOURCE)(_builder("diff"))
