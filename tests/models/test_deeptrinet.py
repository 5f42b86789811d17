"""DeepTriNet: each of its attentions counts, and its encoder takes torchvision's weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.models import resnet50

from swath.errors import CardError
from swath.models import find
from swath.models.segment._deeptrinet import TriLevelAttention


def test_attention_adds_what_channels_places_and_pixels_say() -> None:
    torch.manual_seed(0)
    unit = TriLevelAttention(8, 8).eval()
    x = torch.rand(2, 8, 6, 5)
    gates = (unit.channel.layers[2], unit.place, unit.pixel)
    with torch.inference_mode():
        for gate in gates:
            gate.weight.zero_()
            gate.bias.fill_(-100.0)
        unit.last = torch.nn.Identity()
        assert torch.equal(unit(x), x), "nothing is said, the input passes"
        for count, gate in enumerate(gates, 2):
            gate.bias.fill_(100.0)
            assert torch.allclose(unit(x), count * x)


def test_the_encoder_takes_torchvision_weights(tmp_path: Path) -> None:
    donor = resnet50(weights=None)
    torch.save(donor.state_dict(), tmp_path / "r50.pth")
    network = find("deeptrinet").build(width=16, encoder_weights=str(tmp_path / "r50.pth"))
    own = network.get_submodule("encoder").state_dict()
    assert all(torch.equal(own[key], value) for key, value in donor.state_dict().items() if not key.startswith("fc."))


def test_first_weights_are_made_for_other_bands(tmp_path: Path) -> None:
    donor = resnet50(weights=None)
    torch.save(donor.state_dict(), tmp_path / "rgb.pth")
    said = {"encoder_weights": str(tmp_path / "rgb.pth"), "in_channels": 4, "wavelengths": [665, 560, 490, 842]}
    first = find("deeptrinet").build(width=16, **said).get_submodule("encoder").state_dict()["conv1.weight"]
    red, _, blue = donor.state_dict()["conv1.weight"].unbind(1)
    for at, one in ((0, red), (2, blue), (3, red)):
        torch.testing.assert_close(first[:, at], one * 3 / 4)


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(CardError, match="resnet50"):
        find("deeptrinet").build(encoder="resnet18")
    with pytest.raises(CardError, match="16 or more"):
        find("deeptrinet").build(width=8)
