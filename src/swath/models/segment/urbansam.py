"""UrbanSAM: SAM for buildings, roads or water of any size in the image, without anybody who points at them.

Li et al. 2025, "UrbanSAM: learning invariance-inspired adapters for segment anything models in urban construction",
arXiv:2502.15199. SAM's image encoder (arXiv:2304.02643) stays as it is but for matrices of small rank in its attention.
Beside it the Uscaling-Adapter parts the image into what is coarse and what is fine, scale by scale and alike on each,
so that an object looks the same to it however large; the encoder's tokens look at that wherever it supposes an object;
and prompts are made of it instead of clicks. The decoder adds detail on three scales, which are to agree.

Nothing was released, and no sizes or equations could be had but for the parts and their order, so this is an
implementation after the abstract and summaries, which could not be compared:

| part | after the paper | chosen here |
| --- | --- | --- |
| encoder | SAM, frozen, LoRA on its attention | rank 8 on queries and values |
| adapter | four modules, U-shaped, multi-resolution analysis | a binomial low-pass and what it leaves, weights shared by all scales |
| alignment | masked cross-attention between the branches | behind each quarter of the encoder, its share 0 at first |
| prompter | learnt, from the adapter | eight tokens and a map |
| decoder | hierarchical, consistent | SAM's two layers, then two steps of two with the adapter's detail |
| loss | not known | task's loss on three scales (1, 0.5, 0.25) and on the mask of attention (0.25); squares between scales (0.1) |

In train mode it gives the logits, those of two coarser scales, and those by which attention is masked.
"""  # noqa: E501  (a table)

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_PATCH = 16
_SIZES = {
    "b": {"width": 768, "depth": 12, "heads": 12, "whole": (2, 5, 8, 11)},
    "l": {"width": 1024, "depth": 24, "heads": 16, "whole": (5, 11, 17, 23)},
    "h": {"width": 1280, "depth": 32, "heads": 16, "whole": (7, 15, 23, 31)},
}


@register(
    "urbansam",
    title="UrbanSAM",
    tasks=("segmentation",),
    source=("arXiv:2502.15199", "arXiv:2304.02643"),
    transient=("sam_weights",),
    sizes=_SIZES,
)
def urbansam(
    in_channels: int = 3,
    classes: int = 1,
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
    whole: Sequence[int] = (2, 5, 8, 11),
    window: int = 14,
    image_size: int = 1024,
    neck: int = 256,
    rank: int = 8,
    adapter_width: int = 64,
    prompts: int = 8,
    sam_weights: str | None = None,
) -> nn.Module:
    """A network `[B, in_channels, H, W]` -> logits `[B, classes, H, W]`; any H and W.

    Args:
        in_channels: number of bands; SAM's weights are for 3.
        classes: channels of the answer; 1 as published, where each kind of object has its own network.
        width: of SAM's encoder.
        depth: its layers, 4 or more.
        heads: of its attention.
        whole: layers, counted from 0, that look at the whole image.
        window: side of what the others look at, in patches of 16 px.
        image_size: px of the side that positions are learnt for; a multiple of 16.
        neck: width of what the encoder gives; a multiple of 32.
        rank: of the matrices in attention.
        adapter_width: of the adapter.
        prompts: tokens that the prompter makes.
        sam_weights: a local weight file of SAM in its own names, of which the image encoder is taken; None: random
            weights, which are of no use where they are frozen.

    Raises:
        CardError: too few layers, a size that is none, or weights that do not fit.
    """
    if depth < 4:
        raise CardError(f"depth must be 4 or more; found {depth}")
    if neck % 32 or image_size % _PATCH:
        raise CardError(f"neck must be a multiple of 32 and image_size of {_PATCH}; found {neck} and {image_size}")
    from swath.models.segment._urbansam import UrbanSAM
    from swath.nn.sam_vit import SamViT

    encoder = SamViT(in_channels, width, depth, heads, whole, window=window, size=image_size // _PATCH)
    network = UrbanSAM(encoder, in_channels, classes, width, neck, rank, adapter_width, prompts)
    if sam_weights is not None:
        network.load_sam(sam_weights)
    return network
