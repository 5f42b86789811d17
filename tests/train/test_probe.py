"""Features of encoders under plain classifiers: how images are fed matters, and the card's way is not worse."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import swath
import swath.data
from swath.data import Dataset
from swath.errors import TrainError
from swath.models import MeanStd, Model
from swath.train.evaluation.probes import compared
from swath.train.probe import probe

CLASSES = ("Forest", "Industrial", "River", "SeaLake")


@pytest.fixture(scope="module")
def scenes(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Sixty real images of four classes."""
    folder = tmp_path_factory.mktemp("some")
    for name in CLASSES:
        (folder / name).mkdir()
        for image in sorted((shared_data / "eurosat_rgb" / name).glob("*.jpg"))[:150:10]:
            shutil.copy(image, folder / name / image.name)
    return swath.data.open(folder, task="classification", gsd=10.0)


class Means(nn.Module):
    """What an image shows by its mean, seen through a curve that takes normalised values alone."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(x).mean((2, 3)))


@pytest.fixture(scope="module")
def means(scenes: Dataset) -> Model:
    torch.manual_seed(0)
    like = scenes.scene(scenes.items[0])
    norm = MeanStd(mean=95.0, std=35.0)
    return Model.wrap(
        Means(), task="classification", like=like, classes=["a", "b"], normalisation=norm, gsd=10.0, name="means"
    )


def test_features_are_scored_for_each_way_to_feed_the_encoder(scenes: Dataset, means: Model) -> None:
    found = probe(means, scenes, bootstrap=100)
    assert sum(found.counts) == 60
    assert 12 <= found.counts[1] <= 24
    assert [one.choice for one in found.rows if one.kind == "knn"] == [
        "the card's",
        "resize to 128 px",
        "no normalisation",
        "0 to 1",
        "mean and spread of these images",
    ]
    assert found.accuracy("linear") > 0.8, "means of colours tell these apart"
    assert found.accuracy("linear", "no normalisation") < 0.5, "of what is saturated nothing is left"
    first, second = found.rows[:2]
    assert first.gain is None
    assert second.gain == pytest.approx(second.accuracy - first.accuracy)
    assert first.interval is not None
    assert first.interval[0] < first.accuracy < first.interval[1] or first.accuracy == first.interval[1]


def test_a_split_is_by_place_and_what_is_given_is_taken(scenes: Dataset, means: Model, tmp_path: Path) -> None:
    made = swath.data.split(scenes, seed=3, val=0.0, test=0.25)
    made.save(tmp_path / "split.json")
    found = probe(means, scenes, kinds=["knn"], split_file=tmp_path / "split.json", bootstrap=0)
    assert found.counts == (len(made.train), len(made.test))
    assert found.places == len({made.places[name] for name in made.test}) < len(made.test)
    assert found.split == str(tmp_path / "split.json")
    assert found.rows[0].interval is None
    assert "by place" in probe(means, scenes, kinds=["knn"], bootstrap=0).split


def test_what_cannot_be_probed_is_refused(scenes: Dataset, means: Model) -> None:
    with pytest.raises(TrainError, match="there are knn, linear"):
        probe(means, scenes, kinds=["svm"])
    with pytest.raises(TrainError, match="scored on test or val"):
        probe(means, scenes, split="all")
    with pytest.raises(TrainError, match="threshold= means nothing"):
        probe(means, scenes, threshold=0.5)


def test_the_probes_are_right_about_what_can_be_told_apart() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(90) % 3
    clear = np.eye(3, dtype=np.float32)[labels] * 9 + random.normal(size=(90, 3)).astype(np.float32)
    noise = random.normal(size=(90, 3)).astype(np.float32)
    by_kind = defaultdict(list)
    places = [str(at) for at in range(30)]
    for one in compared({"clear": clear, "noise": noise}, labels, places, ("knn", "linear"), 200, 0):
        by_kind[one.kind].append(one)
    for kind, (card, other) in by_kind.items():
        assert card.accuracy == 1.0, kind
        assert other.accuracy < 0.7
        assert other.gain_interval is not None
        assert other.gain_interval[1] < 0


def test_intervals_of_probes_draw_places() -> None:
    labels = np.arange(90) % 3
    place = np.arange(30) // 6
    shown = labels.copy()
    shown[60:] = (labels[60:] + place % 2) % 3  # of every second place all images look like another class
    vectors = {"card": np.eye(3, dtype=np.float32)[shown]}
    width = {}
    for name, places in {"images": np.arange(30), "places": place, "one": place * 0}.items():
        (found,) = compared(vectors, labels, [str(one) for one in places], ("knn",), 1000, 0)
        assert found.accuracy == pytest.approx(18 / 30)
        width[name] = None if found.interval is None else found.interval[1] - found.interval[0]
    assert width["one"] == width["images"], "of fewer than five places images are drawn, as scenes in an evaluation"
    assert width["images"] == pytest.approx(2 * 1.96 * (0.6 * 0.4 / 30) ** 0.5, rel=0.15)
    assert width["places"] == pytest.approx(2 * 1.96 * (0.6 * 0.4 / 5) ** 0.5, rel=0.15)


def test_the_report_is_written(scenes: Dataset, means: Model, tmp_path: Path) -> None:
    found = probe(means, scenes, kinds=["knn"], bootstrap=10)
    found.save(tmp_path / "report")
    assert (tmp_path / "report" / "probe.txt").read_text() == found.describe() + "\n"
    told = json.loads((tmp_path / "report" / "probe.json").read_text())
    assert told["rows"][0]["accuracy"] == found.rows[0].accuracy


def test_the_card_of_a_shipped_encoder_is_no_worse_than_other_ways_to_feed_it(shared_data: Path) -> None:
    data = swath.data.open(shared_data / "eurosat_rgb", task="classification", gsd=10.0)
    some = data.subset([item.name for item in data.items][::12])
    found = probe("eurosat-rgb", some, bootstrap=300)
    for kind in ("knn", "linear"):
        assert found.accuracy(kind) > 0.8
        for one in found.rows:
            if one.kind == kind and one.gain_interval is not None:
                assert one.gain_interval[0] <= 0, f"{one.choice} beats the card by {one.gain_interval}"
    assert found.accuracy("knn") > found.accuracy("knn", "0 to 1") + 0.1
