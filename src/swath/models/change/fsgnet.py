"""FSG-Net: pseudo-changes are damped in the wavelet domain, change is sharpened by attention, and detail is gated by meaning.

Xie et al. 2025, arXiv:2509.06482. A ResNet that both dates share; on three scales the wavelet bands of the dates interact
(DAWIM), then the dates attend to each other and to rows and columns (STSAM); gates let the details of finer differences
through where coarser ones ask for them (LGFU). For dates that differ in light and season. Attention on the finest scale
compares every cell of 4 x 4 px with every other: tiles of 256 px are its size, beyond 512 px memory grows fast.

The first public version of its release held STSAM alone, which is what this is held against. The rest is after what the
repository showed later; its last layer was not among that, and is 3 x 3 to a quarter of the channels, then 1 x 1, here.

| | release | here |
| --- | --- | --- |
| the answer is made large | corner to corner, so that it is off by up to 1.5 px towards the edges | in place |
| fourth stage of the encoder | runs, and nothing comes of it | left out |
| statistics of normalisation | of the first date, then of the last | of both at once |

`released=True` makes the answer large as the release does.
"""  # noqa: E501  (one line and a table)

from __future__ import annotations

from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_ENCODERS = {
    "resnet18": (64, 128, 256),
    "resnet34": (64, 128, 256),
    "resnet50": (256, 512, 1024),
    "resnet101": (256, 512, 1024),
}


@register(
    "fsgnet",
    title="FSG-Net (Frequency-Spatial Synergistic Gated Network)",
    tasks=("change",),
    source=("arXiv:2509.06482",),
    transient=("encoder_weights",),
    unchecked="its attention alone was held against the release; its last layer is a choice of ours",
)
def fsgnet(
    in_channels: int = 3,
    classes: int = 2,
    encoder: str = "resnet18",
    drop: float = 0.15,
    encoder_weights: str | None = None,
    released: bool = False,
) -> nn.Module:
    """A network `(before, after)`, `[B, in_channels, H, W]` each -> logits `[B, classes, H, W]`; any H and W.

    Args:
        in_channels: bands of each date.
        classes: channels of the answer; the release has two, no change and change.
        encoder: `resnet18`, `resnet34`, `resnet50` or `resnet101`.
        drop: share of the encoder's features that is dropped in training, in blocks of 7 x 7 (arXiv:1810.12890).
        encoder_weights: a weight file of timm's network of that name, or a tag such as `a1_in1k`; None: random weights.
        released: the answer made large from corner to corner, as in the release.

    Raises:
        CardError: no such encoder, or weights that do not fit.
    """
    from swath.models.change._fsgnet import FSGNet

    if encoder not in _ENCODERS:
        raise CardError(f"fsgnet has no encoder {encoder!r}; it has {', '.join(_ENCODERS)}")
    network = FSGNet(in_channels, classes, encoder, _ENCODERS[encoder], drop, released=released)
    if encoder_weights is not None:
        network.load_encoder(encoder, encoder_weights)
    return network
