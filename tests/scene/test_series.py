"""Folders of many dated files, and files whose bands share a name."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import rasterio

import swath


def test_400_dated_files_open_fast(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "agrifieldnet" / "source" / "02248" / "B04.tif"
    days = [np.datetime64("2015-01-03") + np.timedelta64(7 * i, "D") for i in range(400)]
    for day in days:
        shutil.copy(source, tmp_path / f"field_{day}.tif")
    swath.open(source)
    # Time of this process, which other work on the machine does not lengthen.
    start = time.process_time()
    scene = swath.open(tmp_path, bands=["red"])
    assert time.process_time() - start < 3
    assert scene.shape == (400, 1, 256, 256)
    assert list(scene.dates) == days
    with rasterio.open(source) as dataset:
        expected = dataset.read(1)
    for t in (0, 250, 399):
        values, valid = scene.read(dates=t)
        np.testing.assert_array_equal(values[0, 0][valid[0, 0]], expected[valid[0, 0]])


def test_bands_of_one_name_are_told_apart(shared_data: Path, tmp_path: Path) -> None:
    with rasterio.open(shared_data / "oscd_s2_4band" / "paris_t1.tif") as source:
        values, profile = source.read(window=rasterio.windows.Window(0, 0, 32, 32)), source.profile
    profile.update(width=32, height=32)
    path = tmp_path / "twice.tif"
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(values)
        for i, name in enumerate(["median", "median", "deviation", "median"], 1):
            dataset.set_band_description(i, name)
    scene = swath.open(path)
    assert [band.name for band in scene.bands] == ["median", "median#2", "deviation", "median#3"]
    assert any("several bands are called median" in note for note in scene.notes)
    np.testing.assert_array_equal(scene.read(bands="median#3")[0][0, 0], values[3])
    np.testing.assert_array_equal(swath.open(path, bands=["median#2"]).read()[0][0, 0], values[1])
    named = swath.open(path, bands=["blue", "green", "red", "nir"])
    assert [band.name for band in named.bands] == ["blue", "green", "red", "nir"]
