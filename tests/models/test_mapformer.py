"""MapFormer: its head as released, and what the map does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

from swath.errors import CardError
from swath.models import Card, CardBand, DatesRule, Input, Model, Output, find, load_official
from swath.models.change._mapformer import Head, MapFormer
from swath.tasks.losses import of_classes

from .parity import Case

SMALL: dict[str, Any] = {
    "width": 16,
    "map_width": 8,
    "mixtures": 3,
    "widths": (8, 16, 24, 32),
    "depths": (1, 1, 1, 1),
    "heads": (1, 2, 2, 4),
}


@pytest.fixture(scope="module")
def network() -> MapFormer:
    torch.manual_seed(0)
    return cast(MapFormer, find("mapformer").build(**SMALL).eval())


def test_the_head_is_that_of_the_release(shared_data: Path) -> None:
    case = Case.beside(shared_data, "mapformer_head_small")
    head = Head((8, 16, 24, 32), classes=2, map_classes=6, mixtures=3, width=16, map_width=8, dropout=0.1)
    own = head.state_dict()
    case.about["keys"].extend([key, list(own[key].shape), "float32"] for key in own if key.startswith("contrastive"))
    case.module(head)
    maps = case.inputs(*(f"x{scale}" for scale in range(4)))
    land = (case.inputs("land")[0] * 2).round().long().remainder(7)
    with torch.inference_mode():
        case.compare(head([x[:1] for x in maps], [x[1:] for x in maps], head.map_encoder(land)))


def test_the_head_is_of_the_releases_size() -> None:
    with torch.device("meta"):
        head = cast(MapFormer, find("mapformer").build()).head
    count = sum(p.numel() for name, p in head.named_parameters() if not name.startswith("contrastive"))
    assert count == 8_885_634


def test_weights_go_by_the_names_of_the_release(network: MapFormer) -> None:
    names = {"encoder.": "state_dict.backbone.backbone.", "head.": "state_dict.decode_head.bc_head."}
    own = network.state_dict()
    state = {
        theirs + key.removeprefix(here): own[key]
        for here, theirs in names.items()
        for key in own
        if key.startswith(here)
    }
    assert len(state) == len(own)
    aside = {"state_dict.decode_head.sem_head.conv_seg.bias": torch.zeros(6)}
    loaded = load_official("mapformer", {**state, **aside}, prefix="state_dict.", **SMALL).state_dict()
    assert all(torch.equal(loaded[key], own[key]) for key in own)
    del state["state_dict.decode_head.bc_head.conv_seg.bias"]
    with pytest.raises(CardError, match=r"1 missing \(head.conv_seg.bias"):
        load_official("mapformer", state, prefix="state_dict.", **SMALL)


def test_the_map_and_the_order_of_dates_count(network: MapFormer) -> None:
    before, after = torch.randn(2, 1, 3, 50, 70)
    land = torch.randint(0, 6, (1, 50, 70))
    with torch.inference_mode():
        answer = network(before, after, land)
        unknown = network(before, after)
        assert not torch.allclose(answer, unknown)
        assert not torch.allclose(answer, network(after, before, land))
        assert torch.equal(answer, network(before, after, land[:, None].float()))
        for nothing in (-1.0, 6.0, 255.0, torch.nan):
            assert torch.equal(unknown, network(before, after, torch.full((1, 50, 70), nothing)))


def test_a_model_has_the_map_as_a_second_input(card: Card) -> None:
    drawn = Input(name="map", bands=(CardBand(name="class", units="dn"),), gsd=card.inputs[0].gsd, fill=-1)
    pair = card.inputs[0].model_copy(update={"dates": DatesRule(min=2, max=2, given="arguments")})
    output = Output(kind="binary", classes=card.output.classes[:2])
    model = Model.build("mapformer", card=card.with_(task="change", inputs=(pair, drawn), output=output), **SMALL)
    images = torch.randn(1, 2, 4, 32, 32)
    assert model(images, torch.zeros(1, 1, 1, 32, 32)).shape == (1, 1, 32, 32)
    assert not torch.equal(model(images, torch.zeros(1, 1, 1, 32, 32)), model(images, torch.ones(1, 1, 1, 32, 32)))


def test_images_are_to_look_like_the_map_where_nothing_changed(network: MapFormer) -> None:
    logits = torch.zeros(1, 2, 8, 8)
    drawn = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 2, 2)
    targets = torch.zeros(1, 8, 8, dtype=torch.long)
    targets[:, :4] = 1
    plain = of_classes(logits, targets)
    alike = network.loss((logits, drawn, drawn, drawn), targets, of_classes)
    torch.testing.assert_close(alike, plain - 1 + 1)  # the second date looks alike where it changed
    now = torch.where(torch.tensor([True, False]).view(1, 1, 2, 1), -drawn, drawn)
    torch.testing.assert_close(network.loss((logits, drawn, now, drawn), targets, of_classes), plain - 1)
    unlabelled = torch.full_like(targets, -1)
    assert network.loss((logits, drawn, now, drawn), unlabelled, of_classes).isfinite()
