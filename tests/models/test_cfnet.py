"""CFNet computes what its release computes; the default form uses what the release throws away."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.models import efficientnet_b5

from swath.errors import CardError
from swath.models import find, load_official

from .parity import Case


def test_answers_are_those_of_the_release(shared_data: Path) -> None:
    case = Case.read(shared_data, "cfnet")
    network = case.official("cfnet", released=True)
    network.training = True  # of the network alone, so that it gives all it has
    with torch.inference_mode():
        likely, *more = network(*case.inputs("x1", "x2"))
    case.compare(likely[:, 0], "out.0")
    # At the coarsest scale the filled weights make both dates alike, and 1 - cosine is nothing but rounding.
    for which, date in ((i, date) for i in (1, 2, 3) for date in range(4)):
        case.compare(more[4 * date + which], f"out.{date + 1}.{which}", 1e-3)


def test_weights_of_the_release_fit_the_form_that_the_paper_means() -> None:
    released = find("cfnet").build(released=True)
    network = load_official("cfnet", released.state_dict())
    assert len(released.state_dict()) == 776
    assert len(released.state_dict()) - len(network.state_dict()) == 7
    x = torch.randn(2, 1, 3, 64, 64)
    with torch.inference_mode():
        plain = network(*x)
        network.content_decoder_1.cbam[3].spatial_attention.conv1.weight.add_(1)
        assert not torch.allclose(network(*x), plain, atol=1e-3), "attention counts"


def test_its_logits_are_those_of_the_map() -> None:
    torch.manual_seed(0)
    network = find("cfnet").build().eval()
    x = torch.randn(2, 2, 3, 48, 80)
    with torch.inference_mode():
        logits = network(*x)
        network.released = True
        likely = network(*x)
    torch.testing.assert_close(torch.sigmoid(logits), likely.clamp(0.01, 0.99))


def test_it_learns_from_content_as_well() -> None:
    torch.manual_seed(0)
    network = find("cfnet").build(in_channels=4)
    answer = network(*torch.randn(2, 2, 4, 64, 64))
    targets = torch.randint(-1, 2, (2, 64, 64))
    whole = network.loss(answer, targets, lambda logits, wanted: logits.sum())
    known = targets >= 0
    error = (answer[0][:, 0] - targets)[known].square().mean()
    assert 0 < whole - error < 0.2, "eight parts between 0 and 2, each an 0.025th"
    nothing = network.loss(answer, torch.full_like(targets, -1), lambda logits, wanted: logits.sum())
    assert nothing.isfinite()
    whole.backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_encoder_takes_torchvision_weights(tmp_path: Path) -> None:
    donor = efficientnet_b5(weights=None)
    torch.save(donor.state_dict(), tmp_path / "b5.pth")
    network = find("cfnet").build(encoder_weights=str(tmp_path / "b5.pth"))
    own, other = network.get_submodule("encoder._backbone.4").state_dict(), donor.features[4].state_dict()
    assert own.keys() == other.keys()
    assert all(torch.equal(own[key], other[key]) for key in own)


def test_it_tells_change_alone() -> None:
    with pytest.raises(CardError, match="one channel, of change; found classes=3"):
        find("cfnet").build(classes=3)
