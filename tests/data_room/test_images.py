"""Images without labels: what is taken of a folder, how it is looked through, and which places are held out."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

import swath.data
from swath.errors import DataError

BANDS = {"sensor": "sentinel-2-l1c@pre-04.00", "bands": ["B02", "B03", "B04", "B08"]}


def cut(source: Path, to: Path, at: tuple[int, int], side: int = 64, *, bare: bool = False) -> None:
    """A square of a real scene; without its place where it is bare."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(source) as scene:
        window = Window(at[1], at[0], side, side)
        pixels = scene.read(window=window)
        where = {} if bare else {"crs": scene.crs, "transform": scene.window_transform(window)}
    with rasterio.open(to, "w", driver="GTiff", width=side, height=side, count=4, dtype="uint16", **where) as out:
        out.write(pixels)


@pytest.fixture
def pairs(own_data: Path, tmp_path: Path) -> Path:
    """Twelve places at two dates, which nothing but their names tells, with a mask each."""
    root = tmp_path / "pairs"
    for number in range(12):
        at = (number // 4 * 64, number % 4 * 64)
        for date, year in (("A", 2015), ("B", 2018)):
            cut(own_data / f"paris_{year}.tif", root / date / f"{number + 1}.tif", at, bare=True)
        cut(own_data / "paris_2018.tif", root / "label" / f"{number + 1}.tif", at, bare=True)
    return root


def test_images_are_taken_and_labels_are_not(pairs: Path, own_data: Path) -> None:
    shutil.copy(own_data / "paris_2018.tif", pairs / "all_preview.tif")
    (pairs / ".cache").mkdir()
    shutil.copy(own_data / "paris_2018.tif", pairs / ".cache" / "hidden.tif")
    data = swath.data.open(pairs, task="pretraining", **BANDS)
    assert (data.task, data.layout, data.classes) == ("pretraining", "images", ())
    assert {item.name for item in data} == {f"{date}/{number}" for date in "AB" for number in range(1, 13)}
    assert sorted({stray.why for stray in data.strays}) == ["a label, by its name", "a preview, by its name"]
    assert data.sample(data["A/1"], np.s_[:8, :8]).target is None
    report = swath.data.inspect(data)
    assert len(report.keep) == 24
    assert "labels      none, for pretraining, arranged as images" in report.describe()
    assert "12 files (label/1.tif, label/10.tif, label/11.tif and 9 more): a label, by its name" in " ".join(
        finding.what for finding in report.findings
    )


def test_the_dates_of_a_place_are_never_parted(pairs: Path) -> None:
    data = swath.data.open(pairs, task="pretraining", **BANDS)
    parts = swath.data.split(data)
    assert parts.val
    assert parts.test
    for part in (parts.train, parts.val, parts.test):
        assert {name[2:] for name in part if name[0] == "A"} == {name[2:] for name in part if name[0] == "B"}


def test_lists_of_parts_hold_for_all_dates(pairs: Path) -> None:
    (pairs / "list").mkdir()
    for part, numbers in (("train", range(1, 9)), ("val", (9, 10)), ("test", (11, 12))):
        (pairs / "list" / f"{part}.txt").write_text("".join(f"{number}.tif\n" for number in numbers))
    parts = swath.data.split(swath.data.open(pairs, task="pretraining", **BANDS))
    assert set(parts.val) == {"A/9", "A/10", "B/9", "B/10"}
    assert set(parts.test) == {"A/11", "A/12", "B/11", "B/12"}
    assert len(parts.train) == 16


def test_folders_of_parts_hold_and_what_is_in_none_is_learnt_from(own_data: Path, tmp_path: Path) -> None:
    for number, folder in enumerate(("train", "val", "test", "more")):
        cut(own_data / "paris_2018.tif", tmp_path / folder / "a.tif", (0, 64 * number), bare=True)
    parts = swath.data.split(swath.data.open(tmp_path, task="pretraining", **BANDS))
    assert (set(parts.train), parts.val, parts.test) == ({"train/a", "more/a"}, ("val/a",), ("test/a",))


def test_a_broken_image_and_an_empty_one_take_no_part(pairs: Path) -> None:
    broken = pairs / "A" / "3.tif"
    broken.write_bytes(broken.read_bytes()[:2000])
    with rasterio.open(pairs / "B" / "4.tif", "r+") as out:
        out.nodata = 0
        out.write(np.zeros((4, 64, 64), np.uint16))
    report = swath.data.inspect(swath.data.open(pairs, task="pretraining", **BANDS))
    assert "A/3" not in report.keep
    assert "B/4" not in report.keep
    assert {finding.kind for finding in report.findings} >= {"corrupt", "invalid"}


def test_a_folder_that_is_a_product_is_one_image(own_data: Path, tmp_path: Path) -> None:
    name = "S2A_MSIL1C_20180601T105031_N0206_R051_T31UDQ_20180601T124617.SAFE"
    inner = tmp_path / "pool" / name / "GRANULE" / "L1C_T31UDQ_A015364_20180601T105333" / "IMG_DATA"
    inner.mkdir(parents=True)
    with rasterio.open(own_data / "paris_2018.tif") as scene:
        profile = scene.profile | {"count": 1, "driver": "GTiff"}
        for number, band in enumerate(("B02", "B03", "B04", "B08"), start=1):
            with rasterio.open(inner / f"T31UDQ_20180601T105031_{band}.tif", "w", **profile) as out:
                out.write(scene.read(number), 1)
    data = swath.data.open(tmp_path / "pool", task="pretraining", bands=["B02", "B03", "B04", "B08"])
    assert [item.images for item in data] == [(tmp_path / "pool" / name,)]


def test_what_holds_no_image_is_said(pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("nothing")
    with pytest.raises(DataError, match=r"empty: holds no image to learn from; it holds notes\.txt"):
        swath.data.open(tmp_path / "empty", task="pretraining")
    with pytest.raises(DataError, match="images without labels are for task='pretraining'"):
        swath.data.open(pairs / "A")
