"""U-Net++ on EfficientNet: its nested U-Nets answer in training alone, and each of them is supervised."""

from __future__ import annotations

from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import Tensor

from swath.errors import CardError
from swath.models import find
from swath.train.recipe import read_recipe

SMALL = {"size": "b0", "decoder_widths": (32, 16, 16, 8, 8)}
RECIPE = Path(__file__).parents[2] / "recipes" / "unetpp-massachusetts.yaml"


def test_answers_are_those_of_the_library() -> None:
    torch.manual_seed(0)
    ours = find("unetpp-efficientnet-b0").build(classes=2).eval()
    theirs = smp.UnetPlusPlus("efficientnet-b0", encoder_weights=None, classes=2).eval()
    # The library's encoder keeps its classifier's layers; each of ours is to be there.
    given, own = theirs.encoder.state_dict(), ours.encoder.state_dict()
    ours.encoder.load_state_dict({key: given[key] for key in own})
    theirs.decoder.load_state_dict(ours.decoder.state_dict())
    # The library's last layer is 3 x 3; with nothing around the middle it is the 1 x 1 of the paper.
    head = theirs.segmentation_head[0]
    torch.nn.init.zeros_(head.weight)
    head.weight.data[:, :, 1, 1] = ours.head.weight.data[:, :, 0, 0]
    head.bias.data.copy_(ours.head.bias.data)
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        assert torch.allclose(ours(image), theirs(image), atol=1e-5)


def test_four_nested_networks_answer_in_training() -> None:
    network = find("unetpp-efficientnet").build(classes=2, **SMALL).train()
    answers = network(torch.randn(2, 3, 65, 70))
    assert [tuple(one.shape) for one in answers] == [(2, 2, 65, 70)] * 4
    # The shallowest nested U-Net has seen the first two scales alone.
    answers[-1].sum().backward()
    assert network.decoder.blocks["x_3_3"].conv1[0].weight.grad is not None
    assert network.decoder.blocks["x_0_0"].conv1[0].weight.grad is None


def test_the_loss_is_the_mean_over_all_answers() -> None:
    network = find("unetpp-efficientnet").build(**SMALL)

    def of(logits: Tensor, targets: Tensor) -> Tensor:
        return logits.mean() - targets.float().mean()

    answers = [torch.full((1, 1, 4, 4), float(value)) for value in (1, 2, 3, 6)]
    assert network.loss(answers, torch.zeros(1, 4, 4, dtype=torch.long), of) == 3


def test_the_encoder_takes_the_weights_of_a_classifier(tmp_path: Path) -> None:
    donor = smp.encoders.get_encoder("efficientnet-b0", weights=None)
    state = dict(donor.state_dict()) | {"_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}
    torch.save(state, tmp_path / "b0.pth")
    network = find("unetpp-efficientnet").build(encoder_weights=str(tmp_path / "b0.pth"), **SMALL)
    assert all(torch.equal(value, donor.state_dict()[key]) for key, value in network.encoder.state_dict().items())
    light = {"in_channels": 4, "wavelengths": [665, 560, 490, 842]}
    wider = find("unetpp-efficientnet").build(**{**SMALL, **light}, encoder_weights=str(tmp_path / "b0.pth"))
    red = donor.state_dict()["_conv_stem.weight"][:, 0]
    torch.testing.assert_close(wider.encoder.state_dict()["_conv_stem.weight"][:, 3], red * 3 / 4)


def test_the_recipe_names_this_network_at_one_metre() -> None:
    recipe = read_recipe(RECIPE)
    (one,) = recipe.sets
    assert (recipe.network, one.gsd) == ("unetpp-efficientnet-b4", 1.0)
    assert one.classes == {0x000000: "background", 0xFF0000: "building"}
    assert recipe.options.keys() <= set(find(recipe.network).arguments)


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(CardError, match="b0, b1"):
        find("unetpp-efficientnet").build(size="b9")
    with pytest.raises(CardError, match="five"):
        find("unetpp-efficientnet").build(decoder_widths=(8, 8))
