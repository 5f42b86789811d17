"""From places that several sensors saw to a map: trained, scored, predicted on several files, refused without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import swath
from swath.errors import MatchError
from tests.cli.running import run
from tests.data_room.several import SENSORS, floods, togo

from .making import QUICK

SHORT: dict[str, Any] = {**QUICK, "validations": 1, "steps": 2, "reach": True}


def test_two_sensors_from_labels_to_a_map(shared_data: Path, tmp_path: Path) -> None:
    folder = floods(tmp_path / "floods", shared_data)
    said = {"sensor": SENSORS, "ignore": -1, "classes": ["land", "water"], "val": ["tile_4"], "test": ["tile_5"]}
    report = swath.train(folder, out=tmp_path / "floods.swath", **{**SHORT, "network": "pixel-mlp"}, **said)
    model = swath.load(str(report.model))
    given = model.card.inputs[0]
    assert [(one.name, one.sensor, one.resampling) for one in given.stack] == [
        ("s2", SENSORS["s2"], "as it is"),
        ("s1", SENSORS["s1"], "bilinear"),
    ]
    assert "s1: sentinel-1-db, 17.7 m, bilinear: VV, VH" in model.card.describe()
    data = swath.data.open(folder, sensor=SENSORS, ignore=-1, classes=["land", "water"])
    scored = swath.evaluate(model, data, split="all", bootstrap=0)
    assert "IoU" in scored.describe()

    files = {name: folder / name / "tile_5.tif" for name in SENSORS}
    scene = swath.open(files, sensor=SENSORS)
    np.testing.assert_array_equal(scene.read()[0], data.scene(data["tile_5"]).read()[0])
    product = swath.predict(scene, model)
    whole, _ = product.read(None)

    # Without names, in another order, from the command line: the same map, and one that can be made again.
    out = tmp_path / "map.tif"
    kinds = f"{SENSORS['s1']},{SENSORS['s2']}"
    result = run("predict", files["s1"], files["s2"], "--sensor", kinds, "--model", report.model, "-o", out)
    assert result.exit_code == 0, result.stderr
    named = [f"{name}={path}" for name, path in files.items()]
    kinds = ",".join(f"{name}={sensor}" for name, sensor in SENSORS.items())
    result = run("predict", *named, "--sensor", kinds, "-m", report.model, "-o", tmp_path / "again.tif")
    assert result.exit_code == 0, result.stderr
    for path in (out, tmp_path / "again.tif"):
        np.testing.assert_array_equal(swath.open(path).read()[0][0], whole.astype(np.float32))
    assert swath.verify(out).same

    # What is missing, and what nothing tells, is said in one sentence.
    result = run("predict", files["s2"], "--sensor", SENSORS["s2"], "-m", report.model, "-o", tmp_path / "no.tif")
    assert result.exit_code == 1
    assert result.stderr.strip() == (
        "error: tile_5.tif does not fit floods: it lacks s1 (VV, VH) of the 2 sensors that the model takes together "
        "(s2, s1): give its file too, s1=PATH"
    )
    assert not (tmp_path / "no.tif").exists()
    result = run("predict", *named, "--sensor", f"s2={SENSORS['s2']}", "-m", report.model, "-o", tmp_path / "no.tif")
    assert result.stderr.strip().endswith("which of what was opened is s1 (VV, VH): say --sensor s1=sentinel-1-db")
    with pytest.raises(MatchError, match=r"which of what was opened is s2 \(.*\) and s1 \(VV, VH\): say sensor="):
        swath.predict(swath.open(files), model)


def test_radar_light_and_weather_of_twelve_dates_in_one_file(shared_data: Path, tmp_path: Path) -> None:
    folder = togo(tmp_path / "togo", shared_data)
    bands = ["VV", "VH", "B4", "B8", "temperature_2m", "total_precipitation"]
    said = {"bands": bands, "dates": "numbered", "val": ["field_2*"], "test": ["field_3*"], "classes": ["low", "high"]}
    options = {"width": 16, "inner": 16, "heads": 2, "keys": 4, "decoder": [8]}
    short = {**SHORT, "network": "ltae", "options": options, "crop": 16}
    report = swath.train(folder, out=tmp_path / "togo.swath", **short, **said)
    model = swath.load(str(report.model))
    assert [band.name for band in model.card.inputs[0].bands] == bands
    assert model.card.inputs[0].dates.min == 12
    scene = swath.open(next((shared_data / "togo_s1s2era5_24m").glob("*.tif")), dates="numbered")
    _, valid = swath.predict(scene, model).read(None)
    assert valid.all()
    with pytest.raises(MatchError, match="12"):
        swath.predict(swath.open(next((shared_data / "togo_s1s2era5_24m").glob("*.tif"))), model)
