"""FUSU: as released, what a series adds and where, and its losses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from swath.errors import CardError
from swath.models import find

from .parity import Case

SMALL: dict[str, Any] = {
    "width": 8,
    "exchanges": (1, 1, 1),
    "blocks": 1,
    "series_widths": (16, 16),
    "series_decoder_widths": (8, 16),
    "inner": 32,
    "heads": 4,
    "series_channels": 5,
    "classes": 4,
}
TASK = {"task": "semantic-change"}


def test_answers_are_those_of_the_release(shared_data: Path) -> None:
    case = Case.beside(shared_data, "fusu_small")
    network = case.official("fusu", classes=5, exchanges=(1, 1, 1), blocks=1, series_channels=15, released=True)
    pair, series = case.inputs("before", "after"), case.inputs("series")
    with torch.inference_mode():
        change, before, after = network(*pair, *series, **TASK)
        case.compare(change[:, 0].sigmoid(), "change")
        case.compare(before, "before_land")
        case.compare(after, "after_land")
        added = network._added(pair[0], series[0], None, torch.Size((32, 32)))
        own = torch.nn.functional.interpolate(network.head(added), (128, 128), mode="bilinear")
        case.compare(own, "series_land")


def test_the_encoder_has_as_many_weights_as_published() -> None:
    with torch.device("meta"):
        network = find("fusu").build()
    assert sum(one.numel() for one in network.backbone.parameters()) == 9_562_260
    assert sum(one.numel() for one in network.mean.parameters()) == 32 * 111 + 111 + 111 * 190 + 190 + 190 * 270 + 270


def test_the_series_tells_land_and_leaves_change_alone() -> None:
    torch.manual_seed(0)
    network = find("fusu").build(**SMALL).eval()
    pair = torch.randn(2, 2, 3, 64, 96).unbind(0)
    series, days = torch.randn(2, 3, 5, 32, 40), torch.tensor([0.0, 30.0, 60.0])
    with torch.inference_mode():
        plain = network(*pair, **TASK)
        told = network(*pair, series, days, **TASK)
        assert [tuple(one.shape) for one in told] == [(2, 1, 64, 96), (2, 4, 64, 96), (2, 4, 64, 96)]
        assert torch.equal(told[0], plain[0])
        assert torch.equal(network(*pair, series, days), plain[0])
        assert not torch.allclose(told[1], plain[1], atol=1e-3)
        other = network(*pair, series, days.flip(0), **TASK)
        assert not torch.allclose(told[1], other[1], atol=1e-4), "the order of dates counts"
        undated = [network(*pair, one, **TASK)[1] for one in (series, series.flip(1))]
        assert torch.allclose(*undated, atol=1e-4), "without days it does not"


def test_each_item_has_its_own_surroundings() -> None:
    torch.manual_seed(0)
    images, series = torch.randn(2, 3, 64, 64), torch.randn(2, 1, 5, 32, 32)
    size = torch.Size((16, 16))
    for released in (False, True):
        network = find("fusu").build(**SMALL, released=released).eval()
        torch.nn.init.normal_(network.mean[0].weight)
        with torch.inference_mode():
            both = network._added(images, series, None, size)[1]
            alone = network._added(images[1:], series[1:], None, size)[0]
        assert torch.allclose(both, alone, atol=1e-5) is not released


def test_the_middle_of_the_series_lies_under_the_images() -> None:
    network = find("fusu").build(**SMALL, under=2)
    x = torch.arange(36.0).reshape(1, 1, 6, 6)
    assert network._cut(x).flatten().tolist() == [14, 15, 20, 21]
    assert torch.equal(find("fusu").build(**SMALL, under=None)._cut(x), x)
    assert torch.equal(find("fusu").build(**SMALL)._cut(x), x), "26 pixels are more than there are"


def test_the_series_answers_for_the_first_date_in_training() -> None:
    network = find("fusu").build(**SMALL).train()
    answer = network(torch.randn(2, 3, 64, 64), torch.randn(2, 3, 64, 64), torch.randn(2, 2, 5, 16, 16), **TASK)
    assert tuple(answer[3].shape) == (2, 4, 64, 64)

    def of(answer: tuple[Tensor, ...], targets: Tensor) -> Tensor:
        assert len(answer) == 3
        return torch.zeros(())

    targets = torch.full((1, 3, 2, 2), -1)
    targets[0, 1, 0] = 2
    sure = torch.zeros(1, 4, 2, 2)
    sure[:, 2] = 100.0
    parts = (torch.zeros(1, 1, 2, 2), sure, sure)
    assert network.loss((*parts, sure), targets, of) == 0
    assert network.loss((*parts, sure.flip(1)), targets, of).item() == pytest.approx(100)
    targets[:] = -1
    assert network.loss((*parts, sure.flip(1)), targets, of) == 0


@pytest.mark.parametrize(("wrong", "said"), [({"under": 0}, "1 pixel"), ({"exchanges": (1, 1)}, "three")])
def test_what_cannot_be_built_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(CardError, match=said):
        find("fusu").build(**wrong)
