"""Boxes cut by windows, and what is odd about them."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from swath.data.boxes import BoxesLabel, areas, around, cut, turned
from swath.data.sample import Boxes

GRID = GeoBox((60, 80), Affine.identity(), None)


def upright(*corners: tuple[float, float, float, float]) -> Boxes:
    return Boxes(np.array(corners, dtype=np.float32).reshape(-1, 4), np.arange(len(corners)))


def test_a_window_moves_clips_and_ignores() -> None:
    boxes = upright((10, 10, 20, 20), (28, 10, 40, 20), (39, 10, 49, 20), (70, 50, 80, 60))
    seen = cut(boxes, np.s_[5:45, 4:34], GRID)
    np.testing.assert_array_equal(seen.corners, [[6, 5, 16, 15], [24, 5, 30, 15]])
    np.testing.assert_array_equal(seen.labels, [0, 1])
    assert seen.ignored is not None
    np.testing.assert_array_equal(seen.ignored, [False, False])
    less = cut(boxes, np.s_[5:45, 4:33], GRID)
    assert less.ignored is not None
    np.testing.assert_array_equal(less.ignored, [False, True])
    assert len(cut(boxes, np.s_[100:120, 0:10], GRID)) == 0


def test_windows_tile_every_object_once() -> None:
    random = np.random.default_rng(0)
    low = random.uniform(0, [70, 50], (200, 2))
    boxes = Boxes(np.hstack([low, low + random.uniform(1, 10, (200, 2))]).astype(np.float32), np.arange(200))
    total = np.zeros(200)
    for y in range(0, 60, 20):
        for x in range(0, 80, 20):
            part = cut(boxes, np.s_[y : y + 20, x : x + 20], GRID)
            np.add.at(total, part.labels, areas(part))
    np.testing.assert_allclose(total, areas(boxes), rtol=1e-4)


def test_turned_boxes_keep_their_area_and_shape() -> None:
    random = np.random.default_rng(1)
    sizes, angles = random.uniform(2, 20, (50, 2)), random.uniform(-4, 4, 50)
    outlines = turned(random.uniform(20, 40, (50, 2)), sizes, angles)
    boxes = Boxes(around(outlines), np.zeros(50, np.int64), outlines)
    np.testing.assert_allclose(areas(boxes), sizes.prod(axis=1), rtol=1e-4)
    quarter = turned(np.array([[10.0, 10.0]]), np.array([[8.0, 2.0]]), np.array([np.pi / 2]))
    np.testing.assert_allclose(around(quarter), [[9, 6, 11, 14]], atol=1e-5)


def test_half_of_a_turned_box_is_ignored_by_its_area_and_not_by_that_around_it() -> None:
    outline = turned(np.array([[40.0, 30.0]]), np.array([[40.0, 4.0]]), np.array([np.pi / 4]))
    boxes = Boxes(around(outline), np.zeros(1, np.int64), outline)
    for stop, ignored in ((44, False), (38, True)):
        part = cut(boxes, np.s_[0:60, 0:stop], GRID)
        assert part.ignored is not None
        assert part.ignored.tolist() == [ignored]
        assert part.outlines is not None
        np.testing.assert_array_equal(part.outlines, outline)


def test_oddities_are_counted() -> None:
    label = BoxesLabel(upright((0, 0, 5, 5), (-9, 0, 5, 5), (90, 0, 99, 5), (1, 1, 1.5, 1.5)))
    found = label.oddities(GRID)
    assert {what.split(";")[0]: times for what, times in found.items()} == {
        "outside the image": 1,
        "reaching beyond the image": 1,
        "smaller than a pixel": 1,
    }
    shares = BoxesLabel(upright((0, 0, 0.5, 0.5)), in_shares=True)
    np.testing.assert_array_equal(shares.on(GRID).corners, [[0, 0, 40, 30]])
    assert shares.oddities(GRID) == {}


@pytest.mark.parametrize("window", [np.s_[0:60, 0:80], np.s_[-5:30, 70:90]])
def test_no_objects_make_no_trouble(window: tuple[slice, slice]) -> None:
    empty = BoxesLabel(upright())
    assert len(empty.read(GRID, window)) == 0
    assert empty.counts(GRID) == {}
    assert empty.oddities(GRID) == {}
