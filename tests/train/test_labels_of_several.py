"""Several sensors under shapes, or with a class for each place: inspected, trained on, scored and predicted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import swath
import swath.data
from tests.cli.running import run
from tests.data_room.several import SENSORS, TREES, into_folders, land, shores_by_class, trees

from .making import QUICK

SHORT = ["--steps", 3, "--batch", 2, "--precision", "float32", "--accelerator", "cpu", "--set", "validations=1"]
TINY = [
    "--network",
    "timm",
    "--set",
    "options.encoder=resnet10t",
    "--set",
    "options.options={channels: [8, 16, 16, 16]}",
]


def done(*arguments: object) -> str:
    """What a command says that must not fail."""
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr or result.output
    return str(result.stdout)


def test_shapes_over_several_sensors_become_a_map(shared_data: Path, tmp_path: Path) -> None:
    folder, model = land(tmp_path / "land", shared_data), tmp_path / "land.swath"
    said = ["--sensor", "s2=sentinel-2-l1c@values", "--label-field", "LULC_NAME", "--classes", "forest,grassland"]
    report = done("data", "inspect", folder, *said)
    assert "segmentation, arranged as sensors" in report
    assert "4 items; sensor not stated; dem; 30" in " ".join(report.split())
    kept = ["--val", "ne", "--test", "sw"]
    done("train", folder, *said, *SHORT, "--network", "pixel-mlp", "--crop", 32, *kept, "-o", model)
    card = swath.load(str(model)).card
    assert [(one.name, one.resampling) for one in card.inputs[0].stack] == [("s2", "as it is"), ("dem", "bilinear")]
    scored = done("evaluate", model, folder, *said, "--bootstrap", 0, "--worst", 0)
    assert "IoU" in scored
    named = [f"{name}={folder / name / 'sw.tif'}" for name in ("s2", "dem")]
    done("predict", *named, "--sensor", said[1], "-m", model, "-o", tmp_path / "map.tif")
    found = swath.open(tmp_path / "map.tif")
    assert found.shape[2:] == (48, 48)
    assert found.grid == swath.open(folder / "s2/sw.tif", sensor="sentinel-2-l1c@values").grid
    result = run("predict", named[0], "--sensor", said[1], "-m", model, "-o", tmp_path / "no.tif")
    assert result.exit_code == 1
    assert "it lacks dem (dem) of the 2 sensors that the model takes together (s2, dem)" in result.stderr


def test_classes_of_places_that_several_sensors_saw(shared_data: Path, tmp_path: Path) -> None:
    folder, told = shores_by_class(tmp_path / "shores", shared_data)
    (folder / "classes.csv").write_text("name,label\n" + "".join(f"{name},{label}\n" for name, label in told.items()))
    model = tmp_path / "shores.swath"
    said = ["--sensor", ",".join(f"{name}={sensor}" for name, sensor in SENSORS.items())]
    assert "classification, arranged as sensors" in done("data", "inspect", folder, *said)
    names = {label: [name for name, one in told.items() if one == label] for label in ("dry", "wet")}
    kept = ["--val", ",".join(own[1] for own in names.values()), "--test", ",".join(own[2] for own in names.values())]
    done("train", folder, *said, *SHORT, *TINY, "--crop", 32, *kept, "-o", model)
    card = swath.load(str(model)).card
    assert (card.task, [one.name for one in card.inputs[0].stack]) == ("classification", ["s2", "s1"])
    assert "accuracy" in done("evaluate", model, folder, *said, "--bootstrap", 0, "--worst", 0)
    files = [f"{name}={folder / name / 'tile_5.tif'}" for name in SENSORS]
    done("predict", *files, *said, "-m", model, "-o", tmp_path / "map.tif")
    from_table = swath.open(tmp_path / "map.tif").read()[0]
    assert from_table.shape[2:] == (1, 1), "a place is a tile"

    # The same places in folders are the same data.
    before = swath.data.open(folder, sensor=SENSORS)
    images = {item.name: before.sample(item).image for item in before}
    (folder / "classes.csv").unlink()
    after = swath.data.open(into_folders(folder, told), sensor=SENSORS)
    for item in before:
        twin = after[f"{told[item.name]}/{item.name}"]
        np.testing.assert_array_equal(images[item.name], after.sample(twin).image)
        assert before.counts(item) == after.counts(twin)


def test_trees_from_a_photograph_and_the_medians_of_two_sentinels(shared_data: Path, tmp_path: Path) -> None:
    folder = trees(tmp_path / "trees", shared_data)
    tiny: dict[str, Any] = {"encoder": "resnet10t", "options": {"channels": [8, 16, 16, 16]}}
    said: dict[str, Any] = {**QUICK, "network": "timm", "options": tiny, "crop": 64, "steps": 3, "validations": 1}
    report = swath.train(folder, out=tmp_path / "trees.swath", **said)
    model = swath.load(str(report.model))
    assert [one.name for one in model.card.inputs[0].stack] == ["aerial", "s2", "s1_asc", "s1_des"]
    assert len(model.card.inputs[0].bands) == 18
    data = swath.data.open(folder)
    assert "F1" in swath.evaluate(model, data, split="all", bootstrap=0, worst=0).describe()
    answer, valid = swath.predict(data.scene(data[TREES]), model).read(None)
    assert valid.any()
    assert answer.shape[0] == 15
