"""`swath predict` without labels: a method that is fitted, dates laid over one another, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
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


def test_a_method_is_held_against_labels(own_data: Path, tmp_path: Path) -> None:
    for folder, year in (("A", 2015), ("B", 2018)):
        (tmp_path / folder).mkdir()
        shutil.copy(own_data / f"paris_{year}.tif", tmp_path / folder / "paris.tif")
    (tmp_path / "label").mkdir()
    with rasterio.open(own_data / "paris_2018.tif") as source:
        label, profile = (source.read(4) > 1500).astype("uint8"), source.profile | {"count": 1, "dtype": "uint8"}
    with rasterio.open(tmp_path / "label" / "paris.tif", "w", **(profile | {"nodata": None})) as made:
        made.write(label, 1)
    done = run("evaluate", "cva", tmp_path, "--split", "all", "--sensor", SENSOR, "--worst", 0)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("cva (change) on")
    assert "fitted to each scene by itself" in done.stdout


def test_it_says_what_it_lacks(own_data: Path, tmp_path: Path) -> None:
    done = run("predict", own_data / "paris_2015.tif", "--sensor", SENSOR, "--model", "cva", "-o", tmp_path / "a.tif")
    assert done.exit_code != 0
    assert "cva compares two dates, and the scene has 1" in done.output
    listed = run("models", "--task", "change")
    assert "none needed: fitted to each scene" in listed.output
    assert "fitted to each scene, without labels" in run("models", "irmad").output


def test_a_series_is_compared_by_pairs(own_data: Path, tmp_path: Path) -> None:
    scenes = [own_data / f"paris_{year}.tif" for year in (2015, 2018, 2018)]
    told = ("--sensor", SENSOR, "--dates", "2015,2018,2019", "--model", "cva", "-o", tmp_path / "change.tif")
    refused = run("predict", *scenes, *told)
    assert refused.exit_code != 0
    assert "--pairs consecutive or --pairs first" in refused.output
    done = run("predict", *scenes, *told, "--pairs", "first", "--vectors", tmp_path / "change.gpkg")
    assert done.exit_code == 0, done.output
    assert "2015 to 2019: change" in done.output
    with rasterio.open(tmp_path / "change.tif") as kept:
        assert kept.descriptions == ("2015 to 2018", "2015 to 2019")
        np.testing.assert_array_equal(kept.read(1), kept.read(2))
    with rasterio.open(tmp_path / "change.first-change.tif") as kept:
        assert kept.descriptions == ("first change",)
