"""FUSU's network: land use on two dates and what changed between them, from fine images and a coarse series.

Yuan et al. 2024, "FUSU: a multi-temporal-source land use change segmentation dataset for fine-grained urban semantic
understanding", arXiv:2405.19055. An HRNet that both dates share; a U-TAE (arXiv:2107.07933) over a series of Sentinel-1
and -2, whose features are added to those of both images twice over: its middle, which lies under the images, and its
mean, which says what surroundings they lie in. Good where a shape alone does not tell an orchard from a park.

| task | answer |
| --- | --- |
| `change` | `[B, classes, H, W]`, 1 or 2 channels |
| `semantic-change` | change `[B, 1, H, W]`, classes before and after `[B, classes, H, W]` each |

What is added is the same on both dates, so that it cancels where they are compared: change is seen by the fine images
alone. In train mode of semantic change the series answers by itself too, for the first date. Series without dates and
series that are left out hold nothing, and what is then added is a constant. As a model it has two inputs, images
(`DatesRule(min=2, max=2, given="arguments")`) and series; `under=None` where the series covers what the images cover.

| | release | default here |
| --- | --- | --- |
| surroundings | of the first item of a batch, for all | of each item |
| series | in any order, for no days are told | by days, where they are given |
| logits in the loss | cut to 0 to 1 | as they are |
| labels 0 to 17 | meet 17 channels without a shift | are the classes that the data have |

`released=True` keeps the first two. Inputs of the release were normalised for 0 to 255 after being divided by 255.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register("fusu", title="FUSU", tasks=("change", "semantic-change"), source=("arXiv:2405.19055",))
def fusu(
    in_channels: int = 3,
    classes: int = 17,
    series_channels: int = 14,
    width: int = 18,
    exchanges: Sequence[int] = (1, 4, 3),
    blocks: int = 4,
    series_widths: Sequence[int] = (64, 64, 64, 128),
    series_decoder_widths: Sequence[int] = (32, 32, 64, 128),
    inner: int = 256,
    heads: int = 16,
    under: int | None = 26,
    first_day: float = 0.0,
    released: bool = False,
) -> nn.Module:
    """A network `(before, after, series=None, series_days=None, *, task="change")`; its answers stand above.

    `before` and `after` are `[B, C, H, W]` of any size, `series` `[B, T, S, h, w]`, `series_days` `[T]` or `[B, T]`.

    Args:
        in_channels: bands of either date.
        classes: channels of change, 1 or 2; or classes of semantic change, 17 in FUSU.
        series_channels: bands of the series; 12 of Sentinel-2 and 2 of Sentinel-1 in FUSU, of which the release's code
            takes 15.
        width: of HRNet's finest scale.
        exchanges: of HRNet, on two, three and four scales.
        blocks: of HRNet, before each exchange.
        series_widths: of U-TAE's encoder.
        series_decoder_widths: of U-TAE's decoder.
        inner: width of what U-TAE's attention looks at.
        heads: of U-TAE's attention.
        under: side of the series' middle, in its pixels, that lies under the images: 26 of 10 m under 512 of 0.5 m.
            None: all of it.
        first_day: from which days count, in days since 1970-01-01.
        released: the release's form.

    Raises:
        CardError: a number that is none, or widths of U-TAE that do not go together.
    """
    if under is not None and under < 1:
        raise CardError(f"under must be 1 pixel or more, or none; found {under}")
    if len(exchanges) != 3 or min(width, blocks, *exchanges) < 1:
        raise CardError("exchanges must be three, and they, width and blocks 1 or more")
    from swath.models.segment._fusu import FUSU
    from swath.models.segment.utae import utae
    from swath.nn.hrnet import HRNet

    series = utae(
        series_channels, 1, series_widths, series_decoder_widths, inner, heads, first_day=first_day, released=released
    )
    fine = HRNet(in_channels, width, exchanges, blocks)
    return FUSU(fine, series, series_channels, series_decoder_widths[0], classes, under, released=released)
