"""RSMamba: as released when both shuffle alike, the same answer twice, and no path without effect."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from swath.errors import CardError
from swath.models import find

from .parity import Case

SMALL = {"width": 32, "depth": 3, "image_size": 64}


def test_answers_are_those_of_the_release(shared_data: Path) -> None:
    case = Case.beside(shared_data, "rsmamba_small")
    with torch.inference_mode():
        case.compare(case.official("rsmamba", classes=21, **SMALL)(*case.inputs("image")))


@pytest.mark.parametrize(("size", "count"), [("b", 6_381_141), ("l", 16_246_549), ("h", 33_053_141)])
def test_numbers_of_weights_are_those_published(size: str, count: int) -> None:
    with torch.device("meta"):
        network = find(f"rsmamba-{size}").build(classes=21)
    assert sum(one.numel() for one in network.parameters()) == count


def test_it_answers_the_same_twice_unless_released() -> None:
    torch.manual_seed(0)
    image = torch.randn(1, 3, 48, 64)
    network = find("rsmamba").build(**SMALL).eval()
    released = find("rsmamba").build(**SMALL, released=True).eval()
    released.load_state_dict(network.state_dict())
    with torch.inference_mode():
        assert torch.equal(network(image), network(image))
        assert not torch.equal(released(image), released(image))
        assert not torch.equal(network.train()(image), network(image))


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(CardError, match="1 or more"):
        find("rsmamba").build(depth=0)
