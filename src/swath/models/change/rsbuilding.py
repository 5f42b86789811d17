"""RSBuilding: buildings on either date and their change, from one network that learns from labels of either kind.

Wang et al. 2024, "RSBuilding: towards general remote sensing image building extraction and change detection with
foundation model", IEEE TGRS, arXiv:2403.07564. The encoder of SAM reads each date; three learnt queries - buildings
before, buildings after, change - and both dates look at each other from a coarse grid to a fine one; the change is read
from the signed difference of what the dates then hold. Good for buildings in very fine imagery, from mixed collections.

| task | answer |
| --- | --- |
| `change` | change `[B, 1, H, W]`, or `[B, 2, H, W]` of no, whose logit is 0, and yes |
| `semantic-change` | change `[B, 1, H, W]`, and the classes of both dates `[B, K, H, W]`; the logit of the first is 0 |

Labels may lack for a date, or for change: what is not labelled does not count in the task's loss, which takes the place
of the paper's three cross entropies. Images of one date alone the paper shows twice and asks for no change, at a tenth
of the weight; that is up to the data. The paper has one class, buildings; with K classes there are K - 1 queries for
each date.

`released=True` rounds the code of positions to half precision as the release does. Grids need not be square as there.
Of the release's encoders there is the vision transformer, not Swin. Encoder and decoder were held against the release
each by itself; no weights of the release were at hand to try their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_SIZES = {
    "vit-b": {"width": 768, "depth": 12, "heads": 12, "whole": (2, 5, 8, 11), "drop_path": 0.1},
    "vit-l": {"width": 1024, "depth": 24, "heads": 16, "whole": (5, 11, 17, 23), "drop_path": 0.125},
}


@register(
    "rsbuilding",
    title="RSBuilding",
    tasks=("change", "semantic-change"),
    source=("arXiv:2403.07564",),
    transient=("encoder_weights",),
    sizes=_SIZES,
    unchecked="encoder and decoder were held against the release each by itself; none of its weight files was at hand",
)
def rsbuilding(
    in_channels: int = 3,
    classes: int = 1,
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
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
        width: of the encoder.
        depth: layers of the encoder.
        heads: of its attention.
        whole: layers of the encoder, counted from 0, that look at the whole image.
        window: side of what the others look at, in patches of 16 px.
        image_size: px of the side that positions are learnt for; a multiple of 16.
        decoder_width: of the decoder, a multiple of 32.
        drop_path: chance that the MLP of the encoder's last layer is left out in training; less before.
        encoder_weights: a local weight file of SAM, in its own names or OpenMMLab's, whose positions are interpolated;
            None: random weights.
        released: the release's form.

    Raises:
        CardError: the encoder's weights cannot be had or do not fit.
    """
    from swath.models.change._rsbuilding import RSBuilding
    from swath.nn.sam_vit import SamViT

    encoder = SamViT(in_channels, width, depth, heads, whole, window=window, size=image_size // 16, drop_path=drop_path)
    if encoder_weights is not None:
        from swath.models.sam import load_sam

        load_sam(encoder, encoder_weights)
    return RSBuilding(encoder, width, classes, decoder_width, released=released)
