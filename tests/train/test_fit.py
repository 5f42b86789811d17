"""From real tiles to a model that predicts; small networks, few steps."""

from __future__ import annotations

import csv
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import swath
from swath.errors import SwathWarning, TrainError, WriteError
from swath.models.header import read_header
from swath.models.registry import cards_of
from swath.models.weights import read_state
from swath.train.learner import Skill
from swath.train.progress import Moment
from swath.train.report import TrainReport

from .making import BANDS, QUICK, SAID, SENSOR, relabel, tiles

SPLIT: dict[str, Any] = {"val": ["tile_0_*"], "test": ["tile_3_*"]}


@pytest.fixture(scope="module")
def folder(own_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiles(own_data, tmp_path_factory.mktemp("labels") / "green")


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainReport:
    out = tmp_path_factory.mktemp("trained") / "mine.swath"
    return swath.train(folder, out=out, steps=4, **QUICK, **SAID, **SPLIT)


def test_the_file_predicts_as_it_is(trained: TrainReport, own_data: Path, tmp_path: Path) -> None:
    scene = swath.open(str(own_data / "paris_2015.tif"), sensor=SENSOR, bands=BANDS)
    product = swath.predict(scene, str(trained.model), out=tmp_path / "map.tif", precision="float32")
    assert product.grid == scene.grid
    assert set(np.unique(product.read()[0])) <= {0, 1, 255}


def test_the_card_tells_what_was_learnt_from(trained: TrainReport) -> None:
    card = swath.load(str(trained.model)).card
    assert card.name == "green"
    assert [band.name for band in card.inputs[0].bands] == BANDS
    assert {band.units for band in card.inputs[0].bands} == {"reflectance"}
    assert card.inputs[0].gsd is not None
    assert card.inputs[0].gsd.nominal == pytest.approx(10.4, abs=0.3)
    assert card.inputs[0].sensors[0].startswith("sentinel-2")
    assert set(card.takes) == {"wavelengths", "gsd", "task", "classes"}
    assert card.scores[0].metric == "iou"
    assert "green" in card.trained_on[0].name
    assert "stsun-nano" in (card.recipe or "")
    assert any("8 train, 4 val, 4 test" in note for note in card.notes)


def test_statistics_are_those_of_the_training_part(trained: TrainReport, own_data: Path) -> None:
    import rasterio

    with rasterio.open(own_data / "paris_2018.tif") as source:
        rows = source.read(2)[64:192] / 1e4  # rows 1 and 2 of tiles
    found = swath.load(str(trained.model)).card.inputs[0].bands[1].normalisation
    assert found is not None
    assert found.shift == pytest.approx(rows.mean(), rel=0.03)
    assert found.span == pytest.approx(rows.std(), rel=0.15)


def test_curves_split_and_recipe_lie_beside_the_model(trained: TrainReport) -> None:
    names = {path.name for path in trained.folder.iterdir()}
    assert {"curves.csv", "curves.png", "recipe.yaml", "green.split.json", "last.ckpt"} <= names
    with (trained.folder / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2.0", "4.0"]
    assert all(np.isfinite(float(row["loss"])) for row in rows)
    shown = EventAccumulator(str(trained.folder / "tensorboard")).Reload()
    assert {*shown.Tags()["scalars"]} == {*rows[0]} - {"step"}
    for tag in ("loss", "green/iou"):
        assert [(one.step, one.value) for one in shown.Scalars(tag)] == [
            (int(float(row["step"])), pytest.approx(float(row[tag]), abs=1e-6)) for row in rows
        ]


def test_the_report_says_places_scores_and_speed(trained: TrainReport) -> None:
    text = trained.describe()
    assert "8 train, 4 val, 4 test" in text
    assert "Mpx/s" in text
    assert trained.skills[0].scores.keys() >= {"iou", "f1", "accuracy"}


def test_what_was_interrupted_ends_as_if_it_had_not_been(trained: TrainReport, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.swath"

    def interrupt(moment: Moment) -> None:
        if moment.step == 3:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(TrainError, match=r"stopped by SIGINT at step 3; the best weights so far \(step 2\) are kept"):
        swath.train(folder, out=out, steps=4, progress=interrupt, **QUICK, **SAID, **SPLIT)
    assert swath.load(str(out)).card.name == "green"
    ended = swath.train(folder, out=out, steps=4, resume=True, **QUICK, **SAID, **SPLIT)
    assert ended.steps == 4
    assert swath.load(str(out)).hash == swath.load(str(trained.model)).hash
    whole, parted = (read_state(one.folder / "last.ckpt") for one in (trained, ended))
    assert whole.keys() == parted.keys()
    assert all(torch.equal(whole[key], parted[key]) for key in whole)


def test_in_half_precision_what_is_validated_is_what_is_kept(
    trained: TrainReport, folder: Path, tmp_path: Path
) -> None:
    report = swath.train(folder, out=tmp_path / "half.swath", steps=4, stored="float16", **QUICK, **SAID, **SPLIT)
    assert report.model.stat().st_size < 0.6 * trained.model.stat().st_size
    model = swath.load(str(report.model))
    assert (model.stored, model.hash) == ("float16", read_header(report.model).hash)
    found = swath.evaluate(model, swath.data.open(folder, **SAID), split="val", bootstrap=0)
    assert found["iou"] == pytest.approx(report.skills[0].scores["iou"], abs=1e-9)
    whole, rounded = (read_state(one.folder / "last.ckpt") for one in (trained, report))
    assert all(torch.equal(whole[key], rounded[key]) for key in whole), "learning goes on with weights of its own"


def test_a_run_goes_on_with_the_places_it_began_with(trained: TrainReport, folder: Path) -> None:
    with pytest.raises(TrainError, match="the places to learn from are others than when the run began"):
        swath.train(
            folder, out=trained.model, resume=True, steps=6, **QUICK, **SAID, val=["tile_1_*"], test=["tile_3_*"]
        )


def test_a_loss_that_is_no_number_is_tried_once_more_slower(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Skill.loss, []

    def loss(self: Skill, *arguments: Any) -> torch.Tensor:
        calls.append(1)
        return real(self, *arguments) * (torch.nan if len(calls) == 4 else 1.0)

    monkeypatch.setattr(Skill, "loss", loss)
    with pytest.warns(SwathWarning, match="no longer a number at step 3; it goes on from step 2 with a tenth"):
        report = swath.train(folder, out=tmp_path / "mine.swath", steps=4, **QUICK, **SAID, **SPLIT)
    assert report.steps == 4


def test_a_loss_that_stays_no_number_ends_with_the_best_so_far(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Skill.loss, []

    def loss(self: Skill, *arguments: Any) -> torch.Tensor:
        calls.append(1)
        return real(self, *arguments) * (torch.nan if len(calls) > 3 else 1.0)

    monkeypatch.setattr(Skill, "loss", loss)
    out = tmp_path / "mine.swath"
    with (
        pytest.warns(SwathWarning, match="no longer a number"),
        pytest.raises(TrainError, match="again, at a tenth of the learning rate; the best weights so far") as told,
    ):
        swath.train(folder, out=out, steps=4, **QUICK, **SAID, **SPLIT)
    assert str(told.value).endswith("a smaller lr= may help")
    assert all(tensor.isfinite().all() for tensor in read_state(out).values())


def test_a_network_of_channels_takes_pairs_stacked(own_data: Path, tmp_path: Path) -> None:
    pairs = tiles(own_data, tmp_path / "pairs", changed=True)
    said = QUICK | {
        "network": "unet",
        "options": {"encoder": "resnet18", "decoder_options": {"decoder_channels": [16] * 5}},
    }
    report = swath.train(pairs, task="change", out=tmp_path / "mine.swath", steps=1, **said, **SAID, **SPLIT)
    card = swath.load(str(report.model)).card
    assert card.inputs[0].dates.given == "channels"
    scene = swath.open(str(own_data / "paris_2015.tif"), str(own_data / "paris_2018.tif"), sensor=SENSOR, bands=BANDS)
    assert swath.predict(scene, str(report.model), precision="float32").grid == scene.grid


def test_several_sets_give_a_skill_each(folder: Path, own_data: Path, tmp_path: Path) -> None:
    tiles(own_data, tmp_path / "pairs", changed=True)
    sets = [
        {"folder": str(folder), "skill": "plants", "weight": 2.0, **SAID, **SPLIT},
        {"folder": "pairs", "skill": "growth", "task": "change", **SAID, **SPLIT},
    ]
    report = swath.train(
        config={"sets": sets, "data": str(tmp_path), **QUICK}, steps=3, accumulate=2, out=tmp_path / "two.swath"
    )
    assert [one.skill for one in report.skills] == ["plants", "growth"]
    cards = cards_of(report.model)
    assert [card.task for card in cards] == ["segmentation", "change"]
    assert cards[1].inputs[0].dates.min == 2
    pair = swath.open(str(own_data / "paris_2015.tif"), str(own_data / "paris_2018.tif"), sensor=SENSOR, bands=BANDS)
    assert swath.predict(pair, str(report.model), task="change", precision="float32").grid == pair.grid
    assert str(tmp_path) not in (cards[0].recipe or "").replace(str(folder), "")


def test_what_cannot_be_read_takes_no_part(own_data: Path, tmp_path: Path) -> None:
    broken = tiles(own_data, tmp_path / "broken")
    image = broken / "images" / "tile_1_1.tif"
    image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    with pytest.warns(SwathWarning, match="broken"):
        report = swath.train(broken, out=tmp_path / "mine.swath", steps=1, **QUICK, **SAID, **SPLIT)
    assert report.skills[0].train == 7


def test_one_class_alone_is_refused(own_data: Path, tmp_path: Path) -> None:
    one = tiles(own_data, tmp_path / "one")
    relabel(one, lambda name, mask: np.ones_like(mask))
    with pytest.raises(TrainError, match="only one class is labelled in the training part"):
        swath.train(one, out=tmp_path / "mine.swath", classes=["none", "plant"], **QUICK, **SAID, **SPLIT)


def test_a_class_that_only_validation_has_is_told(own_data: Path, tmp_path: Path) -> None:
    three = tiles(own_data, tmp_path / "three")
    relabel(three, lambda name, mask: np.where(name.startswith("tile_0"), 2, mask))
    with pytest.warns(SwathWarning, match="the training part has no water, .*the validation part has water"):
        swath.train(
            three, out=tmp_path / "mine.swath", steps=1, classes=["none", "plant", "water"], **QUICK, **SAID, **SPLIT
        )


def test_an_empty_part_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="nothing is left to learn from"):
        swath.train(folder, out=tmp_path / "mine.swath", **QUICK, **SAID, val=["tile_0_*"], test=["tile_[123]_*"])
    with pytest.raises(TrainError, match="no item is called 'paris'; there is tile_0_0"):
        swath.train(folder, out=tmp_path / "mine.swath", **QUICK, **SAID, val=["paris"])


def test_where_nothing_can_be_written_is_found_out_first(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="the folder does not exist"):
        swath.train(folder, out=tmp_path / "absent" / "mine.swath", **QUICK)
    (tmp_path / "there.swath").write_bytes(b"")
    with pytest.raises(WriteError, match="exists already"):
        swath.train(folder, out=tmp_path / "there.swath", **QUICK)
    with pytest.raises(TrainError, match=r"ends in \.swath"):
        swath.train(folder, out=tmp_path / "mine.pt", **QUICK)
    with pytest.raises(TrainError, match="nothing to go on from"):
        swath.train(folder, out=tmp_path / "new.swath", resume=True, **QUICK)


def test_a_threshold_is_found_on_the_validation_part(folder: Path, tmp_path: Path) -> None:
    out, said = tmp_path / "best.swath", {**QUICK, **SAID, **SPLIT, "steps": 12}  # after fewer, one half is the best
    plain = swath.train(folder, out=tmp_path / "half.swath", **said)
    report = swath.train(folder, out=out, threshold="best", **said)
    half, best = plain.skills[0].scores, report.skills[0].scores
    card = swath.load(str(out)).card
    assert "threshold" not in half
    assert card.output.threshold == pytest.approx(best["threshold"])
    assert best["threshold"] != 0.5
    assert best["f1"] > half["f1"]
    assert "threshold" not in {score.metric for score in card.scores}
    split = report.folder / "green.split.json"
    told = swath.evaluate(str(out), folder, split="val", split_file=split, open_with=SAID)
    assert told.pooled["f1"] == pytest.approx(best["f1"], abs=0.02)


def test_a_threshold_without_a_yes_is_refused(folder: Path, tmp_path: Path) -> None:
    said: dict[str, Any] = {"threshold": "best", "classes": ["a", "b", "c"], **QUICK, **SAID, **SPLIT}
    with pytest.warns(SwathWarning, match="has no c"), pytest.raises(TrainError, match="two classes"):
        swath.train(folder, out=tmp_path / "x.swath", steps=4, **said)
