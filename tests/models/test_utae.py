"""U-TAE: as released with and without missing dates; dates and their days matter, what is no date does not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from swath.errors import CardError
from swath.models import find

from .parity import Case

DAYS = torch.tensor([[0.0, 17, 60, 121, 300], [4, 33, 61, 200, 0]])
SMALL = {"in_channels": 3, "classes": 2, "widths": (16, 16, 16), "decoder_widths": (8, 8, 16), "inner": 32, "heads": 4}


def test_answers_are_those_of_the_release(shared_data: Path) -> None:
    case = Case.beside(shared_data, "utae")
    network = case.official("utae", first_day=0.0, released=True)
    (image,) = case.inputs("image")
    image[1, 4] = 0
    with torch.inference_mode():
        case.compare(network(image, DAYS))
        case.compare(network(image[:, :4], DAYS[:, :4]), "whole")


def test_it_is_small() -> None:
    network = find("utae").build()
    assert sum(one.numel() for one in network.parameters()) == pytest.approx(1_087_000, abs=1000)


def test_dates_without_data_have_no_part_and_others_do() -> None:
    torch.manual_seed(0)
    network = find("utae").build(**SMALL).eval()
    image, days = torch.randn(1, 4, 3, 24, 20), torch.tensor([0.0, 30, 60, 90]) + 17800
    image[:, 2] = 0
    with torch.inference_mode():
        found = network(image, days)
        moved = days.clone()
        moved[2] = 18000
        assert torch.allclose(network(image, moved), found, atol=1e-5)
        moved[1] = 18000
        assert not torch.allclose(network(image, moved), found, atol=1e-5)
        order = [3, 0, 2, 1]
        assert torch.allclose(network(image[:, order], days[order]), found, atol=1e-4), "days say the order"
        assert torch.allclose(network(image, days.expand(1, -1)), found)
        released = find("utae").build(**SMALL, released=True).eval()
        released.load_state_dict(network.state_dict())
        assert torch.equal(released(image, days), found.relu()), "logits are not rectified"


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(CardError, match="end alike"):
        find("utae").build(decoder_widths=(32, 32, 64, 64))
    with pytest.raises(CardError, match="multiples"):
        find("utae").build(heads=7)
