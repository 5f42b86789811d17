"""PCA-k-means: small patches of the difference image, their principal components, and two clusters.

Celik (2009), Unsupervised change detection in satellite images using principal component analysis and k-means
clustering, doi:10.1109/LGRS.2009.2025059.

Good for: noisy pairs, radar above all: a pixel is judged with its neighbours, so that speckle is no change. Of several
bands the difference image is the length of the change vector (see `cva`); radar is compared in dB, as a ratio.
Not for things smaller than a patch, and its two clusters are there even where nothing changed.
Needs nothing but the scene: it is fitted to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn


@register(
    "pca-kmeans",
    title="PCA-k-means",
    tasks=("change",),
    source=("10.1109/LGRS.2009.2025059",),
    fitted=True,
)
def pca_kmeans(in_channels: int = 3, side: int = 4, components: int = 3) -> nn.Module:
    """PCA-k-means of two dates of `in_channels` bands.

    Args:
        in_channels: bands of either date.
        side: of a patch in pixels, the paper's h.
        components: principal components that are kept, the paper's S.
    """
    from swath.models.change._pca_kmeans import PatchClusters

    return PatchClusters(in_channels, side, components)
