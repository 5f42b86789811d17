"""Images that lie within tables, tortillas, arrays and series are read where they lie."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import swath.data
from swath.data import IGNORE
from swath.errors import DataError, TrainError
from swath.train.evaluation.fields import Fields

from . import published_inner_made as inner
from .published_made import Real


@pytest.fixture(scope="module")
def real(own_data: Path) -> Real:
    return Real(own_data)


@pytest.fixture(scope="module")
def folders(real: Real, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each set in a folder that bears its name."""
    root = tmp_path_factory.mktemp("inner")
    names = ("so2sat-lcz42-s1s2", "sen4agrinet", "cloudsen12-plus", "oam-tcd")
    for name in names:
        getattr(inner, name.replace("-", "_"))(real, root / name)
    return {name: root / name for name in names}


def test_both_sensors_of_a_patch(folders, real):
    data = swath.data.open(folders["so2sat-lcz42-s1s2"])
    image = data.sample(data["training/000002"]).image[0]
    np.testing.assert_allclose(image[1], real.bands(2, 1)[1][:32, :32] / 1e4, rtol=1e-6)
    assert image[10:, 0, 0].tolist() == [-3, -2, -1, 0, 1, 2, 3, 4]
    assert data.units == ("reflectance",) * 10 + ("dn",) * 4 + ("linear",) * 2 + ("dn",) * 2
    assert [data.sample(item).target for item in data.items] == [12, 0, 3, 6, 9]
    assert "units" not in {one.kind for one in swath.data.inspect(data).findings}


def test_a_year_of_uneven_dates_is_medians_of_months(folders, real):
    data = swath.data.open(folders["sen4agrinet"])
    scene = data.scene(data.items[0])
    assert [str(date) for date in scene.dates] == [f"2019-{month:02d}" for month in range(1, 13)]
    image = data.sample(data.items[0]).image
    first, last = (real.bands(0, date)[1][:60, :60].astype(float) for date in (0, 1))
    march, july = first + 50, last  # the mean of both dates of March
    np.testing.assert_allclose(image[2, 1], march.round() / 1e4, atol=1e-7)
    np.testing.assert_allclose(image[6, 1], july / 1e4, atol=1e-7)
    day = np.datetime64("2019-03-01")
    share = (np.datetime64("2019-09-01") - day) / (np.datetime64("2019-07-01") - day)
    september = np.clip(march + (july - march) * share, 1, None)
    np.testing.assert_allclose(image[8, 1], september / 1e4, atol=1.01e-4)
    coarse = image[6, 4].reshape(30, 2, 30, 2)
    assert (coarse == coarse[:, :1, :, :1]).all()


def test_bands_that_are_asked_for_are_the_only_ones_read(folders):
    data = swath.data.open(folders["sen4agrinet"], bands=["B04", "B08"])
    assert [band.name for band in data.bands] == ["B04", "B08"]
    whole = swath.data.open(folders["sen4agrinet"])
    both = data.sample(data.items[1]).image, whole.sample(whole.items[1]).image
    np.testing.assert_array_equal(both[0], both[1][:, [3, 7]])
    with pytest.raises(DataError, match="has no band B17; there are B01"):
        swath.data.open(folders["sen4agrinet"], bands=["B17"])


def test_crops_that_are_no_class_bear_no_label(folders, real):
    data = swath.data.open(folders["sen4agrinet"])
    expected = np.array([IGNORE, 0, IGNORE, 10])[real.land(0, 1)[:60, :60]]
    np.testing.assert_array_equal(data.sample(data.items[0]).target, expected)


def test_fields_lie_beside_the_labels_in_a_file(folders):
    data = swath.data.open(folders["sen4agrinet"])
    grid = data.scene(data.items[0]).grid
    fields = Fields("labels=parcels").of(data.items[0], grid)
    assert np.unique(fields._source.burned(np.s_[0:60, 0:60])).tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(TrainError, match="its label is labels/labels"):
        Fields("masks=parcels").of(data.items[0], grid)


def test_a_patch_within_a_tortilla(folders, real):
    data = swath.data.open(folders["cloudsen12-plus"])
    assert [item.name[:9] for item in data.items] == ["ROI_00000", "ROI_00001", "ROI_00003"]  # without scribbles
    sample = data.sample(data.items[2], np.s_[8:24, 0:64])
    np.testing.assert_allclose(sample.image[0, :4], real.bands(3, 1)[:, 8:24] / 1e4, rtol=1e-6)
    np.testing.assert_array_equal(sample.target, real.land(3, 1)[8:24])
    assert (data.sample(data.items[2]).target[-3:] == IGNORE).all()
    y, x = real.tiles[3]
    assert data.scene(data.items[2]).grid.affine * (0, 0) == real.grid.transform * (x, y)


def test_a_broken_tortilla_is_told_and_left_out(folders, tmp_path):
    folder = tmp_path / "cloudsen12plus"
    shutil.copytree(folders["cloudsen12-plus"], folder)
    whole = folder / "cloudsen12-l1c.0000.part.taco"
    whole.write_bytes(whole.read_bytes()[:-400])
    (data,) = (swath.data.open(folder),)
    assert [item.name[:9] for item in data.items] == ["ROI_00003"]
    assert "cannot be read" in data.strays[0].why
    whole.write_bytes(b"PK" + bytes(100))
    assert "is no tortilla" in swath.data.open(folder).strays[0].why


@pytest.fixture(scope="module")
def tables(real: Real, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OAM-TCD as it lies on the hub."""
    folder = tmp_path_factory.mktemp("tables") / "oam-tcd"
    inner.oam_tcd_tables(real, folder)
    return folder


def test_images_in_the_cells_of_tables(tables, real):
    data = swath.data.open(tables)
    assert dict(Counter(data.parts.values())) == {"train": 3, "test": 1}
    assert [(band.name, band.units) for band in data.bands] == [(name, "display") for name in ("red", "green", "blue")]
    for number, name in enumerate(("0", "1", "2", "3")):
        sample = data.sample(data[name])
        np.testing.assert_array_equal(sample.image[0], real.picture(number, 1))
        np.testing.assert_array_equal(sample.target, inner.crowns(real, number)[0].any(axis=0).astype(int))
        y, x = real.tiles[number]
        grid = data.scene(data[name]).grid
        np.testing.assert_allclose(grid.affine * (64, 64), real.grid.transform * (x + 64, y + 64))
        assert grid.crs == real.grid.crs


@pytest.mark.parametrize("kind", ["tables", "files"])
def test_trees_and_groups_of_them_are_objects(tables, folders, real, kind):
    data = swath.data.open(tables if kind == "tables" else folders["oam-tcd"], task="detection")
    assert [one.name for one in data.classes] == ["canopy", "tree"]
    assert dict(Counter(data.parts.values())) == {"train": 3, "test": 1}
    assert data.published.title == "OAM-TCD"
    boxes = data.sample(data.items[1]).target
    np.testing.assert_array_equal(boxes.corners, [[8, 4, 20, 14], [20, 30, 32, 40], [44, 40, 56, 50]])
    assert boxes.labels.tolist() == [1, 0, 1]


def test_a_damaged_table_is_told(tables, tmp_path):
    folder = tmp_path / "oam-tcd"
    shutil.copytree(tables, folder)
    path = folder / "data/train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:100])
    data = swath.data.open(folder)
    assert ([item.name for item in data.items], len(data.strays)) == (["3"], 1)
    (folder / "data/test-00000-of-00001.parquet").unlink()
    with pytest.raises(DataError, match=r"no table can be read \(1 tried\)"):
        swath.data.open(folder)
