"""Labels in text files: DOTA, eleven numbers by axis, YOLO."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import swath.data
from swath.data import Boxes
from swath.errors import DataError
from tests.data_room.real import SHIPS, link, ships_turned, ships_upright, size


def boxes_of(data: swath.data.Dataset, name: str) -> Boxes:
    target = data.sample(data[name]).target
    assert isinstance(target, Boxes)
    return target


def test_ships_have_two_layouts_and_both_are_named(shared_data: Path) -> None:
    with pytest.raises(DataError, match=r"layout='axis_boxes'.*layout='dota'"):
        swath.data.open(shared_data / "inshore_ships")


def test_dota_ships(shared_data: Path) -> None:
    data = swath.data.open(shared_data / "inshore_ships", layout="dota", task="detection")
    assert (len(data), [one.name for one in data.classes], data.strays) == (100, ["ship"], ())
    assert sum(sum(data.counts(item).values()) for item in data.items) == 934
    for name in SHIPS:
        found = boxes_of(data, name)
        told = ships_turned(shared_data, name)
        assert found.outlines is not None
        np.testing.assert_array_equal(found.outlines, told)
        np.testing.assert_allclose(found.corners[:, :2], np.maximum(told.min(axis=1), 0))


def test_axis_ships(shared_data: Path) -> None:
    data = swath.data.open(shared_data / "inshore_ships", layout="axis_boxes")
    assert len(data) == 100
    assert {one.name for one in data.classes} == set("012345689")
    assert any(note.startswith("34 objects without extent") for note in data.notes)
    for name in SHIPS:
        np.testing.assert_array_equal(boxes_of(data, name).corners, ships_upright(shared_data, name))
    named = swath.data.open(shared_data / "inshore_ships", layout="axis_boxes", classes={2: "ship"})
    assert [one.name for one in named.classes] == ["ship"]
    assert sum(named.counts(item).get(0, 0) for item in named.items) in (839, 840)
    assert any("have no name" in note for note in named.notes)
    with pytest.raises(DataError, match=r"classes=\{number: name\}"):
        swath.data.open(shared_data / "inshore_ships", layout="axis_boxes", classes=["boat", "ship"])


def write_yolo(folder: Path, shared_data: Path, *, turned: bool, data_yaml: bool = True) -> None:
    for number, name in enumerate(SHIPS):
        part = "val" if number == 0 else "train"
        image = link(shared_data / "inshore_ships" / f"{name}.jpg", folder / "images" / part / f"{name}.jpg")
        scale = np.array(size(image), dtype=np.float64)
        if turned:
            rows = (ships_turned(shared_data, name) / scale).reshape(-1, 8)
        else:
            boxes = ships_upright(shared_data, name).astype(np.float64)
            low, high = boxes[:, :2] / scale, boxes[:, 2:] / scale
            rows = np.hstack([(low + high) / 2, high - low])
        lines = [f"1 {' '.join(f'{one:.9f}' for one in row)}" for row in rows]
        label = folder / "labels" / part / f"{name}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("\n".join(lines) + "\n")
    if data_yaml:
        (folder / "data.yaml").write_text("train: images/train\nval: images/val\nnc: 2\nnames: [boat, ship]\n")


@pytest.mark.parametrize("turned", [False, True])
def test_yolo_gives_back_what_was_written(shared_data: Path, tmp_path: Path, turned: bool) -> None:
    write_yolo(tmp_path, shared_data, turned=turned)
    data = swath.data.open(tmp_path)
    assert (data.layout, data.task, [one.name for one in data.classes]) == ("yolo", "detection", ["boat", "ship"])
    assert sorted(data.parts.values()) == ["train", "train", "train", "val"]
    for number, name in enumerate(SHIPS):
        found = boxes_of(data, f"images/{'val' if number == 0 else 'train'}/{name}")
        assert set(found.labels.tolist()) == {1}
        if turned:
            assert found.outlines is not None
            np.testing.assert_allclose(found.outlines, ships_turned(shared_data, name), atol=2e-3)
        else:
            np.testing.assert_allclose(found.corners, ships_upright(shared_data, name), atol=2e-3)


def test_yolo_outlines_become_pixels(shared_data: Path, tmp_path: Path) -> None:
    write_yolo(tmp_path, shared_data, turned=True, data_yaml=False)
    data = swath.data.open(tmp_path, task="segmentation", classes=["background", "ship"])
    target = data.sample(data["images/val/1"]).target
    assert isinstance(target, np.ndarray)
    assert set(np.unique(target)) == {0, 1}
    for x, y in ships_turned(shared_data, "1").mean(axis=1).round().astype(int):
        assert target[y, x] == 1
    assert data.counts(data["images/val/1"]) == {0: int((target == 0).sum()), 1: int((target == 1).sum())}


def test_yolo_without_names_and_with_trouble(shared_data: Path, tmp_path: Path) -> None:
    write_yolo(tmp_path, shared_data, turned=False, data_yaml=False)
    label = tmp_path / "labels/train/12.txt"
    label.write_text("1 0.5 0.5 oops 0.1\n")
    (tmp_path / "labels/train/104.txt").write_text("")
    (tmp_path / "labels/train/9999.txt").write_text("1 0.5 0.5 0.1 0.1\n")
    (tmp_path / "data.yaml").write_text("names: [boat, ship")
    data = swath.data.open(tmp_path, classes=["boat", "ship"])
    assert len(data) == 3
    why = {stray.path.name: stray.why for stray in data.strays}
    assert "line" in why["12.txt"]
    assert why["12.jpg"] == "image without label"
    assert "not here" in why["9999.txt"]
    assert "no names of classes were taken from it" in why["data.yaml"]
    assert any("taken as empty" in note for note in data.notes)
    assert len(boxes_of(data, "images/train/104")) == 0


@pytest.mark.parametrize("layout", ["yolo", "dota"])
def test_bad_lines_are_dropped_one_by_one_and_named(shared_data: Path, tmp_path: Path, layout: str) -> None:
    if layout == "yolo":
        write_yolo(tmp_path, shared_data, turned=False)
        label, bad = tmp_path / "labels/train/12.txt", ["1 0.5 0.5 oops 0.1", "1 0.5 0.5 0.1"]
    else:
        label, bad = tmp_path / "labelTxt/12.txt", ["1 2 3 4 5 6 7 ship 0", "10 20 30 oops 50 60 70 80 ship 0"]
        for name in SHIPS:
            link(shared_data / f"inshore_ships/{name}.jpg", tmp_path / f"images/{name}.jpg")
            (tmp_path / "labelTxt").mkdir(exist_ok=True)
            (tmp_path / f"labelTxt/{name}.txt").write_bytes(
                (shared_data / f"inshore_ships/{name}.obb.txt").read_bytes()
            )
    whole = swath.data.open(tmp_path)
    name = next(item.name for item in whole.items if item.name.endswith("/12"))
    first, *rest = label.read_text().splitlines()
    label.write_text("\n".join([first, bad[0], *rest, bad[1]]))
    data = swath.data.open(tmp_path)
    assert [item.name for item in data.items] == [item.name for item in whole.items]
    np.testing.assert_array_equal(boxes_of(data, name).corners, boxes_of(whole, name).corners)
    where = label.relative_to(tmp_path).as_posix()
    last = len(label.read_text().splitlines())
    assert f"2 lines of label files without an object ({where}:2, {where}:{last}); left out" in data.notes
    assert not data.strays


def test_dota_headers_difficulty_and_doubles(shared_data: Path, tmp_path: Path) -> None:
    link(shared_data / "inshore_ships/1.jpg", tmp_path / "images/1.jpg")
    lines = (shared_data / "inshore_ships/1.obb.txt").read_text().splitlines()
    lines = [line for line in lines if line.strip()]
    hard = lines[1].rsplit(" ", 1)[0] + " 1"
    flat = "5 5 5 5 5 5 5 5 ship 0"
    (tmp_path / "labelTxt").mkdir()
    text = "\n".join(["imagesource:GoogleEarth", "gsd:0.146", lines[0], lines[0], hard, flat])
    (tmp_path / "labelTxt/1.txt").write_text(text)
    data = swath.data.open(tmp_path)
    assert data.layout == "dota"
    found = boxes_of(data, "images/1")
    assert found.ignored is not None
    assert found.ignored.tolist() == [False, True]
    assert data.counts(data.items[0]) == {0: 1}
    said = " ".join(data.notes)
    assert "0.146" in said
    assert "1 object told twice" in said
    assert "1 object without extent" in said
