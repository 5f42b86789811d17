"""SNUNet-CD: as released, in its sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from swath.errors import CardError
from swath.models import find

from .parity import Case


def test_answers_are_those_of_the_release(shared_data: Path) -> None:
    case = Case.beside(shared_data, "snunet_cd_32")
    network = case.official("snunet-cd")
    with torch.inference_mode():
        case.compare(network(*case.inputs("before", "after")))


@pytest.mark.parametrize(("size", "count"), [("16", 3.01), ("32", 12.03), ("48", 27.07)])
def test_sizes_are_those_of_the_paper(size: str, count: float) -> None:
    with torch.device("meta"):
        network = find(f"snunet-cd-{size}").build()
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(count, abs=0.006)


def test_widths_that_cannot_be_shared_are_refused() -> None:
    with pytest.raises(CardError, match="width must be a multiple of 4; found 6"):
        find("snunet-cd").build(width=6)
