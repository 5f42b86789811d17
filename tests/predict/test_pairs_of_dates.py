"""A series of dates compared two by two: what each pair alone gives, and what all pairs together say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import swath
from swath.errors import CardError, MatchError, PredictError
from swath.models.card import DatesRule
from swath.models.model import Model
from swath.models.pairwise import Pairs, pairs_of

BANDS = ["B02", "B03", "B04", "B08"]
CLASSES = ("water", "green", "bare")
PLAIN = {"precision": "float32"}


@pytest.fixture(scope="module")
def series(shared_data: Path) -> swath.Scene:
    """Three dates, four bands, 101 x 100 px."""
    paths = sorted((shared_data / "eolearn_s2_slovenia" / "converted").glob("S2_L1C*.tif"))[:3]
    return swath.open(*paths, sensor="sentinel-2-l1c@values", bands=BANDS)


class Stacked(nn.Module):
    """Change from two dates in one tensor, with what lies one pixel around."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.mix = nn.Conv2d(8, 1, 3, padding=1)
        with torch.no_grad():
            self.mix.weight.normal_(0, 9)
            self.mix.bias.zero_()

    def forward(self, both: torch.Tensor) -> torch.Tensor:
        return self.mix(both)


class Cover(nn.Module):
    """Three classes by a linear rule of four bands and their neighbours."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.mix = nn.Conv2d(4, 3, 3, padding=1)
        with torch.no_grad():
            self.mix.weight.normal_(0, 8)
            self.mix.bias.normal_(0, 0.3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.mix(image)


@pytest.fixture(scope="module")
def stacked(series: swath.Scene) -> Model:
    rule = DatesRule(min=2, max=2, given="channels")
    return Model.wrap(Stacked(), task="change", like=series.select(dates=[0, 1]), dates=rule)


@pytest.fixture(scope="module")
def cover(series: swath.Scene) -> Model:
    return Model.wrap(Cover(), task="segmentation", like=series.select(dates=[0]), classes=CLASSES)


@pytest.mark.parametrize(
    ("model", "pairs"),
    [("cva", "consecutive"), ("pca-kmeans", "first"), ("stacked", "first"), ("cover", "consecutive")],
)
def test_each_pair_is_answered_as_by_itself(
    model: str, pairs: Pairs, series: swath.Scene, request: pytest.FixtureRequest
) -> None:
    own = model if model in ("cva", "pca-kmeans") else request.getfixturevalue(model)
    task = "semantic-change" if model == "cover" else "change"
    found = swath.predict(series, own, task=task, pairs=pairs, probabilities="float32", **PLAIN).stored()
    for number, dates in enumerate(pairs_of(3, pairs)):
        alone = swath.predict(series, own, task=task, dates=list(dates), probabilities="float32", **PLAIN).stored()
        for key, planes in alone.items():
            count = len(planes)
            np.testing.assert_array_equal(found[key][count * number : count * (number + 1)], planes)
    changed = found[""] == 1
    assert 0.001 < changed.mean() < 0.999
    np.testing.assert_array_equal(found["times"][0], changed.sum(0))
    first = found["first-change"][0]
    for number in range(2):
        np.testing.assert_array_equal(first == number + 1, changed[number] & ~changed[:number].any(0))
    np.testing.assert_array_equal(first == 0, ~changed.any(0))


def test_a_date_that_was_not_seen_hides_its_own_pairs(series: swath.Scene, stacked: Model) -> None:
    values, _ = series.read(np.s_[:64, :80])
    values = values[[0, 1, 2, 0]]
    values[1, 2, 10:30, 20:50] = np.nan
    values[:, :, 50:, :30] = np.nan
    holed = swath.Scene.from_array(
        values, series.grid[:64, :80], sensor="sentinel-2-l1c@values", bands=BANDS, dates=[2015, 2016, 2017, 2018]
    )
    product = swath.predict(holed, stacked, pairs="consecutive", tile=32, tta=True, **PLAIN)
    assert [layer.name for layer in product.files[""]] == ["2015 to 2016", "2016 to 2017", "2017 to 2018"]
    assert [layer.name for layer in product.files["confidence"]][2:] == ["2017 to 2018", "disagreement"]
    _, valid = product.read()
    (when,), seen = product.read(key="first-change")
    assert product.files["first-change"][0].classes == {0: "no change", 1: "2016", 2: "2017", 3: "2018"}
    cloud, nothing = np.s_[10:30, 20:50], np.s_[50:, :30]
    assert not valid[:2][:, *cloud].any()
    assert valid[2][cloud].all()
    assert not valid[:, *nothing].any()
    assert not seen[0][nothing].any()
    assert valid.mean(axis=(1, 2)) == pytest.approx([1 - 1020 / 5120, 1 - 1020 / 5120, 1 - 420 / 5120])
    alone = swath.predict(holed, stacked, dates=[2, 3], tile=32, tta=True, **PLAIN).read()[0][0]
    assert alone[cloud].any()
    np.testing.assert_array_equal(when[cloud] == 3, alone[cloud] == 1)
    assert set(np.unique(when[cloud])) <= {0, 3}
    gap, told = product.read(key="confidence")
    np.testing.assert_array_equal(told[-1], seen[0])
    assert np.nanmax(gap[-1]) > 0
    first = swath.predict(holed, stacked, pairs="first", tile=32, **PLAIN).read()[1]
    assert [bool(first[k][cloud].all()) for k in range(3)] == [False, True, True]


def test_what_is_saved_can_be_made_again_and_drawn(series: swath.Scene, cover: Model, tmp_path: Path) -> None:
    model = Model.load(_saved(cover, tmp_path), network=Cover())
    made = swath.predict(
        series,
        model,
        task="semantic-change",
        pairs="consecutive",
        out=tmp_path / "c.tif",
        **PLAIN,
    )
    assert (tmp_path / "c.first-change.tif").exists()
    record = made.record
    assert record is not None
    assert record["swath:options"]["pairs"] == "consecutive"
    assert swath.verify(tmp_path / "c.tif", 1, model=model).ok
    product = swath.Product.open(tmp_path / "c.tif")
    names = ["2015-07-11 to 2015-07-31", "2015-07-31 to 2015-08-20"]
    found = product.transitions()
    assert found.shape == (6, 3)
    assert list(found.index.get_level_values("pair").unique()) == names
    shapes = product.to_geopandas(classes="changed")
    assert list(shapes.pair.unique()) == names
    for name in names:
        own = found.loc[name].to_numpy()
        moved = own.sum() - np.trace(own)
        assert moved == pytest.approx(product.areas()[f"{name}: changed"])
        assert shapes[shapes.pair == name].area_m2.sum() / 1e4 == pytest.approx(moved)
    assert (shapes["from"] != shapes["to"]).all()
    product.look(str(tmp_path / "c.png"))
    page = product.page(tmp_path / "c.html").read_text()
    assert names[1] in page


def _saved(model: Model, folder: Path) -> Path:
    return model.save(folder / "cover.swath")


def test_what_cannot_be_compared_by_pairs_is_said(series: swath.Scene, stacked: Model, cover: Model) -> None:
    with pytest.raises(MatchError, match=r"dates=\[0, 2\], or compare each with the next, pairs='consecutive'"):
        swath.predict(series, stacked)
    with pytest.raises(MatchError, match=r"scene has 3: say which two.*or compare all of them: pairs='consecutive' or"):
        swath.predict(series, "cva")
    with pytest.raises(PredictError, match="pairs='all': give 'consecutive' or 'first'"):
        swath.predict(series, stacked, pairs="all")  # type: ignore[arg-type]
    with pytest.raises(CardError, match="goes with a model that compares two dates, and own is for segmentation"):
        swath.predict(series, cover, pairs="first")
    with pytest.raises(MatchError, match="pairs='first' compares dates, and the scene has 1"):
        swath.predict(series.select(dates=[2]), "cva", pairs="first")
    with pytest.raises(MatchError, match="it has 1 date"):
        swath.predict(series.select(dates=[2]), stacked, pairs="first")
