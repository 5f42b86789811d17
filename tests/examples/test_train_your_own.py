"""What docs/train-your-own.md tells: labels beside the demo's imagery become a model, a score and a map."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import rasterio
from typer.testing import CliRunner

from swath.cli import app

DATA = Path(__file__).parents[2] / "examples" / "data"
SAID = ["--sensor", "drone-rgb", "--classes", "background,building"]
QUICK = ["--network", "stsun-nano", "--steps", 2, "--batch", 1, "--crop", 64, "--set", "reach=false"]
GOOD = ["--network", "stsun-tiny", "--minutes", 10]


def run(*arguments: object) -> Any:
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def tiles_to_map(folder: Path, how: list[Any]) -> tuple[str, Path]:
    """From the sixteen tiles to a map of the mosaic between them."""
    labels, model, out = DATA / "kampala_tiles", folder / "mine.swath", folder / "buildings.tif"
    told = run("train", labels, "--task", "segmentation", *SAID, "--gsd", 0.15, *how, "-o", model)
    assert "255 is building; taken so; --classes and --ignore say it otherwise" in told
    scores = run("evaluate", model, labels, "--sensor", "drone-rgb", "--gsd", 0.15, "--classes", "background,building")
    run(
        "predict", DATA / "kampala.tif", "--sensor", "drone-rgb", "-m", model, "-o", out, "--vectors", folder / "a.gpkg"
    )
    return scores, out


def shapes_to_map(folder: Path, how: list[Any]) -> tuple[str, Path]:
    """From polygons over one scene to a map of it."""
    labels, model, out = folder / "school", folder / "own.swath", folder / "school.tif"
    labels.mkdir()
    shutil.copy(DATA / "kampala.tif", labels)
    shutil.copy(DATA / "kampala_buildings.gpkg", labels)
    run("train", labels, "--label-field", "kind", *SAID, *how, "-o", model)
    scores = run("evaluate", model, labels, "--label-field", "kind", *SAID)
    run("predict", labels / "kampala.tif", "--sensor", "drone-rgb", "-m", model, "-o", out)
    return scores, out


@pytest.mark.parametrize("job", [tiles_to_map, shapes_to_map])
def test_labels_become_a_model_a_score_and_a_map(job: Any, tmp_path: Path) -> None:
    scores, out = job(tmp_path, QUICK)
    assert "labelled pixels" in scores
    with rasterio.open(out) as made, rasterio.open(DATA / "kampala.tif") as scene:
        assert (made.shape, made.crs, made.transform) == (scene.shape, scene.crs, scene.transform)
        assert set(made.read(1).ravel().tolist()) <= {0, 1}
    if job is shapes_to_map:
        assert "cut into 8 blocks" in scores


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_sixteen_tiles_find_most_of_the_buildings_between_them(tmp_path: Path) -> None:
    tiles_to_map(tmp_path, GOOD)
    found = gpd.read_file(tmp_path / "a.gpkg")
    told = gpd.read_file(DATA / "kampala_buildings.gpkg")
    ours, theirs = found[found["name"] == "building"].union_all(), told.union_all()
    assert ours.intersection(theirs).area / ours.union(theirs).area > 0.4
