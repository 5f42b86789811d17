"""Cloud-Adapter: clouds and their shadows by a vision model that was trained on anything, and is left as it is.

Zou et al. 2024, "Adapting vision foundation models for robust cloud segmentation in remote sensing images",
arXiv:2411.13127. A small network of convolutions looks at the image in full detail; behind each block of a frozen
DINOv2 the block's tokens look at what it saw, through matrices of rank 16. What is trained of the encoder is 0.6 % of
it (1.83 M of 305 M weights), besides the head (Mask2Former, arXiv:2112.01527), which says which of 100 masks is what.
Good where labels are few and clouds are thin. Published for RGB of 8 bits, normalised by ImageNet's mean and deviation.

| | release | default here |
| --- | --- | --- |
| convolutions | are named with ReLU, which timm's factory drops, so that they are one linear map | have it |
| tiles | squares of the size of the positions | any; positions and context go by rows and columns |
| pixels without a label | are of no class to every mask | have no part in the loss |
| labels of sampled points | between pixels | of the nearest pixel |
| weights | without the foundation model | whole: one file holds all that answers; `stored: float16` halves it |

`released=True` keeps the first. Files of the release fit with it: `load_official("cloud-adapter", state, released=True,
foundation_weights=FILE)`. The adapter was held against the release; the head, which comes from OpenMMLab, was not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_STRIDE = 32
_DINO = "vit_{}_patch14_dinov2"


@register(
    "cloud-adapter",
    title="Cloud-Adapter",
    tasks=("segmentation",),
    source=("arXiv:2411.13127",),
    transient=("foundation_weights",),
    sizes={size: {"foundation": _DINO.format(size)} for size in ("small", "base", "large")},
)
def cloud_adapter(
    in_channels: int = 3,
    classes: int = 4,
    foundation: str = _DINO.format("large"),
    foundation_options: dict[str, Any] | None = None,
    image_size: int = 512,
    context: int = 64,
    rank: int = 16,
    queries: int = 100,
    layers: int = 9,
    foundation_weights: str | None = None,
    released: bool = False,
) -> nn.Module:
    """A network `[B, in_channels, H, W]` -> logits `[B, classes, H, W]`; any H and W.

    In train mode it gives besides the logits what the queries say after each layer: classes `[layers + 1, B, Q, K + 1]`
    and masks `[layers + 1, B, Q, H / 4, W / 4]`.

    Args:
        in_channels: number of bands; weights of a foundation model are for 3.
        classes: channels of the answer: 2 to 4 as published, 1 for a yes.
        foundation: a plain vision transformer of timm, which is given patches of 16 px.
        foundation_options: further arguments of timm's class, such as `depth`.
        image_size: side of the tiles that positions are for, a multiple of 32.
        context: channels of what the convolutions see.
        rank: of the matrices by which tokens look at it.
        queries: masks that are looked for.
        layers: of the head's decoder.
        foundation_weights: a weight file of timm's network of that name, or a tag such as `lvd142m`; patches and
            positions are interpolated to this size. None: random weights, which are of no use where they are frozen.
        released: the release's form.

    Raises:
        CardError: timm has no such transformer, a size that is none, or weights that do not fit.
    """
    if image_size < _STRIDE or image_size % _STRIDE:
        raise CardError(f"image_size must be a multiple of {_STRIDE}; found {image_size}")
    if min(context, rank, queries, layers) < 1:
        raise CardError("context, rank, queries and layers must be 1 or more")
    from swath.models.segment._cloud_adapter import CloudAdapter, vision_transformer

    frozen = vision_transformer(foundation, in_channels, image_size, foundation_options or {})
    network = CloudAdapter(frozen, in_channels, classes, (context, rank), (queries, layers), released=released)
    if foundation_weights is not None:
        network.load_foundation(foundation, foundation_weights)
    return network
