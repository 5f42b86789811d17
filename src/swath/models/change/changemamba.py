"""ChangeMamba: MambaBCD tells change, MambaSCD from which class to which, MambaBDA how badly buildings were damaged.

Chen et al. 2024, "ChangeMamba: remote sensing change detection with spatiotemporal state space model", IEEE TGRS 62,
arXiv:2404.03425. A VMamba encoder, shared by the dates, scans along four walks; at each of four scales the dates are
scanned together, laid out in three ways: one on the other, column by column in turn, side by side. Each place sees the
whole tile, at a cost that is linear in its pixels. The sizes have 33 to 97 million weights.

Sizes, heads and losses are the published ones, with these choices: MambaSCD's two channels of change are given as one
logit, their difference; MambaBDA in eval mode gives the damage alone, and learns that there is a building where any
class of damage but the first is labelled. `network.maps(before, after)` gives all maps as the release does. The release
takes sides of multiples of 32 px; here others are filled up and cut. All three are held against the release, narrow;
its weights were not at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

    from swath.models.change._changemamba import ChangeMamba, Shape

_SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"width": 96, "depths": (2, 2, 4, 2), "drop_path": 0.2},
    "small": {"width": 96, "depths": (2, 2, 15, 2), "drop_path": 0.3},
    "base": {"width": 128, "depths": (2, 2, 15, 2), "drop_path": 0.6},
}
_SHARED: dict[str, Any] = {"source": ("arXiv:2404.03425",), "transient": ("encoder_weights",), "sizes": _SIZES}


@register("mambabcd", title="MambaBCD (ChangeMamba)", tasks=("change",), **_SHARED)
def mambabcd(
    in_channels: int = 3,
    classes: int = 2,
    width: int = 96,
    depths: Sequence[int] = (2, 2, 4, 2),
    hidden: int = 128,
    drop_path: float = 0.2,
    encoder_weights: str | None = None,
) -> nn.Module:
    """A network `(before, after)`, `[B, in_channels, H, W]` each -> logits `[B, classes, H, W]`; any H and W.

    Its `loss` is the paper's: cross entropy and 0.75 times the Lovász loss.

    Args:
        in_channels: bands of each date.
        classes: channels of the answer: 2 as published, or 1.
        width: features at 1/4 of the size, doubled at each halving; even.
        depths: blocks of the encoder at 1/4, 1/8, 1/16 and 1/32 of the size.
        hidden: features of the decoder; even.
        drop_path: chance that the encoder's last block is passed by in training; less before.
        encoder_weights: a local weight file of VMamba as a classifier; None: random weights.

    Raises:
        CardError: depths are not of four scales, a width is odd, or weights do not fit.
    """
    shape = _shape(in_channels, width, depths, hidden, drop_path)
    from swath.models.change._changemamba import MambaBCD

    return _begun(MambaBCD(shape, classes), encoder_weights)


@register("mambascd", title="MambaSCD (ChangeMamba)", tasks=("semantic-change",), **_SHARED)
def mambascd(
    in_channels: int = 3,
    classes: int = 7,
    width: int = 96,
    depths: Sequence[int] = (2, 2, 4, 2),
    hidden: int = 128,
    drop_path: float = 0.2,
    encoder_weights: str | None = None,
) -> nn.Module:
    """A network `(before, after)` -> logits of change `[B, 1, H, W]` and of either date's classes `[B, classes, H, W]`.

    Its `loss` is the paper's: cross entropy and 0.75 times the Lovász loss, of change and, halved, of the classes; and
    the squared difference of the dates' probabilities where nothing changed.

    Args:
        in_channels: bands of each date.
        classes: number of classes.
        width: features at 1/4 of the size, doubled at each halving; even.
        depths: blocks of the encoder at 1/4, 1/8, 1/16 and 1/32 of the size.
        hidden: features of the decoders; even.
        drop_path: chance that the encoder's last block is passed by in training; less before.
        encoder_weights: a local weight file of VMamba as a classifier; None: random weights.

    Raises:
        CardError: depths are not of four scales, a width is odd, or weights do not fit.
    """
    shape = _shape(in_channels, width, depths, hidden, drop_path)
    from swath.models.change._changemamba import MambaSCD

    return _begun(MambaSCD(shape, classes), encoder_weights)


@register("mambabda", title="MambaBDA (ChangeMamba)", tasks=("change",), **_SHARED)
def mambabda(
    in_channels: int = 3,
    classes: int = 5,
    width: int = 96,
    depths: Sequence[int] = (2, 2, 4, 2),
    hidden: int = 128,
    drop_path: float = 0.2,
    encoder_weights: str | None = None,
) -> nn.Module:
    """A network `(before, after)` -> logits of damage `[B, classes, H, W]`; the first class is that of no building.

    In train mode `(logits, building [B, 2, H, W])`, the latter from the first date alone. Its `loss` is the paper's:
    cross entropy of both, and the Lovász loss, 0.75 times of damage and half of buildings.

    Args:
        in_channels: bands of each date.
        classes: of damage, with that of no building; 5 for xBD.
        width: features at 1/4 of the size, doubled at each halving; even.
        depths: blocks of the encoder at 1/4, 1/8, 1/16 and 1/32 of the size.
        hidden: features of the decoders; even.
        drop_path: chance that the encoder's last block is passed by in training; less before.
        encoder_weights: a local weight file of VMamba as a classifier; None: random weights.

    Raises:
        CardError: depths are not of four scales, a width is odd, or weights do not fit.
    """
    shape = _shape(in_channels, width, depths, hidden, drop_path)
    from swath.models.change._changemamba import MambaBDA

    return _begun(MambaBDA(shape, classes), encoder_weights)


def _shape(in_channels: int, width: int, depths: Sequence[int], hidden: int, drop_path: float) -> Shape:
    if len(depths) != 4 or min(depths) < 1:
        raise CardError(f"depths must be of four scales, one block or more each; found {list(depths)}")
    if min(width, hidden) < 2 or width % 2 or hidden % 2:
        raise CardError(f"width and hidden must be even; found {width} and {hidden}")
    from swath.models.change._changemamba import Shape

    return Shape(in_channels, width, tuple(depths), hidden, drop_path)


def _begun(network: ChangeMamba, encoder_weights: str | None) -> ChangeMamba:
    """The network, its encoder from VMamba, which has no norms of what each stage gives: these stay as they are."""
    if encoder_weights is not None:
        from swath.models.pretrained import load_parts

        load_parts(network.encoder, encoder_weights, ("patch_embed", "layers"))
    return network
