"""COCO: JSON files that list images, categories and annotations with boxes and outlines (arXiv:1405.0312).

Boxes are detected, outlines (polygons, run lengths, counted or compressed) become pixels of classes. Crowds count
neither as found nor as missed, and are pixels of their class.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from swath.data.files import Images, part_of, visible
from swath.data.layouts import Asked, Found
from swath.data.objects import Marked, found_of, stacked
from swath.data.run_lengths import decoded, traced
from swath.data.sample import Boxes
from swath.errors import DataError
from swath.scene.words import many

_HEAD = 4096  # bytes in which a file of this layout opens like an object


def recognise(folder: Path, asked: Asked) -> Found | None:
    """Boxes or outlines in JSON files of the COCO layout.

    Raises:
        DataError: two files give one number of a category different names.
    """
    if asked.task not in (None, "detection", "segmentation"):
        return None
    return read(folder, visible(folder, [".json"]), asked)


def read(folder: Path, paths: Sequence[Path], asked: Asked) -> Found | None:
    """The same from some of the JSON files of a folder.

    Raises:
        DataError: as above.
    """
    images = Images(folder)
    files = [(path, data) for path in paths if (data := _load(path)) is not None]
    if not images.paths or not files:
        return None
    segment = asked.task == "segmentation"
    names: dict[int, str] = {}
    marked: list[Marked] = []
    odd = outlines = 0
    for path, data in files:
        for one in data["categories"]:
            known = names.setdefault(int(one["id"]), str(one["name"]))
            if known != str(one["name"]):
                raise DataError(f"{path}: category {one['id']} is {one['name']!r} here and {known!r} in another file")
        by_id: dict[Any, Marked] = {}
        for image in data["images"]:
            told = str(image.get("file_name", image["id"]))
            found = images.named(told, path.parent)
            by_id[image["id"]] = Marked(told, path, found, part=part_of(path, folder))
        for entry in data["annotations"]:
            if not isinstance(entry, Mapping):
                odd += 1
                continue
            target = by_id.get(entry.get("image_id"))
            name = names.get(entry.get("category_id", -1))
            if target is None or name is None:
                odd += 1
                continue
            outlines += bool(entry.get("segmentation"))
            added = _add_outline(target, name, entry) if segment else _add_box(target, name, entry)
            odd += not added
        marked += by_id.values()
    what = "an outline" if segment else "a box"
    lost = f"{many(odd, 'annotation')} without {what} that can be read, or without image or category; left out"
    notes = [lost] if odd else []
    if outlines and asked.task is None:
        notes.append(f"{many(outlines, 'annotation')} with outlines too; say task='segmentation' to learn from these")
    task = "segmentation" if segment else "detection"
    return found_of(marked, [], images, asked, task=task, own_files=False, notes=notes)


def _load(path: Path) -> Mapping[str, Any] | None:
    """What a file of this layout holds; None of another one.

    Raises:
        DataError: an image or a category lacks what annotations know it by.
    """
    with path.open("rb") as handle:
        if not handle.read(_HEAD).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
            return None
    try:
        data: Mapping[str, Any] = json.loads(path.read_bytes())
    except ValueError:
        return None
    lists = ("images", "annotations", "categories")
    if not all(isinstance(data.get(key), list) for key in lists):
        return None
    for key, wanted in (("images", ("id",)), ("categories", ("id", "name"))):
        for one in data[key]:
            if not isinstance(one, Mapping) or not all(field in one for field in wanted):
                raise DataError(
                    f"{path}: each of its {key} needs {' and '.join(wanted)}, and one is {json.dumps(one)[:60]}"
                )
    return data


def boxes_of(annotations: Sequence[Mapping[str, Any]], positions: Mapping[int, int], odd: Counter[str]) -> Boxes:
    """The boxes of one image.

    Args:
        annotations: of it, as such files have them.
        positions: of classes by the number of their category.
        odd: what is odd, counted here.
    """
    marked = Marked("", Path(), None)
    for entry in annotations:
        known = int(entry.get("category_id", -1))
        if known not in positions or not _add_box(marked, str(known), entry):
            odd["annotations have no box that can be read, or no category; they are left out"] += 1
    return stacked(marked, {str(number): at for number, at in positions.items()}, odd)


def _add_box(target: Marked, name: str, entry: Mapping[str, Any]) -> bool:
    box = _numbers(entry.get("bbox"))
    if box is None or len(box) != 4:
        shapes = _polygons(entry.get("segmentation"))
        if not shapes:
            return False
        target.add(name, shapely.union_all(shapes).bounds, ignored=bool(entry.get("iscrowd")))
        return True
    x, y, width, height = box
    target.add(name, (x, y, x + width, y + height), ignored=bool(entry.get("iscrowd")))
    return True


def _add_outline(target: Marked, name: str, entry: Mapping[str, Any]) -> bool:
    shapes = _polygons(entry.get("segmentation"))
    if shapes:
        target.add_polygon(name, shapely.union_all(shapes))
    return bool(shapes)


def _polygons(told: Any) -> list[shapely.Geometry]:
    """The parts of an outline that can be read: rings `x, y, x, y, ...`, or run lengths."""
    if isinstance(told, Mapping):
        try:
            return [traced(decoded(told))]
        except DataError:
            return []
    rings = [_numbers(ring) for ring in told] if isinstance(told, list) else []
    return [
        shapely.make_valid(shapely.Polygon(np.asarray(ring).reshape(-1, 2)))
        for ring in rings
        if ring is not None and len(ring) >= 6 and len(ring) % 2 == 0
    ]


def _numbers(told: Any) -> list[float] | None:
    """A list of numbers; None of anything else."""
    if not isinstance(told, list) or not all(isinstance(one, int | float) for one in told):
        return None
    return [float(one) for one in told]
