"""YOLO: a text file per image; of each object the number of its class and its box or outline in shares of the image.

Lines are `class cx cy w h` (upright), `class x1 y1 ... x4 y4` (oriented) or `class x1 y1 x2 y2 ...` (outlines); see
https://docs.ultralytics.com/datasets/. The names of the classes stand in `data.yaml` or `classes.txt`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import shapely
import yaml
from numpy.typing import NDArray

from swath.data.files import Images, visible
from swath.data.layouts import Asked, Found, Stray
from swath.data.objects import Marked, found_of
from swath.data.texts import marked_by_texts, numbers, read_text
from swath.errors import DataError

Points = NDArray[np.float64]
_SLACK = 0.1
"""How far a share may lie outside 0 to 1: outlines reach beyond the image at times."""


def recognise(folder: Path, asked: Asked) -> Found | None:
    """Boxes or outlines in text files of the YOLO layout."""
    if asked.task not in (None, "detection", "segmentation"):
        return None
    images = Images(folder)
    if not images.paths or (made := marked_by_texts(folder, images, _read_line)) is None:
        return None
    marked, strays = made
    outlined = any(len(outline) not in (2, 4) for one in marked for outline in one.outlines)
    task = asked.task or ("segmentation" if outlined else "detection")
    for one in marked:
        if task == "segmentation":
            one.polygons = [_polygon(outline) for outline in one.outlines]
        else:
            one.outlines = [
                outline if len(outline) in (2, 4) and not outlined else _ends(outline) for outline in one.outlines
            ]
    names, broken = _names(folder)
    return found_of(marked, [*strays, *broken], images, asked, task=task, in_shares=True, codes=names)


def _read_line(one: Marked, fields: list[str]) -> bool:
    shares = numbers(fields[1:])
    if shares is None or not fields[0].isdecimal() or not all(-_SLACK <= share <= 1 + _SLACK for share in shares):
        return False
    if len(shares) == 4:
        x, y, width, height = shares
        one.add(str(int(fields[0])), (x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    elif len(shares) >= 6 and len(shares) % 2 == 0:
        one.add(str(int(fields[0])), shares)
    else:
        return False
    return True


def _ends(outline: Points) -> Points:
    return np.stack([outline.min(axis=0), outline.max(axis=0)])


def _polygon(outline: Points) -> shapely.Geometry:
    if len(outline) == 2:
        return shapely.box(*outline.ravel())
    return shapely.make_valid(shapely.Polygon(outline))


def _names(folder: Path) -> tuple[Mapping[int, str] | None, list[Stray]]:
    """Names by number, as the files beside the labels tell them, None where none does; and such as cannot be read.

    Raises:
        DataError: two files name different classes.
    """
    told: dict[Path, dict[int, str]] = {}
    broken: list[Stray] = []
    for path in visible(folder, [".yaml", ".yml"]):
        try:
            content = yaml.safe_load(read_text(path))
        except yaml.YAMLError:
            broken.append(Stray(path, "is no YAML, so no names of classes were taken from it"))
            continue
        names = content.get("names") if isinstance(content, dict) else None
        if isinstance(names, list):
            told[path] = {number: str(name) for number, name in enumerate(names)}
        elif isinstance(names, dict):
            told[path] = {int(number): str(name) for number, name in names.items() if str(number).isdecimal()}
    for path in visible(folder, ["classes.txt", "obj.names"]):
        lines = [line.strip() for line in read_text(path).splitlines()]
        told[path] = {number: name for number, name in enumerate(lines) if name}
    if not told:
        return None, broken
    first, *others = told.items()
    for path, names in others:
        if names != first[1]:
            raise DataError(f"{first[0]} and {path} name different classes; remove one of them")
    return first[1], broken
