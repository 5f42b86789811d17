"""IR-MAD: what no linear combination of the bands of one date tells of the other, without the pixels that changed.

Nielsen (2007), The regularized iteratively reweighted MAD method for change detection in multi- and hyperspectral data,
doi:10.1109/TIP.2006.888195; without regularisation.

Good for: two dates of three bands or more, of different light, haze, calibration or even sensor: no linear change of
the bands, the same everywhere, counts as change, so that dates need not be matched first. Not for one band, where next
to nothing is left to be told apart by, nor where most of the scene changed. `irmad` puts a threshold where the scene's
own deviations part (Otsu, on the root of chi-square). `irmad-chi2` is the test of the paper: change is where the
probability of no change is below 0.01. Its assumption, that what did not change differs by normal noise alone, hardly
ever holds, and it then calls far too much change: take it with a threshold of one's own, or for its probabilities.
Needs nothing but the scene: it is fitted to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register(
    "irmad",
    title="Iteratively reweighted multivariate alteration detection",
    tasks=("change",),
    source=("10.1109/TIP.2006.888195",),
    sizes={"chi2": {"decision": "chi2"}},
    fitted=True,
)
def irmad(in_channels: int = 3, decision: Literal["otsu", "em", "chi2"] = "otsu") -> nn.Module:
    """IR-MAD of two dates of `in_channels` bands.

    Args:
        in_channels: bands of either date.
        decision: `otsu`, `em`: a threshold found in the scene, as for `cva`; `chi2`: the probability of no change.
    """
    from swath.models.change._irmad import AlterationDetection

    return AlterationDetection(in_channels, decision)
