"""3D U-Net and ConvLSTM: as released where all dates are there; dates without data have no part."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from swath.errors import CardError
from swath.models import find

from .parity import Case


@pytest.mark.parametrize("name", ["unet3d", "convlstm"])
def test_answers_are_those_of_the_release(shared_data: Path, name: str) -> None:
    case = Case.beside(shared_data, name)
    with torch.inference_mode():
        case.compare(case.official(name)(*case.inputs("image")))


def test_a_memory_passes_by_dates_without_data() -> None:
    torch.manual_seed(0)
    network = find("convlstm").build(in_channels=3, classes=2, width=8).eval()
    image = torch.randn(2, 4, 3, 9, 7)
    image[0, 1] = 0
    with torch.inference_mode():
        found = network(image)
        assert torch.allclose(found[:1], network(image[:1, [0, 2, 3]]), atol=1e-6)
        assert not torch.allclose(found[1:], network(image[1:, [0, 2, 3]]), atol=1e-3)
        assert not torch.allclose(found[1:], network(image[1:].flip(1)), atol=1e-3), "order matters"


def test_a_block_averages_dates_with_data() -> None:
    torch.manual_seed(0)
    network = find("unet3d").build(in_channels=3, classes=2, width=1).eval()
    image = torch.randn(1, 8, 3, 10, 6)
    with torch.inference_mode():
        assert network(image).shape == (1, 2, 10, 6)
        short = network(image[:, :2])
        assert torch.allclose(short, network(image[:, [0, 1, 1, 1]]), atol=1e-6)
        image[:, 5:] = 0
        last = network.get_submodule("final")
        kept = []
        last.register_forward_hook(lambda _, __, answer: kept.append(answer))
        found = network(image)
        assert torch.allclose(found, kept[0][:, :, :5, :10, :6].mean(2), atol=1e-5)


@pytest.mark.parametrize("name", ["unet3d", "convlstm"])
def test_what_cannot_be_built_is_refused(name: str) -> None:
    with pytest.raises(CardError, match="1 or more"):
        find(name).build(width=0)
