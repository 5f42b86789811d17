"""HPCL-Net: old landslides in an image and a terrain model, told from their like across the whole set of images.

Zhou et al. 2023, "Hyper-pixel-wise contrastive learning augmented segmentation network for old landslide detection
through fusing high-resolution remote sensing images and digital elevation model data", arXiv:2308.01251. Two encoders,
one for the image and one for the terrain, meet where features mean something and not at the pixels. A hyper-pixel is
one cell of these features. What is learnt besides the map: a hyper-pixel is to be like those of its class and unlike
those of others, which wait in one queue per class for the whole of training, written by a copy of the encoder that
follows slowly. Published on the Loess Plateau: landslide IoU 0.394, where the best before it had 0.334. For rare
objects that are blurred and few.

Nothing was released and no sizes could be had, so this is a reconstruction and could not be compared. After the paper:
two encoders, fusion of deep features, queues for the whole set, a momentum encoder, stress on the edges of landslides.
Chosen here: ResNets of timm at a 16th of the size, a decoder after DeepLabv3+, and every number below. A cell belongs
to the class that more than half of it is of, to the first one (background) only if all of it is; others say nothing.

| given | image | terrain |
| --- | --- | --- |
| one stack, `in_channels` bands | its first bands | its last `height_channels` |
| `(image, height)` | `in_channels - height_channels` bands | `[B, height_channels, H, W]` |

In train mode it gives besides the logits what hyper-pixels are embedded as, by the encoder and by its copy. Copy and
queues are saved with the rest, so that training can go on from a file; they have no part in an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_ENCODERS = ("resnet18", "resnet34", "resnet50", "resnet101")


@register(
    "hpcl-net",
    title="HPCL-Net",
    tasks=("segmentation",),
    source=("arXiv:2308.01251",),
    transient=("encoder_weights", "wavelengths"),
)
def hpcl_net(
    in_channels: int = 4,
    classes: int = 2,
    height_channels: int = 1,
    encoder: str = "resnet50",
    width: int = 256,
    embedding: int = 128,
    queue: int = 4096,
    anchors: int = 64,
    momentum: float = 0.999,
    temperature: float = 0.1,
    contrast: float = 0.1,
    encoder_weights: str | None = None,
    wavelengths: Sequence[float | None] | None = None,
) -> nn.Module:
    """A network `(image [B, C, H, W], height=None)` -> logits `[B, classes, H, W]`; any H and W.

    Args:
        in_channels: bands of image and terrain together.
        classes: channels of the answer; 1 for a yes.
        height_channels: bands of the terrain: elevation, slope, shaded relief.
        encoder: of timm: resnet18, resnet34, resnet50 or resnet101.
        width: of the decoder.
        embedding: numbers that a hyper-pixel is embedded as.
        queue: hyper-pixels of each class that wait.
        anchors: most hyper-pixels of each class and image that are compared, and queue up, in a step.
        momentum: share of itself that the slow copy keeps in a step.
        temperature: by which likenesses are divided.
        contrast: what the comparison counts in the loss.
        encoder_weights: a weight file of timm's network of that name, or a tag such as `a1_in1k`, for the image's
            encoder; None: random weights.
        wavelengths: centre of each band in nm, by which its first layer is made for other bands than red, green, blue.

    Raises:
        CardError: no such encoder, there is no band but the terrain's, or weights that do not fit.
    """
    if encoder not in _ENCODERS:
        raise CardError(f"encoder must be one of {', '.join(_ENCODERS)}; found {encoder!r}")
    if not 0 < height_channels < in_channels:
        raise CardError(
            f"in_channels are those of image and terrain together: more than height_channels, {height_channels}, which "
            f"are 1 or more; found {in_channels}"
        )
    from swath.models.segment._hpcl_net import HPCLNet
    from swath.models.segment._hyper_pixels import Contrast

    compared = Contrast(max(2, classes), embedding, queue, anchors, temperature)
    network = HPCLNet((in_channels - height_channels, height_channels), classes, encoder, width, compared)
    network.momentum, network.share = momentum, contrast
    if encoder_weights is not None:
        network.load_encoder(encoder, encoder_weights, wavelengths and wavelengths[: in_channels - height_channels])
    return network
