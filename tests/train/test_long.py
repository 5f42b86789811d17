"""What takes minutes: that what is learnt is good, and that several devices learn together."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import swath
from swath.train.evaluate import evaluate

from .making import tiles


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_twenty_tiles_make_a_model_that_finds_buildings(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "twenty"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
        for path in sorted((shared_data / "hotosm_buildings" / part).glob("*.png"))[4:100:5]:
            shutil.copy(path, folder / part / path.name)
    report = swath.train(folder, network="stsun-tiny", out=tmp_path / "mine.swath", steps=400, gsd=0.15)
    assert report.skills[0].scores["iou"] > 0.5
    found = evaluate(report.model, folder, open_with={"gsd": 0.15})
    assert found.pooled["iou"] > 0.45


@pytest.mark.long
@pytest.mark.timeout(900)
def test_two_processes_learn_together(own_data: Path, tmp_path: Path) -> None:
    folder = tiles(own_data, tmp_path / "green")
    said = [folder, "--network", "stsun-nano", "--sensor", "sentinel-2-l1c@pre-04.00", "--bands", "B02,B03,B04,B08"]
    said += ["--steps", 4, "--crop", 32, "--batch", 2, "--precision", "float32", "--accelerator", "cpu", "--devices", 2]
    out = tmp_path / "mine.swath"
    done = subprocess.run(
        [str(Path(sys.executable).with_name("swath")), "train", *map(str, said), "-o", str(out)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the budget is used up") == 1
    assert all(np.isfinite(score.value) for score in swath.load(str(out)).card.scores)
