"""Dates laid over one another and brought to one light before they are compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import swath
from swath.errors import MatchError, PredictError
from swath.predict.prepare import Preparation
from swath.predict.radiometry import lines_of
from swath.predict.record import read_told
from swath.scene.moved import Moved, moved
from swath.scene.registration import shifts_of

SENSOR = "sentinel-2-l1c@pre-04.00"
BANDS = ("B02", "B03", "B04", "B08")


@pytest.fixture(scope="module")
def pair(own_data: Path) -> swath.Scene:
    return swath.open(own_data / "paris_2015.tif", own_data / "paris_2018.tif", sensor=SENSOR)


def shown(values: NDArray[np.float32], like: swath.Scene) -> swath.Scene:
    return swath.Scene.from_array(values, like.grid, sensor="sentinel-2-l1c@values", bands=list(BANDS))


@pytest.fixture(scope="module")
def off(pair: swath.Scene) -> swath.Scene:
    """The second date lies 1.4 rows and -2.3 columns off, by a Fourier shift that no part of Swath has a hand in."""
    values, _ = pair.read()
    spectrum = np.fft.fft2(values[1].astype(float))
    values[1] = np.fft.ifft2(np.stack([ndimage.fourier_shift(one, (1.4, -2.3)) for one in spectrum])).real
    return shown(values, pair)


@pytest.mark.parametrize("offset", [(1.4, -2.3), (1.4, -2.3, 0.004, -0.002, 0.003, 0.005)])
def test_moved_pixels_do_not_depend_on_the_window(pair: swath.Scene, offset: tuple[float, ...]) -> None:
    reader = pair.planes[1][0].reader
    one = Moved(reader, offset)
    whole, ok = one.read((slice(0, 256), slice(0, 256)), [0, 3])
    part, good = one.read((slice(31, 90), slice(200, 256)), [0, 3])
    np.testing.assert_array_equal(part, whole[:, 31:90, 200:])
    np.testing.assert_array_equal(good, ok[:, 31:90, 200:])
    assert not ok[:, -1].any()
    assert not ok[:, :, 0].any()
    assert ok[:, 2:-3, 4:-3].all()


def test_whole_pixels_are_moved_as_they_are(pair: swath.Scene) -> None:
    plain, _ = pair.read(dates=1)
    found, ok = moved(pair, [(0.0, 0.0), (2.0, -3.0)]).read(dates=1)
    np.testing.assert_array_equal(found[0, :, :-2, 3:], plain[0, :, 2:, :-3])
    assert not ok[0, :, -2:].any()


def test_invalid_pixels_take_no_part(pair: swath.Scene) -> None:
    values, _ = pair.read()
    values[1, :, 100:110, 100:110] = np.nan
    found, ok = moved(shown(values, pair), [(0.0, 0.0), (0.5, 0.5)]).read(dates=1)
    clean, _ = moved(pair, [(0.0, 0.0), (0.5, 0.5)]).read(dates=1)
    assert not ok[0, :, 100:109, 100:109].any()
    assert ok[0, :, 112:200, 112:200].all()
    rim = np.s_[0, :, 90:120, 90:120]
    seen = ok[rim]
    assert np.abs(found[rim][seen] - clean[rim][seen]).max() < 0.1
    np.testing.assert_allclose(found[0, :, 150:200], clean[0, :, 150:200], atol=1e-6)


def test_the_offset_is_found_and_mended(pair: swath.Scene, off: swath.Scene) -> None:
    own, shift = shifts_of(pair)[1], shifts_of(off)[1]
    assert own is not None
    assert shift is not None
    assert (shift.rows - own.rows, shift.columns - own.columns) == pytest.approx((1.4, -2.3), abs=0.15)
    left = shifts_of(Preparation.of(off, True, False).of_scene(off))[1]
    assert left is not None
    assert left.pixels < 0.15


def test_a_date_of_another_scale_is_laid_over_the_first(shared_data: Path) -> None:
    """Saclay's dates differ by 1.2 % in scale: 6 px more on one side than on the other."""
    paths = (shared_data / "oscd_s2_4band" / f"saclay_e_t{date}.tif" for date in (1, 2))
    scene = swath.open(*paths, sensor="sentinel-2-l1c@pre-04.00", bands=list(BANDS))
    made = Preparation.of(scene, True, False)
    assert made.offsets is not None
    assert len(made.offsets[1]) == 6
    assert "more on one side than on the other, since its scale differs" in made.notes[0]
    straight = made.of_scene(scene)
    left = shifts_of(straight)[1]
    assert left is not None
    assert left.pixels < 0.3
    assert left.spread < 0.5
    for corner in (np.s_[20:220, 20:220], np.s_[420:620, 460:660]):
        (first, second), seen = straight.read(corner)
        (_, apart), _ = scene.read(corner)
        seen = seen.all(axis=(0, 1))
        alike = [np.corrcoef(first[3][seen], other[3][seen])[0, 1] for other in (second, apart)]
        assert alike[0] > alike[1] + 0.1


