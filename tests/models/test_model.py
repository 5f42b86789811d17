"""Models: normalised by their card alone, made from any network, and what they see remembered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor, nn

from swath.errors import CardError
from swath.models import (
    Card,
    CardBand,
    ClassLabel,
    DatesRule,
    GsdRule,
    Input,
    Layer,
    MeanStd,
    MinMax,
    Model,
    Output,
    TileRule,
    load,
)
from swath.sensors import Band, Recognition, find_sensor

S2 = tuple(band for band in find_sensor("sentinel-2-l2a").bands if band.name in ("B02", "B03", "B04", "B08"))
Make = Callable[..., nn.Module]


@dataclass(frozen=True)
class Like:
    """A scene as far as a card is concerned."""

    bands: tuple[Band, ...] = S2
    dates: tuple[Any, ...] = (None,)
    gsd: float | None = 10.0
    sensors: tuple[Recognition, ...] = (find_sensor("sentinel-2-l2a"),)


class Pair(nn.Module):
    def __init__(self, answers: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, answers, 3, padding=1)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        return self.conv(after) - self.conv(before)


class Series(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)[:, :3]


def bands_of(*bands: CardBand) -> Card:
    output = Output(kind="values", layers=(Layer(name="a", units="1"),))
    return Card(name="own", task="regression", inputs=(Input(bands=bands, fill=-1.0),), output=output)


MIXED = Model(
    nn.Identity(),
    bands_of(
        CardBand(name="a", units="reflectance", normalisation=MeanStd(mean=0.2, std=0.1)),
        CardBand(name="b", units="display", normalisation=MinMax(min=0, max=255), clip=(10, 200)),
        CardBand(name="c", units="db"),
    ),
)


def test_normalisation_is_that_of_the_card() -> None:
    values = np.array([0.3, 255.0, -12.0], dtype=np.float32)[:, None, None] * np.ones((3, 2, 2), dtype=np.float32)
    valid = np.ones((2, 2), dtype=bool)
    valid[0, 1] = False
    x = MIXED.normalise(values, valid)
    assert (x.dtype, x.shape) == (torch.float32, (3, 2, 2))
    torch.testing.assert_close(x[:, 0, 0], torch.tensor([1.0, 200 / 255, -12.0]))
    assert x[:, 0, 1].tolist() == [-1.0, -1.0, -1.0]


@settings(max_examples=60, deadline=None)
@given(
    values=hnp.arrays(np.float32, (2, 3, 4, 5), elements=st.floats(width=32)),
    valid=hnp.arrays(np.bool_, (2, 3, 4, 5)),
)
def test_no_nan_reaches_the_network_and_no_pixel_another(values: np.ndarray, valid: np.ndarray) -> None:
    x = MIXED.normalise(values, valid)
    ok = torch.from_numpy(valid & np.isfinite(values))
    assert bool((x[~ok] == -1).all())
    assert not bool(x.isnan().any())
    alone = MIXED.normalise(values[..., 1:2, 2:3], valid[..., 1:2, 2:3])
    assert torch.equal(x[..., 1:2, 2:3], alone), "a pixel's value does not depend on those around it"


def test_normalisation_takes_what_readers_give(card: Card) -> None:
    model = Model(nn.Identity(), card)
    values = np.full((2, 4, 3, 3), 0.3, dtype=np.float64)
    values.flags.writeable = False
    assert model.normalise(values, np.ones((2, 3, 3), dtype=bool)).dtype == torch.float32
    with pytest.raises(CardError, match="input 'image' has 4 bands, and values of 3 were given"):
        model.normalise(values[:, :3], np.ones((2, 3, 3), dtype=bool))
    any_bands = Card(
        name="any",
        task="embedding",
        inputs=(Input(any_bands=CardBand(name="any", units="reflectance", normalisation=MeanStd(mean=0.3, std=2))),),
        output=Output(kind="embedding", dimensions=3, scale=None),
    )
    assert bool((Model(nn.Identity(), any_bands).normalise(values, np.ones((3, 3), dtype=bool)) == 0).all())


def test_a_wrapped_network_gets_its_card_from_the_scene(plain: Make, tmp_path: Path) -> None:
    network = plain(4, 2)
    labels = ["water", ClassLabel(value=9, name="land", colour="#aabbcc")]
    normal = [MeanStd(mean=0.1 * n, std=0.1) for n in range(4)]
    model = Model.wrap(
        network, task="segmentation", like=Like(), classes=labels, normalisation=normal, name="mine", licence="MIT"
    )
    card = model.card
    assert [band.name for band in card.inputs[0].bands] == ["B02", "B03", "B04", "B08"]
    assert [band.units for band in card.inputs[0].bands] == ["reflectance"] * 4
    assert [band.normalisation for band in card.inputs[0].bands] == normal
    assert card.inputs[0].gsd == GsdRule(nominal=10, min=5, max=20)
    assert card.sensors == ("sentinel-2-l2a",)
    assert [(label.value, label.name) for label in card.output.classes] == [(0, "water"), (9, "land")]
    assert (card.name, card.licence, card.output.kind, card.tile.multiple) == ("mine", "MIT", "classes", 1)
    assert not network.training

    path = model.save(tmp_path / "mine.swath")
    with pytest.raises(CardError, match=r"weights of a network of your own; give one of its kind: network=\.\.\."):
        load(path)
    again = load(path, network=plain(4, 2))
    assert (again.card, again.hash) == (model.card, model.hash)
    with pytest.raises(CardError, match="do not fit the network"):
        load(path, network=plain(4, 3))


def test_what_the_network_gives_is_seen(plain: Make) -> None:
    def wrap(network: nn.Module, task: str = "segmentation", **about: Any) -> Card:
        return Model.wrap(network, task=task, like=about.pop("like", Like()), **about).card  # type: ignore[arg-type]

    binary = wrap(plain(4, 1), classes=["no", "yes"]).output
    assert (binary.kind, binary.activation, binary.threshold) == ("binary", "sigmoid", 0.5)
    coarse = nn.Sequential(plain(4, 2), nn.AvgPool2d(4))
    card = wrap(coarse, classes=["a", "b"])
    assert (card.output.scale, card.tile.multiple) == (Fraction(1, 4), 4)
    pooled = nn.Sequential(plain(4, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert wrap(pooled, "embedding").output == Output(kind="embedding", dimensions=5, scale=None)
    assert wrap(pooled, "classification", classes="abcde").output.per_tile
    assert wrap(plain(4, 1), "regression", layers=[Layer(name="height", units="metre")]).output.channels == 1
    pair = wrap(Pair(), "change", like=Like(dates=(1, 2)))
    assert [label.name for label in pair.output.classes] == ["no change", "change"]
    assert pair.inputs[0].dates == DatesRule(min=2, max=2, given="arguments")
    series = wrap(Series(), like=Like(dates=(1, 2, 3)), classes="abc")
    assert series.inputs[0].dates == DatesRule(min=3, max=3, given="axis")
    assert wrap(plain(), classes="abc", gsd=None).inputs[0].gsd is None
    assert wrap(plain(), classes="abc", gsd=0.3).inputs[0].gsd == GsdRule.around(0.3)
    assert wrap(plain(), classes="abc", like=Like(gsd=None)).inputs[0].gsd is None
    half = nn.Sequential(nn.Conv2d(4, 3, 3, 2, 1), nn.Upsample(scale_factor=2))
    assert wrap(half, classes="abc").tile.multiple == 2, "odd sizes do not come back as they went in"

    for network, task, about, message in (
        (plain(), "segmentation", {"classes": "ab"}, "gives 3 channels and 2 classes named"),
        (plain(), "regression", {}, r"gives 3 layers; name them: layers=\["),
        (plain(), "detection", {}, "say output="),
        (plain(3), "segmentation", {"classes": "abc"}, "does not take 4 channels of 128 x 128 px: .*expected input"),
        (plain(), "segmentation", {"classes": "abc", "normalisation": [None]}, "has 1 entry for 4 bands"),
        (plain(), "segmentation", {"classes": "abc", "gsd": "native"}, "gsd='native' is not known"),
        (plain(), "segmentation", {"classes": "abc", "licens": "MIT"}, "licens: Extra inputs"),
    ):
        with pytest.raises(CardError, match=message):
            wrap(network, task, **about)  # type: ignore[arg-type]


def test_a_model_that_does_not_do_what_its_card_says(card: Card, plain: Make) -> None:
    with pytest.raises(
        CardError, match=r"the card wants an answer \(1, 3, 64, 64\), and the network gives \(1, 2, 64, 64\)"
    ):
        Model(plain(4, 2), card).check()
    with pytest.raises(CardError, match="must give a tensor or several; found dict"):
        Model(Answers(), card).check()


class Answers(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"out": x}


def test_dates_reach_the_network_as_the_card_says(card: Card) -> None:
    class Tell(nn.Module):
        def forward(self, *inputs: Tensor, **context: Any) -> Any:
            return [tuple(x.shape) for x in inputs], context

    def told(dates: DatesRule, count: int, takes: tuple[str, ...] = (), **context: Any) -> Any:
        given = card.inputs[0].model_copy(update={"dates": dates})
        return Model(Tell(), card.with_(inputs=(given,), takes=takes))(torch.zeros(2, count, 4, 8, 9), **context)

    assert told(DatesRule(), 1)[0] == [(2, 4, 8, 9)]
    assert told(DatesRule(min=2, max=2, given="arguments"), 2)[0] == [(2, 4, 8, 9)] * 2
    assert told(DatesRule(min=2, max=2, given="channels"), 2)[0] == [(2, 8, 8, 9)]
    assert told(DatesRule(min=1, max=None), 1)[0] == [(2, 1, 4, 8, 9)]
    assert told(DatesRule(max=5), 3, ("days",), days=[1, 2, 3], gsd=10)[1] == {"days": [1, 2, 3]}
    with pytest.raises(CardError, match="takes days besides; say days="):
        told(DatesRule(max=5), 3, ("days",))
    with pytest.raises(CardError, match="T in its range; found"):
        told(DatesRule(), 2)
    with pytest.raises(CardError, match="takes 1 input, not 0"):
        Model(Tell(), card)()


def test_the_field_is_found_once_and_remembered(card: Card, own_cache: Path, plain: Make) -> None:
    runs = 0

    class Counted(nn.Module):
        def __init__(self, dilation: int = 1) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 3, 5, padding=2 * dilation, dilation=dilation)

        def forward(self, x: Tensor) -> Tensor:
            nonlocal runs
            runs += 1
            return self.conv(x)

    torch.manual_seed(0)
    model = Model(Counted(), card)
    field = model.probe_field()
    assert (field.radius, field.halo, field.stride, field.effective_radius, field.bound) == (2, 2, 1, 2, 0.0)
    first = runs
    assert model.probe_field() == field
    assert runs == first
    assert [json.loads(path.read_text())["radius"] for path in own_cache.rglob("*") if path.is_file()] == [2]
    assert model.probe_field(effective=False).effective_radius is None
    again = Counted(dilation=3)
    again.load_state_dict(model.network.state_dict())
    assert Model(again, card).probe_field(effective=False).radius == 6, "the same weights see farther here"
    before = runs
    assert model.probe_field(refresh=True) == field
    assert runs > before

    for path in own_cache.rglob("*"):
        if path.is_file():
            path.write_text("{", encoding="utf-8")
    assert model.probe_field() == field, "a damaged memory is no memory"


def test_a_cache_that_cannot_be_used_is_no_error(
    card: Card, plain: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SWATH_CACHE", str(tmp_path / "file"))
    assert Model(plain(), card).probe_field(effective=False).radius == 3
    monkeypatch.delenv("SWATH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert Model(plain(), card).probe_field(effective=False).radius == 3
    assert len(list((tmp_path / "xdg" / "swath" / "fields").iterdir())) == 1


def test_fields_of_pairs_and_of_tiles(card: Card, plain: Make) -> None:
    pair = Model.wrap(Pair(), task="change", like=Like(dates=(1, 2)))
    assert pair.probe_field(effective=False).radius == 1
    fixed = Model(plain(), card.with_(tile=TileRule(size=224, fixed=True)))
    assert fixed.probe_field().reason == "it takes only tiles of 224 px"
    pooled = nn.Sequential(plain(4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    labels = Model.wrap(pooled, task="classification", like=Like(), classes="abc")
    assert labels.probe_field().reason == "there is one answer per tile"
    known = labels.with_card(field=pair.probe_field(effective=False))
    assert known.card.field is not None
    assert known.network is labels.network


def test_random_numbers_and_the_network_are_left_alone(card: Card, plain: Make) -> None:
    model = Model(plain(), card)
    before = model.hash
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    model.probe_field()
    assert torch.equal(torch.rand(2), wanted)
    assert model.hash == before
    assert all(not module._forward_hooks for module in model.network.modules())


def test_a_real_scene_through_a_saved_model(shared_data: Path, unet: Model, tmp_path: Path) -> None:
    path = sorted((shared_data / "oscd_s2_4band").glob("*_t1.tif"))[0]
    with rasterio.open(path) as file:
        values = file.read(window=((0, 128), (0, 192))).astype(np.float32) * 1e-4
    valid = values > 0
    again = load(unet.save(tmp_path / "a.swath"))
    x = unet.normalise(values, valid)
    torch.testing.assert_close(
        x, torch.from_numpy((values - np.float32(0.2)) / np.float32(0.1)).where(torch.from_numpy(valid), 0.0)
    )
    assert torch.equal(again(x[None, None]), unet(x[None, None]))
    assert again(x[None, None]).shape == (1, 3, 128, 192)
