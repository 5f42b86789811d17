"""ChangeFormer: as released, of the paper's size, with its answers at five scales."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch

from swath.models import find
from swath.models.change._changeformer import ChangeFormer
from swath.tasks.losses import of_classes

from .parity import Case

SMALL = {"widths": (16, 32, 40, 64), "depths": (1, 1, 2, 1), "decoder_width": 32}


def test_answers_are_those_of_the_release(shared_data: Path) -> None:
    case = Case.beside(shared_data, "changeformer_small")
    network = case.official("changeformer", **SMALL)
    with torch.inference_mode():
        case.compare(network(*case.inputs("before", "after")))


def test_it_is_of_the_papers_size() -> None:
    with torch.device("meta"):
        network = find("changeformer").build()
    assert sum(parameter.numel() for parameter in network.parameters()) == 41_026_674


def test_coarse_answers_count_less() -> None:
    network = cast(ChangeFormer, find("changeformer").build(**SMALL))
    answer = network(*torch.randn(2, 2, 3, 64, 90))
    sizes = [(2, 2, *size) for size in ((64, 90), (2, 3), (4, 6), (8, 12), (16, 23))]
    assert [tuple(part.shape) for part in answer] == sizes
    targets = torch.randint(-1, 2, (2, 64, 90))
    finest, *coarse = (of_classes(part, targets) for part in answer)
    wanted = finest + 0.5 * (coarse[0] + coarse[1] + coarse[2]) + 0.8 * coarse[3]
    torch.testing.assert_close(network.loss(answer, targets, of_classes), wanted)
