"""Sensors that are kept apart: their pixels lie under those of the images, whatever is cut, turned or zoomed."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

import swath
from swath.data import Augment, Crops, Sample
from swath.data.augment import turned, zoomed
from swath.errors import DataError

from .apart import COARSER, DAYS, SAID, pairs_and_series, photo_and_series, write
from .several import TREES, land

OFF = 0.6e-4
"""Half of the number that a pixel of the series is rounded to, in reflectance."""


@pytest.fixture(scope="module")
def paris(own_data: Path, tmp_path_factory: pytest.TempPathFactory) -> swath.data.Dataset:
    return swath.data.open(pairs_and_series(own_data, tmp_path_factory.mktemp("paris")), **SAID)


def under(sample: Sample, by: int = COARSER) -> NDArray[np.float32]:
    """The mean of what lies under each pixel of the series, of red and infrared on both dates, `[2, 2, h, w]`."""
    fine = sample.image[:, [2, 3]]
    height, width = fine.shape[2:]
    return np.asarray(fine.reshape(2, 2, height // by, by, width // by, by).mean(axis=(3, 5)))


def test_a_series_beside_pairs_is_read_as_it_is(paris: swath.data.Dataset) -> None:
    assert (paris.layout, len(paris), paris.step) == ("change", 16, COARSER)
    assert not paris.strays
    assert [str(ratio) for ratio in paris.ratios] == ["1/4"]
    item = paris["tile_1_1"]
    (series,) = paris.sample(item).beside
    with rasterio.open(item.apart[0][0]) as file:
        np.testing.assert_allclose(series.image[0], file.read() * 1e-4, atol=1e-6)
    days = [np.datetime64(day).astype(int) for day in DAYS]
    np.testing.assert_array_equal(series.days, days)
    np.testing.assert_array_equal(paris.sample(paris["tile_0_0"]).beside[0].days, [days[0], days[2]])
    report = swath.data.inspect(paris).describe()
    assert (
        "s2        16 items; sentinel-2-l1c@pre-04.00; B04, B08; 42.1 m; EPSG:4326; 3 (15), 2 (1) dates; kept" in report
    )
    assert "pixels 4 times as large" in " ".join(report.split())
    assert paris.subset(["tile_0_0"]).hash != swath.data.open(paris.root).subset(["tile_0_0"]).hash


def test_crops_turns_and_zooms_of_both_grids_show_the_same_ground(paris: swath.data.Dataset) -> None:
    crops = Crops(paris, 32, seed=3)
    places = set()
    for step in range(12):
        _, (rows, columns) = crops.window(step)
        places.add((rows.start, columns.start))
        sample = crops.sample(step)
        for way in range(8):
            other = turned(sample, way)
            for date, at in ((0, 0), (1, -1)):
                np.testing.assert_allclose(other.beside[0].image[at], under(other)[date], atol=OFF)
        twice = zoomed(sample, 2, (0.5, 0.5))
        np.testing.assert_allclose(twice.beside[0].image[-1][:, ::2, ::2], under(twice, 2 * COARSER)[1], atol=OFF)
    assert len(places) > 6
    shrunk = zoomed(sample, 0.5, (0.5, 0.5))
    assert shrunk.beside[0].valid.mean() == shrunk.valid.mean() == 0.25
    with pytest.raises(DataError, match="crops of 30 x 30 pixels hold no whole pixels of s2; give a multiple of 4"):
        Crops(paris, 30)


def test_each_sensor_has_a_light_of_its_own(paris: swath.data.Dataset) -> None:
    sample = Crops(paris, 32).sample(0)
    before = sample.beside[0].image.copy()
    other = Augment(turns=False, scale=0, swap_dates=1)(sample, np.random.default_rng(0))
    np.testing.assert_array_equal(sample.beside[0].image, before)
    np.testing.assert_array_equal(other.beside[0].days, sample.beside[0].days)
    moved = np.abs(other.beside[0].image - before).mean(axis=(1, 2, 3))
    assert (moved > 1e-4).all()
    assert len(np.unique(moved)) == 3
    plain = Augment(turns=False, scale=0, brightness=0, contrast=0, gamma=0, colour=0, shift=3, drop_band=1)
    left = plain(sample, np.random.default_rng(0)).beside[0]
    np.testing.assert_array_equal(left.image, before)
    assert left.valid.all()
    clouded = plain.model_copy(update={"clouds": 1.0})(sample, np.random.default_rng(0)).beside[0]
    assert (clouded.image != before).any(axis=(1, 2, 3)).all()


def test_a_photograph_at_20_cm_over_a_series_at_10_m(shared_data: Path, tmp_path: Path) -> None:
    folder = photo_and_series(tmp_path / "forest", shared_data)
    bands = ["B02", "B03", "B04", "B08", "B05", "B06", "B07", "B8A", "B11", "B12"]
    told = {"s2": "sentinel-2-l2a@pre-04.00"}
    data = swath.data.open(folder, apart=["s2"], sensor=told, bands={"s2": bands}, task="segmentation")
    assert data.step == 50
    sample = data.sample(data["part_3"], np.s_[50:150, 0:100])
    (series,) = sample.beside
    assert sample.image.shape[2:] == (100, 100)
    assert series.image.shape == (5, 10, 2, 2)
    with h5py.File((shared_data / "treesat_multimodal" / TREES).with_suffix(".h5")) as file:
        seen = file["sen-2-data"][:]
    (at,) = (k for k, one in enumerate(seen) if np.allclose(one[:, 4:6, 3:5] * 1e-4, series.image[0], atol=1e-6))
    assert 0 <= at < len(seen)


def test_terrain_under_polygons_keeps_its_grid(shared_data: Path, tmp_path: Path) -> None:
    folder = land(tmp_path / "land", shared_data)
    sensors = {"s2": "sentinel-2-l1c@values", "dem": "dem-srtm@values"}
    data = swath.data.open(folder, apart=["dem"], sensor=sensors, label_field="LULC_NAME")
    assert (data.layout, data.task, data.step) == ("sensors", "segmentation", 3)
    sample = Crops(data, 24).sample(1)
    (dem,) = sample.beside
    assert sample.image.shape[1:] == (13, 24, 24)
    assert dem.image.shape == (1, 1, 8, 8)
    assert np.isnan(dem.days).all()
    bright = Augment()(sample, np.random.default_rng(0)).beside[0]
    assert set(np.unique(bright.image[bright.valid])) <= set(np.unique(dem.image))


def test_what_does_not_go_together_is_said(own_data: Path, tmp_path: Path) -> None:
    folder = pairs_and_series(own_data, tmp_path / "paris")
    for path in (folder / "s2").glob("tile_3_3*"):
        path.unlink()
    data = swath.data.open(folder, **SAID)
    assert "tile_3_3" not in data
    assert {(one.path.name, one.why) for one in data.strays} == {("tile_3_3.tif", "lacks s2")}
    with pytest.raises(DataError, match=r"apart= names s1, and no file or folder is called so; .* s1/NAME.tif"):
        swath.data.open(folder, apart=["s1"])
    with pytest.raises(DataError, match="name each sensor once, and none 'image'"):
        swath.data.open(folder, apart=["image"])
    for path in (folder / "s2").glob("*.tif"):
        with rasterio.open(path) as file:
            values = file.read()
        path.unlink()
        write(path, values, Affine.identity(), None, ("B04", "B08"))
    with pytest.raises(DataError, match=r"tile_0_0: s2 is kept apart and cannot be laid over the images: nothing says"):
        Crops(swath.data.open(folder, **SAID), 32)
    for path in (folder / "s2").glob("*.tif"):
        path.unlink()
    for place in ("tile_0_0", "tile_0_1"):
        (folder / "s2" / f"{place}.csv").write_text("date,t2m [kelvin]\n2020-01-01,280\n2020-01-02,281\n")
    with pytest.raises(
        DataError, match=r"tile_0_0.csv: is a table, which has no grid of its own; leave it out of apart="
    ):
        swath.data.open(folder, apart=["s2"])
