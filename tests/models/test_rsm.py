"""RSM-CD and RSM-SS: as released, in the published size; each place sees all others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from swath.errors import CardError
from swath.models import find
from swath.nn.scan_block import ImageScan

from .parity import Case

SMALL: dict[str, Any] = {"width": 32, "depths": (1, 1, 2, 1), "states": 8}
TINY: dict[str, Any] = {"width": 8, "depths": (1, 1, 1, 1), "states": 2}


def test_the_scan_of_images_is_that_of_the_release(shared_data: Path) -> None:
    case = Case.read(shared_data, "rsm_ossm_op")
    op = case.module(ImageScan(16, 4, 8, gated=True, conv_bias=True))
    with torch.inference_mode():
        case.compare(op(*case.inputs("x")))


@pytest.mark.parametrize(("case", "name", "images"), [("rsm_ss_small", "rsm-ss", 1), ("rsm_cd_small", "rsm-cd", 2)])
def test_answers_are_those_of_the_release(shared_data: Path, case: str, name: str, images: int) -> None:
    held = Case.read(shared_data, case)
    network = held.official(name, **SMALL)
    with torch.inference_mode():
        held.compare(network(*held.inputs(*("x1", "x2")[:images])))


@pytest.mark.parametrize(("name", "count", "tensors"), [("rsm-ss", 50_379_057, 339), ("rsm-cd", 51_948_657, 363)])
def test_sizes_are_those_of_the_release(name: str, count: int, tensors: int) -> None:
    with torch.device("meta"):
        network = find(name).build()
    assert sum(parameter.numel() for parameter in network.parameters()) == count
    assert len(network.state_dict()) == tensors


def test_each_place_sees_all_others() -> None:
    op = ImageScan(4, 2, 8, gated=True, conv_bias=True)
    x = torch.randn(1, 5, 7, 4, requires_grad=True)
    (slope,) = torch.autograd.grad(op(x)[0, 2, 3].square().sum(), x)
    assert bool((slope.abs().sum(-1) > 0).all())


def test_the_order_of_dates_counts() -> None:
    torch.manual_seed(0)
    network = find("rsm-cd").build(**TINY).eval()
    first, second = torch.randn(2, 1, 3, 40, 50)
    with torch.inference_mode():
        assert not torch.allclose(network(first, second), network(second, first))


@pytest.mark.parametrize("name", ["rsm-cd", "rsm-ss"])
def test_what_cannot_be_built_is_refused(name: str) -> None:
    with pytest.raises(CardError, match=r"of four scales, one block or more each; found \[1, 2\]"):
        find(name).build(depths=(1, 2))
    with pytest.raises(CardError, match="width must be even; found 7"):
        find(name).build(width=7)