def test_scale_and_turn_come_back(pair: swath.Scene) -> None:
    """A map that is a plane: what is moved along it shows where each pixel was taken from."""
    down, right = np.mgrid[:256, :256].astype(np.float32) + 0.5
    ramp = shown(np.broadcast_to(np.stack([down, right, down, right]), (2, 4, 256, 256)).copy(), pair)
    found, ok = moved(ramp, [(0.0, 0.0), (0.5, -1.0, 0.01, -0.02, 0.03, 0.01)]).read(dates=1)
    seen = ndimage.binary_erosion(ok[0, 0], iterations=2)  # at the rim some neighbours are missing
    assert seen.mean() > 0.9
    y, x = down - 128, right - 128
    np.testing.assert_allclose(found[0, 0][seen], (down + 0.5 + 0.01 * y - 0.02 * x)[seen], atol=0.02)
    np.testing.assert_allclose(found[0, 1][seen], (right - 1.0 + 0.03 * y + 0.01 * x)[seen], atol=0.002)


def test_less_seems_to_have_changed_once_dates_lie_on_each_other(off: swath.Scene, tmp_path: Path) -> None:
    crooked = swath.predict(off, "cva-otsu", threshold=0.5)
    straight = swath.predict(off, "cva-otsu", threshold=0.5, coregister=True)
    assert straight.run is not None
    assert any("was moved by -1." in note and "to lie on" in note for note in straight.run.match["notes"])
    rows, columns = straight.run.match["coregister"][1]
    assert (rows, columns) == pytest.approx((1.4, -2.3), abs=0.3)
    inner = np.s_[10:-10, 10:-10]
    assert straight.read()[0][0][inner].mean() < 0.9 * crooked.read()[0][0][inner].mean()


def test_tiles_extent_and_record_of_a_prepared_pair(pair: swath.Scene, tmp_path: Path) -> None:
    path = tmp_path / "change.tif"
    said = {"coregister": [[0, 0], [0.4, -0.7]], "match_radiometry": True}
    whole = swath.predict(pair, "cva", **said).read()[0]
    swath.predict(pair, "cva", tile=64, out=path, **said)
    np.testing.assert_array_equal(swath.Product.open(path).read()[0], whole)
    part = swath.predict(pair, "cva", extent=np.s_[33:120, 70:201], **said).read()[0]
    np.testing.assert_array_equal(part, whole[:, 33:120, 70:201])
    record, _ = read_told(path)
    assert record["swath:options"]["coregister"] == [[0.0, 0.0], [0.4, -0.7]]
    assert len(record["swath:options"]["match_radiometry"][1]) == 4
    assert any("was brought to the light of paris_2015" in note for note in record["swath:match"]["notes"])
    assert swath.verify(path, 0.3).ok


def test_light_is_matched_by_what_did_not_change(pair: swath.Scene) -> None:
    gains, offsets = (1.3, 0.8, 1.1, 0.9), (0.02, -0.01, 0.03, 0.05)
    first = tuple(pair.planes[0])
    lit = tuple(
        replace(one, scale=one.scale * gain, offset=one.offset * gain + offset)
        for one, gain, offset in zip(pair.planes[0], gains, offsets, strict=True)
    )
    values, _ = replace(pair, planes=(first, lit)).read()
    rng = np.random.default_rng(0)
    values += rng.normal(0, 0.002, values.shape).astype(np.float32)
    values[1, :, 60:110, 60:160] = values[1, :, 160:210, 60:160]  # a fifth of it shows something else
    lines = lines_of(shown(values, pair))
    np.testing.assert_allclose([gain for gain, _ in lines], 1 / np.array(gains), rtol=0.03)
    np.testing.assert_allclose([offset for _, offset in lines], -np.array(offsets) / gains, atol=0.005)


def test_what_cannot_be_prepared_is_said(pair: swath.Scene) -> None:
    flat = pair.read()[0]
    flat[1] = 0.1 + 1e-4 * np.random.default_rng(0).normal(size=flat[1].shape)
    with pytest.raises(MatchError, match=r"cannot be told, .* coregister=\[\[0, 0\], \[ROWS"):
        swath.predict(shown(flat, pair), "cva", coregister=True)
    with pytest.raises(MatchError, match=r"hardly goes with|has nothing to tell"):
        swath.predict(shown(flat, pair), "cva", match_radiometry=True)
    with pytest.raises(PredictError, match="compare dates, and the scene has one"):
        swath.predict(pair.select(dates=[0]), "cva", coregister=True)
    with pytest.raises(PredictError, match="has 1 entry for 2 dates"):
        swath.predict(pair, "cva", coregister=[[1.0, 2.0]])
