"""CFNet, the Content Focuser Network: what is in an image is told apart from how it looks, and change is where content differs.

Wu et al., IEEE JSTARS 2025, arXiv:2503.08505. An EfficientNet-B5 that both dates share, a content decoder for each date, and
a change decoder that looks where the contents differ: the hyperbolic tangent of 1 minus their cosine. Small (3.8 M
parameters) and accurate on buildings; good where the dates differ in season or light. Its decoders differ between the
dates, so the order of dates counts.

`released=True` computes what the release computes, and takes its weights. The default mends what the release loses:

| | release | here |
| --- | --- | --- |
| attention (CBAM) on the contents | computed and thrown away | used |
| a fifth fusion of two RGB images | has weights, never runs | left out |
| answer in eval mode | the map in -1 to 1 that it is trained to be 0 or 1 | its logit, so that 0 is the threshold of 0.5 |
| the two dates | three bands each | any number |

The release takes BGR in 0 to 1, normalised by other constants for the first date than for the second.
"""  # noqa: E501  (a table)

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register(
    "cfnet",
    title="CFNet (Content Focuser Network)",
    tasks=("change",),
    source=("arXiv:2503.08505",),
    transient=("encoder_weights", "wavelengths"),
)
def cfnet(
    in_channels: int = 3,
    classes: int = 1,
    encoder_weights: str | None = None,
    released: bool = False,
    wavelengths: Sequence[float | None] | None = None,
) -> nn.Module:
    """A network `(before, after)`, `[B, in_channels, H, W]` each -> logits `[B, 1, H, W]`; any H and W.

    In train mode it gives the map in -1 to 1 and the contents at four scales, weighed by change and by its opposite for
    each date; its `loss` is the paper's: squared error of the map, and how the contents of the dates should agree.

    Args:
        in_channels: bands of each date.
        classes: 1; it tells change and nothing else.
        encoder_weights: a file of torchvision's `efficientnet_b5`, or the name `IMAGENET1K_V1`; None: random weights.
        wavelengths: centre of each band in nm, by which the first layer of the weights is made for other bands.
        released: the release's form; it gives the map in -1 to 1, which counts as change above 0.5.

    Raises:
        CardError: more than one class, or weights that do not fit.
    """
    from swath.models.change._cfnet import CFNet

    if classes != 1:
        raise CardError(f"cfnet gives one channel, of change; found classes={classes}")
    network = CFNet(in_channels, released=released)
    if encoder_weights is not None:
        network.load_encoder(encoder_weights, wavelengths)
    return network
