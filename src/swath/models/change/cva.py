"""Change vector analysis: how far a pixel moved among its bands, and a threshold that is found in the scene itself.

Malila (1980), Change vector analysis: an approach for detecting forest changes with Landsat; the threshold of Bruzzone
& Prieto (2000), doi:10.1109/36.843009 (`cva`), or of Otsu (1979), doi:10.1109/TSMC.1979.4310076 (`cva-otsu`).

Good for: a first look without any labels, where both dates are of one season and sensor. Each band of each date is
brought to mean 0 and deviation 1 first, so that a brighter date is no change. `cva-otsu` where change is rare and
large, as on radar; `cva` finds more, and more that is none. Needs nothing but the scene: it is fitted to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register(
    "cva",
    title="Change vector analysis",
    tasks=("change",),
    source=("10.1109/36.843009",),
    sizes={"otsu": {"threshold": "otsu"}},
    fitted=True,
)
def cva(in_channels: int = 3, threshold: Literal["em", "otsu"] = "em") -> nn.Module:
    """CVA of two dates of `in_channels` bands.

    Args:
        in_channels: bands of either date.
        threshold: `em`: two normal distributions; `otsu`: the threshold between them that parts best.
    """
    from swath.models.change._cva import ChangeVectors

    return ChangeVectors(in_channels, threshold)
