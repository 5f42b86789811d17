"""Several sensors in one scene: each lies on the ground where it should, at the dates where it should."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

import swath
from swath.errors import GridError, OpenError
from swath.scene.opened import reopened, story
from swath.scene.stacking import NEAREST_DAYS

FINE = GeoBox((90, 120), Affine(10, 0, 500_000, 0, -10, 5_000_000), "EPSG:32631")
COARSE = GeoBox((32, 42), Affine(30, 0, 499_975, 0, -30, 5_000_035), "EPSG:32631")
"""Its pixels begin 2.5 and 3.5 fine ones outside of the fine grid, so that no corner lies on a corner."""


def ground(grid: GeoBox) -> NDArray[np.float32]:
    """Metres east and south of the fine grid's corner at the middle of each pixel, `[2, y, x]`."""
    rows, columns = np.mgrid[0 : grid.shape.y, 0 : grid.shape.x] + 0.5
    x, y = grid.affine @ (columns, rows)
    east, south = np.asarray(x) - 500_000, 5_000_000 - np.asarray(y)
    return np.stack([east, south]).astype(np.float32)


def write(path: Path, grid: GeoBox, values: NDArray[np.float32], names: Sequence[str] = ()) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = grid.shape
    crs = None if grid.crs is None else grid.crs.to_wkt()
    profile = {"driver": "GTiff", "width": width, "height": height, "dtype": "float32", "crs": crs}
    with rasterio.open(path, "w", count=len(values), transform=grid.affine, **profile) as file:
        file.write(values)
        for at, name in enumerate(names, 1):
            file.set_band_description(at, name)
    return path


def test_sensors_of_different_resolution_lie_on_the_same_ground(tmp_path: Path) -> None:
    fine = write(tmp_path / "fine.tif", FINE, ground(FINE), ["east", "south"])
    coarse = write(tmp_path / "coarse.tif", COARSE, ground(COARSE), ["east", "south"])
    scene = swath.open({"dem": coarse, "s2": fine})
    assert scene.grid == FINE
    assert [band.name for band in scene.bands] == ["dem_east", "dem_south", "s2_east", "s2_south"]
    values, valid = scene.read()
    assert valid.all()
    np.testing.assert_allclose(values[0, 0:2], values[0, 2:4], atol=0.1)  # m, a hundredth of a fine pixel
    assert [one.said for one in scene.stacked] == ["bilinear", "as it is"]
    assert [one.gsd for one in scene.stacked] == pytest.approx([30, 10], rel=0.01)


def test_a_sensor_in_another_crs_lies_on_the_same_ground(tmp_path: Path) -> None:
    fine = write(tmp_path / "fine.tif", FINE, ground(FINE), ["east", "south"])
    degrees = FINE.pad(20).to_crs("EPSG:4326", resolution=0.0003)
    rows, columns = np.mgrid[0 : degrees.shape.y, 0 : degrees.shape.x] + 0.5
    lon, lat = degrees.affine @ (columns, rows)
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4326", "EPSG:32631", always_xy=True).transform(lon, lat)
    seen = np.stack([np.asarray(x) - 500_000, 5_000_000 - np.asarray(y)]).astype(np.float32)
    scene = swath.open({"s2": fine, "dem": write(tmp_path / "dem.tif", degrees, seen, ["a", "b"])})
    values, valid = scene.read()
    assert valid.all()
    np.testing.assert_allclose(values[0, 0:2], values[0, 2:4], atol=1.0)  # m, a tenth of a fine pixel


def test_classes_are_not_mixed_and_a_window_is_a_part_of_the_whole(tmp_path: Path) -> None:
    fine = write(tmp_path / "fine.tif", FINE, ground(FINE), ["east", "south"])
    numbers = np.random.default_rng(0).choice([10, 50, 80], (1, *COARSE.shape)).astype(np.float32)
    cover = swath.open(
        write(tmp_path / "cover.tif", COARSE, numbers), bands=[swath.Band(name="cover", kind="categorical")]
    )
    scene = swath.stack(swath.open(fine), cover, names=["s2", "cover"])
    whole, _ = scene.read()
    assert set(np.unique(whole[0, 2])) == {10, 50, 80}
    part, _ = scene.read(np.s_[31:64, 45:90])
    np.testing.assert_array_equal(part, whole[:, :, 31:64, 45:90])


def test_a_cut_scene_is_stacked_where_it_lies(tmp_path: Path) -> None:
    fine = swath.open(write(tmp_path / "fine.tif", FINE, ground(FINE), ["east", "south"]))
    coarse = swath.open(write(tmp_path / "coarse.tif", COARSE, ground(COARSE), ["x", "y"]))
    scene = swath.stack(fine.select(window=np.s_[20:50, 30:70]), coarse, names=["s2", "dem"])
    values, valid = scene.read()
    assert valid.all()
    np.testing.assert_allclose(values[0, 0:2], values[0, 2:4], atol=0.1)
    assert values[0, 0, 0, 0] == 305


def test_names_are_those_of_sensors_where_bands_have_none(tmp_path: Path) -> None:
    one, two = ground(FINE)[:1], ground(FINE)
    scene = swath.open({"dem": write(tmp_path / "a.tif", FINE, one), "s1": write(tmp_path / "b.tif", FINE, two)})
    assert [band.name for band in scene.bands] == ["dem", "s1_1", "s1_2"]


def series(folder: Path, days: Sequence[str], name: str) -> list[Path]:
    return [
        write(folder / f"{name}_{day}.tif", FINE, np.full((2, *FINE.shape), at, np.float32), [f"{name}a", f"{name}b"])
        for at, day in enumerate(days)
    ]


