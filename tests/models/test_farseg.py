"""FarSeg: as released, its loss too, and how that sets in."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torchvision.models import resnet18

from swath.errors import CardError
from swath.models import find
from swath.models.segment._farseg import foreground_aware

from .parity import Case

SMALL = {"encoder": "resnet18", "pyramid_width": 32, "decoder_width": 16}


def test_answers_and_losses_are_those_of_the_release(shared_data: Path) -> None:
    case = Case.beside(shared_data, "farseg_small")
    network = case.official("farseg", **SMALL)
    labels = (torch.arange(2 * 96 * 128) * 7919 % 17).reshape(2, 96, 128)
    labels[labels == 16] = -1
    with torch.inference_mode():
        logits = network(*case.inputs("image"))
        case.compare(logits.softmax(1))
        for step, wanted in case.about["losses"].items():
            found = network.loss((logits, torch.tensor(float(step))), labels, F.cross_entropy)
            assert found.item() == pytest.approx(wanted, rel=1e-5)


def test_the_number_of_weights_is_that_published() -> None:
    with torch.device("meta"):
        network = find("farseg").build()
    assert sum(one.numel() for one in network.parameters()) == 31_370_064


def test_steps_are_counted_in_training_alone() -> None:
    network = find("farseg").build(classes=2, **SMALL)
    image = torch.randn(2, 3, 32, 32)
    for step in (1.0, 2.0):
        _, count = network.train()(image)
        assert count == step
    network.eval()(image)
    assert network.state_dict()["buffer_step"] == 2


def test_the_loss_begins_as_cross_entropy_and_turns_to_what_is_wrong() -> None:
    logits = torch.tensor([3.0, 0.5, -2.0]).reshape(1, 1, 1, 3).requires_grad_()
    labels = torch.tensor([[[1, 1, 1]]])
    plain = F.binary_cross_entropy_with_logits(logits[0], torch.ones(1, 1, 3), reduction="sum") / 4
    assert torch.isclose(foreground_aware(logits, labels, 0.0), plain)
    late = foreground_aware(logits, labels, 1.0)
    assert torch.isclose(late, plain)  # the sum is kept, what it is made of is not
    before, after = (torch.autograd.grad(loss, logits)[0].abs().flatten().tolist() for loss in (plain, late))
    assert after[0] < before[0]
    assert after[2] > before[2]
    assert foreground_aware(logits, torch.full_like(labels, -1), 1.0) == 0


def test_the_encoder_takes_torchvision_weights(tmp_path: Path) -> None:
    donor = resnet18(weights=None)
    torch.save(donor.state_dict(), tmp_path / "r18.pth")
    network = find("farseg").build(encoder_weights=str(tmp_path / "r18.pth"), **SMALL)
    own = network.get_submodule("en.resnet").state_dict()
    assert all(torch.equal(own[key], value) for key, value in donor.state_dict().items() if not key.startswith("fc."))


def test_first_weights_are_made_for_other_bands(tmp_path: Path) -> None:
    donor = resnet18(weights=None)
    torch.save(donor.state_dict(), tmp_path / "rgb.pth")
    said = {"encoder_weights": str(tmp_path / "rgb.pth"), "in_channels": 4, "wavelengths": [665, 560, 490, 842]}
    first = find("farseg").build(**{**SMALL, **said}).get_submodule("en.resnet").state_dict()["conv1.weight"]
    red, _, blue = donor.state_dict()["conv1.weight"].unbind(1)
    for at, one in ((0, red), (2, blue), (3, red)):
        torch.testing.assert_close(first[:, at], one * 3 / 4)


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(CardError, match="resnet50"):
        find("farseg").build(encoder="vgg16")
    with pytest.raises(CardError, match="1 step or more"):
        find("farseg").build(anneal=0)
