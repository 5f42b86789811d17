"""TempCNN: convolutions along the dates of a pixel tell what grows there.

Pelletier, Webb and Petitjean 2019, "Temporal convolutional neural network for the classification of satellite image
time series", Remote Sensing 11(5), doi:10.3390/rs11050523, arXiv:1811.10166. Three convolutions over time, each with
norm, ReLU and dropout, then one dense layer and the classes. Good for crops from some thousand labelled pixels and
more: it looks at one pixel at a time, so that labels may be points, and maps keep every narrow field; it does not know
its neighbours, so that maps are grainy (vote by fields). The paper's 64 filters of length 5 and 256 dense units are the
defaults.

| input | |
| --- | --- |
| `image` | `[B, T, C, H, W]`; of each pixel a date whose bands are all 0 after normalisation was not seen |
| `days` | `[T]` or `[B, T]`, since 1970-01-01 |

As in the paper, series are first brought onto days at equal distances, with gaps filled along lines; here these are
`steps` days of a year that begins at `begins`, so that any number of dates of any year will do. No release was at hand
to compare numbers with: layers, widths and dropout are those of the paper's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register(
    "tempcnn",
    title="TempCNN",
    tasks=("segmentation",),
    source=("10.3390/rs11050523", "arXiv:1811.10166"),
    series=True,
)
def tempcnn(
    in_channels: int = 3,
    classes: int = 13,
    width: int = 64,
    kernel: int = 5,
    dense: int = 256,
    dropout: float = 0.5,
    steps: int = 24,
    begins: float = 1.0,
) -> nn.Module:
    """A network `(image [B, T, C, H, W], days [B, T])` -> logits `[B, classes, H, W]`; any T, H and W.

    Args:
        in_channels: bands of a date; 3 and 13 classes in the paper.
        classes: channels of the answer.
        width: filters of each of the three convolutions.
        kernel: dates that a filter spans, odd.
        dense: units of the dense layer.
        dropout: of all layers but the last.
        steps: days of the year that a series is laid onto, at equal distances.
        begins: day of the year at which the first of them lies.

    Raises:
        CardError: the kernel is even, or longer than the series.
    """
    if kernel % 2 == 0 or not 1 <= kernel <= steps:
        raise CardError(f"kernel must be odd and at most steps, {steps}; found {kernel}")
    from swath.models.series._tempcnn import TempCNN

    return TempCNN(in_channels, classes, (width, kernel, dense), dropout, (steps, begins))
