"""`swath evaluate`: a table, a report, and one line where something is amiss."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import torch

import swath
from swath.models import registry

from .running import run

SENSOR = "sentinel-2-l1c@pre-04.00"


@pytest.fixture(scope="module")
def labelled(own_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The halves of a real scene, labelled by their brightness."""
    root = tmp_path_factory.mktemp("labels")
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    with rasterio.open(own_data / "paris_2018.tif") as source:
        values, profile = source.read(), source.profile | {"width": 128, "driver": "GTiff"}
    for half in (0, 1):
        part = values[:, :, half * 128 : half * 128 + 128]
        label = np.digitize(part[3], np.quantile(part[3], [0.3, 0.7])).astype(np.uint8)
        with rasterio.open(root / "images" / f"{half}.tif", "w", **profile) as made:
            made.write(part)
        with rasterio.open(root / "masks" / f"{half}.tif", "w", **(profile | {"count": 1, "dtype": "uint8"})) as made:
            made.write(label, 1)
    return root


@pytest.fixture(scope="module")
def weights(own_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A U-Net with random weights."""
    torch.manual_seed(0)
    scene = swath.open(own_data / "paris_2018.tif", sensor=SENSOR, bands=["B02", "B03", "B04", "B08"])
    network = registry.find("unet").build(in_channels=4, classes=3, encoder="resnet18").eval()
    card = swath.Model.wrap(network, task="segmentation", like=scene, classes=["dark", "middle", "bright"]).card
    return swath.Model.build("unet", card=card, encoder="resnet18").save(tmp_path_factory.mktemp("net") / "net.swath")


OPENED = ("--sensor", SENSOR, "--bands", "B02,B03,B04,B08", "--classes", "dark,middle,bright")


def test_a_table_and_a_report(labelled: Path, weights: Path, tmp_path: Path) -> None:
    done = run("evaluate", weights, labelled, *OPENED, "--split", "all", "--bootstrap", 20, "-o", tmp_path / "report")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].endswith("2 scenes in 1 place, 65,536 labelled pixels")
    assert any(line.startswith("mean IoU") for line in lines)
    assert any(line.startswith("bright") for line in lines)
    told = json.loads((tmp_path / "report" / "report.json").read_text())
    assert f"{told['scores']['mean_iou']:.3f}" in next(line for line in lines if line.startswith("mean IoU"))


def test_points_are_widened(own_data: Path, weights: Path, tmp_path: Path) -> None:
    shutil.copy(own_data / "paris_2018.tif", tmp_path / "paris.tif")
    with rasterio.open(tmp_path / "paris.tif") as source:
        x, y = (np.array(part) for part in source.xy([40, 130, 220], [60, 130, 200]))
        points = gpd.GeoDataFrame(
            {"kind": ["dark", "middle", "bright"]}, geometry=gpd.points_from_xy(x, y, crs=source.crs)
        )
    points.to_file(tmp_path / "points.gpkg")
    told = (*OPENED[:4], "--label-field", "kind", "--split", "all", "--bootstrap", 0)
    assert run("evaluate", weights, tmp_path, *told).exit_code == 1
    done = run("evaluate", weights, tmp_path, *told, "--buffer", 100)
    assert done.exit_code == 0, done.output
    pixels = int(re.search(r"([\d,]+) labelled pixels", done.stdout)[1].replace(",", ""))  # type: ignore[index]
    assert pixels == pytest.approx(3 * np.pi * 100**2 / 10.5**2, rel=0.1), "three circles of 100 m"


def test_what_is_amiss_is_one_line_in_the_words_of_the_command_line(labelled: Path, weights: Path) -> None:
    unknown = run("evaluate", weights, labelled, *OPENED)
    assert unknown.exit_code == 1
    assert "say --split all if" in unknown.stderr
    assert "or --split-file with the split" in unknown.stderr
    other = run("evaluate", weights, labelled, *OPENED[:4], "--classes", "dark,middle,snow", "--split", "all")
    assert other.exit_code == 1
    assert "--match-classes 'snow=bright', with nothing behind = for what is not to count" in other.stderr
    settled = run(
        "evaluate", weights, labelled, *OPENED[:4], "--classes", "0=dark,1=middle,2=snow", "--split", "all",
        "--match-classes", "snow=bright", "--bootstrap", 0,
    )  # fmt: skip
    assert settled.exit_code == 0, settled.output
    assert run("evaluate", weights, labelled, "--classes", "a=b").exit_code == 2
    assert run("evaluate", weights, labelled, *OPENED, "--split", "all", "--match-classes", "snow").exit_code == 2
