"""Units of a scene without labels: features of each pixel, k-means, and a look at the neighbours.

Nagar, Farahbakhsh, Awange and Chandra 2024, "Remote sensing framework for geological mapping via stacked autoencoders
and clustering", arXiv:2404.02180. Pixels become few features, which k-means parts into units; then each pixel takes
what most around it are. The features are

| name | features |
| --- | --- |
| `pca-clusters` | principal components of standardised bands, as many as hold `share` of the variance |
| `ae-clusters` | an autoencoder of one hidden layer, the canonical one |
| `sae-clusters` | a stacked autoencoder: each layer learns to give back what the one before it says |

Good for a first map of rock, soil or cover where nobody has labelled anything, from any bands and any number of dates.
Vegetation, shadow and cloud come out as units, too: leave such pixels out first, where the ground is what matters. The
numbers of units mean nothing, they are in the order of their areas. Sizes of layers, training and the rule for the
number of units (the point of the curve of k-means that lies farthest from its chord) are not told by the paper's text
that was at hand. Needs nothing but the scene: it is fitted to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_ABOUT: dict[str, Any] = {"tasks": ("segmentation",), "source": ("arXiv:2404.02180",), "fitted": True}


@register("pca-clusters", title="PCA and k-means", **_ABOUT)
def pca_clusters(
    in_channels: int = 3, classes: int | None = None, share: float = 0.99, around: int = 3, features: int | None = None
) -> nn.Module:
    """A network `image [B, C, H, W]` -> logits `[B, classes, H, W]`, dates one after another along the bands.

    Args:
        in_channels: bands, times dates.
        classes: units; None: as many as the elbow of the curve says.
        share: of the variance that the components hold.
        around: side of the window, odd, in which pixels are asked what most of them are; 1: each by itself.
        features: components; found when it is fitted.
    """
    from swath.models.unlabelled._clusters import Clusters, Components

    return Clusters(Components(in_channels, features or in_channels, share), classes, around)


@register("ae-clusters", title="Autoencoder and k-means", **_ABOUT)
def ae_clusters(
    in_channels: int = 3, classes: int | None = None, features: int = 3, around: int = 3, epochs: int = 40
) -> nn.Module:
    """A network `image [B, C, H, W]` -> logits `[B, classes, H, W]`, dates one after another along the bands.

    Args:
        in_channels: bands, times dates.
        classes: units; None: as many as the elbow of the curve says.
        features: numbers that are left of a pixel.
        around: side of the window, odd, in which pixels are asked what most of them are; 1: each by itself.
        epochs: passes over the pixels that it learns from.
    """
    from swath.models.unlabelled._clusters import Clusters, Codes

    return Clusters(Codes((in_channels, features), epochs), classes, around)


@register("sae-clusters", title="Stacked autoencoder and k-means", **_ABOUT)
def sae_clusters(
    in_channels: int = 3, classes: int | None = None, features: int = 3, around: int = 3, epochs: int = 40
) -> nn.Module:
    """A network `image [B, C, H, W]` -> logits `[B, classes, H, W]`, dates one after another along the bands.

    Args:
        in_channels: bands, times dates.
        classes: units; None: as many as the elbow of the curve says.
        features: numbers that are left of a pixel, after layers of 8 and 6 of them (at least `features`).
        around: side of the window, odd, in which pixels are asked what most of them are; 1: each by itself.
        epochs: passes over the pixels that each layer learns from.
    """
    from swath.models.unlabelled._clusters import Clusters, Codes

    return Clusters(Codes((in_channels, max(8, features), max(6, features), features), epochs), classes, around)
