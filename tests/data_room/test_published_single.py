"""Each published set with a label for each image is read as it lies, with the classes and parts of its paper."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import swath.data
from swath.cli import app
from swath.data import IGNORE
from swath.data.published.facts import published
from swath.errors import DataError

from . import published_inner_made as inner
from . import published_single_made as made
from .published_made import Real

SINGLE = sorted(name for name, one in published().items() if "change" not in one.task)
BY_NAME = {
    "resisc45",
    "massachusetts-buildings",
    "massachusetts-roads",
    "so2sat-lcz42",
    "so2sat-lcz42-s1s2",
    "gamus-heights",
}
"""Sets that lie like others, so that something must name them."""
PARTS = {
    "eurosat": {"train": 2, "val": 1, "test": 1},
    "eurosat-rgb": {},
    "uc-merced": {},
    "resisc45": {},
    "firerisk": {"train": 7, "val": 7},
    "loveda": {"train": 2, "val": 1},
    "landcover-ai": {"train": 3, "val": 1, "test": 1},
    "potsdam": {"train": 3, "test": 1},
    "vaihingen": {"train": 3, "test": 1},
    "massachusetts-buildings": {"train": 3, "val": 1, "test": 1},
    "massachusetts-roads": {"train": 3, "val": 1, "test": 1},
    "inria": {"train": 3, "val": 2},
    "sen1floods11": {"train": 2, "val": 1, "test": 2},
    "hls-burn-scars": {"train": 3, "val": 1},
    "38-cloud": {},
    "gid-15": {"train": 2, "val": 1},
    "gid-5": {},
    "isaid": {"train": 3, "val": 1},
    "bigearthnet-v2": {"train": 2, "val": 1, "test": 1},
    "so2sat-lcz42": {"train": 3, "val": 1, "test": 1},
    "kuro-siwo": {"train": 2, "val": 1, "test": 1},
    "agrifieldnet": {},
    "gamus": {"train": 3, "val": 1, "test": 1},
    "gamus-heights": {"train": 3, "val": 1, "test": 1},
    "africa-fields": {},
    "cloudsen12": {},
    "cloudsen12-plus": {"train": 1, "val": 1, "test": 1},
    "so2sat-lcz42-s1s2": {"train": 3, "val": 1, "test": 1},
    "farmseg-vl": {"train": 3, "val": 1, "test": 1},
    "oam-tcd": {"train": 3, "test": 1},
    "sen4agrinet": {"train": 2, "val": 1, "test": 1},
    "treesatai-ts": {"train": 3, "val": 1, "test": 1},
}
BANDS = {
    "eurosat": "B01 B02 B03 B04 B05 B06 B07 B08 B09 B10 B11 B12 B8A",
    "potsdam": "red green blue nir",
    "vaihingen": "nir red green",
    "sen1floods11": "B01 B02 B03 B04 B05 B06 B07 B08 B8A B09 B10 B11 B12",
    "hls-burn-scars": "B02 B03 B04 B8A B11 B12",
    "38-cloud": "B4 B3 B2 B5",
    "bigearthnet-v2": " ".join(made.BANDS_12),
    "so2sat-lcz42": "B02 B03 B04 B05 B06 B07 B08 B8A B11 B12",
    "kuro-siwo": "VV VH",
    "agrifieldnet": " ".join(made.BANDS_12),
    "gamus-heights": "red green blue height",
    "africa-fields": "blue green red nir",
    "cloudsen12": "B01 B02 B03 B04 B05 B06 B07 B08 B8A B09 B10 B11 B12",
    "cloudsen12-plus": "B01 B02 B03 B04 B05 B06 B07 B08 B8A B09 B10 B11 B12",
    "sen4agrinet": "B01 B02 B03 B04 B05 B06 B07 B08 B8A B09 B10 B11 B12",
    "so2sat-lcz42-s1s2": "B02 B03 B04 B05 B06 B07 B08 B8A B11 B12 VH_real VH_imaginary VV_real VV_imaginary VH VV "
    "covariance_real covariance_imaginary",
    "treesatai-ts": "nir green blue red B02 B03 B04 B05 B06 B07 B08 B8A B11 B12 s1_asc_VV s1_asc_VH "
    "s1_des_VV s1_des_VH",
}


def maker(name: str):
    """What writes a set."""
    called = "cloud_38" if name == "38-cloud" else name.replace("-", "_")
    return getattr(made, called, None) or getattr(inner, called)


@pytest.fixture(scope="module")
def real(own_data: Path) -> Real:
    return Real(own_data)


@pytest.fixture(scope="module")
def folders(real: Real, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each set in a folder that bears its name."""
    root = tmp_path_factory.mktemp("single")
    for name in SINGLE:
        maker(name)(real, root / name)
    return {name: root / name for name in SINGLE}


