"""`swath predict` without labels: a method that is fitted, dates laid over one another, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import rasterio

from .running import run

SENSOR = "sentinel-2-l1c@pre-04.00"


def test_change_by_irmad(own_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "change.tif"
    scenes = (own_data / "paris_2015.tif", own_data / "paris_2018.tif", "--sensor", SENSOR)
    done = run(
        *("predict", *scenes, "--task", "change", "--model", "irmad", "-o", out),
        *("--coregister", "--match-radiometry", "--probabilities"),
    )
    assert done.exit_code == 0, done.output
    assert "was brought to the light of paris_2015" in done.output
    assert "no change" in done.output
    told = json.loads(out.with_name("change.tif.stac.json").read_text())["properties"]
    assert told["swath:model"]["source"] == "irmad"
    assert len(told["swath:options"]["coregister"]) == 2
    with rasterio.open(tmp_path / "change.probabilities.tif") as kept:
        assert kept.descriptions == ("no change", "change")
    assert run("verify", out).exit_code == 0


def test_it_says_what_it_lacks(own_data: Path, tmp_path: Path) -> None:
    done = run("predict", own_data / "paris_2015.tif", "--sensor", SENSOR, "--model", "cva", "-o", tmp_path / "a.tif")
    assert done.exit_code != 0
    assert "cva compares two dates, and the scene has 1" in done.output
    listed = run("models", "--task", "change")
    assert "none needed: fitted to each scene" in listed.output
    assert "fitted to each scene, without labels" in run("models", "irmad").output