def test_dates_are_those_of_the_finest_and_others_the_nearest(tmp_path: Path) -> None:
    table = tmp_path / "weather.csv"
    table.write_text("rain [kg m-2],date,t2m [kelvin]\n3,2020-01-11,283\n1,2020-01-01,281\n,2020-01-31,285\n")
    s2 = series(tmp_path / "s2", ["2020-01-01", "2020-01-12", "2020-01-30"], "s2")
    s1 = series(tmp_path / "s1", ["2020-01-03", "2020-01-14"], "s1")
    dem = write(tmp_path / "dem.tif", COARSE, ground(COARSE)[:1])
    scene = swath.open({"s2": s2, "s1": s1, "dem": dem, "weather": table})
    assert [str(date) for date in scene.dates] == ["2020-01-01", "2020-01-12", "2020-01-30"]
    assert [band.units for band in scene.bands][-2:] == ["kg m-2", "kelvin"]
    values, valid = scene.read(np.s_[4:6, 5:7])
    s1a, rain, kelvin = (scene.band_indexes(name)[0] for name in ("s1a", "rain", "t2m"))
    assert values[:2, s1a, 0, 0].tolist() == [0, 1]
    assert not valid[2, s1a].any()  # 16 days away
    assert any(f"within {NEAREST_DAYS} days" in note for note in scene.notes)
    assert (values[:, kelvin] == np.array([281, 283, 285])[:, None, None]).all()
    assert values[:2, rain, 0, 0].tolist() == [1, 3]
    assert not valid[2, rain].any()
    np.testing.assert_array_equal(values[0, scene.band_indexes("dem")], values[2, scene.band_indexes("dem")])


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    fine = write(tmp_path / "fine.tif", FINE, ground(FINE), ["x", "y"])
    elsewhere = GeoBox(FINE.shape, FINE.affine @ Affine.translation(1e4, 0), FINE.crs)
    far = write(tmp_path / "far.tif", elsewhere, ground(FINE), ["u", "v"])
    with pytest.raises(GridError, match="lies elsewhere"):
        swath.open({"s2": fine, "s1": far})
    with pytest.raises(GridError, match="within 10 days"):
        swath.open(
            {
                "s2": series(tmp_path / "s2", ["2020-01-01", "2020-01-12"], "s2"),
                "s1": series(tmp_path / "s1", ["2021-01-01", "2021-01-12"], "s1"),
            }
        )
    with pytest.raises(OpenError, match="names s3; the sources are s2"):
        swath.open({"s2": fine}, sensor={"s3": "dem"})
    with pytest.raises(OpenError, match="2 sensors for 1 source:"):
        swath.open(fine, sensor=["dem", "dem"])
    table = tmp_path / "weather.csv"
    table.write_text("date,t2m\n2020-01-01,wet\n")
    with pytest.raises(OpenError, match="t2m holds what is no number"):
        swath.open({"s2": fine, "weather": table})
    table.write_text("date,t2m\n2020-01-01,1\nsoon,2\n")
    with pytest.raises(OpenError, match="no date in row 2"):
        swath.open({"s2": fine, "weather": table})


def test_a_stack_is_opened_again_from_its_story(tmp_path: Path) -> None:
    table = tmp_path / "weather.csv"
    table.write_text("date,t2m\n2020-01-01,281\n2020-01-12,283\n")
    s2 = series(tmp_path / "s2", ["2020-01-01", "2020-01-12"], "s2")
    scene = swath.open({"s2": s2, "weather": table, "dem": write(tmp_path / "dem.tif", COARSE, ground(COARSE)[:1])})
    part = scene.select(window=np.s_[10:20, 10:30], bands=["dem", "t2m"])
    told = story(part, tmp_path)
    assert told is not None
    again = reopened(told, tmp_path)
    assert again.names == part.names
    np.testing.assert_array_equal(again.read()[0], part.read()[0])


def test_sensors_told_in_the_order_of_sources(shared_data: Path) -> None:
    folder = shared_data / "sen1floods11"
    paths = [next((folder / name).glob("*.tif")) for name in ("S2", "S1")]
    scene = swath.open(*paths, sensor=["sentinel-2-l1c@pre-04.00", "sentinel-1-db"])
    assert scene.shape[:2] == (1, 15)
    assert {band.units for band in scene.bands} == {"reflectance", "db"}
    assert [one.said for one in scene.stacked] == ["as it is", "as it is"]
    assert len(scene.sensors) == 2


def test_numbered_layers_are_dates_where_that_is_said(shared_data: Path) -> None:
    path = next((shared_data / "togo_s1s2era5_24m").glob("*.tif"))
    scene = swath.open(path, dates="numbered")
    assert scene.shape == (12, 19, 17, 17)
    assert scene.names[:2] == ("2019-02-06", "2019-03-08")
    values, valid = scene.read()
    with rasterio.open(path) as file:
        stored, names = file.read().astype(np.float32), list(file.descriptions)
    for t in range(12):
        for b, band in enumerate(scene.bands):
            name = band.name if not t or band.name in ("elevation", "slope") else f"{band.name}_{t}"
            np.testing.assert_array_equal(values[t, b][valid[t, b]], stored[names.index(name)][valid[t, b]])
    weather = values[:, scene.band_indexes(["temperature_2m", "total_precipitation"])]
    assert (np.ptp(weather, axis=(2, 3)) == 0).all()
    assert len(np.unique(weather[:, 0, 0, 0])) == 12
    told = story(scene, path.parent)
    assert told is not None
    assert reopened(told, path.parent).names == scene.names


def test_layers_that_are_not_numbered_are_not_taken_for_dates(own_data: Path) -> None:
    with pytest.raises(OpenError, match="not numbered by date"):
        swath.open(own_data / "paris_2015.tif", dates="numbered")
