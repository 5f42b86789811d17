"""What the engine reads: whole scenes behind cut ones, validity over bands and dates, fingerprints."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from shapely.geometry import box

import swath
from swath.models.card import Card, CardBand, ClassLabel, DatesRule, Input, Output
from swath.predict.feed import fingerprints, uncut
from swath.predict.match import match
from swath.scene.align import same_grid

SENSOR = "sentinel-2-l1c@pre-04.00"
GRID = GeoBox((40, 50), Affine(10, 0, 600_000, 0, -10, 5_000_000), "EPSG:32631")


def card(scene: swath.Scene, dates: DatesRule | None = None) -> Card:
    return Card(
        name="test-net",
        task="segmentation",
        inputs=(Input(bands=tuple(CardBand.of(band) for band in scene.bands), dates=dates or DatesRule()),),
        output=Output(kind="classes", classes=(ClassLabel(value=0, name="a"), ClassLabel(value=1, name="b"))),
    )


def test_a_cut_scene_is_an_extent_of_the_whole(shared_data: Path) -> None:
    scene = swath.open(shared_data / "oscd_s2_4band" / "pisa_t1.tif", sensor=SENSOR)
    height = scene.grid.shape.y
    outline = box(*scene.grid[100:300, 50:250].boundingbox.bbox).buffer(-0.002)
    cut = scene.select(window=np.s_[20:700, 10:600]).select(geometry=outline)
    feed = match(cut, card(scene))
    assert feed.grid == scene.grid
    rows, columns = feed.extent
    assert same_grid(cut.grid, scene.grid[rows, columns])
    window = np.s_[rows.start - 30 : rows.stop + 40, height - 10 : height + 20]
    values, valid = feed.inputs[0].read(window)
    expected, where = scene.read(window, boundless=True)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(valid, where[0].all(axis=0))
    inside = feed.inside(cut.grid)
    assert inside is not None
    np.testing.assert_array_equal(inside, cut.read()[1][0, 0])
    assert match(scene, card(scene)).inside(scene.grid) is None
    assert uncut(cut).outline is None
    again = pickle.loads(pickle.dumps(feed))
    np.testing.assert_array_equal(again.inputs[0].read(np.s_[5:50, 5:60])[0], scene.read(np.s_[5:50, 5:60])[0])


def test_fingerprints_tell_a_changed_file_and_changed_arrays(shared_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    shutil.copy(shared_data / "oscd_s2_4band" / "pisa_t1.tif", path)
    before = fingerprints(swath.open(path, sensor=SENSOR))
    assert fingerprints(swath.open(path, sensor=SENSOR)) == before
    shutil.copy(shared_data / "oscd_s2_4band" / "paris_t1.tif", path)
    assert fingerprints(swath.open(path, sensor=SENSOR)) != before
    values = np.zeros((1, 40, 50), dtype=np.float32)
    one = fingerprints(swath.Scene.from_array(values, GRID))
    assert fingerprints(swath.Scene.from_array(values + 1, GRID)) != one
