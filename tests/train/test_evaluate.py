"""Evaluation on whole scenes: held against scikit-learn by hand, on real pixels with labels made of them."""

from __future__ import annotations

import csv
import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn import metrics as sklearn
from torch import Tensor, nn

import swath
import swath.data
from swath.data import Split
from swath.errors import CardError, DataError, MatchError, TrainError, WriteError
from swath.models import ClassLabel, GsdRule, Layer, Output
from swath.tasks import task_for
from swath.train.evaluate import pooled_of
from swath.train.evaluation import counting
from swath.train.evaluation.classes import matched_classes
from swath.train.evaluation.intervals import draws, intervals, kinds_of, units

SENSOR = "sentinel-2-l1c@pre-04.00"
BANDS = ("B02", "B03", "B04", "B08")
NAMES = ("water", "built", "green")
CORNERS = ((0, 0), (0, 128), (128, 0), (128, 128))


class Linear(nn.Module):
    """A class by a weighted sum of a pixel's bands."""

    def __init__(self, classes: int, bands: int = 4) -> None:
        super().__init__()
        self.mix = nn.Conv2d(bands, classes, 1)
        with torch.no_grad():
            self.mix.weight.copy_(torch.linspace(-3, 3, classes * bands).sin().reshape(classes, bands, 1, 1) * 30)
            self.mix.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(x - 0.13)


class Halved(Linear):
    """The same at half the resolution."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(super().forward(x), 2)


class Differ(Linear):
    """Change, by the difference of two dates."""

    def forward(self, before: Tensor, after: Tensor) -> Tensor:  # type: ignore[override]
        return self.mix((after - before).abs()) - 1


class Whole(Linear):
    """One class for a tile."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).mean((2, 3))


def crop(source: Path, target: Path, corner: tuple[int, int], side: int = 128, hole: bool = False) -> None:
    with rasterio.open(source) as dataset:
        window = rasterio.windows.Window(corner[1], corner[0], side, side)
        values = dataset.read(window=window)
        if hole:
            values[:, 40:60, 20:50] = 0
        profile = dataset.profile | {
            "width": side, "height": side, "transform": dataset.window_transform(window), "nodata": 0,
        }  # fmt: skip
    target.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(target, "w", **profile) as made:
        made.write(values)


def mask(image: Path, target: Path, count: int) -> NDArray[np.uint8]:
    """Classes by brightness in the near infrared, with a part that is not labelled."""
    with rasterio.open(image) as dataset:
        values, profile = dataset.read(4).astype(np.float64), dataset.profile
    edges = np.quantile(values[values > 0], np.arange(1, count) / count)
    label = np.digitize(values, edges).astype(np.uint8)
    label[100:, :30] = 255
    target.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(target, "w", **(profile | {"count": 1, "dtype": "uint8", "nodata": None})) as made:
        made.write(label, 1)
    return label


