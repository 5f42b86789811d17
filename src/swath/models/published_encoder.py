"""An encoder of timm as a model: its card says how images were resized and normalised when its weights were learnt.

model = published_encoder("resnet18", "a1_in1k")     # by tag, where timm's hub can be reached
model = published_encoder("resnet18", "resnet18.safetensors")
model.save("resnet18.swath")
"""

from __future__ import annotations

import torch

from swath.models.card import Card
from swath.models.classify._timm_encoder import facts, made
from swath.models.gives import Output, ReceptiveField
from swath.models.model import Model
from swath.models.needs import CardBand, Input, MeanStd, TileRule
from swath.models.pretrained import RGB

_FULL = 255.0


def published_encoder(name: str, weights: str | None = None) -> Model:
    """A model that gives one vector for each tile.

    Args:
        name: of the encoder, such as `resnet18`.
        weights: a local file, or a tag such as `a1_in1k`; None: random weights, which are a baseline too.

    Raises:
        CardError: there is no such encoder, file or tag, the hub cannot be reached, or the weights do not fit.
    """
    network = made(len(RGB), 0, name, {}, weights, None)
    known = facts(network)
    side = int(known["input_size"][-1])
    with torch.inference_mode():
        dimensions = network.eval()(torch.zeros(1, len(RGB), side, side)).shape[1]
    norms = zip(RGB.items(), known["mean"], known["std"], strict=True)
    bands = tuple(
        CardBand(
            name=colour,
            common_name=colour,
            wavelength=light,
            units="display",
            normalisation=MeanStd(mean=mean * _FULL, std=std * _FULL),
        )
        for (colour, light), mean, std in norms
    )
    card = Card(
        name=name.replace(".", "-"),
        task="embedding",
        inputs=(Input(bands=bands, resize=side, wavelength_tolerance=60.0),),
        output=Output(kind="embedding", dimensions=dimensions, scale=None),
        architecture=name,
        tile=TileRule(size=side),
        field=ReceptiveField(reason="there is one answer per tile"),
        licence=known.get("license") if weights else None,
        source=("https://github.com/huggingface/pytorch-image-models",),
        notes=(f"weights: {weights}" if weights else "weights are random",),
    )
    return Model.build("timm", card=card, classes=0, encoder=name, encoder_weights=weights)
