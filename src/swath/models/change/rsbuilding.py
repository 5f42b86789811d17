"""RSBuilding: buildings on either date and their change, from one network that learns from labels of either kind.

Wang et al. 2024, "RSBuilding: towards general remote sensing image building extraction and change detection with
foundation model", IEEE TGRS, arXiv:2403.07564. The encoder of SAM, or Swin (arXiv:2103.14030), reads each date; three
learnt queries - buildings before, buildings after, change - and both dates look at each other from a coarse grid to a
fine one; the change is read from the signed difference of what the dates then hold. Good for buildings in very fine
imagery, from mixed collections.

| task | answer |
| --- | --- |
| `change` | change `[B, 1, H, W]`, or `[B, 2, H, W]` of no, whose logit is 0, and yes |
| `semantic-change` | change `[B, 1, H, W]`, and the classes of both dates `[B, K, H, W]`; the logit of the first is 0 |

Labels may lack for a date, or for change: what is not labelled does not count in the task's loss, which takes the place
of the paper's three cross entropies. Images of one date alone the paper shows twice and asks for no change, at a tenth
of the weight; that is up to the data. The paper has one class, buildings; with K classes there are K - 1 queries for
each date.

| size | encoder | scales |
| --- | --- | --- |
| `vit-b`, `vit-l` | SAM's vision transformer, cells of 16 px | made of its last layer (ViTDet's pyramid) |
| `swin-t`, `swin-b` | Swin, cells of 4 px that are joined up to 32 px | its four, the coarse added to the fine (FPN) |

`released=True` rounds the code of positions to half precision as the release does. Grids need not be square as there.
Held against the code of the release were, narrow, the whole network on Swin, and of that on the vision transformer
encoder and decoder each by itself. None of its weight files was at hand, so neither they nor the scores of the paper
could be tried; what it learns by was not compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_SIZES: dict[str, dict[str, Any]] = {
    "vit-b": {"width": 768, "depth": 12, "heads": 12, "whole": (2, 5, 8, 11), "drop_path": 0.1},
    "vit-l": {"width": 1024, "depth": 24, "heads": 16, "whole": (5, 11, 17, 23), "drop_path": 0.125},
    "swin-t": {"width": 96, "depth": (2, 2, 6, 2), "heads": (3, 6, 12, 24), "window": 7, "drop_path": 0.15},
    "swin-b": {"width": 128, "depth": (2, 2, 18, 2), "heads": (4, 8, 16, 32), "window": 12, "drop_path": 0.3},
}


@register(
    "rsbuilding",
    title="RSBuilding",
    tasks=("change", "semantic-change"),
    source=("arXiv:2403.07564",),
    transient=("encoder_weights",),
    sizes=_SIZES,
    unchecked="held against the code of the release were narrow networks, on the vision transformer in two parts; "
    "none of its weight files was at hand",
)
def rsbuilding(
    in_channels: int = 3,
    classes: int = 1,
    width: int = 768,
    depth: int | Sequence[int] = 12,
    heads: int | Sequence[int] = 12,
    whole: Sequence[int] = (2, 5, 8, 11),
    window: int = 7,
    image_size: int = 512,
    decoder_width: int = 256,
    drop_path: float = 0.1,
    encoder_weights: str | None = None,
    released: bool = False,
) -> nn.Module:
    """A network `(before [B, C, H, W], after [B, C, H, W], *, task="change")`; its answers stand above. Any H and W.

    Args:
        in_channels: bands of either date.
        classes: channels of change, 1 or 2; or classes of semantic change, the first of which is no building.
        width: of the encoder; of Swin at its finest scale.
        depth: layers of the encoder; four numbers are those of the scales of a Swin.
        heads: of its attention; of a Swin four numbers too.
        whole: layers of the vision transformer, counted from 0, that look at the whole image.
        window: side of what the others look at, in patches of 16 px; in cells of each scale of a Swin.
        image_size: px of the side that the vision transformer learns positions for; a multiple of 16.
        decoder_width: of the decoder, a multiple of 32.
        drop_path: chance that the MLP of the encoder's last layer is left out in training, and of a Swin its attention;
            less before.
        encoder_weights: a local weight file, whose positions are interpolated: of SAM, in its own names or OpenMMLab's,
            or of Swin, in those of its release, timm, torchvision or OpenMMLab; or for Swin a tag such as `ms_in1k`,
            which timm's hub then gives. None: random weights.
        released: the release's form.

    Raises:
        CardError: depth and heads are not of one kind of encoder, or its weights cannot be had or do not fit.
    """
    from swath.models.change._rsbuilding import RSBuilding

    if isinstance(depth, int) and isinstance(heads, int):
        from swath.models.sam import load_sam
        from swath.nn.sam_vit import SamViT

        side = image_size // 16
        vit = SamViT(in_channels, width, depth, heads, whole, window=window, size=side, drop_path=drop_path)
        if encoder_weights is not None:
            load_sam(vit, encoder_weights)
        return RSBuilding(vit, width, classes, decoder_width, released=released)
    if isinstance(depth, int) or isinstance(heads, int) or not len(depth) == len(heads) == 4:
        raise CardError(f"depth and heads must be one number each, or four each for Swin; found {depth} and {heads}")
    if any(width * 2**scale % many for scale, many in enumerate(heads)):
        raise CardError(f"width {width}, doubled from scale to scale, must be a multiple of heads, {tuple(heads)}")
    from swath.models.swin import load_swin
    from swath.nn.swin import Swin

    swin = Swin(in_channels, width, depth, heads, window, drop_path, drop_mlp=True)
    if encoder_weights is not None:
        load_swin(swin, encoder_weights)
    return RSBuilding(swin, swin.widths, classes, decoder_width, released=released)
