"""`swath predict`, `verify` and `models`: from a scene and a weight file to a map, its shapes, its record, and back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import torch

import swath
from swath.models import registry

from .running import run

SENSOR = "sentinel-2-l1c@pre-04.00"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, own_data: Path) -> Path:
    """A small U-Net with random weights and its card, in a file."""
    torch.manual_seed(3)
    scene = swath.open(own_data / "paris_2015.tif", sensor=SENSOR)
    network = registry.find("unet").build(in_channels=4, classes=3, encoder="resnet18")
    card = swath.Model.wrap(network.eval(), task="segmentation", like=scene, classes=["water", "built", "green"]).card
    model = swath.Model.build("unet", card=card, encoder="resnet18")
    model.network.load_state_dict(network.state_dict())
    return model.save(tmp_path_factory.mktemp("weights") / "net.swath")


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory, own_data: Path, weights: Path) -> Path:
    """A map made at the command line, with shapes and a picture."""
    out = tmp_path_factory.mktemp("out") / "map.tif"
    done = run(
        "predict",
        own_data / "paris_2015.tif",
        *("--sensor", SENSOR, "--model", weights, "-o", out, "--stitch", "blend", "--tile", 128),
        *("--vectors", out.with_suffix(".gpkg"), "--min-area", 2000, "--look", out.with_suffix(".png")),
    )
    assert done.exit_code == 0, done.output
    assert str(out) in done.output
    assert "built" in done.output
    return out


def test_everything_lies_beside_the_map(mapped: Path, own_data: Path) -> None:
    with rasterio.open(mapped) as made, rasterio.open(own_data / "paris_2015.tif") as seen:
        assert made.transform.almost_equals(seen.transform)
        assert made.crs == seen.crs
        assert set(np.unique(made.read(1))) <= {0, 1, 2}
        assert made.colormap(1)
    shapes = geopandas.read_file(mapped.with_suffix(".gpkg"))
    assert {"name", "area_m2", "confidence"} <= set(shapes.columns)
    assert shapes.area_m2.sum() == pytest.approx(256 * 256 * 10.517**2, rel=0.01)
    record = json.loads(mapped.with_name("map.tif.stac.json").read_text())
    assert record["properties"]["swath:model"]["hash"]
    assert mapped.with_suffix(".png").stat().st_size > 10_000


def test_it_is_what_its_record_says(mapped: Path, tmp_path: Path) -> None:
    done = run("verify", mapped, "--share", 1)
    assert done.exit_code == 0, done.output
    assert "is what its record says" in done.output
    again = run("predict", "--again", mapped.with_name("map.tif.stac.json"), "-o", tmp_path / "again.tif")
    assert again.exit_code == 0, again.output
    with rasterio.open(mapped) as first, rasterio.open(tmp_path / "again.tif") as second:
        np.testing.assert_array_equal(first.read(), second.read())


def test_a_product_that_was_changed_is_found_out(mapped: Path, tmp_path: Path) -> None:
    for path in mapped.parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with rasterio.open(tmp_path / mapped.name, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as made:
        made.write((made.read(1) + 1) % 3, 1)
    record = tmp_path / "map.tif.stac.json"
    text = record.read_text()
    record.write_text(text.replace(f"../{mapped.parent.name}/", str(mapped.parent) + "/"))
    done = run("verify", tmp_path / mapped.name, "--share", 1)
    assert done.exit_code == 1, done.output


def test_scenes_that_do_not_fit_are_refused_in_one_line(own_data: Path, weights: Path, tmp_path: Path) -> None:
    for arguments, words in (
        ((own_data / "paris_2015.tif",), ("does not fit", "--sensor")),
        ((own_data / "worldcover_2021.tif",), ("does not fit",)),
        ((own_data / "paris_2015.tif", "--sensor", SENSOR, "--task", "change"), ("it has 1 date", "takes 2")),
        ((tmp_path / "none.tif",), ("no such file",)),
    ):
        done = run("predict", *arguments, "-m", weights, "-o", tmp_path / "x.tif")
        assert done.exit_code == 1, done.output
        assert done.output.startswith("error: ")
        assert done.output.count("\n") == 1
        assert all(word in done.output for word in words), done.output
    assert list(tmp_path.iterdir()) == []


def test_wrong_command_lines(own_data: Path, weights: Path, tmp_path: Path) -> None:
    scene = own_data / "paris_2015.tif"
    for arguments in (
        ("predict", scene, "-m", weights),
        ("predict", scene, "-o", tmp_path / "x.tif"),
        ("predict", "-o", tmp_path / "x.tif"),
        ("predict", scene, "-m", weights, "-o", tmp_path / "x.tif", "--stitch", "glue"),
        ("predict", scene, "-m", weights, "-o", tmp_path / "x.tif", "--match-bands", "B02"),
        ("predict", scene, "-m", weights, "-o", tmp_path / "x.tif", "--extent", "1,2,3"),
        ("models", "--task", "cooking"),
    ):
        done = run(*arguments)
        assert done.exit_code == 2, done.output
        assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (["-o", "map.png"], "ends with .tif"),
        (["-o", "map.tif", "--vectors", "map.shp"], ".gpkg"),
        (["-o", "map.tif", "--look", "map.xyz"], "use .png"),
        (["-o", "map.tif", "--look", "nowhere/map.png"], "nowhere"),
    ],
)
def test_names_that_cannot_be_are_told_before_the_work(
    own_data: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: list[str], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("predict", own_data / "paris_2015.tif", "--sensor", SENSOR, "-m", weights, *wrong)
    assert (done.exit_code, why in done.stderr) == (1, True), done.output
    assert list(tmp_path.iterdir()) == []


def test_an_existing_map_is_not_replaced_unasked(mapped: Path, own_data: Path, weights: Path) -> None:
    done = run("predict", own_data / "paris_2015.tif", "--sensor", SENSOR, "-m", weights, "-o", mapped)
    assert done.exit_code == 1
    assert "--overwrite" in done.output


def test_tiles_that_overlap_make_a_coarse_map_finer(own_data: Path, tmp_path: Path) -> None:
    told = ("--sensor", SENSOR, "--bands", "B02,B03,B04,B08", "--model", "eurosat-rgb:eurosat-rgb-reflectance")
    sizes = {}
    for overlap in (None, "0.5", "48"):
        out = tmp_path / f"{overlap}.tif"
        more = ("--overlap", overlap) if overlap else ()
        done = run("predict", own_data / "paris_2018.tif", *told, "-o", out, *more)
        assert done.exit_code == 0, done.output
        with rasterio.open(out) as source:
            sizes[overlap] = source.shape
    assert sizes == {None: (4, 4), "0.5": (8, 8), "48": (16, 16)}
    done = run("predict", own_data / "paris_2018.tif", *told, "-o", tmp_path / "x.tif", "--overlap", "64")
    assert done.exit_code == 1
    assert "an overlap of 64 does not fit tiles of 64 px" in done.stderr


def test_options_of_a_method_are_given_and_kept(own_data: Path, weights: Path, tmp_path: Path) -> None:
    asked = ("predict", own_data / "paris_2018.tif", "--sensor", SENSOR)
    out = tmp_path / "units.tif"
    done = run(*asked, "--model", "pca-clusters", "--set", "options.classes=5", "--set", "options.around=1", "-o", out)
    assert done.exit_code == 0, done.output
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("unit ")] == list("12345")
    record = json.loads((tmp_path / "units.tif.stac.json").read_text())["properties"]
    assert record["swath:options"]["options"] == {"classes": 5, "around": 1}
    assert run("predict", "--again", out, "-o", tmp_path / "again.tif").exit_code == 0
    with rasterio.open(out) as one, rasterio.open(tmp_path / "again.tif") as other:
        np.testing.assert_array_equal(one.read(), other.read())
    for wrong, why in {
        "options.units=5": "it takes in_channels, classes, share",
        "options.classes=many": "classes must be 1 or more; found many",
        "classes=5": "--set classes: here it gives arguments of a method alone",
        "options=5": "write options.NAME=VALUE",
    }.items():
        done = run(*asked, "--model", "pca-clusters", "--set", wrong, "-o", tmp_path / "no.tif")
        assert done.exit_code != 0
        assert why in " ".join(re.sub("[^ -~]", " ", done.output).split()), wrong
    done = run(*asked, "--model", weights, "--set", "options.classes=5", "-o", tmp_path / "no.tif")
    assert "they are for methods that are fitted to the scene" in done.output
    assert not (tmp_path / "no.tif").exists()


def test_models_are_listed_and_described(weights: Path) -> None:
    assert "U-Net" in run("models").output
    assert run("models", "--task", "detection").output.startswith("none")
    card = run("models", weights).output
    assert "gives" in card
    assert "built" in card
    assert run("models", "unett").exit_code == 1
    assert "did you mean unet" in run("models", "unett").output
