"""TreeSatAI Time-Series: a photograph, and of the series of both Sentinels the median of each pixel."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio

import swath.data
from swath.errors import DataError, ReadError

from .several import TREES, trees


@pytest.fixture
def folder(shared_data: Path, tmp_path: Path) -> Path:
    return trees(tmp_path / "trees", shared_data)


def test_the_real_place(folder: Path, shared_data: Path) -> None:
    data = swath.data.open(folder)
    assert (data.layout, data.task, len(data), data.strays) == ("treesatai-ts", "classification", 4, ())
    assert sorted(data.parts.values()) == ["test", "train", "train", "val"]
    item = data[TREES]
    stacked = [(one.name, len(one.bands), one.said) for one in data.scene(item).stacked]
    assert stacked == [
        ("aerial", 4, "as it is"),
        *((name, n, "bilinear") for name, n in (("s2", 10), ("s1_asc", 2), ("s1_des", 2))),
    ]
    sample = data.sample(item)
    names = [band.name for band in data.bands]
    assert isinstance(sample.target, np.ndarray)
    assert np.flatnonzero(sample.target).tolist() == [0], "spruce covers less than 7 %"

    source = shared_data / "treesat_multimodal" / TREES
    with rasterio.open(source.with_suffix(".tif")) as file:
        np.testing.assert_array_equal(sample.image[0, :4], file.read())
    assert names[:4] == ["nir", "green", "blue", "red"]
    with h5py.File(source.with_suffix(".h5")) as file:
        light, hidden = file["sen-2-data"][...], file["sen-2-masks"][...]
        radar = file["sen-1-des-data"][:, 1]
    for at in ((0, 0), (2, 3), (5, 5)):
        clear = (hidden[:, :2, *at] <= 20).all(axis=1)  # snow, clouds
        assert 10 < clear.sum() < len(clear)
        # The middle of a pixel of 10 m lies between 50 and 50 of 0.2 m, behind 2 at the edge.
        y, x = (2 + 50 * one + 25 for one in at)
        here = sample.image[0, :, y - 1 : y + 1, x - 1 : x + 1].mean(axis=(1, 2))
        infrared = np.median(light[clear, 6, *at]) / 10_000
        assert here[names.index("B08")] == pytest.approx(infrared, rel=0.01)
        assert here[names.index("s1_des_VH")] == pytest.approx(np.median(radar[:, *at]), rel=0.01)
    assert sample.valid[0, 4:, 2:-2, 2:-2].all()


def test_what_is_hidden_throughout_is_without_data(folder: Path) -> None:
    with h5py.File(folder / "sentinel-ts" / f"{TREES}_2020.h5", "a") as file:
        file["sen-2-masks"][:, 1, 0, 0] = 100
    data = swath.data.open(folder)
    sample = data.sample(data[TREES])
    assert not sample.valid[0, 4:14, 5:20, 5:20].any()
    assert sample.valid[0, 14:, 5:20, 5:20].all()


def test_some_sensors_are_chosen_by_their_bands(folder: Path) -> None:
    data = swath.data.open(folder, bands=["nir", "red", "B08", "s1_asc_VV"])
    assert [band.name for band in data.bands] == ["nir", "red", "B08", "s1_asc_VV"]
    assert [one.name for one in data.stacked] == ["aerial", "s2", "s1_asc"]


def test_what_is_not_read_is_said(folder: Path, shared_data: Path) -> None:
    with pytest.raises(DataError, match=r"its series are read as the median of each pixel; leave out dates="):
        swath.data.open(folder, layout="treesatai-ts", dates="numbered")
    with pytest.raises(DataError, match=r"is not TreeSatAI Time-Series as it lies: it lacks TreeSatBA_v9_60m"):
        swath.data.open(shared_data / "treesat_multimodal", layout="treesatai-ts")
    path = folder / "sentinel-ts" / f"{TREES}_2020.h5"
    with h5py.File(path, "a") as file:
        del file["sen-2-data"]
    data = swath.data.open(folder)
    with pytest.raises(ReadError, match="sen-2-data cannot be read"):
        data.scene(data[TREES])
    found = swath.data.inspect(data)
    assert len(found.keep) == 3


def test_files_side_by_side(folder: Path, shared_data: Path, tmp_path: Path) -> None:
    flat = tmp_path / "treesat_sample"
    shutil.copytree(shared_data / "treesat_multimodal", flat, copy_function=shutil.copyfile)
    shutil.copy(folder / "labels/TreeSatBA_v9_60m_multi_labels.json", flat)
    data = swath.data.open(flat)
    assert (data.layout, [item.name for item in data]) == ("treesatai-ts", [TREES])
