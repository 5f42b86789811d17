"""Any encoder of timm: first weights from a file, made for other bands by their light; tiles resized as in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from swath.errors import CardError
from swath.models import Card, ClassLabel, Model, Output, find
from swath.models.features import features
from swath.models.published_encoder import published_encoder

ENCODER = "resnet10t"
LABELS = tuple(ClassLabel(value=value, name=name) for value, name in enumerate(("field", "forest", "water")))


@pytest.fixture(scope="module")
def pretrained() -> Any:
    """The encoder as others would have trained it, with their own classes."""
    torch.manual_seed(0)
    return timm.create_model(ENCODER, num_classes=7).eval()


@pytest.fixture(scope="module")
def weights(pretrained: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("weights") / "encoder.safetensors"
    save_file({key: tensor.contiguous() for key, tensor in pretrained.state_dict().items()}, file)
    return str(file)


@pytest.fixture
def scenes(card: Card) -> Card:
    """A card for classes of whole images in four bands of Sentinel-2."""
    return card.with_(task="classification", output=Output(kind="labels", classes=LABELS))


def test_features_of_published_weights_stay_and_classes_are_new(pretrained: Any, weights: str) -> None:
    network: Any = find("timm").build(classes=3, encoder=ENCODER, encoder_weights=weights).eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert network(x).shape == (2, 3)
        found, wanted = (one.forward_features(x) for one in (network, pretrained))
    assert torch.equal(found, wanted)


def test_the_first_layer_follows_the_light_and_not_the_position(pretrained: Any, weights: str) -> None:
    said: dict[str, Any] = {"encoder": ENCODER, "encoder_weights": weights, "classes": 3}
    turned = find("timm").build(in_channels=3, wavelengths=[490, 560, 665], **said)
    own = pretrained.state_dict()["conv1.0.weight"]
    torch.testing.assert_close(turned.state_dict()["conv1.0.weight"], own.flip(1))
    between = find("timm").build(in_channels=4, wavelengths=[665, 612.5, 490, 842], **said).state_dict()
    red, green, blue = own.unbind(1)
    torch.testing.assert_close(
        between["conv1.0.weight"], torch.stack([red, (red + green) / 2, blue, red], 1) * 3 / 4, rtol=1e-4, atol=1e-6
    )


def test_a_model_of_a_card_gets_its_bands_and_keeps_no_path(scenes: Card, weights: str, tmp_path: Path) -> None:
    model = Model.build("timm", card=scenes, encoder=ENCODER, encoder_weights=weights)
    assert model.spec is not None
    assert set(model.spec.config) == {"in_channels", "classes", "encoder"}
    again = Model.load(model.save(tmp_path / "a.swath"))
    assert again.hash == model.hash


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"encoder": "resnet10x"}, "resnet10x"),
        ({"encoder": "resnet18.a1_in1k"}, "encoder_weights='a1_in1k'"),
        ({"encoder": ENCODER, "options": {"chanels": [8]}}, "chanels"),
        ({"encoder": ENCODER, "in_channels": 4, "encoder_weights": "WEIGHTS"}, "wavelength"),
        (
            {"encoder": ENCODER, "in_channels": 2, "wavelengths": [665, None], "encoder_weights": "WEIGHTS"},
            "wavelength",
        ),
        ({"encoder": "resnet18", "encoder_weights": "WEIGHTS"}, "do not fit"),
    ],
)
def test_what_cannot_be_built_is_refused(said: dict[str, Any], told: str, weights: str) -> None:
    given: dict[str, Any] = {key: weights if value == "WEIGHTS" else value for key, value in said.items()}
    with pytest.raises(CardError, match=told):
        find("timm").build(**{"classes": 3, **given})


def test_tiles_are_resized_as_the_card_says(scenes: Card) -> None:
    given = scenes.inputs[0].model_copy(update={"resize": 64})
    model = Model.build("timm", card=scenes.with_(inputs=(given,)), encoder=ENCODER)
    x = torch.randn(2, 1, 4, 128, 128)
    halved = nn.functional.avg_pool2d(x[:, 0], 2)
    with torch.inference_mode():
        close = model.network(nn.functional.interpolate(x[:, 0], (64, 64), mode="bilinear", antialias=True))
        assert torch.equal(model(x), close)
        assert torch.equal(model(halved[:, None]), model.network(halved)), "of the right size it is left as it is"
    assert "resized to 64 px" in model.card.describe()
    assert model.card.to_stac().properties["mlm:input"][0]["resize_type"] == "interpolation-linear"
    assert Card.parse(model.card.to_json()) == model.card


def test_maps_of_pixels_cannot_be_resized(card: Card) -> None:
    with pytest.raises(CardError, match="one answer per tile"):
        card.with_(inputs=(card.inputs[0].model_copy(update={"resize": 64}),))


def test_features_are_what_the_last_layer_takes(scenes: Card) -> None:
    model = Model.build("timm", card=scenes, encoder=ENCODER)
    x = torch.randn(2, 1, 4, 64, 64)
    network: Any = model.network
    with torch.inference_mode():
        wanted = network.forward_head(network.forward_features(x[:, 0]), pre_logits=True)
    assert torch.equal(features(model.network, model.card, [x]), wanted)
    assert not any(one._forward_hooks for one in model.network.modules())


def test_features_of_other_networks(card: Card, scenes: Card) -> None:
    x = torch.randn(2, 1, 4, 64, 64)
    small: dict[str, Any] = {"width": 16, "depths": [1, 1, 1, 1]}
    scene = Model.build("lwganet", card=scenes, **small)
    assert features(scene.network, scene.card, [x]).shape == (2, 1280)
    pixels = Model.build("unet", card=card, encoder="resnet18")
    with torch.inference_mode():
        wanted = pixels.network.get_submodule("encoder")(x[:, 0])[-1].mean((2, 3))
    torch.testing.assert_close(features(pixels.network, pixels.card, [x]), wanted)
    patches = card.with_(task="embedding", output=Output(kind="embedding", dimensions=5, scale=1))
    layer = nn.Conv2d(4, 5, 1)
    with torch.inference_mode():
        torch.testing.assert_close(features(layer, patches, [x]), layer(x[:, 0]).mean((2, 3)))


def test_a_network_without_a_known_place_for_features_is_refused(card: Card) -> None:
    with pytest.raises(CardError, match="features"):
        features(nn.Conv2d(4, 3, 1), card, [torch.zeros(1, 1, 4, 8, 8)])


def test_the_card_of_a_published_encoder_says_how_it_was_fed(weights: str, pretrained: Any, tmp_path: Path) -> None:
    model = published_encoder(ENCODER, weights)
    given = model.card.inputs[0]
    known = pretrained.pretrained_cfg
    assert given.resize == known["input_size"][-1]
    x = torch.rand(2, 1, 3, given.resize, given.resize)
    mean, std = (torch.tensor(known[key])[:, None, None] for key in ("mean", "std"))
    torch.testing.assert_close(model.normalise(x * 255), (x - mean) / std)
    with torch.inference_mode():
        fed = (x[:, 0] - mean) / std
        wanted = pretrained.forward_head(pretrained.forward_features(fed), pre_logits=True)
    torch.testing.assert_close(features(model.network, model.card, [model.normalise(x * 255)]), wanted)
    assert Model.load(model.save(tmp_path / "encoder.swath")).card == model.card
