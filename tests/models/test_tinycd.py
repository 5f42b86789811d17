"""TinyCD: as released, as small as the paper says, with an encoder from a file."""

from __future__ import annotations

from pathlib import Path

import torch
from torchvision.models import efficientnet_b4

from swath.models import find

from .parity import Case


def test_answers_are_those_of_the_release(shared_data: Path) -> None:
    case = Case.beside(shared_data, "tinycd")
    network = case.official("tinycd")
    with torch.inference_mode():
        case.compare(network(*case.inputs("before", "after")).sigmoid())


def test_it_is_tiny() -> None:
    network = find("tinycd").build()
    assert sum(parameter.numel() for parameter in network.parameters()) == 285_128
    with torch.inference_mode():
        assert network.eval()(*torch.randn(2, 1, 3, 7, 5)).shape == (1, 1, 7, 5)


def test_the_encoder_takes_torchvision_weights(tmp_path: Path) -> None:
    donor = efficientnet_b4(weights=None)
    torch.save(donor.state_dict(), tmp_path / "b4.pth")
    network = find("tinycd").build(encoder_weights=str(tmp_path / "b4.pth"))
    own, other = network.get_submodule("_backbone.3").state_dict(), donor.features[3].state_dict()
    assert own.keys() == other.keys()
    assert all(torch.equal(own[key], other[key]) for key in own)
