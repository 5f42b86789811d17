"""Which weights are the best, when no better ones are waited for, and what rare classes weigh."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rasterio
import torch

import swath
from swath.errors import TrainError
from swath.tasks.weighting import class_weights
from swath.train.compose import compose
from swath.train.fit import made_ready
from swath.train.learner import worth

from .making import QUICK, SAID, tiles

SPLIT: dict[str, Any] = {"val": ["tile_0_*"], "test": ["tile_3_*"]}


@pytest.fixture(scope="module")
def folder(own_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiles(own_data, tmp_path_factory.mktemp("labels") / "green")


@pytest.mark.parametrize(
    ("score", "better", "worse"),
    [
        ("mean_iou", 0.7, 0.6),
        ("iou/error", 0.7, 0.6),
        ("change/f1", 0.7, math.nan),
        ("r2", 0.1, -3.0),
        ("rmse", 1.0, 2.0),
        ("mae/height", 1.0, math.nan),
        ("ece", 0.01, 0.2),
        ("change/ece", 0.01, 0.2),
        ("bias", -0.1, 0.5),
        ("bias", 0.1, -0.5),
    ],
)
def test_more_is_not_always_better(score: str, better: float, worse: float) -> None:
    assert worth(score, {score: better}) > worth(score, {score: worse})


def test_a_score_that_nobody_counts_is_refused_before_the_first_step(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"metric='mean_iuo': no such score is counted here; there are iou, f1"):
        swath.train(folder, out=tmp_path / "mine.swath", metric="mean_iuo", **QUICK, **SAID, **SPLIT)
    assert not (tmp_path / "mine.swath").exists()


def test_what_the_network_is_told_and_nothing_says_is_asked_for(own_data: Path, tmp_path: Path) -> None:
    placeless = tiles(own_data, tmp_path / "placeless")
    for path in placeless.glob("*/*.tif"):
        with rasterio.open(path) as dataset:
            pixels, profile = dataset.read(), dict(dataset.profile)
        del profile["crs"], profile["transform"]
        with rasterio.open(path, "w", **profile) as out:
            out.write(pixels)
    with pytest.raises(TrainError, match="told how large a pixel is, and nothing says it; say gsd=, in m"):
        swath.train(placeless, out=tmp_path / "mine.swath", **QUICK, **SAID, **SPLIT)


def test_a_run_that_gets_no_better_ends(folder: Path, tmp_path: Path) -> None:
    said = QUICK | {"validations": 10, "lr": 1e-30, "patience": 2}
    report = swath.train(folder, out=tmp_path / "mine.swath", steps=10, **said, **SAID, **SPLIT)
    assert report.ended == "no better result in 2 validations"
    assert (report.steps, report.best_step) == (3, 1)


def test_rare_classes_weigh_more_in_the_loss(folder: Path, tmp_path: Path) -> None:
    recipe = compose(folder, None, {"class_weights": "inverse", **QUICK, **SAID, **SPLIT})
    loop = made_ready(recipe, tmp_path / "mine.swath", resume=False, overwrite=False, tell=None)
    skill, batch = loop.skills[0], loop.draw.batch_of(0)
    assert skill.weights is not None
    assert skill.weights.tolist() == pytest.approx(class_weights(skill.one.statistics.counts, "inverse").tolist())
    loop.network.eval()
    plain = replace(skill, weights=None)
    with torch.no_grad():
        losses = [float(one.loss(loop.network, batch, torch.device("cpu"), 0.0)) for one in (skill, plain)]
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)


def test_bfloat16_is_mixed_with_float32(folder: Path, tmp_path: Path) -> None:
    said = QUICK | {"precision": "bfloat16", "validations": 1}
    report = swath.train(folder, out=tmp_path / "mine.swath", steps=1, **said, **SAID, **SPLIT)
    assert report.precision == "bfloat16"
    assert not logging.getLogger("lightning.fabric.utilities.rank_zero").isEnabledFor(logging.INFO)
    weights = swath.load(str(report.model)).network.state_dict().values()
    assert {one.dtype for one in weights if one.is_floating_point()} == {torch.float32}
