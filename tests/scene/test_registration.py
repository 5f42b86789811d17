"""Shifts between dates: known ones come back to a fraction of a pixel, and where nothing can be told nothing is.

What the real pairs say (rows, columns, and by how much it grows across the scene, in pixels of the first date):

    abudhabi     3.3   1.8  3.6      szada/1     0.6  -0.2
    aguasclaras -0.3  -0.3           szada/2     0.6   0.3
    bordeaux    -0.5   0.8           szada/3     0.6   0.1
    hongkong     1.1   1.3           szada/4     0.6   0.2
    nantes       0.3  -0.3           szada/5     0.5   0.1
    paris        0.2   0.0           tiszadob/1 -0.2   0.2
    pisa        -1.0  -0.1           tiszadob/2 -0.6  -0.1
    saclay_e     3.9   5.5  6.4      tiszadob/3 -0.1   0.1
                                     tiszadob/4 -0.5  -0.1
                                     archieve    cannot be told
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

import swath
from swath.errors import SwathWarning
from swath.scene.moved import moved as scene_moved
from swath.scene.plane import Plane
from swath.scene.reader import Roi, Stored
from swath.scene.registration import Shift, shift_between
from swath.scene.scene import Scene
from swath.sensors import Band

CITIES = ["aguasclaras", "bordeaux", "nantes", "paris", "pisa"]


@pytest.fixture(scope="module")
def images(shared_data: Path) -> dict[str, np.ndarray]:
    """Near infrared of the first date of real pairs."""
    result = {}
    for city in CITIES:
        with rasterio.open(shared_data / "oscd_s2_4band" / f"{city}_t1.tif") as dataset:
            result[city] = dataset.read(4).astype(np.float32)
    return result


def moved(image: np.ndarray, rows: float, columns: float) -> np.ndarray:
    """The image with its content `rows` further down and `columns` further right, exactly, by the Fourier theorem."""
    fy, fx = np.fft.fftfreq(image.shape[0])[:, None], np.fft.fftfreq(image.shape[1])[None, :]
    turned = np.fft.fft2(image) * np.exp(-2j * np.pi * (fy * rows + fx * columns))
    return np.fft.ifft2(turned).real.astype(np.float32)


@pytest.mark.parametrize("city", CITIES)
@pytest.mark.parametrize("truth", [(0.0, 0.0), (0.3, -0.7), (1.5, 2.25), (-5.4, 7.1), (0.5, 0.5), (-19.25, 0.1)])
def test_known_shifts_come_back(images: dict[str, np.ndarray], city: str, truth: tuple[float, float]) -> None:
    a, b = images[city], moved(images[city], *truth)
    part = np.s_[60:316, 60:316]
    found = shift_between(a[part], b[part])
    assert found is not None
    assert (found.rows, found.columns) == pytest.approx(truth, abs=0.15)
    assert found.pixels == pytest.approx(np.hypot(*truth), abs=0.2)


@pytest.mark.parametrize("size", [64, 100, 200])
def test_small_images_do(images: dict[str, np.ndarray], size: int) -> None:
    a, b = images["paris"], moved(images["paris"], 1.3, -0.6)
    found = shift_between(a[100 : 100 + size, 80 : 80 + size], b[100 : 100 + size, 80 : 80 + size])
    assert found is not None
    assert (found.rows, found.columns) == pytest.approx((1.3, -0.6), abs=0.15)


def test_other_brightness_and_noise_do_not_matter(images: dict[str, np.ndarray]) -> None:
    a, b = images["nantes"][:256, :256], moved(images["nantes"], 2.4, -1.2)[:256, :256]
    noise = np.random.default_rng(0).normal(scale=0.15 * b.std(), size=b.shape)
    found = shift_between(a, 0.4 * b.max() - 0.3 * b + noise)
    assert found is not None
    assert (found.rows, found.columns) == pytest.approx((2.4, -1.2), abs=0.15)


def test_invalid_parts_do_not_matter(images: dict[str, np.ndarray]) -> None:
    a, b = images["paris"][:256, :256].copy(), moved(images["paris"], 0.8, 3.4)[:256, :256]
    valid = np.ones(a.shape, bool)
    valid[:90, :140] = False
    a[~valid], b[~valid] = 0, 0
    for seen in (valid, None):
        a[~valid] = 0 if seen is not None else np.nan
        found = shift_between(a, b, seen, seen)
        assert found is not None
        assert (found.rows, found.columns) == pytest.approx((0.8, 3.4), abs=0.2)


@pytest.mark.parametrize(("one", "other"), [("paris", "pisa"), ("nantes", "paris"), ("bordeaux", "aguasclaras")])
def test_unrelated_images_tell_nothing(images: dict[str, np.ndarray], one: str, other: str) -> None:
    for part in (np.s_[:256, :256], np.s_[-256:, -256:], np.s_[100:200, 100:200]):
        assert shift_between(images[one][part], images[other][part]) is None
    # The same part is missing in both: its outline must not be taken for an edge that both have.
    valid = np.ones((256, 256), bool)
    valid[100:, 120:] = False
    assert shift_between(images[one][:256, :256], images[other][:256, :256], valid, valid) is None


def test_nothing_to_see_tells_nothing(images: dict[str, np.ndarray]) -> None:
    rng = np.random.default_rng(1)
    flat = np.full((256, 256), 300.0)
    paris = images["paris"][:256, :256]
    assert shift_between(flat, flat) is None
    assert shift_between(paris, flat) is None
    for _ in range(5):
        assert shift_between(rng.normal(size=(256, 256)), rng.normal(size=(256, 256))) is None
    assert shift_between(paris[:20, :20], paris[:20, :20]) is None
    assert shift_between(paris, paris, np.zeros(paris.shape, bool)) is None


EXPECTED = {
    "abudhabi": (3.3, 1.8, 3.6),
    "aguasclaras": (-0.26, -0.34, 0),
    "bordeaux": (-0.47, 0.77, 0),
    "hongkong": (1.14, 1.2, 1.7),
    "nantes": (0.31, -0.32, 0),
    "paris": (0.16, 0.02, 0),
    "pisa": (-1.05, -0.15, 0),
    "saclay_e": (4.05, 5.4, 7.5),
}


@pytest.mark.parametrize("city", EXPECTED)
def test_pairs_of_sentinel_2(shared_data: Path, city: str) -> None:
    folder = shared_data / "oscd_s2_4band"
    scene = swath.open(
        folder / f"{city}_t1.tif",
        folder / f"{city}_t2.tif",
        sensor="sentinel-2-l1c@pre-04.00",
        bands=["B02", "B03", "B04", "B08"],
        dates=["2015-08", "2018-03"],
    )
    rows, columns, spread = EXPECTED[city]
    with pytest.warns(SwathWarning, match="2018-03 lies") if np.hypot(rows, columns) > 1 else nullcontext():
        first, second = scene.misregistration()
    assert first == Shift(0, 0, 1)
    assert second is not None
    assert (second.rows, second.columns) == pytest.approx((rows, columns), abs=0.25)
    assert second.spread == pytest.approx(spread, abs=0.5)


@pytest.mark.parametrize(
    ("place", "rows"), [("szada/1", 0.6), ("szada/3", 0.6), ("szada/5", 0.5), ("tiszadob/2", -0.6)]
)
def test_pairs_from_the_air(shared_data: Path, place: str, rows: float) -> None:
    folder = shared_data / "sztaki_airchange" / place
    scene = swath.open(folder / "im1.jpg", folder / "im2.jpg", dates=[2000, 2005])
    shift = scene.misregistration()[1]
    assert shift is not None
    assert shift.rows == pytest.approx(rows, abs=0.3)
    assert shift.pixels < 1


def test_a_pair_that_has_changed_too_much_tells_nothing(shared_data: Path) -> None:
    folder = shared_data / "sztaki_airchange" / "archieve"
    scene = swath.open(folder / "im1.jpg", folder / "im2.jpg", dates=[1984, 2007])
    assert scene.misregistration() == (Shift(0, 0, 1), None)


def test_the_warning_says_how_to_move_it(images: dict[str, np.ndarray]) -> None:
    grid = GeoBox(images["pisa"].shape, Affine(10, 0, 600000, 0, -10, 4800000), "EPSG:32632")
    values = np.stack([images["pisa"], moved(images["pisa"], -2.0, 3.0)])[:, None]
    scene = Scene.from_array(values, grid, bands=["nir"], dates=["2020-05-01", "2021-05-06"])
    with pytest.warns(
        SwathWarning, match=r"2021-05-06 lies 3\.6 px off 2020-05-01 \(-2\.00 rows, \+3\.00 columns\).*\(-30"
    ) as seen:
        shift = scene.misregistration()[1]
    assert shift is not None
    numbers = str(seen[0].message).rpartition("origin by (")[2].partition(")")[0]
    dx, dy = (float(part) for part in numbers.split(","))
    # Content lies 3 columns to the right and 2 rows up: its origin must go 30 m west and 20 m south.
    assert (dx, dy) == pytest.approx((-30, -20), abs=1.5)


def test_another_scale_is_told_though_the_middles_lie_on_each_other(shared_data: Path) -> None:
    path = shared_data / "oscd_s2_4band" / "nantes_t1.tif"
    pair = swath.open(
        path, path, sensor="sentinel-2-l1c@pre-04.00", bands=["B02", "B03", "B04", "B08"], dates=[2015, 2018]
    )
    apart = scene_moved(pair, [(0.0, 0.0), (0.0, 0.0, 0.012, 0.0, 0.0, 0.012)])
    with pytest.warns(SwathWarning, match="more on one side than on the other"):
        shift = apart.misregistration()[1]
    assert shift is not None
    assert shift.pixels < 0.5
    assert shift.farthest > 1


class Endless:
    """A real image repeated over 10,980 x 10,980 pixels, and the number of pixels that were read of it."""

    def __init__(self, image: np.ndarray) -> None:
        self.image, self.count = image, 0
        self.name = "endless"
        self.grid = GeoBox((10980, 10980), Affine(10, 0, 600000, 0, -10, 4800000), "EPSG:32632")
        self.stored = (Stored(dtype="float32"),)
        self.tags: dict[str, str] = {}

    def read(self, window: Roi, indexes: Sequence[int], shape: tuple[int, int] | None = None) -> Any:
        assert shape is None
        rows, columns = (np.arange(part.start, part.stop) for part in window)
        height, width = self.image.shape
        values = self.image[np.ix_(rows % height, columns % width)][None]
        self.count += values.size
        return values, np.ones(values.shape, bool)


def test_of_a_large_scene_only_windows_are_read(images: dict[str, np.ndarray]) -> None:
    before, after = Endless(images["nantes"]), Endless(moved(images["nantes"], 0.4, -0.6))
    scene = Scene(
        grid=before.grid,
        bands=(Band(name="nir", common_name="nir"),),
        dates=(np.datetime64("2020"), np.datetime64("2021")),
        planes=((Plane(before, 0),), (Plane(after, 0),)),
        names=("2020", "2021"),
    )
    # Time of this process, which other work on the machine does not lengthen.
    start = time.process_time()
    shift = scene.misregistration()[1]
    assert time.process_time() - start < 4  # two cores
    assert shift is not None
    assert (shift.rows, shift.columns) == pytest.approx((0.4, -0.6), abs=0.1)
    assert before.count + after.count <= 16 * 2 * 256**2
    unrelated = Endless(images["paris"])
    other = Scene(
        scene.grid, scene.bands, scene.dates, ((Plane(before, 0),), (Plane(unrelated, 0),)), names=scene.names
    )
    start = time.process_time()
    assert other.misregistration() == (Shift(0, 0, 1), None)
    assert time.process_time() - start < 4


def test_dates_without_a_common_band_tell_nothing(images: dict[str, np.ndarray]) -> None:
    grid = GeoBox(images["paris"].shape, Affine(10, 0, 600000, 0, -10, 4800000), "EPSG:32632")
    one = Scene.from_array(images["paris"], grid, bands=["nir"], dates=["2020"])
    planes = (one.planes[0], (None,))
    scene = Scene(one.grid, one.bands, (one.dates[0], np.datetime64("2021")), planes, names=("2020", "2021"))
    assert scene.misregistration() == (Shift(0, 0, 1), None)
