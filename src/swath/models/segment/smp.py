"""Encoder-decoder networks of segmentation-models-pytorch: sound baselines for every pixel-wise task, in any size.

U-Net (Ronneberger et al. 2015), U-Net++ (Zhou et al. 2018), FPN (Kirillov et al. 2017) and DeepLabV3+ (Chen et al.
2018) on encoders such as `resnet18` and `mit_b0`, or those of timm, `tu-convnext_atto`. U-Net and U-Net++ have a finite
receptive field, so that their mosaics can be exact; FPN normalises over the tile and DeepLabV3+ averages it, so theirs
are blended.
The library: https://github.com/qubvel-org/segmentation_models.pytorch.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from swath.errors import CardError
from swath.models.card import Task
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_TASKS: tuple[Task, ...] = ("segmentation", "change", "regression")
_DECODERS = {
    "unet": ("Unet", "U-Net", "arXiv:1505.04597"),
    "unetplusplus": ("UnetPlusPlus", "U-Net++", "arXiv:1807.10165"),
    "fpn": ("FPN", "Feature Pyramid Network", "arXiv:1612.03144"),
    "deeplabv3plus": ("DeepLabV3Plus", "DeepLabV3+", "arXiv:1802.02611"),
}


def _builder(decoder: str) -> Callable[..., nn.Module]:
    def build(
        in_channels: int,
        classes: int,
        encoder: str = "resnet34",
        encoder_weights: str | None = None,
        decoder_options: dict[str, Any] | None = None,
        wavelengths: Sequence[float | None] | None = None,
    ) -> nn.Module:
        """A network `[B, in_channels, H, W]` -> logits `[B, classes, H, W]`; H and W multiples of the encoder's stride.

        Args:
            in_channels: number of bands.
            classes: number of output channels.
            encoder: a name of the library's encoders, or `tu-` and one of timm's.
            encoder_weights: a local weight file for the encoder, for one of timm's also the tag of published weights; a
                classifier in it is left out. They are taken to be for red, green and blue. None: random weights.
            decoder_options: further arguments of the library's class, such as `decoder_channels`.
            wavelengths: centre of each band in nm, by which the first layer of the weights is made for other bands.

        Raises:
            CardError: no such encoder or option, or the weights do not fit.
        """
        import segmentation_models_pytorch as smp

        make, options = getattr(smp, decoder), decoder_options or {}
        given = {"encoder_name": encoder, "encoder_weights": None, "in_channels": in_channels, "classes": classes}
        # The library takes any name and forgets those it does not know.
        known = inspect.signature(make.__init__).parameters.keys() - given.keys() - {"self", "kwargs"}
        if unknown := options.keys() - known:
            raise CardError(f"{decoder} has no option {min(unknown)!r}; it has {', '.join(sorted(known))}")
        try:
            network: nn.Module = make(**given, **options)
        except (KeyError, TypeError, ValueError) as error:
            said = " ".join(str(error.args[0] if error.args else error).split())[:300]
            raise CardError(f"{decoder} with encoder {encoder!r} cannot be built: {said}") from error
        if encoder_weights is not None:
            from swath.models.segment._smp import load_encoder

            load_encoder(network.get_submodule("encoder"), encoder, encoder_weights, wavelengths)
        return network

    return build


for _name, (_decoder, _title, _paper) in _DECODERS.items():
    register(_name, title=_title, tasks=_TASKS, source=(_paper,), transient=("encoder_weights", "wavelengths"))(
        _builder(_decoder)
    )
