"""U-Net++ on an EfficientNet, each of its nested U-Nets supervised: buildings in aerial imagery.

Ovi et al. 2023, "Performance analysis of various EfficientNet based U-Net++ architecture for automatic building
extraction from high resolution satellite images", arXiv:2310.06847; U-Net++ is of Zhou et al. 2018, arXiv:1807.10165.
Encoder and decoder are those of segmentation-models-pytorch; deep supervision, which the paper names and the library
lacks, is here: in train mode every nested U-Net answers, by a 1 x 1 convolution of its last node, and the loss is the
mean over all answers. `b4` was the best of the paper's five. Without deep supervision it is `unetplusplus`.

Two protocols go by the name of Massachusetts Buildings, and their numbers cannot be compared:

| | standard | this paper |
| --- | --- | --- |
| pixels | crops at 1 m | whole images of 1500 px made 256 px, so 5.9 m |
| values | mean and deviation of ImageNet | -1 to 1 |
| reported | IoU and F1 of buildings over all test pixels; once precision at recall, within 3 px | "mean" accuracy 92.2 %, IoU 88.3 %, of what is not said |

`recipes/unetpp-massachusetts.yaml` is the standard one. How the paper trained is not known: neither loss nor rate.
"""  # noqa: E501  (a table)

from __future__ import annotations

from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

_SIZES = tuple(f"b{number}" for number in range(8))


@register(
    "unetpp-efficientnet",
    title="U-Net++ on EfficientNet, deeply supervised",
    tasks=("segmentation",),
    source=("arXiv:2310.06847", "arXiv:1807.10165"),
    transient=("encoder_weights", "wavelengths"),
    sizes={size: {"size": size} for size in _SIZES[:5]},
)
def unetpp_efficientnet(
    in_channels: int = 3,
    classes: int = 1,
    size: str = "b4",
    decoder_widths: Sequence[int] = (256, 128, 64, 32, 16),
    encoder_weights: str | None = None,
    wavelengths: Sequence[float | None] | None = None,
) -> nn.Module:
    """A network `[B, in_channels, H, W]` -> logits `[B, classes, H, W]`; any H and W.

    In train mode it gives those of all four nested U-Nets, the deepest first.

    Args:
        in_channels: number of bands.
        classes: channels of the answer; 1 for a yes.
        size: of the EfficientNet, `b0` to `b7`.
        decoder_widths: of the decoder, from the coarsest node to the finest.
        encoder_weights: a local weight file of the library's encoder, whose names are those of the package
            efficientnet_pytorch; the classifier in it is left out. None: random weights.
        wavelengths: centre of each band in nm, by which the first layer of the weights is made for other bands.

    Raises:
        CardError: no such size, not five widths, or the encoder's weights do not fit.
    """
    if size not in _SIZES:
        raise CardError(f"size must be one of {', '.join(_SIZES)}; found {size!r}")
    if len(decoder_widths) != len(_SIZES[:5]):
        raise CardError(f"decoder_widths must be five; found {len(decoder_widths)}")
    from swath.models.segment._unetpp import NestedUNet

    network = NestedUNet(in_channels, classes, f"efficientnet-{size}", decoder_widths)
    if encoder_weights is not None:
        from swath.models.weights import read_state

        network.load_encoder(read_state(encoder_weights), f"efficientnet-{size}", wavelengths)
    return network
