"""Maps of the first date: found beside the pairs, given to the network in training, evaluation and prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch

import swath
import swath.data
from swath.data import IGNORE
from swath.data.augment import Augment, turned, zoomed
from swath.errors import CardError, MatchError
from swath.models.model import Model

SENSOR = "sentinel-2-l1c@pre-04.00"
BANDS = ("B02", "B03", "B04", "B08")
SMALL = {
    "width": 16, "map_width": 8, "mixtures": 2, "widths": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "heads": [1, 1, 2, 2],
}  # fmt: skip
CORNERS = ((0, 0), (0, 128), (128, 0), (128, 128))


@pytest.fixture(scope="module")
def folder(own_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four quarters of Paris, where the near infrared fell by much, and where plants and water were before."""
    root = tmp_path_factory.mktemp("pairs")
    for number, (top, left) in enumerate(CORNERS):
        window = rasterio.windows.Window(left, top, 128, 128)
        values = {}
        for name, year in (("A", 2015), ("B", 2018)):
            with rasterio.open(own_data / f"paris_{year}.tif") as source:
                values[name] = source.read(window=window)
                profile = source.profile | {
                    "width": 128, "height": 128, "transform": source.window_transform(window), "nodata": None,
                }  # fmt: skip
            _written(root / name / f"{number}.tif", values[name], profile)
        red, nir = (values["A"][band].astype(float) for band in (2, 3))
        drawn = np.select([nir > 1.5 * red, nir < 0.9 * red], [5, 7], 2).astype(np.uint8)
        drawn[:8] = 255
        byte = profile | {"count": 1, "dtype": "uint8"}
        _written(root / "label" / f"{number}.tif", (values["B"][3] < 0.8 * nir).astype(np.uint8)[None], byte)
        if number < 3:
            _written(root / "map" / f"{number}.tif", drawn[None], byte | {"nodata": 255})
    return root


def _written(path: Path, values: np.ndarray, profile: dict[str, object]) -> None:
    path.parent.mkdir(exist_ok=True)
    with rasterio.open(path, "w", **profile) as made:
        made.write(values)


@pytest.fixture(scope="module")
def dataset(folder: Path) -> swath.data.Dataset:
    return swath.data.open(folder, sensor=SENSOR, bands=BANDS)


def test_maps_are_found_beside_the_pairs(dataset: swath.data.Dataset, folder: Path) -> None:
    assert dataset.task == "change"
    assert [label.value for label in dataset.before_classes] == [2, 5, 7]
    assert any("3 of 4 places with a map of the first date" in note for note in dataset.notes)
    with rasterio.open(folder / "map" / "1.tif") as source:
        stored = source.read(1)
    sample = dataset.sample(dataset["1"], np.s_[4:40, 100:140])
    assert sample.before is not None
    wanted = np.full((36, 40), IGNORE)
    for position, number in enumerate((2, 5, 7)):
        wanted[:, :28][stored[4:40, 100:128] == number] = position
    np.testing.assert_array_equal(sample.before, wanted)
    assert dataset.sample(dataset["3"]).before is None
    without = dataset.subset(["3"])
    assert without.hash == swath.data.open(folder, sensor=SENSOR, bands=BANDS).subset(["3"]).hash


def test_a_map_is_moved_with_its_image(dataset: swath.data.Dataset) -> None:
    sample = dataset.sample(dataset["0"], np.s_[:64, :64])
    assert sample.before is not None
    for way in range(8):
        back = turned(sample, way).before
        assert back is not None
        np.testing.assert_array_equal(back, turned_by_hand(sample.before, way))
    near = zoomed(sample, 0.5, (0.5, 0.5)).before
    assert near is not None
    assert (near[:16] == IGNORE).all()
    np.testing.assert_array_equal(near[16:48, 16:48], sample.before[1::2, 1::2])
    swapped = Augment(swap_dates=1.0, turns=False, scale=0.0)(sample, np.random.default_rng(0))
    assert swapped.before is not None
    assert (swapped.before == IGNORE).all()


def turned_by_hand(plane: np.ndarray, way: int) -> np.ndarray:
    return np.rot90(plane[:, ::-1] if way >= 4 else plane, way % 4)


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model") / "mine.swath"
    swath.train(
        folder, network="mapformer", out=out, sensor=SENSOR, bands=list(BANDS), options=SMALL, steps=2, batch=2,
        crop=64, validations=1, reach=False, precision="float32", val=["1"], test=["2"],
    )  # fmt: skip
    return out