@pytest.mark.parametrize("name", SINGLE)
def test_a_copy_is_read_without_an_argument(folders, name):
    data, one = swath.data.open(folders[name]), published()[name]
    assert (data.layout, data.task) == (name, one.task)
    assert data.published.title == one.title
    assert {stray.why for stray in data.strays} <= {"without label"}
    assert [label.name for label in data.classes] == [label.name for label in one.classes]
    assert [label.colour for label in data.classes] == [label.colour for label in one.classes]
    assert [band.name for band in data.bands] == BANDS.get(name, "red green blue").split()
    assert data.gsd(data.items[0]) == pytest.approx(data.scene(data.items[0]).gsd or one.gsd)
    for item in data.items[:6]:
        sample = data.sample(item)
        if one.task == "segmentation":
            counted = Counter(sample.target.ravel().tolist())
            assert {at: times for at, times in counted.items() if at != IGNORE} == data.counts(item)
        elif isinstance(sample.target, int):
            assert data.counts(item) == {sample.target: 1}
        else:
            assert data.counts(item) == dict.fromkeys(np.flatnonzero(sample.target).tolist(), 1)


@pytest.mark.parametrize("name", SINGLE)
def test_only_what_lies_like_no_other_set_needs_no_name(folders, name, tmp_path):
    folder = tmp_path / "copy of mine"
    folder.symlink_to(folders[name], target_is_directory=True)
    assert swath.data.open(folder, layout=name).layout == name
    try:
        found = swath.data.open(folder).layout
    except DataError:  # no own folder lies like this
        found = None
    assert (found == name) == (name not in BY_NAME)


@pytest.mark.parametrize("name", SINGLE)
def test_parts_are_those_of_the_paper(folders, name):
    assert dict(Counter(swath.data.open(folders[name]).parts.values())) == PARTS[name]


@pytest.mark.parametrize("name", ["loveda", "landcover-ai", "potsdam", "vaihingen", "gid-15", "gid-5", "isaid"])
def test_classes_are_where_they_were_drawn(folders, name, real):
    data = swath.data.open(folders[name])
    bare = {"loveda": 4, "potsdam": 2, "gid-15": 5, "gid-5": 5}.get(name, 0)
    for number, item in enumerate(sorted(data.items, key=lambda item: item.images[0].stem)):
        if name in ("potsdam", "vaihingen"):
            number = {"2_10": 0, "3_11": 1, "6_7": 2, "2_13": 3, "1": 0, "11": 1, "13": 2, "2": 3}[
                item.name.removeprefix("area")
            ]
        expected = real.land(number, 1).astype(int)
        expected[:bare] = IGNORE
        np.testing.assert_array_equal(data.sample(item).target, expected)


@pytest.mark.parametrize("name", ["massachusetts-buildings", "massachusetts-roads", "38-cloud", "hls-burn-scars"])
def test_yes_and_no_are_where_they_were_drawn(folders, name, real):
    for number, item in enumerate(swath.data.open(folders[name]).items):
        if name.startswith("massachusetts"):
            number = int(item.name.split("_")[0][-1])
        expected = made.building(real, number).astype(int)
        expected[: 3 if name == "hls-burn-scars" else 0] = IGNORE
        data = swath.data.open(folders[name])
        np.testing.assert_array_equal(data.sample(item).target, expected)


def test_bands_that_lie_apart_are_one_image(folders, real):
    data = swath.data.open(folders["38-cloud"])
    image = data.sample(data.items[1]).image
    np.testing.assert_array_equal(image[0], real.bands(1, 1)[[2, 1, 0, 3]])


def test_reflectance_that_is_stored_as_such_is_not_scaled_again(folders, real):
    data = swath.data.open(folders["hls-burn-scars"])
    assert set(data.units) == {"reflectance"}
    np.testing.assert_allclose(data.sample(data.items[0]).image[0, 0], real.bands(0, 1)[0] / 1e4, rtol=1e-6)


def test_radar_is_read_where_there_is_nothing_else(folders, tmp_path):
    folder = tmp_path / "floods"
    inner = folders["sen1floods11"] / "v1.1/data/flood_events/HandLabeled"
    for role in ("S1Hand", "LabelHand"):
        shutil.copytree(inner / role, folder / role)
    data = swath.data.open(folder)
    assert ([band.name for band in data.bands], set(data.units)) == (["VV", "VH"], {"db"})


def test_whole_images_of_a_set_that_may_be_cut(folders, tmp_path):
    folder = tmp_path / "mine"
    for role in ("images", "masks"):
        shutil.copytree(folders["landcover-ai"] / role, folder / role)
    data = swath.data.open(folder)
    assert (data.layout, [item.name for item in data.items]) == ("landcover-ai", ["M-33-7-A-d-2-3"])


def test_some_classes_of_a_set_do_not_make_it_that_set(folders, tmp_path):
    folder = tmp_path / "own"
    for name in ("Forest", "River"):
        shutil.copytree(folders["eurosat-rgb"] / "2750" / name, folder / name)
    assert swath.data.open(folder).layout == "folders"


