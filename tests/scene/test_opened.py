"""A scene tells how it was opened, and is the same when it is opened again from that."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import shapely
from odc.geo.geobox import GeoBox

import swath
from swath.errors import OpenError
from swath.scene.align import same_grid
from swath.scene.opened import reopened, story


def again(scene: swath.Scene, folder: Path) -> swath.Scene:
    return reopened(json.loads(json.dumps(story(scene, folder))), folder)


def assert_same(one: swath.Scene, other: swath.Scene) -> None:
    assert same_grid(one.grid, other.grid)
    assert (one.bands, one.dates, one.origin) == (other.bands, other.dates, other.origin)
    for a, b in zip(one.read(), other.read(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_pair_with_names_and_dates(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "oscd_s2_4band"
    scene = swath.open(
        folder / "paris_t1.tif",
        str(folder / "paris_t2.tif"),
        sensor="sentinel-2-l1c@pre-04.00",
        bands=["B02", "B03", "B04", "B08"],
        dates=["2016-03", "2018-01-09"],
    )
    assert_same(scene, again(scene, tmp_path))
    part = scene.select(bands=["nir", "red"], dates=[1], window=np.s_[30:90, 20:101])
    assert_same(part, again(part, tmp_path))
    middle = shapely.Point(scene.grid.extent.geom.centroid.coords[0]).buffer(0.01)
    cut = scene.select(window=np.s_[5:, 3:]).select(geometry=middle)
    assert cut.outline is not None
    assert_same(cut, again(cut, tmp_path))


def test_grid_and_relative_paths(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shared_data.resolve()  # the working folder is told without links
    monkeypatch.chdir(folder)
    coarse = GeoBox.from_bbox((2.31, 48.80, 2.35, 48.84), "EPSG:4326", resolution=0.0005)
    scene = swath.open("oscd_s2_4band/paris_t1.tif", grid=coarse, resampling="average")
    told = story(scene, folder / "oscd_s2_4band" / "answers")
    assert told is not None
    assert told["open"]["sources"] == ["../paris_t1.tif"]
    assert told["open"]["resampling"] == "average"
    assert_same(scene, again(scene, tmp_path))


def test_a_folder_that_was_moved(shared_data: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    (first / "in").mkdir(parents=True)
    (first / "in" / "pisa.tif").write_bytes((shared_data / "oscd_s2_4band" / "pisa_t1.tif").read_bytes())
    told = story(swath.open(first / "in" / "pisa.tif"), first / "out")
    assert told is not None
    values = swath.open(first / "in" / "pisa.tif").read()[0]
    os.rename(first, tmp_path / "second")
    np.testing.assert_array_equal(reopened(told, tmp_path / "second" / "out").read()[0], values)
    with pytest.raises(OpenError, match=r"pisa\.tif"):
        reopened(told, first / "out")


def test_what_lives_in_memory_has_no_story(tmp_path: Path) -> None:
    grid = GeoBox.from_bbox((0, 0, 8, 8), "EPSG:32633", shape=(8, 8))
    scene = swath.Scene.from_array(np.zeros((2, 8, 8), np.float32), grid)
    assert scene.source is None
    assert story(scene, tmp_path) is None


def test_bands_given_as_objects(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "oscd_s2_4band" / "paris_mask.tif"
    mask = swath.Band(name="mask", kind="categorical", classes={0: "same", 1: "changed"})
    scene = swath.open(path, bands=[mask])
    assert_same(scene, again(scene, tmp_path))
    assert again(scene, tmp_path).bands[0].classes == {0: "same", 1: "changed"}
