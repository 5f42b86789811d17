"""The report names the scores of a published set's paper, and says which are not computed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import swath
import swath.data
from swath.data import IGNORE, Dataset
from swath.models import ClassLabel, Output
from swath.tasks.metrics_of_break_even import BreakEven
from swath.train.evaluation import counting
from tests.data_room import published_single_made as made
from tests.data_room.published_made import Real, dynamicearthnet

Set = Callable[[Real, Path], None]


class Brightness(nn.Module):
    """Classes by the mean of all bands, which is shifted class by class."""

    def __init__(self, classes: int, scale: float) -> None:
        super().__init__()
        self.levels = nn.Parameter(torch.linspace(-1, 1, classes)[:, None, None])
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        x = torch.nan_to_num(x).mean(1, keepdim=True) / self.scale - 1
        return -3 * (x - self.levels).square()


def opened(name: str, write: Set, own_data: Path, folder: Path) -> tuple[Dataset, swath.Model]:
    write(Real(own_data), folder / name)
    data = swath.data.open(folder / name)
    scene = data.scene(data.items[0])
    scale = float(np.nanmean(scene.read()[0]))
    names = [label.name for label in data.classes]
    network = Brightness(len(names), scale).requires_grad_(False)
    return data, swath.Model.wrap(network, task="segmentation", like=scene, classes=names, name="bright")


def answered(data: Dataset, model: swath.Model) -> list[tuple[np.ndarray, np.ndarray]]:
    """Probabilities and labels of each item, computed apart from the evaluation."""
    found = []
    for item in data.items:
        values, valid = data.scene(item).read()
        likely = torch.softmax(model.network(model.normalise(values, valid)[0][None]), 1)[0].numpy()
        label = np.asarray(data.sample(item).target)
        found.append((likely, np.where(valid.all(axis=(0, 1)), label, IGNORE)))
    return found


def test_break_even_is_told_by_its_name_and_is_the_same_window_by_window(
    own_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, model = opened("massachusetts-roads", made.massachusetts_roads, own_data, tmp_path)
    found = swath.evaluate(model, data, split="all", bootstrap=50, out=tmp_path / "report")
    assert found.paper is not None
    name = "precision and recall at break-even, roads within 3 pixels"
    first = found.paper.values[0]
    assert first.name == name
    by_hand = BreakEven(position=1, within=3)
    for likely, label in answered(data, model):
        by_hand.update(torch.from_numpy(likely[None]), torch.from_numpy(label[None]))
    assert first.value == pytest.approx(by_hand.compute()["break_even"], abs=1e-6)
    assert first.interval is not None
    assert first.interval[0] <= first.value <= first.interval[1]
    assert found.paper.values[1].value == pytest.approx(found["iou/road"])
    text = found.describe()
    assert "as the paper of Massachusetts Roads scores" in text
    assert f"{name}  {first.value:.3f}" in text
    told = json.loads((tmp_path / "report" / "report.json").read_text())["paper"]
    assert told["set"] == "Massachusetts Roads"
    assert told["scores"][0] == {"name": name, "value": first.value, "interval": list(first.interval)}
    monkeypatch.setattr(counting, "_IN_MEMORY", 0)
    monkeypatch.setattr(counting, "_SIDE", 20)
    again = swath.evaluate(model, data, split="all", bootstrap=0)
    assert again.paper is not None
    assert again.paper.values[0].value == pytest.approx(first.value, abs=1e-6)
    assert again.pooled == pytest.approx(found.pooled)


def test_a_mean_over_images_is_of_each_image(own_data: Path, tmp_path: Path) -> None:
    data, model = opened("sen1floods11", made.sen1floods11, own_data, tmp_path)
    found = swath.evaluate(model, data, split="all", bootstrap=50)
    assert found.paper is not None
    (told,) = found.paper.values
    each = [one.scores["iou/water"] for one in found.scenes]
    assert told.value == pytest.approx(np.nanmean(each))
    assert told.value != pytest.approx(found["iou/water"]), "not of all pixels together"
    assert told.interval is not None
    assert min(each) <= told.interval[0] <= told.value <= told.interval[1] <= max(each)


def test_a_mean_over_scenes_is_of_all_patches_of_each(own_data: Path, tmp_path: Path) -> None:
    data, model = opened("38-cloud", made.cloud_38, own_data, tmp_path)
    found = swath.evaluate(model, data, split="all", bootstrap=50)
    assert found.paper is not None
    told = {one.name: one for one in found.paper.values}
    assert told["Jaccard index of clouds, mean over whole scenes"].value == pytest.approx(found["iou/cloud"])
    assert told["overall accuracy, mean over whole scenes"].value == pytest.approx(found["accuracy"])
    assert told["overall accuracy, mean over whole scenes"].interval is None, "all patches are of one scene"


class Changes(nn.Module):
    """Change by how far the mean of all bands moved, and classes by that mean at either date."""

    def __init__(self, classes: int, scale: float) -> None:
        super().__init__()
        self.classes = Brightness(classes, scale)

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        moved = torch.nan_to_num(after - before).mean(1, keepdim=True) / self.classes.scale
        return 9 * moved.abs() - 1, self.classes(before), self.classes(after)


def test_semantic_change_is_scored_as_its_paper_scores_it(own_data: Path, tmp_path: Path) -> None:
    dynamicearthnet(Real(own_data), tmp_path / "dynamicearthnet")
    data = swath.data.open(tmp_path / "dynamicearthnet")
    scene, names = data.scene(data.items[0]), [label.name for label in data.classes]
    output = Output(
        kind="semantic-change", classes=tuple(ClassLabel(value=at, name=name) for at, name in enumerate(names))
    )
    network = Changes(len(names), float(np.nanmean(scene.read()[0]))).requires_grad_(False)
    model = swath.Model.wrap(network, task="semantic-change", like=scene, output=output, name="bright")
    found = swath.evaluate(model, data, split="all", bootstrap=20)
    assert found.paper is not None
    (told,) = found.paper.values
    table = np.zeros((len(names), len(names)))
    for item in data.items:
        values, valid = data.scene(item).read()
        _, _, after = network(*model.normalise(values, valid)[:, None])
        change, _, label = np.asarray(data.sample(item).target)
        there = (change == 1) & (label != IGNORE) & valid.all(axis=(0, 1))
        np.add.at(table, (label[there], after[0].argmax(0).numpy()[there]), 1)
    table[names.index("snow and ice")] = 0
    right = np.diagonal(table)
    iou = right / np.maximum(table.sum(0) + table.sum(1) - right, 1)
    assert told.name == "semantic change segmentation score (SCS)"
    assert told.value == pytest.approx((found["change/iou"] + iou[table.sum(1) > 0].mean()) / 2)
    assert told.interval is not None


def test_cross_entropy_is_of_fields(own_data: Path, tmp_path: Path) -> None:
    data, model = opened("agrifieldnet", made.agrifieldnet, own_data, tmp_path)
    without = swath.evaluate(model, data, split="all", bootstrap=0)
    assert without.paper is not None
    assert without.paper.values[0].value is None
    assert any("cross entropy over the crops of fields (fields= tells where" in note for note in without.notes)
    assert "as the paper of" not in without.describe(), "there is nothing to tell"
    found = swath.evaluate(model, data, split="all", bootstrap=0, fields=".tif=_field_ids.tif")
    losses = []
    for likely, label in answered(data, model):
        for crop in np.unique(label[label != IGNORE]):  # here a field is all of one crop of a chip
            losses.append(-math.log(likely[:, label == crop].mean(axis=1)[crop]))
    assert found.paper is not None
    assert found.paper.values[0].value == pytest.approx(np.mean(losses), abs=1e-4)
    assert found.fields is not None


def test_what_is_not_computed_is_said(own_data: Path, tmp_path: Path) -> None:
    data, model = opened("potsdam", made.potsdam, own_data, tmp_path)
    found = swath.evaluate(model, data, split="all", bootstrap=0)
    assert found.paper is not None
    told = {one.name: one.value for one in found.paper.values}
    assert told["overall accuracy"] == pytest.approx(found["accuracy"])
    five = [found[f"f1/{label.name}"] for label in data.classes if label.name != "clutter"]
    assert told["mean F1 of five classes, without clutter"] == pytest.approx(np.nanmean(five))
    assert told["the same without boundaries of objects"] is None
    assert any("is not computed: the same without boundaries of objects (it takes" in note for note in found.notes)
    fewer = swath.evaluate(model, data, split="all", bootstrap=0, match_classes={"car": None})
    assert fewer.paper is not None
    assert {one.value for one in fewer.paper.values} == {None}
    assert any("overall accuracy" in note and "classes were left out" in note for note in fewer.notes)
    nameless = swath.evaluate("pca-clusters", data, split="all", bootstrap=0, options={"classes": 3})
    assert any(note.startswith("3 units in each scene") for note in nameless.notes), "as asked"
    assert nameless.paper is not None
    assert not nameless.paper.rows()
    assert any("another kind of answer" in note for note in nameless.notes)
