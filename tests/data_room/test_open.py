"""Folders are recognised by their names, masks by their numbers; nothing is guessed, nothing is lost."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import rasterio

import swath.data
from swath.data import IGNORE, ClassIndex
from swath.errors import DataError, SensorError

from .made import change, greenness, pairs, write

REAL = [
    ("hotosm_buildings", {}, "pairs", "segmentation", 118, 2, 1),
    ("dubai_landcover", {"ignore": [5, 255]}, "pairs", "segmentation", 30, 5, 1),
    ("oscd_s2_4band", {}, "change", "change", 8, 2, 2),
    ("sztaki_airchange", {}, "change", "change", 10, 2, 2),
    ("cd_levir_samples", {}, "change", "change", 7, 2, 2),
    ("cd_dsifn_samples", {}, "change", "change", 5, 2, 2),
    ("eurosat_rgb", {}, "eurosat-rgb", "classification", 3000, 10, 1),
    ("ucmerced", {}, "uc-merced", "classification", 1890, 21, 1),
]


@pytest.mark.parametrize(("name", "told", "layout", "task", "items", "classes", "dates"), REAL)
def test_real_sets_are_recognised(shared_data, name, told, layout, task, items, classes, dates):
    data = swath.data.open(shared_data / name, **told)
    assert (data.layout, data.task, len(data), len(data.classes)) == (layout, task, items, classes)
    assert not data.strays
    sample = data.sample(data.items[0])
    assert sample.image.shape[:2] == (dates, len(data.bands))
    assert sample.image.dtype == np.float32
    if task == "classification":
        assert sample.target == data.items[0].label.index
    else:
        assert sample.target.shape == data.shape(data.items[0])
        assert set(np.unique(sample.target)) <= set(range(classes)) | {IGNORE}
        counted = np.bincount(sample.target[sample.target != IGNORE], minlength=classes)
        assert {at: n for at, n in enumerate(counted) if n} == dict(data.counts(data.items[0]))


def test_masks_that_hold_an_unnamed_number_are_refused(shared_data):
    with pytest.raises(DataError, match=r"0, 1, 2, 3, 4, 5, 255: say ignore=255"):
        swath.data.open(shared_data / "dubai_landcover")
    with pytest.raises(DataError, match=r"say ignore=\[5, 255\] if 255 means unlabelled"):
        swath.data.open(shared_data / "dubai_landcover", classes=["a", "b", "c", "d", "e"], ignore=5)


def test_a_sensor_that_is_unknown_is_said_once(own_data, tmp_path):
    with pytest.raises(SensorError, match=r"unknown sensor 'sentinel-2-l1cc'; near: sentinel-2-l1c"):
        swath.data.open(pairs(tmp_path, own_data), sensor="sentinel-2-l1cc")


def test_pairs_are_read_pixel_by_pixel(own_data, tmp_path):
    data = swath.data.open(pairs(tmp_path, own_data), classes=["bare", "mixed", "green"])
    assert (len(data), data.units, data.dates) == (16, ("dn",) * 4, 1)
    assert data.gsd(data.items[0]) == pytest.approx(10.7, abs=0.3)
    with rasterio.open(own_data / "paris_2018.tif") as scene:
        values = scene.read()
    sample = data.sample(data["paris_1_2"], np.s_[10:20, 5:40])
    np.testing.assert_array_equal(sample.image[0], values[:, 74:84, 133:168])
    np.testing.assert_array_equal(sample.target, greenness(values)[74:84, 133:168])
    assert sample.valid.all()


def test_beyond_the_image_nothing_is_known(own_data, tmp_path):
    data = swath.data.open(pairs(tmp_path, own_data))
    sample = data.sample(data.items[0], np.s_[-8:16, 50:80])
    inside = np.zeros((24, 30), dtype=bool)
    inside[8:, :14] = True
    assert (sample.valid == inside).all()
    assert ((sample.target != IGNORE) == inside).all()
    assert (sample.image[:, :, ~inside] == 0).all()


def test_invalid_pixels_have_no_label(own_data, tmp_path):
    pairs(tmp_path, own_data)
    path = tmp_path / "images" / "paris_0_0.tif"
    with rasterio.open(path, "r+") as image:
        values = image.read()
        values[:, 5:9, 5:9] = 0
        image.write(values)
        image.nodata = 0
    sample = swath.data.open(tmp_path).sample(swath.data.open(tmp_path)["paris_0_0"])
    assert (sample.target[5:9, 5:9] == IGNORE).all()
    assert (sample.target == IGNORE).sum() == 16


@pytest.mark.parametrize(
    ("code", "told", "values", "names"),
    [
        (lambda m: (m > 1).astype(np.uint8)[None] * 255, {}, [0, 1], ["background", "foreground"]),
        (lambda m: (m > 1).astype(np.uint8)[None], {"classes": ["park"]}, [0, 1], ["background", "park"]),
        (
            lambda m: np.repeat((m > 1).astype(np.uint8)[None] * 255, 3, axis=0),
            {},
            [0, 1],
            ["background", "foreground"],
        ),
        (lambda m: m[None] * 3 + 1, {}, [1, 4, 7], ["class 1", "class 4", "class 7"]),
        (lambda m: m[None] * 3 + 1, {"classes": {1: "a", 4: "b", 7: "c", 9: "d"}}, [1, 4, 7, 9], list("abcd")),
        (lambda m: m[None], {"classes": ["a", "b", "c", "d"]}, [0, 1, 2, 3], list("abcd")),
        (lambda m: m[None], {"classes": ["a", "b"], "ignore": 2}, [0, 1], list("ab")),
        (
            lambda m: np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=np.uint8)[m].transpose(2, 0, 1),
            {},
            [0, 1, 2],
            ["#0000ff", "#00ff00", "#ff0000"],
        ),
    ],
)
def test_codings(own_data, tmp_path, code, told, values, names):
    data = swath.data.open(pairs(tmp_path, own_data, code=code), **told)
    assert [one.value for one in data.classes] == values
    assert [one.name for one in data.classes] == names
    with rasterio.open(own_data / "paris_2018.tif") as scene:
        mask = greenness(scene.read())[:64, :64]
    target = data.sample(data["paris_0_0"]).target
    # The same partition of the pixels, whatever the numbers.
    groups = {(int(a), int(b)) for a, b in zip(mask.ravel(), target.ravel(), strict=True)}
    assert len({a for a, _ in groups}) == len(groups) == 3


def test_blurred_masks_are_two_valued(own_data, tmp_path):
    def half(mask):
        made = np.zeros((1, *mask.shape), dtype=np.uint8)
        made[:, :, : 24 + int(mask.sum()) % 16] = 255
        return made

    folder = pairs(tmp_path, own_data, code=half, suffix=".jpg")
    data = swath.data.open(folder)
    assert len(data.classes) == 2
    assert "JPEG" in data.notes[0]


def test_regression_reads_real_numbers(own_data, tmp_path):
    folder = pairs(tmp_path, own_data, code=lambda m: m[None].astype(np.float32) * 1.5, suffix=".tif")
    with pytest.raises(DataError, match="task='regression'"):
        swath.data.open(folder)
    data = swath.data.open(folder, task="regression")
    assert data.sample(data.items[0]).target.dtype == np.float32


def test_change_and_given_parts(own_data, tmp_path):
    data = swath.data.open(change(tmp_path / "a", own_data))
    assert (data.task, data.dates, [one.name for one in data.classes]) == ("change", 2, ["unchanged", "changed"])
    for part in ("train", "val", "test"):
        pairs(tmp_path / "b" / part, own_data)
    data = swath.data.open(tmp_path / "b")
    assert len(data) == 48
    made = swath.data.split(data)
    assert {name.split("/")[0] for name in made.val} == {"val"}
    assert (len(made.train), len(made.val), len(made.test)) == (16, 16, 16)


def test_what_finds_no_partner_is_told(own_data, tmp_path):
    pairs(tmp_path, own_data)
    (tmp_path / "masks" / "paris_0_0.png").unlink()
    (tmp_path / "images" / "paris_3_3.tif").unlink()
    (tmp_path / "masks" / "paris_1_1.png").write_bytes(b"no picture")
    data = swath.data.open(tmp_path)
    assert len(data) == 13
    whys = {stray.path.name: stray.why for stray in data.strays}
    assert whys["paris_0_0.tif"] == "image without mask"
    assert whys["paris_3_3.png"] == "mask without image"
    assert "cannot be read" in whys["paris_1_1.png"]
    assert len(data) + 3 == 16
    assert "paris_1_1.tif" in whys


def test_errors_say_what_to_do(own_data, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        swath.data.open(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no known way"):
        swath.data.open(tmp_path / "empty")
    folder = pairs(tmp_path / "p", own_data)
    with pytest.raises(DataError, match="layout='nonsense' is not known"):
        swath.data.open(folder, layout="nonsense")
    with pytest.raises(DataError, match="is not arranged as 'folders'"):
        swath.data.open(folder, layout="folders")
    with pytest.raises(DataError, match="does not name; add it, or say ignore=2"):
        swath.data.open(folder, classes={0: "a", 1: "b"})
    with pytest.raises(DataError, match="twice"):
        swath.data.open(folder, classes=["a", "a", "b"])


def test_several_layouts_are_listed(own_data, tmp_path):
    folder = pairs(tmp_path, own_data)
    for path in sorted((folder / "images").iterdir())[:4]:
        for role, where in (("t1", "early"), ("t2", "early")):
            (folder / where).mkdir(exist_ok=True)
            (folder / where / f"{path.stem}_{role}.tif").write_bytes(path.read_bytes())
        (folder / "early" / f"{path.stem}_mask.png").write_bytes((folder / "masks" / f"{path.stem}.png").read_bytes())
    with pytest.raises(DataError, match=r"several ways: say layout='change' .*; layout='pairs'"):
        swath.data.open(folder)
    assert swath.data.open(folder, layout="change").task == "change"


def test_class_folders(own_data, tmp_path):
    with rasterio.open(own_data / "paris_2018.tif") as scene:
        for at, name in enumerate(["dense", "park"]):
            for number in range(6):
                y = at * 128 + number * 16
                write(tmp_path / name / f"{number:02}.tif", scene.read()[:, y : y + 32, 0:64])
    (tmp_path / "park" / "notes.txt").write_text("seen from the tower")
    data = swath.data.open(tmp_path)
    assert [one.name for one in data.classes] == ["dense", "park"]
    assert data["park/03"].label == ClassIndex(1)
    assert data.sample(data["park/03"], np.s_[0:8, 0:8]).target == 1
    (tmp_path / "park" / "03.txt").write_text("a label of this image")
    with pytest.raises(DataError, match=r"in no known way; it holds dense/, park/; known are images/ with masks/, "):
        swath.data.open(tmp_path)


def test_the_hash_follows_the_contents(own_data, tmp_path):
    first = swath.data.open(pairs(tmp_path / "a", own_data)).hash
    assert first == swath.data.open(pairs(tmp_path / "b" / "elsewhere", own_data)).hash
    (tmp_path / "a" / "masks" / "paris_0_0.png").write_bytes((tmp_path / "a" / "masks" / "paris_0_1.png").read_bytes())
    assert first != swath.data.open(tmp_path / "a").hash


def test_data_sets_travel_to_other_processes(own_data, tmp_path):
    data = swath.data.open(pairs(tmp_path, own_data))
    here = data.sample(data.items[3], np.s_[0:32, 0:32])
    there = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(there.sample(there.items[3], np.s_[0:32, 0:32]).image, here.image)


def test_subsets_keep_the_order(own_data, tmp_path):
    data = swath.data.open(pairs(tmp_path, own_data))
    part = data.subset(["paris_2_2", "paris_0_1"])
    assert [item.name for item in part] == ["paris_0_1", "paris_2_2"]
    with pytest.raises(DataError, match="holds no item 'nowhere'"):
        data.subset(["nowhere"])


def test_pixel_size_can_be_told(own_data, tmp_path):
    data = swath.data.open(pairs(tmp_path, own_data, placed=False), gsd=10)
    assert data.gsd(data.items[0]) == 10
    assert {band.gsd for band in data.bands} == {10}


def test_reading_needs_no_torch(tmp_path: Path):
    import subprocess
    import sys

    code = "import swath.data, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
