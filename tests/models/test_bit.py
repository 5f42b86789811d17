"""BIT: as released, with an encoder from a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.models import resnet18

from swath.errors import CardError
from swath.models import find

from .parity import Case


@pytest.mark.parametrize(("released", "head_width"), [("bit", 64), ("bit_head8", 8)])
def test_answers_are_those_of_the_release(shared_data: Path, released: str, head_width: int) -> None:
    case = Case.beside(shared_data, released)
    network = case.official("bit", decoder_head_width=head_width)
    with torch.inference_mode():
        case.compare(network(*case.inputs("before", "after")))


def test_the_encoder_takes_torchvision_weights(tmp_path: Path) -> None:
    donor = resnet18(weights=None)
    torch.save(donor.state_dict(), tmp_path / "resnet18.pth")
    network = find("bit").build(encoder_weights=str(tmp_path / "resnet18.pth"))
    assert torch.equal(network.get_parameter("resnet.layer3.1.conv2.weight"), donor.layer3[1].conv2.weight)
    with pytest.raises(CardError, match="resnet18 has no weights 'COCO'; name a file, or one of IMAGENET1K_V1"):
        find("bit").build(encoder_weights="COCO")
    four = {"in_channels": 4, "encoder_weights": str(tmp_path / "resnet18.pth")}
    with pytest.raises(CardError, match="of the 4 bands not all have a wavelength"):
        find("bit").build(**four)
    first = find("bit").build(**four, wavelengths=[842.0, 665.0, 560.0, 490.0]).get_parameter("resnet.conv1.weight")
    assert first.shape == (64, 4, 7, 7)
    ours, theirs = first[:, 1:].flatten(1), donor.conv1.weight.flatten(1)
    assert torch.nn.functional.cosine_similarity(ours, theirs).min() > 0.99, "of the bands that both have"


def test_tokens_see_the_whole_tile() -> None:
    network = find("bit").build().eval()
    before, after = torch.randn(2, 1, 3, 64, 256)
    moved = after.clone()
    moved[..., 192:] += 1
    with torch.inference_mode():
        assert not torch.equal(network(before, after)[..., :8], network(before, moved)[..., :8])
