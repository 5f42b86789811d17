"""Change without labels through the engine: methods fitted to the scene, and the classes of two dates compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import swath
from swath.errors import CardError, GridError, MatchError, PredictError
from swath.models.compare import compare
from swath.models.model import Model

SENSOR = "sentinel-2-l1c@pre-04.00"
CLASSES = ("water", "green", "built")
PLAIN = {"precision": "float32"}
"""Which precision is faster, and so is taken, depends on what else the machine does."""


@pytest.fixture(scope="module")
def pair(own_data: Path) -> swath.Scene:
    """Two dates, four bands, 256 x 256 px."""
    return swath.open(own_data / "paris_2015.tif", own_data / "paris_2018.tif", sensor=SENSOR)


@pytest.mark.parametrize("name", ["cva", "pca-kmeans", "irmad"])
def test_no_answer_depends_on_tiles_or_extent(name: str, pair: swath.Scene, tmp_path: Path) -> None:
    whole = swath.predict(pair, name, task="change", probabilities="float32")
    path = swath.predict(pair, name, tile=64, probabilities="float32").save(tmp_path / "tiles.tif")
    part = swath.predict(pair, name, extent=np.s_[37:150, 91:200], tile=96, probabilities="float32")
    (all_of_it, _), (tiled, _) = whole.read(), swath.Product.open(path).read()
    np.testing.assert_array_equal(tiled, all_of_it)
    np.testing.assert_array_equal(part.read()[0], all_of_it[:, 37:150, 91:200])
    likely, again = (one.read(key="probabilities")[0][1] for one in (whole, swath.Product.open(path)))
    np.testing.assert_allclose(again, likely, atol=1e-5)
    assert 0.001 < all_of_it.mean() < 0.5
    assert swath.verify(path, 0.2).ok


def test_the_record_is_enough_to_make_it_again(pair: swath.Scene, tmp_path: Path) -> None:
    product = swath.predict(pair, "irmad", task="change", out=tmp_path / "change.tif")
    record = product.record
    assert record is not None
    assert record["swath:model"]["source"] == "irmad"
    assert record["swath:task"] == "change"
    assert any("canonical correlations" in note for note in record["swath:model"]["card"]["notes"])
    from swath.predict.verify import again

    again(tmp_path / "change.tif", tmp_path / "again.tif")
    for key in ("", ".confidence"):
        assert (tmp_path / f"change{key}.tif").read_bytes() == (tmp_path / f"again{key}.tif").read_bytes()


def test_dates_and_bands_are_chosen_before_it_is_fitted(pair: swath.Scene, own_data: Path) -> None:
    three = swath.open(
        *(own_data / f"paris_{year}.tif" for year in (2015, 2018, 2015)), sensor=SENSOR, dates=[2015, 2018, 2019]
    )
    with pytest.raises(
        MatchError, match=r"cva compares two dates, and the scene has 3: say which two, such as dates=\[0"
    ):
        swath.predict(three, "cva")
    product = swath.predict(three, "cva", dates=[0, 1], bands=["B08", "B04"])
    assert product.run is not None
    assert [band.name for band in product.run.card.inputs[0].bands] == ["B08", "B04"]
    wanted = swath.predict(pair[["B08", "B04"]], "cva").read()[0]
    np.testing.assert_array_equal(product.read()[0], wanted)


class Cover(nn.Module):
    """Three classes by a linear rule of four bands and their neighbours."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.mix = nn.Conv2d(4, channels, 3, padding=1)
        torch.manual_seed(1)
        with torch.no_grad():
            self.mix.weight.normal_(0, 8)
            self.mix.bias.normal_(0, 0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.mix(x)


@pytest.fixture(scope="module")
def cover(pair: swath.Scene) -> Model:
    return Model.wrap(Cover(), task="segmentation", like=pair.select(dates=[0]), classes=CLASSES)


def test_change_is_where_the_classes_differ(pair: swath.Scene, cover: Model) -> None:
    dates = [swath.predict(pair, cover, dates=[t], probabilities="float32", **PLAIN) for t in (0, 1)]
    classes = [one.read()[0][0] for one in dates]
    p, q = (one.read(key="probabilities")[0].astype(float) for one in dates)
    product = swath.predict(pair, cover, task="change", probabilities="float32", tile=64, **PLAIN)
    differ = classes[0] != classes[1]
    np.testing.assert_array_equal(product.read()[0][0], differ)
    likely = product.read(key="probabilities")[0][1]
    wanted = 1 - (p * q).sum(0)
    np.testing.assert_allclose(likely[differ], np.maximum(wanted, 0.50025)[differ], atol=1e-4)
    np.testing.assert_allclose(likely[~differ], np.minimum(wanted, 0.5)[~differ], atol=1e-4)
    assert 0.01 < differ.mean() < 0.9


def test_from_and_to_and_the_areas_between(pair: swath.Scene, cover: Model, tmp_path: Path) -> None:
    classes = [swath.predict(pair, cover, dates=[t], **PLAIN).read()[0][0] for t in (0, 1)]
    product = swath.predict(pair, cover, task="semantic-change", out=tmp_path / "change.tif", tile=64, **PLAIN)
    for key, wanted in zip(("from", "to"), classes, strict=True):
        np.testing.assert_array_equal(product.read(key=key)[0][0], wanted)
    found = swath.Product.open(tmp_path / "change.tif").transitions()
    assert [*found.index] == [*found.columns] == [*CLASSES]
    assert found.to_numpy().sum() == pytest.approx(sum(product.areas().values()))
    moved = found.to_numpy() - np.diag(np.diag(found))
    assert moved.sum() == pytest.approx(product.areas()["changed"])
    pixel = product.areas()["changed"] / (classes[0] != classes[1]).sum()
    pixels = ((classes[0] == 1) & (classes[1] == 2)).sum()
    assert found.loc["green", "built"] == pytest.approx(pixels * pixel, rel=1e-3)
    shapes = product.to_geopandas(classes="changed")
    assert set(shapes.name) == {"changed"}
    by_pair = shapes.groupby(["from", "to"]).area_m2.sum() / 1e4
    assert by_pair["green", "built"] == pytest.approx(found.loc["green", "built"], rel=1e-6)
    assert by_pair.sum() == pytest.approx(moved.sum(), rel=1e-6)
    assert (shapes["from"] != shapes["to"]).all()
    assert swath.verify(tmp_path / "change.tif", 0.2, model=cover).ok
    with pytest.raises(PredictError, match="does not tell which class was there before and after"):
        swath.predict(pair, cover, task="change").transitions()


def test_two_classes_in_one_channel_are_compared_at_their_threshold(pair: swath.Scene) -> None:
    one = Model.wrap(Cover(1), task="segmentation", like=pair.select(dates=[0]), classes=("no", "yes"))
    strict = one.with_card(output=one.card.output.model_copy(update={"threshold": 0.8}))
    for model in (one, strict):
        classes = [swath.predict(pair, model, dates=[t], **PLAIN).read()[0][0] for t in (0, 1)]
        said = swath.predict(pair, model, task="change", **PLAIN).read()[0][0]
        assert (said == (classes[0] != classes[1])).mean() > 0.9999


def test_what_cannot_be_compared_is_said(pair: swath.Scene, cover: Model) -> None:
    change = Model.wrap(lambda_network(), task="change", like=pair)
    with pytest.raises(CardError, match="cannot be run on each date and compared"):
        compare(change, "semantic-change")
    many = cover.with_card(output=cover.card.output.model_copy(update={"activation": "sigmoid"}))
    with pytest.raises(CardError, match="may hold at once"):
        swath.predict(pair, many, task="change")
    with pytest.raises(MatchError, match="or compare what it sees at both, task='change'"):
        swath.predict(pair, cover)
    with pytest.raises(MatchError, match="it has 1 date"):
        swath.predict(pair.select(dates=[0]), cover, task="change")
    no_place = swath.Scene.from_array(
        pair.read()[0],
        type(pair.grid)((256, 256), pair.grid.affine, None),
        sensor="sentinel-2-l1c@values",
        bands=["B02", "B03", "B04", "B08"],
    )
    with pytest.raises(GridError, match="has no CRS"):
        swath.predict(no_place, cover, task="semantic-change", gsd=10.0).transitions()


def lambda_network() -> nn.Module:
    class Difference(nn.Module):
        def forward(self, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
            return (after - before).mean(1, keepdim=True)

    return Difference()