@pytest.fixture(scope="module")
def folder(own_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four labelled parts of Paris, one with a hole."""
    root = tmp_path_factory.mktemp("labels")
    for number, corner in enumerate(CORNERS):
        image = root / "images" / f"part{number}.tif"
        crop(own_data / "paris_2018.tif", image, corner, hole=number == 1)
        mask(image, root / "masks" / f"part{number}.tif", 3)
    return root


def opened(folder: Path, **told: Any) -> swath.data.Dataset:
    return swath.data.open(folder, **({"sensor": SENSOR, "bands": BANDS, "classes": NAMES, "ignore": 255} | told))


@pytest.fixture(scope="module")
def dataset(folder: Path) -> swath.data.Dataset:
    return opened(folder)


def model_of(network: nn.Module, dataset: swath.data.Dataset, task: Any = "segmentation", **about: Any) -> swath.Model:
    scene = dataset.scene(dataset.items[0])
    return swath.Model.wrap(network, task=task, like=scene, **({"classes": NAMES, "name": "linear"} | about))


def by_hand(dataset: swath.data.Dataset, model: swath.Model) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Labels, answers and probabilities `[N, K]` of all pixels that count, of whole scenes run at once."""
    labels, likely = [], []
    for item in dataset.items:
        sample = dataset.sample(item)
        values = model.normalise(sample.image, sample.valid)
        with torch.no_grad():
            outputs = task_for(model.card).activate(model.network(*values[:, None]))[0].numpy()
        counts = (np.asarray(sample.target) >= 0) & sample.valid.all(axis=(0, 1))
        labels.append(np.asarray(sample.target)[counts])
        likely.append(outputs[:, counts].T)
    probabilities = np.concatenate(likely)
    return np.concatenate(labels), probabilities.argmax(1), probabilities


def test_pooled_scores_are_those_of_all_pixels_that_count(dataset: swath.data.Dataset) -> None:
    model = model_of(Linear(3), dataset)
    found = swath.evaluate(model, dataset, split="all", bootstrap=50)
    truth, answer, likely = by_hand(dataset, model)
    assert 0.1 < found["accuracy"] < 0.9
    assert found["mean_iou"] == pytest.approx(sklearn.jaccard_score(truth, answer, average="macro"))
    assert found["mean_f1"] == pytest.approx(sklearn.f1_score(truth, answer, average="macro"))
    assert found["accuracy"] == pytest.approx(sklearn.accuracy_score(truth, answer))
    assert found["kappa"] == pytest.approx(sklearn.cohen_kappa_score(truth, answer))
    from torchmetrics.functional import calibration_error

    theirs = calibration_error(
        torch.from_numpy(likely), torch.from_numpy(truth), "multiclass", n_bins=15, num_classes=3
    )
    assert found["ece"] == pytest.approx(float(theirs), abs=1e-5)
    assert sum(one.labelled for one in found.scenes) == len(truth) == 4 * (128 * 128 - 28 * 30) - 20 * 30
    for one, item in zip(found.scenes, dataset.items, strict=True):
        truth, answer, _ = by_hand(dataset.subset([item.name]), model)
        assert one.scores["mean_iou"] == pytest.approx(sklearn.jaccard_score(truth, answer, average="macro"))
    assert found.headline == "mean_iou"
    assert "4 places: the intervals mean little" in found.describe()


def test_counts_do_not_depend_on_how_a_scene_is_read(
    dataset: swath.data.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, part = model_of(Linear(3), dataset), dataset.subset(["part0", "part1"])
    whole = swath.evaluate(model, part, split="all", bootstrap=0)
    monkeypatch.setattr(counting, "_IN_MEMORY", 0)
    monkeypatch.setattr(counting, "_SIDE", 50)
    parted = swath.evaluate(model, part, split="all", bootstrap=0)
    assert dict(parted.pooled) == dict(whole.pooled)
    np.testing.assert_array_equal(parted.worst[0].answer, whole.worst[0].answer)
    np.testing.assert_array_equal(parted.worst[0].label, whole.worst[0].label)


@pytest.mark.parametrize("how", ["coarser", "gsd"])
def test_answers_on_another_grid_are_brought_onto_the_labels(dataset: swath.data.Dataset, how: str) -> None:
    part = dataset.subset(["part0"])
    if how == "coarser":
        found = swath.evaluate(model_of(Halved(3), dataset), part, split="all", bootstrap=0)
    else:
        gsd = dataset.gsd(dataset.items[0])
        assert gsd is not None
        model = model_of(Linear(3), dataset, gsd=GsdRule(nominal=gsd * 1.6, min=gsd, max=gsd * 2))
        found = swath.evaluate(model, part, split="all", bootstrap=0, gsd="nominal")
    close = swath.evaluate(model_of(Linear(3), dataset), part, split="all", bootstrap=0)
    assert abs(found["accuracy"] - close["accuracy"]) < 0.1
    one, same = found.scenes[0], close.scenes[0]
    assert one.labelled == same.labelled
    assert one.answered > 0.97 * one.labelled


def test_change_between_two_dates(own_data: Path, tmp_path: Path) -> None:
    for date, year in (("A", 2015), ("B", 2018)):
        crop(own_data / f"paris_{year}.tif", tmp_path / date / "a.tif", (0, 0))
    label = mask(tmp_path / "B" / "a.tif", tmp_path / "label" / "a.tif", 2)
    data = opened(tmp_path, classes=None)
    assert data.task == "change"
    model = model_of(Differ(1), data, "change", classes=("no change", "change"))
    found = swath.evaluate(model, data, split="all", out=tmp_path / "report")
    truth, _, likely = by_hand(data, model)
    assert len(truth) == (label != 255).sum()
    assert found["f1"] == pytest.approx(sklearn.f1_score(truth, likely[:, 1] > 0.5))
    assert "'unchanged' is 'no change'" in found.describe()
    assert "1 place: there is no interval" in found.describe()
    assert found.intervals == {}
    assert len(found.worst[0].images) == 2
    stricter = swath.evaluate(model, data, split="all", threshold=0.9, bootstrap=0)
    assert stricter["recall"] == pytest.approx(sklearn.recall_score(truth, likely[:, 1] > np.float32(0.9)))


def test_a_method_is_fitted_to_each_scene_by_itself(own_data: Path, tmp_path: Path) -> None:
    for number, corner in enumerate(CORNERS[:2]):
        for date, year in (("A", 2015), ("B", 2018)):
            crop(own_data / f"paris_{year}.tif", tmp_path / date / f"{number}.tif", corner)
        mask(tmp_path / "B" / f"{number}.tif", tmp_path / "label" / f"{number}.tif", 2)
    data = opened(tmp_path, classes=None)
    found = swath.evaluate("cva", data, split="all", out=tmp_path / "report")
    pairs = [(np.asarray(data.sample(item).target), swath.predict(data.scene(item), "cva")) for item in data.items]
    truth, answer = (
        np.concatenate(parts) for parts in zip(*((t[t >= 0], p.read()[0][0][t >= 0]) for t, p in pairs), strict=True)
    )
    assert found["f1"] == pytest.approx(sklearn.f1_score(truth, answer))
    assert 0.1 < found["f1"] < 0.9
    assert "cva was fitted to each scene by itself, without its labels" in found.describe()
    assert json.loads((tmp_path / "report" / "report.json").read_text())["weights"] == ""
    with pytest.raises(TrainError, match="say split='all'"):
        swath.evaluate("cva", data)


def test_images_of_a_class_are_judged_by_the_mean_of_their_tiles(own_data: Path, tmp_path: Path) -> None:
    for number, corner in enumerate(CORNERS):
        crop(own_data / "paris_2018.tif", tmp_path / NAMES[number % 3] / f"{number}.tif", corner)
    data = opened(tmp_path, classes=None, ignore=None)
    assert data.task == "classification"
    from swath.models import TileRule

    model = model_of(Whole(3), data, "classification", tile=TileRule(size=64))
    found = swath.evaluate(model, data, split="all", bootstrap=20)
    names = [label.name for label in data.classes]
    right = []
    for item in data.items:
        sample = data.sample(item)
        values = model.normalise(sample.image, sample.valid)
        tiles = [values[:, :, y : y + 64, x : x + 64] for y in (0, 64) for x in (0, 64)]
        with torch.no_grad():
            mean = torch.softmax(model.network(torch.cat(tiles)), 1).mean(0)
        right.append(NAMES[int(mean.argmax())] == names[sample.target])  # type: ignore[index]
    assert found["accuracy"] == pytest.approx(np.mean(right))
    assert found.headline == "mean_f1"
    assert "4 of 4 images larger than a tile of 64 px" in found.describe()
    assert found.worst[0].score.startswith("labelled ")


def test_values_are_scored_in_units(own_data: Path, tmp_path: Path) -> None:
    for number, corner in enumerate(CORNERS[:2]):
        image = tmp_path / "images" / f"{number}.tif"
        crop(own_data / "paris_2018.tif", image, corner)
        with rasterio.open(image) as source:
            height = (source.read(4) / 100).astype(np.float32)
            height[:9] = np.nan
            (tmp_path / "masks").mkdir(exist_ok=True)
            profile = source.profile | {"count": 1, "dtype": "float32", "nodata": np.nan}
            with rasterio.open(tmp_path / "masks" / f"{number}.tif", "w", **profile) as made:
                made.write(height, 1)
    data = opened(tmp_path, classes=None, ignore=None, task="regression")
    layer = Layer(name="height", units="m", mean=20.0, std=4.0)
    model = model_of(Linear(1), data, "regression", classes=(), layers=[layer])
    with torch.no_grad():  # height = 100 x reflectance of the last band; one metre too high
        model.network.mix.weight.zero_()
        model.network.mix.weight[0, 3] = 100 / 4
        model.network.mix.bias.fill_((13 - 20 + 1) / 4)
    found = swath.evaluate(model, data, split="all", out=tmp_path / "report")
    assert found["bias"] == pytest.approx(1, abs=1e-3)
    assert found["rmse"] == pytest.approx(1, abs=1e-3)
    assert 0 < found["r2"] < 1
    assert sum(one.labelled for one in found.scenes) == 2 * 128 * 119
    assert found.worst[0].label.dtype.kind == "f"


def test_intervals_are_those_of_scenes_drawn_again(dataset: swath.data.Dataset) -> None:
    model = model_of(Linear(3), dataset)
    found = swath.evaluate(model, dataset, split="all", bootstrap=200, seed=4)
    again = swath.evaluate(model, dataset, split="all", bootstrap=200, seed=4)
    assert found.intervals == again.intervals
    counts = [one.metrics for one in found.scenes]
    drawn = np.random.default_rng(4).multinomial(4, np.full(4, 0.25), size=200)
    scores = []
    for times in drawn:
        merged = counts[0].empty()
        for one, often in zip(counts, times, strict=True):
            for _ in range(often):
                merged.merge(one)
        scores.append(merged.compute()["mean_iou"])
    np.testing.assert_allclose(found.intervals["mean_iou"], np.quantile(scores, [0.025, 0.975]), rtol=1e-9)
    low, high = found.intervals["mean_iou"]
    assert low < found["mean_iou"] < high
    assert intervals(counts, 0, 0) == {}
    assert intervals(counts[:1], 100, 0) == {}
    assert intervals(counts, 100, 0, places=["a"] * 4) == {}


def test_places_are_those_that_the_split_holds_together(dataset: swath.data.Dataset, tmp_path: Path) -> None:
    model, names = model_of(Linear(3), dataset), [item.name for item in dataset.items]
    alone = swath.evaluate(model, dataset, split="all", bootstrap=300)
    assert alone.places == 4
    assert "4 scenes in 4 places" in alone.describe()
    places = dict(zip(names, ("east", "east", "west", "west"), strict=True))
    Split((), (), tuple(names), "streets", places=places).save(tmp_path / "split.json")
    found = swath.evaluate(model, dataset, split_file=tmp_path / "split.json", bootstrap=300, out=tmp_path / "report")
    assert (found.places, [one.place for one in found.scenes]) == (2, ["east", "east", "west", "west"])
    assert found.pooled == alone.pooled
    for title in ("4 scenes in 2 places", "2 places: intervals draw scenes, and hold", "places were told by streets"):
        assert title in found.describe()
    assert found.intervals == alone.intervals, "two places are too few to be drawn"
    told = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (told["places"], told["bootstrap"]["unit"]) == (2, "scene")


def test_intervals_draw_places(dataset: swath.data.Dataset) -> None:
    found = swath.evaluate(model_of(Linear(3), dataset), dataset, split="all", bootstrap=0)
    counts = [one.metrics for one in found.scenes]
    halves = [pooled_of(counts[at : at + 2]).compute()["mean_iou"] for at in (0, 2)]
    limits = intervals(counts, 300, 0, places=["east", "east", "west", "west"])["mean_iou"]
    assert limits == pytest.approx((min(halves), max(halves))), "of two places, one twice or the other"
    kinds = ["town", "town", "field", "field"]
    same = draws(4, 300, 0, kinds)
    assert (same[:, :2].sum(axis=1) == 2).all(), "as many of a kind in each draw"
    assert (same[:, 0] == 2).any()
    assert (
        intervals(counts, 300, 0, places=["east", "east", "west", "west"], kinds=kinds)["mean_iou"]
        == (pytest.approx(found["mean_iou"]),) * 2
    ), "one place of each kind is in every draw"
    assert kinds_of(["a", "b", "a"], ["x", "y", "z"]) == ["x+z", "y"]
    five = [*"abcde", "a", "b"]
    assert units(five) == five
    assert len(set(units(["a"] * 7))) == 7


def test_tiles_that_touch_are_one_place_where_no_split_tells_it(own_data: Path, tmp_path: Path) -> None:
    for row, column in itertools.product((0, 1, 4, 5, 9, 10, 14, 15), (0, 1)):
        image = tmp_path / "images" / f"{row}-{column}.tif"
        crop(own_data / "paris_2018.tif", image, (row * 16, column * 16), side=16)
        with rasterio.open(image) as source:
            label = (source.read([4]) > 2000).astype(np.uint8)
            (tmp_path / "masks").mkdir(exist_ok=True)
            profile = source.profile | {"count": 1, "dtype": "uint8", "nodata": None}
            with rasterio.open(tmp_path / "masks" / image.name, "w", **profile) as made:
                made.write(label)
    data = opened(tmp_path, classes=("dark", "bright"), ignore=None)
    found = swath.evaluate(model_of(Linear(2), data, classes=("dark", "bright")), data, split="all", bootstrap=50)
    assert (len(found.scenes), found.places) == (16, 4)
    assert "16 scenes in 4 places" in found.describe()
    assert "places were told by position: images that touch share a place" in found.describe()


def test_classes_are_found_by_name_in_any_order(dataset: swath.data.Dataset) -> None:
    straight = swath.evaluate(model_of(Linear(3), dataset), dataset.subset(["part2"]), split="all", bootstrap=0)
    turned = Linear(3)
    with torch.no_grad():
        turned.mix.weight.copy_(turned.mix.weight[[2, 0, 1]])
    model = model_of(turned, dataset, classes=("Green", "WATER", "built"))
    found = swath.evaluate(model, dataset.subset(["part2"]), split="all", bootstrap=0)
    assert found["mean_iou"] == pytest.approx(straight["mean_iou"])
    assert found["iou/Green"] == pytest.approx(straight["iou/green"])


def test_classes_that_differ_are_asked_about(dataset: swath.data.Dataset) -> None:
    model = model_of(Linear(3), dataset, classes=("water", "built", "forest"))
    with pytest.raises(TrainError, match="has the class green, and linear tells water, built, forest"):
        swath.evaluate(model, dataset, split="all")
    part = dataset.subset(["part0"])
    found = swath.evaluate(model, part, split="all", match_classes={"green": "forest"}, bootstrap=0)
    assert found["mean_iou"] == swath.evaluate(model_of(Linear(3), dataset), part, split="all", bootstrap=0)["mean_iou"]
    left_out = swath.evaluate(model, part, split="all", match_classes={"green": None}, bootstrap=0)
    assert left_out.scenes[0].labelled < found.scenes[0].labelled
    assert "pixels labelled green do not count" in left_out.describe()
    for wrong in ({"grass": "forest"}, {"green": "grass"}):
        with pytest.raises(TrainError, match="match_classes= names 'grass'"):
            swath.evaluate(model, part, split="all", match_classes=wrong)


def test_two_classes_are_paired_where_they_are_no_and_yes_or_one_of_them_is_known(dataset: swath.data.Dataset) -> None:
    card = model_of(Linear(3), dataset).card

    def match(labels: tuple[str, str], model: tuple[str, str], kind: Any = "classes") -> list[int]:
        output = Output(kind=kind, classes=tuple(ClassLabel(value=v, name=name) for v, name in enumerate(model)))
        given = tuple(ClassLabel(value=v, name=name) for v, name in enumerate(labels))
        return matched_classes(given, card.with_(output=output)).positions.tolist()

    assert match(("background", "building"), ("other", "building")) == [0, 1]
    assert match(("building", "other"), ("background", "building")) == [1, 0]
    assert match(("background", "foreground"), ("no", "roof"), "binary") == [0, 1]
    with pytest.raises(TrainError, match="urban, rural"):
        match(("urban", "rural"), ("water", "land"))


def test_which_places_are_evaluated_is_known_or_asked(
    folder: Path, dataset: swath.data.Dataset, tmp_path: Path
) -> None:
    model = model_of(Linear(3), dataset)
    with pytest.raises(TrainError, match="split='all' if the network was trained on none of them, or split_file="):
        swath.evaluate(model, dataset)
    with pytest.raises(TrainError, match="say train, val, test or all"):
        swath.evaluate(model, dataset, split="tests")
    parts = swath.data.Split(train=("part0", "part1"), val=(), test=("part3", "gone"), how="by hand")
    file = tmp_path / "linear.split.json"
    parts.save(file)
    found = swath.evaluate(model, dataset, split_file=file, bootstrap=0)
    assert [one.name for one in found.scenes] == ["part3"]
    assert "1 of them not in the folder" in found.split
    assert found.data.endswith(" test")
    with pytest.raises(TrainError, match="the part val is empty"):
        swath.evaluate(model, dataset, split="val", split_file=file)
    (tmp_path / "mine.train").mkdir()
    shutil.copy(file, tmp_path / "mine.train" / "linear.split.json")
    beside = swath.evaluate(replace(model, source=str(tmp_path / "mine.swath")), dataset, bootstrap=0)
    assert [one.name for one in beside.scenes] == ["part3"]
    own = replace(dataset, parts={"part0": "test", "part1": "train"})
    assert [one.name for one in swath.evaluate(model, own, bootstrap=0).scenes] == ["part0"]


def test_the_report_is_written(dataset: swath.data.Dataset, tmp_path: Path) -> None:
    model = model_of(Linear(3), dataset)
    found = swath.evaluate(model, dataset, split="all", out=tmp_path / "report")
    out = tmp_path / "report"
    assert sorted(path.name for path in out.iterdir()) == ["report.json", "report.txt", "scenes.csv", "worst.png"]
    told = json.loads((out / "report.json").read_text())
    assert told["scores"]["mean_iou"] == found["mean_iou"]
    assert np.array(told["confusion"]["classes"]["counts"]).sum() == sum(one["labelled"] for one in told["scenes"])
    assert sum(row["answers"] for row in told["calibration"]["classes"]) == sum(
        one["labelled"] for one in told["scenes"]
    )
    with (out / "scenes.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["name"] for row in rows] == ["part0", "part1", "part2", "part3"]
    assert float(rows[2]["mean_iou"]) == pytest.approx(found.scenes[2].scores["mean_iou"], rel=1e-5)
    picture = np.asarray(Image.open(out / "worst.png").convert("RGB"))
    assert picture.shape[0] > 800
    wrong = np.abs(picture.astype(int) - (0x1F, 0x23, 0x28)).max(axis=2) < 3
    assert wrong.mean() > 0.01
    worst = min(found.scenes, key=lambda one: one.scores["mean_iou"])
    assert found.worst[0].name == worst.name
    card = model.card.with_(scores=found.scores())
    assert next(one for one in card.scores if one.metric == "mean_iou").interval is not None
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(WriteError):
        found.save(blocked / "report")


def test_a_broken_image_is_said_and_the_others_count(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "labels"
    shutil.copytree(folder, broken)
    data = opened(broken)
    model = model_of(Linear(3), data)
    path = broken / "images" / "part1.tif"
    path.write_bytes(path.read_bytes()[:3000])
    found = swath.evaluate(model, opened(broken), split="all", bootstrap=0)
    assert len(found.scenes) == 3
    assert "1 of 4 scenes could not be used; part1: " in found.describe()
    for other in (broken / "images").iterdir():
        other.write_bytes(b"no image")
    with pytest.raises(TrainError, match=r"no scene could be used \(4 tried\)"):
        swath.evaluate(model, opened(broken), split="all")


def test_what_cannot_be_evaluated_is_refused(folder: Path, dataset: swath.data.Dataset, tmp_path: Path) -> None:
    model = model_of(Linear(3), dataset)
    with pytest.raises(DataError, match="no such folder"):
        swath.evaluate(model, tmp_path / "nowhere", split="all")
    with pytest.raises(CardError):
        swath.evaluate(tmp_path / "nowhere.swath", dataset, split="all")
    with pytest.raises(TrainError, match="probabilities= means nothing"):
        swath.evaluate(model, dataset, split="all", probabilities=True)
    with pytest.raises(TrainError, match="is open already"):
        swath.evaluate(model, dataset, split="all", open_with={"sensor": SENSOR})
    narrow = swath.Model.wrap(
        Linear(3, 1), task="segmentation", like=dataset.scene(dataset.items[0]).select(bands=["B04"]), classes=NAMES
    )
    other = narrow.with_card(
        inputs=(narrow.card.inputs[0].model_copy(update={"gsd": GsdRule(nominal=0.1, min=0.1, max=0.2)}),)
    )
    with pytest.raises(MatchError):
        swath.evaluate(other, dataset, split="all")


def test_progress_is_told(dataset: swath.data.Dataset) -> None:
    told: list[tuple[int, int]] = []
    swath.evaluate(
        model_of(Linear(3), dataset), dataset, split="all", bootstrap=0, progress=lambda *now: told.append(now)
    )
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_of_several_skills_that_one_is_taken_which_knows_the_classes(dataset: swath.data.Dataset) -> None:
    model = model_of(Linear(3), dataset)
    other = model.card.with_(
        name="seasons",
        output=Output(
            kind="classes", classes=tuple(ClassLabel(value=v, name=n) for v, n in enumerate(("dry", "wet", "icy")))
        ),
    )
    both = replace(model.with_card(name="seasons", output=other.output), others=(model.card,))
    part = dataset.subset(["part0"])
    found = swath.evaluate(both, part, split="all", bootstrap=0)
    assert found.card.name == "linear"
    assert found["mean_iou"] == swath.evaluate(model, part, split="all", bootstrap=0)["mean_iou"]


def test_a_scene_that_is_stored_bottom_up_is_shown_as_its_picture_is(
    folder: Path, dataset: swath.data.Dataset, tmp_path: Path
) -> None:
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        with rasterio.open(folder / kind / "part2.tif") as source:
            values, a = source.read()[:, ::-1], source.transform
            turned = rasterio.Affine(a.a, 0, a.c, 0, -a.e, a.f + a.e * source.height)
            with rasterio.open(tmp_path / kind / "part2.tif", "w", **(source.profile | {"transform": turned})) as made:
                made.write(values)
    model = model_of(Linear(3), dataset)
    upright = swath.evaluate(model, dataset.subset(["part2"]), split="all", bootstrap=0)
    flipped = swath.evaluate(model, opened(tmp_path), split="all", bootstrap=0)
    assert flipped.pooled == pytest.approx(upright.pooled)
    for key in ("label", "answer", "images"):
        np.testing.assert_array_equal(getattr(flipped.worst[0], key), getattr(upright.worst[0], key))
