"""Augmentation acts alike on images, validity, masks and boxes, and never on what is not valid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import swath.data
from swath.data import IGNORE, Augment, Boxes, Sample
from swath.data.augment import turned, zoomed


@pytest.fixture(scope="module")
def real(own_data):
    """A pair of dates with holes; the target is the first band, so that both can be compared pixel by pixel."""
    images = []
    for year in (2015, 2018):
        with rasterio.open(own_data / f"paris_{year}.tif") as scene:
            images.append(scene.read(window=((0, 48), (0, 48))).astype(np.float32))
    image = np.stack(images)
    valid = np.ones(image.shape, dtype=bool)
    valid[:, :, 7:13, 20:31] = False
    image[~valid] = 0
    target = image[0, 0].astype(np.int64)
    target[~valid[0, 0]] = IGNORE
    return Sample(image, valid, target, "paris")


def agree(sample):
    """Where labelled, the target still is the first band; elsewhere the pixel is invalid."""
    labelled = sample.target != IGNORE
    assert (labelled == sample.valid[0, 0]).all()
    np.testing.assert_array_equal(sample.image[0, 0][labelled], sample.target[labelled])
    assert (sample.image[~sample.valid] == 0).all()


INVERSE = [0, 3, 2, 1, 4, 5, 6, 7]
"""Mirrored ways undo themselves; quarter turns are undone by the turn back."""


@given(way=st.integers(0, 7))
def test_turns_act_alike_and_can_be_undone(real, way):
    there = turned(real, way)
    agree(there)
    back = turned(there, INVERSE[way])
    np.testing.assert_array_equal(back.image, real.image)
    np.testing.assert_array_equal(back.valid, real.valid)
    np.testing.assert_array_equal(back.target, real.target)


def test_the_eight_ways_differ(real):
    seen = {turned(real, way).image.tobytes() for way in range(8)}
    assert len(seen) == 8


@settings(deadline=None)
@given(factor=st.floats(0.4, 2.5), y=st.floats(0, 1), x=st.floats(0, 1))
def test_zoom_acts_alike(real, factor, y, x):
    made = zoomed(real, factor, (y, x))
    agree(made)
    assert made.image.shape == real.image.shape
    assert set(np.unique(made.target)) <= set(np.unique(real.target)) | {IGNORE}


def test_zoom_by_two_about_a_corner(real):
    made = zoomed(real, 2.0, (0.0, 0.0))
    np.testing.assert_array_equal(made.target, np.repeat(np.repeat(real.target[:24, :24], 2, axis=0), 2, axis=1))


@settings(deadline=None)
@given(
    y0=st.integers(0, 40),
    x0=st.integers(0, 40),
    height=st.integers(1, 8),
    width=st.integers(1, 8),
    way=st.integers(0, 7),
)
def test_boxes_move_with_their_pixels(y0, x0, height, width, way):
    image = np.zeros((1, 1, 48, 48), dtype=np.float32)
    image[..., y0 : y0 + height, x0 : x0 + width] = 1
    corners = np.array([[x0, y0, x0 + width, y0 + height]], dtype=np.float32)
    outline = np.array([[[x0, y0], [x0 + width, y0], [x0 + width, y0 + height], [x0, y0 + height]]], dtype=np.float32)
    boxes = Boxes(corners, np.zeros(1, dtype=np.int64), outline)
    made = turned(Sample(image, np.ones(image.shape, dtype=bool), boxes, "box"), way)
    rows, columns = np.nonzero(made.image[0, 0])
    expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_array_equal(made.target.corners[0], expected)
    np.testing.assert_array_equal(made.target.outlines[0].min(axis=0), expected[:2])
    np.testing.assert_array_equal(made.target.outlines[0].max(axis=0), expected[2:])


def test_boxes_zoomed_out_of_the_frame_are_gone():
    image = np.ones((1, 1, 40, 40), dtype=np.float32)
    corners = np.array([[0, 0, 10, 10], [30, 30, 38, 38], [16, 16, 24, 24]], dtype=np.float32)
    boxes = Boxes(corners, np.array([0, 1, 2]))
    made = zoomed(Sample(image, image > 0, boxes, "box"), 2.0, (0.0, 0.0)).target
    np.testing.assert_array_equal(made.corners, [[0, 0, 20, 20], [32, 32, 40, 40]])
    assert made.labels.tolist() == [0, 2]
    assert made.ignored.tolist() == [False, True]


ALL = Augment(drop_band=0.5, swap_dates=0.5)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1))
def test_everything_together_respects_validity(real, seed):
    made = ALL(real, np.random.default_rng(seed))
    assert made.image.dtype == np.float32
    assert np.isfinite(made.image).all()
    assert (made.image[~made.valid] == 0).all()
    bands = made.valid.any(axis=(0, 2, 3))
    assert bands.any()
    # A dropped band is gone on all dates, and labels stay where some band is seen.
    labelled = made.target != IGNORE
    assert (labelled == made.valid[:, bands].any(axis=(0, 1))).all()
    again = ALL(real, np.random.default_rng(seed))
    np.testing.assert_array_equal(again.image, made.image)
    np.testing.assert_array_equal(again.target, made.target)


def test_the_given_sample_stays_as_it_is(real):
    before = real.image.copy(), real.valid.copy(), real.target.copy()
    for seed in range(10):
        ALL(real, np.random.default_rng(seed))
    for was, now in zip(before, (real.image, real.valid, real.target), strict=True):
        np.testing.assert_array_equal(was, now)


def test_light_changes_in_the_units_of_the_bands(real):
    """Values in reflectance and in thousands of it are changed by the same shares."""
    light = Augment(turns=False, scale=0)
    small = replace(real, image=real.image / 10000)
    a, b = (light(one, np.random.default_rng(4)).image for one in (real, small))
    np.testing.assert_allclose(a / 10000, b, atol=2e-6)
    spread = np.ptp(np.percentile(real.image[real.valid], [2, 98]))
    assert 0 < np.abs(a - real.image).max() < spread


def test_bands_of_other_ranges_keep_to_their_own(real):
    """Decibels beside reflectance: a shift that is small for the one would drown the other."""
    radar = np.random.default_rng(0).normal(-12, 4, (2, 2, *real.image.shape[2:])).astype(np.float32)
    valid = np.concatenate([np.ones(radar.shape, bool), real.valid], axis=1)
    both = replace(real, image=np.concatenate([radar, real.image], axis=1), valid=valid)
    augment = Augment(turns=False, scale=0, brightness=0.2, contrast=0.3, gamma=0.3, colour=0.1)
    for seed in range(5):
        lit = augment(both, np.random.default_rng(seed))
        for part in (np.s_[:, :2], np.s_[:, 2:]):
            spread = np.ptp(np.percentile(both.image[part][both.valid[part]], [2, 98]))
            moved = np.abs(lit.image[part] - both.image[part])[both.valid[part]]
            assert 0.02 * spread < moved.mean() < 0.5 * spread


def test_heights_keep_their_values_in_other_light(real):
    """What is no light lies in the middle, in the range of the light: only `lit` can tell it."""
    lit = (True, False, True, True)
    augment = Augment(turns=False, scale=0, brightness=0.2, contrast=0.3, gamma=0.3, colour=0.1, clouds=1)
    told = augment(replace(real, lit=lit), np.random.default_rng(0))
    np.testing.assert_array_equal(told.image[:, 1], real.image[:, 1])
    for band in (0, 2, 3):
        assert (told.image[:, band] != real.image[:, band])[real.valid[:, band]].mean() > 0.9
    every, none = (augment(replace(real, lit=of), np.random.default_rng(0)) for of in ((True,) * 4, None))
    np.testing.assert_array_equal(every.image, none.image)
    assert (none.image[:, 1] != real.image[:, 1]).any()


def test_a_set_tells_which_bands_are_lit(own_data, tmp_path):
    """Reflectance beside heights; and numbers of which nothing is said, which are taken for light."""
    for folder, source in (("s2", "paris_2015.tif"), ("dem", "paris_2018.tif"), ("labels", "paris_2018.tif")):
        (tmp_path / folder).mkdir()
        with rasterio.open(own_data / source) as scene:
            profile = {
                **scene.profile,
                "count": 4 if folder == "s2" else 1,
                "dtype": "uint8" if folder == "labels" else "int16",
            }
            values = scene.read()[: profile["count"]]
        for column, name in enumerate("abcd"):
            part = values[:, :64, 64 * column : 64 * (column + 1)]
            profile |= {
                "height": 64,
                "width": 64,
                "nodata": None,
                "transform": scene.transform @ Affine.translation(64 * column, 0),
            }
            with rasterio.open(tmp_path / folder / f"{name}.tif", "w", **profile) as out:
                out.write((part > 1000) if folder == "labels" else part)
                if folder == "s2":
                    out.descriptions = ("B02", "B03", "B04", "B08")
    sensor = {"s2": "sentinel-2-l1c@values", "dem": "dem-copernicus-30@values"}
    data = swath.data.open(tmp_path, sensor=sensor, classes=["low", "high"])
    assert data.sample(data.items[0]).lit == (True, True, True, True, False)
    plain = swath.data.open(tmp_path, layout="sensors", classes=["low", "high"])
    assert plain.sample(plain.items[0]).lit == (True,) * 5


def test_nothing_is_done_when_nothing_is_asked(real):
    still = Augment(turns=False, scale=0, brightness=0, contrast=0, gamma=0, colour=0)
    made = still(real, np.random.default_rng(1))
    np.testing.assert_array_equal(made.image, real.image)


def test_dates_change_places_together_with_their_validity(real):
    holed = replace(real, image=real.image.copy(), valid=real.valid.copy())
    holed.valid[0, :, :3] = False
    holed.image[~holed.valid] = 0
    still = Augment(turns=False, scale=0, brightness=0, contrast=0, gamma=0, colour=0, swap_dates=1)
    made = still(holed, np.random.default_rng(0))
    np.testing.assert_array_equal(made.image, holed.image[::-1])
    np.testing.assert_array_equal(made.valid, holed.valid[::-1])


STILL = Augment(turns=False, scale=0, brightness=0, contrast=0, gamma=0, colour=0)


def test_clouds_are_bright_their_shadows_dark_and_labels_stay(real):
    augment = STILL.model_copy(update={"clouds": 1.0})
    low, high = np.percentile(real.image[real.valid], [2, 98])
    bright = dark = 0
    for seed in range(20):
        made = augment(real, np.random.default_rng(seed))
        assert made.target is real.target
        assert (made.valid == real.valid).all()
        assert (made.image[~made.valid] == 0).all()
        assert not np.array_equal(made.image[0] - real.image[0], made.image[1] - real.image[1]), "each date has its own"
        moved = made.image - real.image
        bright += int((moved > 0.5 * (high - low)).mean() > 0.01)
        dark += int((moved < -0.1 * (high - low)).any())
        untouched = (np.abs(moved) < 1e-3 * high)[real.valid].mean()
        assert untouched > 0.2
        assert made.image.max() < high + 4.5 * (high - low) * 1.1
        assert made.image[real.valid].min() > low - 0.5 * (high - low)
    assert bright >= 15
    assert dark >= 10


def test_clouds_come_as_often_as_said_and_never_over_a_single_date(real):
    augment = STILL.model_copy(update={"clouds": 0.3})
    drawn = [augment(real, np.random.default_rng(seed)).image != real.image for seed in range(100)]
    share = np.mean([changed.any(axis=(1, 2, 3)) for changed in drawn])
    assert 0.2 < share < 0.4
    single = replace(real, image=real.image[:1], valid=real.valid[:1])
    for seed in range(10):
        np.testing.assert_array_equal(augment(single, np.random.default_rng(seed)).image, single.image)


def test_later_dates_lie_off_by_whole_pixels(real):
    augment = STILL.model_copy(update={"shift": 2})
    seen = set()
    for seed in range(60):
        made = augment(real, np.random.default_rng(seed))
        np.testing.assert_array_equal(made.image[0], real.image[0])
        np.testing.assert_array_equal(made.target, real.target)
        inner = np.s_[:, 20:40, 2:18]
        ways = [
            (dy, dx)
            for dy in range(-2, 3)
            for dx in range(-2, 3)
            if np.array_equal(made.image[1][inner], np.roll(real.image[1], (dy, dx), (1, 2))[inner])
        ]
        assert len(ways) == 1
        dy, _ = ways[0]
        seen.add(ways[0])
        gone = [*range(dy)] if dy > 0 else [*range(48 + dy, 48)]
        assert not made.valid[1][:, gone].any()
        assert (made.image[~made.valid] == 0).all()
    assert {dy for dy, _ in seen} == {dx for _, dx in seen} == {-2, -1, 0, 1, 2}


def test_what_is_left_out_leaves_the_rest_as_it_was(real):
    """Clouds and offsets draw from streams of their own."""
    plain = Augment()(real, np.random.default_rng(3))
    some = Augment(clouds=1e-9, shift=0, swap_dates=0)(real, np.random.default_rng(3))
    np.testing.assert_array_equal(plain.image, some.image)


def test_unknown_and_impossible_settings_are_refused():
    with pytest.raises(ValidationError):
        Augment(brightnes=0.1)
    with pytest.raises(ValidationError):
        Augment(scale=2)
