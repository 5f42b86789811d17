"""FC-EF, FC-Siam-conc, FC-Siam-diff: as released, of the paper's size, with a finite reach."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from swath.models import find
from swath.models.field import Probe, reach

from .parity import Case

NAMES = ("fc-ef", "fc-siam-conc", "fc-siam-diff")


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_of_the_release(shared_data: Path, name: str) -> None:
    case = Case.beside(shared_data, name.replace("-", "_"))
    network = case.official(name)
    with torch.inference_mode():
        case.compare(network(*case.inputs("before", "after")).log_softmax(1))


def test_the_order_of_dates_counts() -> None:
    before, after = torch.randn(2, 1, 3, 32, 32)
    for name in NAMES:
        network = find(name).build().eval()
        with torch.inference_mode():
            assert not torch.equal(network(before, after), network(after, before))


def test_they_see_a_finite_way() -> None:
    network = find("fc-siam-diff").build(in_channels=1, classes=1).eval()
    found = reach(Probe.of(network, lambda net, x: net(x[:, :1], x[:, 1:]), 2))
    assert found.reason is None
    assert found.stride == 16
    assert found.radius is not None
    assert 64 < found.radius < 160
