"""Networks for classes of whole images, and for series with their days, are trained; what they learn is kept."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import swath
from swath.errors import TrainError
from swath.train.learner import Skill

from .making import QUICK, SAID, tiles

LWGANET: dict[str, Any] = {"width": 16, "depths": [1, 1, 1, 1]}
UTAE: dict[str, Any] = {"widths": [16, 16], "decoder_widths": [8, 16], "inner": 32, "heads": 4}
SPLIT: dict[str, Any] = {"val": ["tile_0_*"], "test": ["tile_3_*"]}


def test_a_network_learns_classes_of_images(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scenes"
    for name in ("Forest", "Residential", "SeaLake"):
        (folder / name).mkdir(parents=True)
        for image in sorted((shared_data / "eurosat_rgb" / name).glob("*.jpg"))[:8]:
            shutil.copy(image, folder / name / image.name)
    said = {**QUICK, "network": "lwganet", "options": LWGANET, "crop": 64, "batch": 4, "validations": 1, "steps": 3}
    report = swath.train(folder, out=tmp_path / "mine.swath", gsd=10.0, mix=0.5, **said)
    model = swath.load(str(report.model))
    assert model.task == "classification"
    assert [label.name for label in model.card.output.classes] == ["Forest", "Residential", "SeaLake"]
    assert {score.metric for score in model.card.scores} >= {"accuracy"}


@pytest.fixture
def series(own_data: Path, tmp_path: Path) -> Path:
    """Two dates with a map of what grows on the second; the days of the second half are others."""
    folder = tiles(own_data, tmp_path / "series", changed=True)
    for path in sorted(folder.glob("[AB]/*.tif")):
        year = 2015 if path.parent.name == "A" else 2018
        with rasterio.open(path, "r+") as file:
            file.update_tags(ACQUISITIONDATETIME=f"{year}-0{6 + int(path.stem[-1]) // 2}-01")
    return folder


def test_a_network_learns_from_a_series_and_its_days(
    series: Path, own_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    days_of = Skill._days_of

    def watched(self: Skill, samples: Any) -> Any:
        told.append(days_of(self, samples))
        return told[-1]

    monkeypatch.setattr(Skill, "_days_of", watched)
    said = {**QUICK, "network": "utae", "options": UTAE, "validations": 1, "steps": 4}
    report = swath.train(series, task="segmentation", out=tmp_path / "mine.swath", **said, **SAID, **SPLIT)
    june, july = (np.datetime64(f"2015-0{month}-01").astype(int) for month in (6, 7))
    assert {float(days) for batch in told for days in batch[:, 0]} == {june, july}, "each crop has its own days"
    model = swath.load(str(report.model))
    assert model.card.takes == ("days",)
    assert model.card.inputs[0].dates.given == "axis"
    pair = [str(own_data / f"paris_{year}.tif") for year in (2015, 2018)]
    scene = swath.open(*pair, dates=["2015-06-01", "2018-06-01"], **SAID)
    assert swath.predict(scene, model, precision="float32").grid == scene.grid


def test_a_series_without_days_is_refused(own_data: Path, tmp_path: Path) -> None:
    folder = tiles(own_data, tmp_path / "series", changed=True)
    said = {**QUICK, "network": "utae", "options": UTAE, "steps": 1}
    with pytest.raises(TrainError, match="date the images"):
        swath.train(folder, task="segmentation", out=tmp_path / "mine.swath", **said, **SAID, **SPLIT)
