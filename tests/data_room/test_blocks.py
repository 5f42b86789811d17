"""One large image with labels is cut into blocks, so that parts of it can be held out."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine

import swath.data
from swath.data import IGNORE
from swath.data.blocks import BlockLabel

from .made import write


def _stitched(folder, own_data, times=4, **options):
    """The south of Paris several times side by side, as one scene, and a mask of its greener half."""
    with rasterio.open(own_data / "paris_2018.tif") as scene:
        values = np.tile(scene.read(), (1, times, times))
    profile = {"crs": "EPSG:32631", "transform": Affine(10, 0, 450000, 0, -10, 5400000)} | options
    write(folder / "images" / "scene.tif", values, **profile)
    green = (values[3] > np.median(values[3])).astype(np.uint8)
    write(folder / "masks" / "scene.tif", green[None], **profile)
    return values, green


def test_blocks_tile_the_image_and_read_as_it_does(own_data, tmp_path):
    values, green = _stitched(tmp_path, own_data)
    data = swath.data.open(tmp_path, classes=["bare", "green"])
    assert len(data) == 16
    assert data.notes[-1].startswith("scene.tif (1024 x 1024 pixels) is cut into 16 blocks")
    seen = np.zeros(green.shape, dtype=int)
    for item in data.items:
        top, left = item.window.row_off, item.window.col_off
        height, width = data.shape(item)
        here = np.s_[top : top + height, left : left + width]
        seen[here] += 1
        sample = data.sample(item)
        assert np.array_equal(sample.image[0], values[(slice(None), *here)])
        assert np.array_equal(sample.target, green[here])
        assert data.counts(item) == {0: int((green[here] == 0).sum()), 1: int((green[here] == 1).sum())}
        assert data.scene(item).grid.affine * (0, 0) == pytest.approx((450000 + 10 * left, 5400000 - 10 * top))
    assert (seen == 1).all()


def test_beyond_a_block_nothing_is_labelled_though_the_image_goes_on(own_data, tmp_path):
    _stitched(tmp_path, own_data)
    data = swath.data.open(tmp_path, classes=["bare", "green"])
    sample = data.sample(data.items[5], np.s_[-10:20, -4:250])
    assert (sample.target[:10] == IGNORE).all()
    assert (sample.target[:, :4] == IGNORE).all()
    assert not sample.valid[..., :10, :].any()
    item = data.items[5]
    assert isinstance(item.label, BlockLabel)
    beyond = item.label.read(data.scene(item).grid, np.s_[-10:20, -4:260])
    assert (beyond[10:20, 4:260] != IGNORE).all()
    assert (beyond[:10] == IGNORE).all()
    assert (beyond[:, :4] == IGNORE).all()


def test_places_of_one_scene_are_blocks_and_parts_hold_different_ones(own_data, tmp_path):
    _stitched(tmp_path, own_data, times=6)
    data = swath.data.open(tmp_path, classes=["bare", "green"])
    parts = swath.data.split(data, seed=1)
    assert parts.train
    assert parts.val
    assert parts.test
    assert not {parts.places[name] for name in parts.test} & {parts.places[name] for name in parts.train}


def test_small_images_and_folders_that_are_parted_stay_whole(own_data, tmp_path):
    _stitched(tmp_path / "small", own_data, times=1)
    assert [item.window for item in swath.data.open(tmp_path / "small", classes=["bare", "green"]).items] == [None]
    for part in ("train", "val"):
        _stitched(tmp_path / "parted" / part, own_data)
    data = swath.data.open(tmp_path / "parted", classes=["bare", "green"])
    assert (len(data), sorted(data.parts.values())) == (2, ["train", "val"])


def test_shapes_over_one_scene_are_cut_and_blocks_without_any_are_left_out(shared_data):
    data = swath.data.open(
        shared_data / "osm_buildings_wv3", label_field="building", classes=["background", "yes"], bands=[625]
    )
    assert (len(data), data.shape(data.items[0])) == (16, (225, 225))
    total = sum((np.array([data.counts(item)[k] for k in (0, 1)]) for item in data.items), np.zeros(2, dtype=int))
    assert total.tolist() == [776182, 33818]
