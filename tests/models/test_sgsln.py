"""SGSLN: as released, in its sizes, with its own loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from swath.errors import CardError
from swath.models import find
from swath.models.change._sgsln import SGSLN, exchanged
from swath.tasks.losses import of_binary

from .parity import Case


def test_answers_are_those_of_the_release(shared_data: Path) -> None:
    case = Case.read(shared_data, "sgsln_128")
    network = cast(Any, case.official("sgsln-128"))
    pair = case.inputs("t1", "t2")
    with torch.inference_mode():
        case.compare(network(*pair), "out.0")
        for which, found in enumerate(network.maps(*pair)):
            case.compare(found, f"out.{which}")


@pytest.mark.parametrize(("size", "count"), [("512", 6_036_375), ("256", 1_513_795), ("128", 381_743)])
def test_sizes_are_those_of_the_release(size: str, count: int) -> None:
    with torch.device("meta"):
        network = find(f"sgsln-{size}").build()
    assert sum(parameter.numel() for parameter in network.parameters()) == count
    assert len(network.state_dict()) == 218


def test_odd_channels_change_place() -> None:
    first, second = torch.zeros(1, 4, 2, 2), torch.ones(1, 4, 2, 2)
    one, other = exchanged(first, second)
    assert one[0, :, 0, 0].tolist() == [0, 1, 0, 1]
    assert other[0, :, 0, 0].tolist() == [1, 0, 1, 0]


def test_the_dates_count_a_fifth_in_the_loss() -> None:
    network = cast(SGSLN, find("sgsln-128").build())
    answer = network(*torch.randn(2, 2, 3, 37, 50))
    assert [tuple(part.shape) for part in answer] == [(2, 1, 37, 50), (2, 1, 19, 25), (2, 1, 19, 25)]
    targets = torch.randint(-1, 2, (2, 37, 50))

    def of(logits: Tensor, wanted: Tensor) -> Tensor:
        return of_binary(logits, wanted)

    parts = [of(part, targets) for part in answer]
    torch.testing.assert_close(network.loss(answer, targets, of), parts[0] + 0.2 * (parts[1] + parts[2]))


def test_widths_must_double() -> None:
    with pytest.raises(CardError, match=r"five that double, from a multiple of 4 on; found \[8, 16, 24, 32, 64\]"):
        find("sgsln").build(widths=(8, 16, 24, 32, 64))
