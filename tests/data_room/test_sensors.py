"""Places that several sensors saw: found, reported, and read on one grid."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import swath.data
from swath.errors import DataError
from tests.scene.test_stacking import COARSE, FINE, ground, write

from .several import SENSORS, floods, togo


@pytest.fixture
def ramps(tmp_path: Path) -> Path:
    """Metres east and south at 10 and at 30 m, and where it is east of the middle."""
    east = (ground(FINE)[:1] > 600).astype(np.float32)
    for name in ("a", "b", "c"):
        write(tmp_path / "ramps/s2" / f"{name}.tif", FINE, ground(FINE), ["east", "south"])
        write(tmp_path / "ramps/dem" / f"{name}.tif", COARSE, ground(COARSE), ["x", "y"])
        write(tmp_path / "ramps/labels" / f"{name}.tif", FINE, east)
    return tmp_path / "ramps"


def test_a_sample_lies_on_the_ground_where_its_label_does(ramps: Path) -> None:
    data = swath.data.open(ramps)
    assert (data.layout, len(data)) == ("sensors", 3)
    sample = data.sample(data["b"], np.s_[11:75, 33:97])
    assert sample.valid.all()
    x, y, east, south = sample.image[0]
    np.testing.assert_allclose(x, east, atol=0.1)  # m, a hundredth of a fine pixel
    np.testing.assert_allclose(y, south, atol=0.1)
    assert (east[0, 0], south[0, 0]) == (335, 115)
    np.testing.assert_array_equal(sample.target, east > 600)


def test_what_there_is_of_each_sensor_is_reported(ramps: Path) -> None:
    (ramps / "dem/c.tif").unlink()
    write(ramps / "s2/d.tif", FINE, ground(FINE), ["east", "south"])
    report = swath.data.inspect(swath.data.open(ramps))
    assert report.keep == ("a", "b")
    assert [(one.name, one.items, one.said) for one in report.sensors] == [
        ("dem", 2, {"bilinear": 2}),
        ("s2", 2, {"as it is": 2}),
    ]
    assert report.sensors[0].gsd == pytest.approx((30, 30, 30), rel=0.01)
    text = " ".join(report.describe().split())
    assert "labels/c.tif): lacks dem" in text
    assert "1 file (s2/d.tif): image without mask" in text
    assert "2 items; sensor not stated; x, y; 30 m; EPSG:32631; bilinear" in text


def test_folders_of_the_same_kind_that_lie_otherwise(ramps: Path, tmp_path: Path) -> None:
    beside, within = tmp_path / "beside", tmp_path / "within"
    for path in ramps.rglob("*.tif"):
        part = {"labels": "mask"}.get(path.parent.name, path.parent.name)
        for target in (beside / f"{path.stem}_{part}.tif", within / path.stem / f"{part}.tif"):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    for folder in (beside, within):
        data = swath.data.open(folder)
        assert (data.layout, [item.name for item in data]) == ("sensors", ["a", "b", "c"])
        assert data["a"].sensors == (("dem", 1), ("s2", 1))


def test_images_and_heights_are_of_two_sensors_and_images_alone_are_not(ramps: Path) -> None:
    (ramps / "s2").rename(ramps / "images")
    data = swath.data.open(ramps)
    assert data["a"].sensors == (("dem", 1), ("images", 1))
    assert swath.data.open(ramps, layout="pairs").bands[0].name == "east"
    shutil.rmtree(ramps / "dem")
    assert swath.data.open(ramps).layout == "pairs"


def test_dates_and_weather_of_each_place_and_terrain_of_all(tmp_path: Path) -> None:
    folder = tmp_path / "fields"
    for at, name in enumerate(("one", "two")):
        for day in ("2020-05-01", "2020-06-01"):
            write(folder / f"s2/{name}_{day}.tif", FINE, ground(FINE), ["red", "nir"])
        write(folder / f"labels/{name}.tif", FINE, (ground(FINE)[:1] > 600).astype(np.float32))
        (folder / "weather").mkdir(exist_ok=True)
        (folder / f"weather/{name}.csv").write_text(f"date,t2m\n2020-05-02,28{at}\n2020-06-03,29{at}\n")
    write(folder / "dem.tif", COARSE, ground(COARSE)[:1])
    data = swath.data.open(folder)
    assert data["one"].sensors == (("dem", 1), ("s2", 2), ("weather", 1))
    sample = data.sample(data["two"], np.s_[0:3, 0:4])
    assert [band.name for band in data.bands] == ["dem", "red", "nir", "t2m"]
    assert sample.image.shape == (2, 4, 3, 4)
    assert sample.image[:, 3, 1, 1].tolist() == [281, 291]
    np.testing.assert_array_equal(sample.image[0, 0], sample.image[1, 0])
    assert "2 items; sensor not stated; t2m; 2 dates; everywhere" in swath.data.inspect(data).describe()


def test_sensors_are_told_by_name(shared_data: Path, tmp_path: Path) -> None:
    folder = floods(tmp_path / "floods", shared_data)
    data = swath.data.open(folder, sensor=SENSORS, ignore=-1)
    assert data["tile_0"].sensors == (("s2", 1), ("s1", 1))
    assert data.sensors == tuple(SENSORS.values())
    assert [(one.name, one.sensor, one.said) for one in data.stacked] == [
        ("s2", SENSORS["s2"], "as it is"),
        ("s1", SENSORS["s1"], "bilinear"),
    ]
    with pytest.raises(DataError, match="names s3, and the folder holds s2, s1"):
        swath.data.open(folder, sensor={**SENSORS, "s3": "dem-srtm"})
    with pytest.raises(DataError, match="say which sensor is which, sensor="):
        swath.data.open(folder, sensor="sentinel-1-db")


def test_both_sensors_of_a_published_set_as_it_lies(shared_data: Path) -> None:
    data = swath.data.open(shared_data / "sen1floods11", sensor=SENSORS, ignore=-1)
    assert data.layout == "sensors"
    assert len(data.bands) == 15


def test_layers_numbered_by_date(shared_data: Path, tmp_path: Path) -> None:
    folder = togo(tmp_path / "togo", shared_data)
    assert len(swath.data.open(folder).bands) == 206
    data = swath.data.open(folder, dates="numbered")
    assert (data.dates, len(data.bands)) == (12, 19)
    assert swath.data.inspect(data).dates == {12: 4}
