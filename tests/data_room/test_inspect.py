"""Inspection names what is wrong, keeps what is sound, and loses nothing."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import rasterio

import swath.data

from .made import change, pairs, write


def kinds(report):
    return {finding.kind for finding in report.findings}


def finding(report, kind):
    return next(one for one in report.findings if one.kind == kind)


def test_a_sound_folder(own_data, tmp_path):
    data = swath.data.open(pairs(tmp_path, own_data), classes=["bare", "mixed", "green"])
    calls = []
    report = swath.data.inspect(data, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (16, 16)
    assert len(report.keep) == report.items == 16
    assert dict(report.sizes) == {"64 x 64": 16}
    assert dict(report.crs) == {"EPSG:4326": 16}
    assert [one.name for one in report.classes] == ["bare", "mixed", "green"]
    assert sum(one.count for one in report.classes) == 256 * 256
    assert report.classes[2].share == pytest.approx(0.2, abs=0.01)
    assert kinds(report) == {"units"}
    text = report.describe()
    assert "segmentation, arranged as pairs" in text
    assert "green" in text
    assert json.loads(report.to_json())["items"] == 16


def test_corrupt_images_and_misfits_are_left_out(own_data, tmp_path):
    folder = pairs(tmp_path, own_data, placed=False)
    whole = (folder / "images" / "paris_0_0.tif").read_bytes()
    (folder / "images" / "paris_0_0.tif").write_bytes(whole[:3000])
    (folder / "images" / "paris_0_1.tif").write_bytes(b"")
    write(folder / "masks" / "paris_1_1.png", np.ones((1, 32, 32), dtype=np.uint8))
    with rasterio.open(folder / "images" / "paris_2_2.tif") as image:
        values = image.read()
    write(folder / "images" / "paris_2_2.tif", values[:3])
    report = swath.data.inspect(swath.data.open(folder))
    assert set(finding(report, "corrupt").items) == {"paris_0_0", "paris_0_1"}
    assert finding(report, "label").items == ("paris_1_1",)
    assert "32 x 32 pixels and its image 64 x 64" in finding(report, "label").what
    assert finding(report, "bands").items == ("paris_2_2",)
    assert len(report.keep) == 12
    left = {name for one in report.findings if one.kind in ("corrupt", "label", "bands") for name in one.items}
    assert len(left) + len(report.keep) == 16
    made = swath.data.split(swath.data.open(folder), report=report)
    assert set(made.train) | set(made.val) | set(made.test) == set(report.keep)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_files_that_end_too_early_are_left_out(own_data, tmp_path, suffix, share):
    with rasterio.open(own_data / "paris_2018.tif") as scene:
        values = np.clip(scene.read([3, 2, 1]) // 8, 0, 255).astype(np.uint8)
    for name in ("cut", "whole"):
        path = write(tmp_path / "images" / f"{name}{suffix}", values)
        write(tmp_path / "masks" / f"{name}.png", (values[:1] > 80).astype(np.uint8))
        if name == "cut":
            path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    report = swath.data.inspect(swath.data.open(tmp_path, blocks=False))
    assert finding(report, "corrupt").items == ("cut",)
    assert "GDAL_" not in finding(report, "corrupt").what
    assert report.keep == ("whole",)


def test_masks_that_end_too_early_are_left_out(own_data, tmp_path):
    folder = pairs(tmp_path, own_data)
    cut = folder / "masks" / "paris_0_0.png"
    cut.write_bytes(cut.read_bytes()[:-40])
    report = swath.data.inspect(swath.data.open(folder))
    assert "paris_0_0" not in report.keep
    assert len(report.keep) == 15
    told = [one.what for one in report.findings if "masks/paris_0_0.png" in one.items]
    assert told == ["1 file (masks/paris_0_0.png): mask cannot be read"]


def test_copies_overlaps_and_strays(own_data, tmp_path):
    folder = pairs(tmp_path, own_data)
    shutil.copy(folder / "images" / "paris_0_0.tif", folder / "images" / "paris_9_9.tif")
    shutil.copy(folder / "masks" / "paris_0_1.png", folder / "masks" / "paris_9_9.png")
    (folder / "masks" / "paris_1_0.png").unlink()
    report = swath.data.inspect(swath.data.open(folder))
    copied = finding(report, "copies")
    assert set(copied.items) == {"paris_0_0", "paris_9_9"}
    assert "1 of them with different labels" in copied.what
    assert set(finding(report, "overlap").items) == {"paris_0_0", "paris_9_9"}
    assert finding(report, "stray").items == ("images/paris_1_0.tif",)
    assert "alike" not in kinds(report)


def test_nearly_the_same_images_are_found_and_never_parted(own_data, tmp_path):
    folder = pairs(tmp_path, own_data, placed=False)
    with rasterio.open(folder / "images" / "paris_0_0.tif") as image:
        values = image.read()
    noisy = values + np.random.default_rng(0).integers(0, 9, values.shape).astype(np.uint16)
    write(folder / "images" / "paris_3_3.tif", (noisy * 1.1).astype(np.uint16))
    data = swath.data.open(folder)
    report = swath.data.inspect(data)
    assert report.alike == (("paris_0_0", "paris_3_3"),)
    made = swath.data.split(data, report=report)
    assert made.places["paris_0_0"] == made.places["paris_3_3"]


def test_one_class_and_unlabelled_items(own_data, tmp_path):
    data = swath.data.open(pairs(tmp_path, own_data, code=lambda m: np.zeros_like(m)[None]))
    report = swath.data.inspect(data)
    assert "all labels are of one class, background" in finding(report, "one-class").what
    folder = pairs(tmp_path / "b", own_data)
    write(folder / "masks" / "paris_0_0.png", np.full((1, 64, 64), 9, dtype=np.uint8))
    report = swath.data.inspect(swath.data.open(folder, ignore=9))
    assert finding(report, "unlabelled").items == ("paris_0_0",)
    assert "paris_0_0" not in report.keep


def test_a_class_in_one_part_only(own_data, tmp_path):
    pairs(tmp_path / "train", own_data, code=lambda m: np.minimum(m, 1)[None])
    pairs(tmp_path / "val", own_data)
    report = swath.data.inspect(swath.data.open(tmp_path))
    assert "in val or test only, never in train: class 2" in finding(report, "one-part").what


def test_given_split_is_looked_at(own_data, tmp_path):
    def code(mask):
        return np.minimum(mask, 1)[None]

    folder = pairs(tmp_path, own_data, code=code)
    with rasterio.open(folder / "masks" / "paris_0_0.png") as mask:
        values = mask.read()
    values[0, :4] = 2
    write(folder / "masks" / "paris_0_0.png", values)
    data = swath.data.open(folder)
    names = [item.name for item in data]
    split = swath.data.Split(train=tuple(names[1:]), val=(names[0],), test=(), how="by hand")
    assert "never in train: class 2" in finding(swath.data.inspect(data, split=split), "one-part").what


def test_shifted_dates(own_data, tmp_path):
    folder = change(tmp_path, own_data)
    with rasterio.open(folder / "q0_t2.tif") as image:
        values, like = image.read(), image
        write(folder / "moved.tif", np.roll(values, (5, 3), axis=(1, 2)), like)
    (folder / "moved.tif").rename(folder / "q0_t2.tif")
    report = swath.data.inspect(swath.data.open(folder))
    assert finding(report, "shifted").items == ("q0",)


def test_dates_that_lie_off_in_real_pairs(shared_data):
    report = swath.data.inspect(swath.data.open(shared_data / "oscd_s2_4band"))
    assert set(finding(report, "shifted").items) == {"abudhabi", "hongkong", "saclay_e"}
    assert "coregister=True lays them over" in finding(report, "shifted").action
    straight = swath.data.open(shared_data / "oscd_s2_4band", coregister=True)
    assert "shifted" not in kinds(swath.data.inspect(straight.subset(["abudhabi", "saclay_e"])))
    item = straight["saclay_e"]
    part = straight.sample(item, np.s_[400:600, 400:600])
    whole = straight.sample(item)
    np.testing.assert_array_equal(part.image, whole.image[:, :, 400:600, 400:600])
    as_it_is = swath.data.open(shared_data / "oscd_s2_4band").sample(item)
    seen = whole.target != swath.data.IGNORE  # where a date was moved away from, nobody can know
    assert seen.mean() > 0.95
    np.testing.assert_array_equal(whole.target[seen], as_it_is.target[seen])
    corner = np.zeros_like(seen)
    corner[420:620, 460:660] = seen[420:620, 460:660]
    alike = [np.corrcoef(*(date[3][corner] for date in one.image))[0, 1] for one in (whole, as_it_is)]
    assert alike[0] > alike[1] + 0.1
    assert 9.9 < report.gsd[0] < report.gsd[2] < 10.6


def test_real_copies(shared_data):
    report = swath.data.inspect(
        swath.data.open(shared_data / "ucmerced").subset([f"airplane/airplane{n:02}" for n in (1, 2, 3, 4)])
    )
    assert set(finding(report, "copies").items) == {"airplane/airplane01", "airplane/airplane02"}


def test_a_mix_of_systems(shared_data):
    report = swath.data.inspect(swath.data.open(shared_data / "neon_trees"))
    assert {"crs-mix", "gsd"} <= kinds(report)
    assert len(report.keep) == report.items


def test_a_split_that_parts_copies_is_told(own_data, tmp_path):
    pairs(tmp_path / "train", own_data, gap=4)
    (tmp_path / "test").mkdir()
    for role, name in (("images", "paris_0_0.tif"), ("masks", "paris_0_0.png")):
        (tmp_path / "test" / role).mkdir()
        shutil.copy(tmp_path / "train" / role / name, tmp_path / "test" / role / name)
    report = swath.data.inspect(swath.data.open(tmp_path))
    for kind in ("copies", "overlap"):
        assert "the split parts 1 pair of them, so that its scores are too good" in finding(report, kind).action
