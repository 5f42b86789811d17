"""Random forest: many trees, each grown on a part of the pixels and bands, vote for a class.

Breiman 2001, "Random forests", Machine Learning 45, doi:10.1023/A:1010933404324; for series of images Pelletier et al.
2016, doi:10.1016/j.rse.2016.10.010. The baseline of mapping crops and land use: it is grown in seconds to minutes,
without steps or learning rates, from some hundred labelled pixels on, does not mind how bands are scaled, and is hard
to beat where labels are few. It looks at one pixel at a time. The trees are grown by scikit-learn and then kept as
plain arrays, from which the network here gives the same votes without it.

`random-forest` takes an image, of several dates one after another along the bands: the same dates each time.
`random-forest-series` lays the series of each pixel onto `steps` days of the year first, gaps filled along lines (see
`tempcnn`), so that any number of dates of any year will do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_ABOUT: dict[str, Any] = {
    "tasks": ("segmentation",),
    "source": ("10.1023/A:1010933404324", "10.1016/j.rse.2016.10.010"),
    "at_once": True,
}


@register("random-forest", title="Random forest", **_ABOUT)
def random_forest(
    in_channels: int = 3,
    classes: int = 2,
    trees: int = 100,
    least: int = 2,
    depth: int | None = None,
    most: int = 100_000,
    grown: tuple[int, int, int] = (1, 1, 0),
) -> nn.Module:
    """A network `image [B, C, H, W]` -> logits `[B, classes, H, W]`, the logarithms of the trees' mean votes.

    Args:
        in_channels: bands, those of several dates one after another.
        classes: channels of the answer; one for the second of two.
        trees: in the forest.
        least: pixels in a leaf.
        depth: of a tree at most; None: as deep as it goes.
        most: labelled pixels that it is grown from; of more, some are drawn.
        grown: nodes and leaves of all trees and depth of the deepest; found when it is grown.
    """
    from swath.models.series._forest import Forest, Stacked

    return Forest(classes, (trees, least, depth, most), grown, Stacked())


@register("random-forest-series", title="Random forest on series", series=True, **_ABOUT)
def random_forest_series(
    in_channels: int = 3,
    classes: int = 2,
    trees: int = 100,
    least: int = 2,
    depth: int | None = None,
    most: int = 100_000,
    steps: int = 24,
    begins: float = 1.0,
    grown: tuple[int, int, int] = (1, 1, 0),
) -> nn.Module:
    """A network `(image [B, T, C, H, W], days [B, T])` -> logits `[B, classes, H, W]`; any T, H and W.

    Args:
        in_channels: bands of a date.
        classes: see `random_forest`.
        trees: see there.
        least: see there.
        depth: see there.
        most: see there.
        steps: days of the year that a series is laid onto, at equal distances.
        begins: day of the year at which the first of them lies.
        grown: see there.
    """
    from swath.models.series._forest import Laid, SeriesForest

    return SeriesForest(classes, (trees, least, depth, most), grown, Laid(steps, begins))
