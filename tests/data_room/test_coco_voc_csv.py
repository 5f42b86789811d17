"""Boxes in JSON, XML and tables: the real labels written in these layouts come back as they were."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import numpy as np
import pytest

import swath.data
from swath.data import Boxes
from swath.data.run_lengths import decoded, traced
from swath.errors import DataError
from tests.data_room.real import SHIPS, link, ships_turned, ships_upright, size, trees


def boxes_of(data: swath.data.Dataset, name: str) -> Boxes:
    target = data.sample(data[name]).target
    assert isinstance(target, Boxes)
    return target


def coco(shared_data: Path) -> dict[str, Any]:
    """The trees of ten images and the ships of four as one COCO file."""
    data: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    data["categories"] = [{"id": 7, "name": "tree"}, {"id": 3, "name": "ship"}]
    told = {f"neon_trees/images/{name}": (7, boxes) for name, boxes in list(trees(shared_data).items())[:10]}
    told |= {f"inshore_ships/{name}.jpg": (3, ships_upright(shared_data, name)) for name in SHIPS}
    for number, (path, (category, boxes)) in enumerate(told.items(), 1):
        width, height = size(shared_data / path)
        data["images"].append({"id": number, "file_name": Path(path).name, "width": width, "height": height})
        for x0, y0, x1, y1 in boxes.tolist():
            entry = {"image_id": number, "category_id": category, "iscrowd": 0, "id": len(data["annotations"])}
            data["annotations"].append({**entry, "bbox": [x0, y0, x1 - x0, y1 - y0]})
    return data


def put_images(shared_data: Path, folder: Path, data: dict[str, Any]) -> None:
    for one in data["images"]:
        source = "inshore_ships" if one["file_name"].endswith(".jpg") else "neon_trees/images"
        link(shared_data / source / one["file_name"], folder / "images" / one["file_name"])


def test_coco_boxes_come_back(shared_data: Path, tmp_path: Path) -> None:
    told = coco(shared_data)
    put_images(shared_data, tmp_path, told)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/instances.json").write_text(json.dumps(told))
    data = swath.data.open(tmp_path)
    assert (data.layout, data.task, len(data)) == ("coco", "detection", 14)
    assert [one.name for one in data.classes] == ["ship", "tree"]
    for name in SHIPS:
        np.testing.assert_array_equal(boxes_of(data, f"images/{name}").corners, ships_upright(shared_data, name))
    for file, boxes in list(trees(shared_data).items())[:10]:
        found = boxes_of(data, f"images/{Path(file).stem}")
        width, height = size(shared_data / "neon_trees/images" / file)
        np.testing.assert_array_equal(found.corners, np.clip(boxes, 0, [width, height, width, height]))
        assert set(found.labels.tolist()) == {1}
    only = swath.data.open(tmp_path, classes=["tree"])
    assert sum(len(boxes_of(only, item.name)) for item in only.items) == sum(
        len(boxes) for boxes in list(trees(shared_data).values())[:10]
    )
    with pytest.raises(DataError, match=r"no label is of class 'treee'; there are ship, tree"):
        swath.data.open(tmp_path, classes=["ship", "treee"])


def test_coco_says_what_is_odd(shared_data: Path, tmp_path: Path) -> None:
    told = coco(shared_data)
    put_images(shared_data, tmp_path, told)
    told["categories"].append({"id": 9, "name": "Ships"})
    first = next(one for one in told["annotations"] if one["category_id"] == 3)
    told["annotations"] += [
        {**first},
        {**first, "bbox": [1, 1, 0, 5]},
        {**first, "category_id": 9, "iscrowd": 1, "bbox": [1, 1, 50, 50]},
        {**first, "category_id": 99},
    ]
    told["images"].append({"id": 1000, "file_name": "gone.jpg"})
    link(shared_data / "inshore_ships/103.jpg", tmp_path / "images/103.jpg")
    (tmp_path / "labels.json").write_text(json.dumps(told))
    data = swath.data.open(tmp_path)
    said = " | ".join(data.notes)
    assert "1 object told twice" in said
    assert "1 object without extent" in said
    assert "1 annotation without a box that can be read" in said
    assert "'Ships' (1) and 'ship'" in said
    assert {stray.path.name: stray.why for stray in data.strays} == {
        "103.jpg": "image without label",
        "labels.json": "labels of gone.jpg, which is not here",
    }
    crowd = boxes_of(data, f"images/{Path(told['images'][first['image_id'] - 1]['file_name']).stem}")
    assert crowd.ignored is not None
    assert crowd.ignored.sum() == 1


def test_coco_that_is_damaged_is_told(own_data: Path, tmp_path: Path) -> None:
    for name in ("2015", "2018"):
        shutil.copy(own_data / f"paris_{name}.tif", tmp_path)
    shapes: list[Any] = [
        {"bbox": [10, 10, 50, 40]},
        {"bbox": [None, 1, 2, 3]},
        {"segmentation": [[1, 2, 3, 4, "x", 6]]},
        {"segmentation": {"counts": [1, 2]}},
    ]
    told: dict[str, Any] = {
        "images": [{"id": number, "file_name": f"paris_{number}.tif"} for number in (2015, 2018)],
        "categories": [{"id": 1, "name": "court"}],
        "annotations": ["court", *({"image_id": 2018, "category_id": 1, **one} for one in shapes)],
    }
    (tmp_path / "labels.json").write_text(json.dumps(told))
    data = swath.data.open(tmp_path)
    assert sum(data.counts(item)[0] for item in data.items if data.counts(item)) == 1
    assert any(note.startswith("4 annotations without a box") for note in data.notes)
    for key, lacking in (("images", "id"), ("categories", "name")):
        broken = {**told, key: [{at: one[at] for at in one if at != lacking} for one in told[key]]}
        (tmp_path / "labels.json").write_text(json.dumps(broken))
        with pytest.raises(DataError, match=f"each of its {key} needs id"):
            swath.data.open(tmp_path)


@pytest.mark.parametrize("compressed", [False, True])
def test_run_lengths_of_a_real_ship(shared_data: Path, tmp_path: Path, compressed: bool) -> None:
    """Ships burned by their corners, written as run lengths, and read again: the same pixels."""
    width, height = size(shared_data / "inshore_ships/1.jpg")
    corners = ships_turned(shared_data, "1")
    mask = np.zeros((height, width), np.uint8)
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    for outline in corners:
        inside = np.ones(mask.shape, bool)
        for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
            inside &= ((x1 - x0) * (rows - y0) - (y1 - y0) * (columns - x0)) * 1.0 >= 0
        other = np.ones(mask.shape, bool)
        for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
            other &= ((x1 - x0) * (rows - y0) - (y1 - y0) * (columns - x0)) * 1.0 <= 0
        mask |= inside | other
    assert 1000 < mask.sum() < mask.size / 2
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    counts = [0, *counts] if flat[0] else counts
    told = {"size": [height, width], "counts": _compressed(counts) if compressed else counts}
    np.testing.assert_array_equal(decoded(told), mask)
    assert traced(mask).area == mask.sum()
    link(shared_data / "inshore_ships/1.jpg", tmp_path / "1.jpg")
    entry = {"image_id": 1, "category_id": 1, "segmentation": told, "bbox": [0, 0, 5, 5], "iscrowd": 1}
    images = [{"id": 1, "file_name": "1.jpg", "width": width, "height": height}]
    file = {"images": images, "categories": [{"id": 1, "name": "ship"}], "annotations": [entry]}
    (tmp_path / "a.json").write_text(json.dumps(file))
    data = swath.data.open(tmp_path, task="segmentation", blocks=False)
    np.testing.assert_array_equal(data.sample(data["1"]).target, mask)
    part = data.sample(data["1"], np.s_[400:500, -10:300]).target
    assert isinstance(part, np.ndarray)
    np.testing.assert_array_equal(part[:, 10:], mask[400:500, :300])
    assert (part[:, :10] == swath.data.IGNORE).all()
    with pytest.raises(DataError, match="do not fill"):
        decoded({"size": [height, width + 1], "counts": told["counts"]})


def _compressed(counts: list[int]) -> str:
    """Run lengths in digits of five bits, written here from the description of the format."""
    text = ""
    for at, count in enumerate(counts):
        number = count - counts[at - 2] if at > 2 else count
        more = True
        while more:
            digit = number & 0x1F
            number >>= 5
            more = number != (-1 if digit & 0x10 else 0)
            text += chr((digit | (0x20 if more else 0)) + 48)
    return text


def write_voc(folder: Path, shared_data: Path, kind: str) -> None:
    for name in SHIPS:
        link(shared_data / "inshore_ships" / f"{name}.jpg", folder / "JPEGImages" / f"{name}.jpg")
        root = Xml.Element("annotation")
        Xml.SubElement(root, "filename").text = f"{name}.jpg"
        corners = ships_turned(shared_data, name) if kind != "bndbox" else ships_upright(shared_data, name)
        for box in corners.astype(np.float64):
            entry = Xml.SubElement(root, "object")
            Xml.SubElement(entry, "name").text = "ship"
            Xml.SubElement(entry, "difficult").text = "0"
            if kind == "bndbox":
                told = dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
            elif kind == "polygon":
                told = {f"{axis}{at}": box[at - 1, "xy".index(axis)] for at in range(1, 5) for axis in "xy"}
            else:
                along, across = box[1] - box[0], box[2] - box[1]
                centre = box.mean(axis=0)
                told = {"cx": centre[0], "cy": centre[1], "w": np.hypot(*along), "h": np.hypot(*across)}
                told["angle"] = np.arctan2(along[1], along[0])
            tag = Xml.SubElement(
                entry, "bndbox" if kind == "bndbox" else "polygon" if kind == "polygon" else "robndbox"
            )
            for key, value in told.items():
                Xml.SubElement(tag, key).text = repr(float(value))
        (folder / "Annotations").mkdir(exist_ok=True)
        Xml.ElementTree(root).write(folder / "Annotations" / f"{name}.xml")


@pytest.mark.parametrize("kind", ["bndbox", "polygon", "robndbox"])
def test_voc_boxes_come_back(shared_data: Path, tmp_path: Path, kind: str) -> None:
    write_voc(tmp_path, shared_data, kind)
    (tmp_path / "ImageSets/Main").mkdir(parents=True)
    (tmp_path / "ImageSets/Main/train.txt").write_text("102\n104\n")
    data = swath.data.open(tmp_path)
    assert (data.layout, data.task, len(data)) == ("voc", "detection", 4)
    assert data.parts == {"JPEGImages/102": "train", "JPEGImages/104": "train"}
    for name in SHIPS:
        found = boxes_of(data, f"JPEGImages/{name}")
        if kind == "bndbox":
            np.testing.assert_array_equal(found.corners, ships_upright(shared_data, name))
            continue
        told = ships_turned(shared_data, name)
        assert found.outlines is not None
        if kind == "polygon":
            np.testing.assert_array_equal(found.outlines, told)
        else:  # the file of corners is rounded to 0.1 px, so its rectangles are not quite such
            nearest = np.abs(found.outlines[:, :, None] - told[:, None]).max(axis=-1).min(axis=-1)
            assert nearest.max() < 1


def test_voc_broken_file_is_left_out(shared_data: Path, tmp_path: Path) -> None:
    write_voc(tmp_path, shared_data, "bndbox")
    path = tmp_path / "Annotations/12.xml"
    path.write_text(path.read_text()[:-20])
    data = swath.data.open(tmp_path)
    assert len(data) == 3
    assert {stray.path.name for stray in data.strays} == {"12.xml", "12.jpg"}


def test_table_of_trees(shared_data: Path) -> None:
    data = swath.data.open(shared_data / "neon_trees")
    assert (data.layout, data.task, len(data)) == ("csv_boxes", "detection", 60)
    assert [one.name for one in data.classes] == ["Tree"]
    total = 0
    for file, boxes in trees(shared_data).items():
        found = boxes_of(data, f"images/{Path(file).stem}")
        width, height = size(shared_data / "neon_trees/images" / file)
        assert len(found) <= len(boxes)
        total += len(found)
        clipped = np.clip(boxes, 0, [width, height, width, height])
        assert {tuple(box) for box in found.corners.tolist()} <= {tuple(box) for box in clipped.tolist()}
    twice = sum(int(note.split()[0]) for note in data.notes if "told twice" in note)
    assert total == sum(map(len, trees(shared_data).values())) - twice


@pytest.mark.parametrize(
    ("heading", "order"),
    [
        ("filename,width,height,class,xmin,ymin,xmax,ymax", "fWHcxyXY"),
        ("image_path,x,y,width,height,category", "fxywhc"),
        ("", "fxyXYc"),
    ],
)
def test_other_tables(shared_data: Path, tmp_path: Path, heading: str, order: str) -> None:
    name, boxes = next(iter(trees(shared_data).items()))
    link(shared_data / "neon_trees/images" / name, tmp_path / "images" / name)
    lines = [heading] if heading else []
    for x, y, right, bottom in boxes.astype(int).tolist():
        cell = {"f": f"images/{name}", "c": "Tree", "x": x, "y": y, "X": right, "Y": bottom}
        cell |= {"w": right - x, "h": bottom - y, "W": 400, "H": 400}
        lines.append(",".join(str(cell[key]) for key in order))
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    data = swath.data.open(tmp_path)
    np.testing.assert_array_equal(boxes_of(data, f"images/{Path(name).stem}").corners, boxes)
    if heading:
        with pytest.raises(DataError, match="no column 'species'"):
            swath.data.open(tmp_path, label_field="species")


def test_rows_of_a_table_that_are_damaged_are_left_out(own_data: Path, tmp_path: Path) -> None:
    shutil.copy(own_data / "paris_2018.tif", tmp_path / "a.tif")
    rows = ["image,xmin,ymin,xmax,ymax,label", "a.tif,10,20,30,40,court", "a.tif,1,2,x,4,court", "a.tif,10,20"]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    data = swath.data.open(tmp_path)
    assert [one.name for one in data.classes] == ["court"]
    assert boxes_of(data, "a").corners.tolist() == [[10, 20, 30, 40]]
    assert data.notes == ("2 of 3 rows without numbers where the box should be; left out",)