def test_the_report_says_what_set_it_is(folders):
    found = CliRunner().invoke(app, ["data", "inspect", str(folders["landcover-ai"])])
    assert found.exit_code == 0, found.output
    said = " ".join(found.output.split())
    assert "LandCover.ai: 41 aerial images" in said
    assert "CC BY-NC-SA 4.0" in said
    assert "woodland" in said


def test_several_classes_of_an_image(folders):
    data = swath.data.open(folders["bigearthnet-v2"])
    names = [one.told for one in published()["bigearthnet-v2"].classes]
    for item, told in zip(data.items, made.LABELS, strict=True):
        target = data.sample(item).target
        assert target.shape == (19,)
        assert {names[at] for at in np.flatnonzero(target)} == set(told)
    sample = swath.data.Augment()(data.sample(data.items[0]), np.random.default_rng(1))
    np.testing.assert_array_equal(sample.target, data.sample(data.items[0]).target)
    assert swath.data.inspect(data).classes[4].items == 3


def test_bands_of_several_sizes_are_brought_onto_the_finest(folders, real):
    data = swath.data.open(folders["bigearthnet-v2"])
    image = data.sample(data.items[1]).image
    assert image.shape == (1, 12, 64, 64)
    np.testing.assert_allclose(image[0, 1], real.bands(1, 1)[1] / 1e4, rtol=1e-6)


def test_many_images_in_a_file(folders, real):
    data = swath.data.open(folders["so2sat-lcz42"])
    assert [item.name for item in data.items[:2]] == ["testing/000000", "training/000000"]
    assert [data.sample(item).target for item in data.items] == [12, 0, 3, 6, 9]
    image = data.sample(data["training/000002"]).image
    np.testing.assert_allclose(image[0, 1], real.bands(2, 1)[1][:32, :32] / 1e4, rtol=1e-6)
    assert not swath.data.inspect(data).alike


def test_three_dates_of_two_polarisations(folders, real):
    data = swath.data.open(folders["kuro-siwo"])
    sample = data.sample(data["470/01/" + f"{1:032x}"])
    assert sample.image.shape == (3, 2, 64, 64)
    assert [int(sample.image[date].mean()) for date in range(3)] == [0, 1, 2]
    np.testing.assert_array_equal(sample.target, np.where(real.land(1, 1) == 3, IGNORE, real.land(1, 1).astype(int)))


def test_masks_in_files_of_arrays(folders, real):
    data = swath.data.open(folders["gamus"])
    item = data["train/JAX_1"]
    np.testing.assert_array_equal(data.sample(item).image[0], real.picture(1, 1))
    np.testing.assert_array_equal(data.sample(item).target, real.land(1, 1).astype(int) - 1)
    beyond = data.sample(item, np.s_[-8:8, 60:70]).target
    np.testing.assert_array_equal(beyond[8:, :4], real.land(1, 1)[:8, 60:].astype(int) - 1)
    assert (beyond[:8] == IGNORE).all()
    assert (beyond[:, 4:] == IGNORE).all()


def test_heights_beside_images_are_a_band_in_metres(folders, real, tmp_path):
    data = swath.data.open(folders["gamus-heights"])
    assert data.units == ("display",) * 3 + ("metre",)
    image = data.sample(data["train/JAX_1"]).image[0]
    np.testing.assert_array_equal(image[:3], real.picture(1, 1))
    np.testing.assert_array_equal(image[3], real.land(1, 1))
    folder = tmp_path / "mine"
    shutil.copytree(folders["gamus-heights"], folder)
    (folder / "heights/train/JAX_1_AGL.h5").unlink()
    with h5py.File(folder / "heights/train/JAX_0_AGL.h5", "w") as file:
        file["data"] = np.zeros((8, 8), np.float32)
    data = swath.data.open(folder, layout="gamus-heights")
    assert len(data) == 4
    with pytest.raises(DataError, match=r"JAX_0_AGL\.h5: has another size than JAX_0_IMG\.h5"):
        data.sample(data["train/JAX_0"])


def test_bands_keep_their_wavelengths_where_their_numbers_are_stretched(folders):
    data = swath.data.open(folders["agrifieldnet"])
    assert set(data.units) == {"dn"}
    assert data.bands[3].wavelength[1] == 665
    assert data.counts(data.items[0]).keys() <= {0, 8, 12}


def test_captions_tell_the_set_and_are_no_labels(folders, tmp_path, real):
    folder = tmp_path / "mine"
    shutil.copytree(folders["farmseg-vl"], folder)
    data = swath.data.open(folder)
    assert data.layout == "farmseg-vl"
    np.testing.assert_array_equal(data.sample(data["train/anhui_116.9_33.1_0"]).target, made.building(real, 0))
    shutil.rmtree(folder / "train/json")
    assert swath.data.open(folder, layout="farmseg-vl").layout == "farmseg-vl"
