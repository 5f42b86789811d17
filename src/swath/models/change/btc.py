"""BTC, "Be the Change": a strong encoder, the plain difference of its features, and a plain decoder.

Rolih et al., IEEE TGRS 2025, arXiv:2507.03367. A Swin that was trained to segment streets (Mask2Former on Cityscapes)
reads both dates, its features are subtracted on four scales, and UPerNet makes the map. No part of it was made for
change; it is a baseline that many networks made for change do not beat. Best from its encoder's weights
(`encoder_weights=`). The difference keeps its sign, so the order of dates counts. It sees the whole tile.

The release takes RGB of 256 x 256 px normalised by the constants of ImageNet. Nothing of it is mended here, but sizes
that are no multiple of 32 px are filled up and cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"width": 96, "depths": (2, 2, 6, 2), "heads": (3, 6, 12, 24), "window": 7},
    "base": {"width": 128, "depths": (2, 2, 18, 2), "heads": (4, 8, 16, 32), "window": 12},
}


@register(
    "btc",
    title="BTC (Be the Change)",
    tasks=("change",),
    source=("arXiv:2507.03367",),
    transient=("encoder_weights",),
    sizes=_SIZES,
)
def btc(
    in_channels: int = 3,
    classes: int = 1,
    width: int = _SIZES["base"]["width"],
    depths: Sequence[int] = _SIZES["base"]["depths"],
    heads: Sequence[int] = _SIZES["base"]["heads"],
    window: int = _SIZES["base"]["window"],
    hidden: int = 512,
    drop_path: float = 0.3,
    encoder_weights: str | None = None,
) -> nn.Module:
    """A network `(before, after)`, `[B, in_channels, H, W]` each -> logits `[B, classes, H, W]`; any H and W.

    Its `loss` for one channel is the paper's: 1 minus the Dice coefficient of the whole batch.

    Args:
        in_channels: bands of each date.
        classes: channels of the answer.
        width: of the encoder's finest features.
        depths: blocks of the encoder at 1/4, 1/8, 1/16 and 1/32 of the size.
        heads: of attention there.
        window: side of attention in cells.
        hidden: features of the decoder.
        drop_path: chance that the encoder's last block pays no attention in training; less before.
        encoder_weights: a local file with the weights of Hugging Face's Mask2Former on Swin; None: random weights.

    Raises:
        CardError: depths and heads are not of four scales, a width is no multiple of its heads, or weights do not fit.
    """
    from swath.models.change._btc import BTC

    if len(depths) != 4 or len(heads) != 4:
        raise CardError(f"depths and heads must be of four scales; found {len(depths)} and {len(heads)}")
    if any(width * 2**scale % many for scale, many in enumerate(heads)):
        raise CardError(f"width {width}, doubled from scale to scale, must be a multiple of heads, {tuple(heads)}")
    network = BTC(in_channels, classes, width, depths, heads, window, hidden, drop_path)
    if encoder_weights is not None:
        network.load_encoder(encoder_weights)
    return network