def test_the_network_is_given_the_map(trained: Path, dataset: swath.data.Dataset) -> None:
    model = swath.load(trained)
    image, drawn = model.card.inputs
    assert image.dates.given == "arguments"
    assert [label.value for label in drawn.classes] == [2, 5, 7]
    assert model.spec is not None
    assert model.spec.config["map_classes"] == 3
    sample = dataset.sample(dataset["2"])
    assert sample.before is not None
    x = model.normalise(sample.image, sample.valid)[None]
    logits = model(x, torch.from_numpy(sample.before).float()[None, None, None])
    likely = torch.sigmoid(logits)[0, 0].numpy()
    found = swath.evaluate(model, dataset, split="all", bootstrap=0, tile=128)
    whole = swath.predict(
        dataset.scene(dataset["2"]),
        model,
        before_map=dataset["2"].before.files[0],  # type: ignore[union-attr]
        probabilities="float32",
        precision="float32",
        tile=128,
    )
    answer = whole.read(key="probabilities")[0][1]
    np.testing.assert_allclose(answer, likely, atol=1e-5)
    blank = model(x, torch.full((1, 1, 1, 128, 128), -1.0))
    assert not torch.allclose(blank, logits)
    threshold = model.card.output.threshold
    assert threshold is not None
    one = next(scene for scene in found.scenes if scene.name == "2")
    truth = np.asarray(sample.target) == 1
    said = likely > np.float32(threshold)
    union = (truth | said).sum()
    assert one.scores["iou"] == pytest.approx((truth & said).sum() / union, abs=1e-6)


def test_classes_of_a_map_are_matched_or_asked_for(
    trained: Path, dataset: swath.data.Dataset, folder: Path, tmp_path: Path
) -> None:
    model, scene = Model.load(trained), dataset.scene(dataset["0"])
    with pytest.raises(MatchError, match=r"takes 2 scenes, not 1; give.*before_map= \(`--before-map`\)"):
        swath.predict(scene, model)
    with rasterio.open(folder / "map" / "0.tif") as source:
        values, profile = source.read(1), source.profile
    other = np.where(values == 7, 9, values)
    _written(tmp_path / "other.tif", other[None], profile)
    with pytest.raises(
        MatchError, match=r"it shows 9, and the model knows 2 .*, 5 .*, 7 .*: say which is which, map_c"
    ):
        swath.predict(scene, model, before_map=tmp_path / "other.tif")
    names = {label.value: label.name for label in model.card.inputs[1].classes}
    run: dict[str, Any] = {"probabilities": "float32", "precision": "float32", "tile": 128}
    wanted = swath.predict(scene, model, before_map=folder / "map" / "0.tif", **run).read(key="probabilities")[0]
    told = swath.predict(scene, model, before_map=tmp_path / "other.tif", map_classes={9: names[7]}, **run)
    np.testing.assert_array_equal(told.read(key="probabilities")[0], wanted)
    with pytest.raises(MatchError, match="map_classes= names 'sea', which is no class of map"):
        swath.predict(scene, model, before_map=tmp_path / "other.tif", map_classes={9: "sea"})
    unknown = swath.predict(scene, model, before_map=tmp_path / "other.tif", map_classes={9: None}, **run)
    assert unknown.run is not None
    assert "map: as asked, 9 counts as not known" in unknown.run.match["notes"]
    # The same map, its classes named, twice as fine and larger than the image: on any grid, by the nearest pixel.
    fine = np.kron(np.pad(values, 4, constant_values=255), np.ones((2, 2), np.uint8))
    grid = scene.grid.pad(4).zoom_out(0.5)
    bands = [swath.Band(name="cover", kind="categorical", classes=names)]
    drawn = swath.Scene.from_array(np.where(fine == 255, np.nan, fine).astype(np.float32), grid, bands=bands)
    product = swath.predict(scene, model, before_map=drawn, out=tmp_path / "c.tif", **run)
    np.testing.assert_array_equal(product.read(key="probabilities")[0], wanted)
    first, last = (folder / date / "0.tif" for date in ("A", "B"))
    pair = swath.open(first, last, sensor=SENSOR, bands=BANDS, dates=[2015, 2018])
    made = swath.predict(pair, model, before_map=folder / "map" / "0.tif", out=tmp_path / "d.tif", tile=128)
    assert made.record is not None
    assert [one["input"] for one in made.record["swath:scene"]] == ["image", "map"]
    series = swath.open(first, last, first, sensor=SENSOR, bands=BANDS, dates=[2015, 2018, 2019])
    by_pairs = swath.predict(series, model, before_map=folder / "map" / "0.tif", pairs="first", **run)
    np.testing.assert_array_equal(by_pairs.read(key="probabilities")[0][:2], wanted)
    with pytest.raises(CardError, match="say pairs='first'"):
        swath.predict(series, model, before_map=folder / "map" / "0.tif", pairs="consecutive")
    with pytest.raises(MatchError, match=r"takes 1 scene, not 2"):
        swath.predict(scene, Model.wrap(_Differ(), task="change", like=scene), before_map=drawn)


class _Differ(torch.nn.Module):
    def forward(self, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        return (after - before).mean(1, keepdim=True)
