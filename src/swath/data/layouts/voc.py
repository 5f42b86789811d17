"""Pascal VOC: an XML file per image (Everingham et al. 2010, 10.1007/s11263-009-0275-4), with boxes that may be turned.

Beside `bndbox` with two corners, `robndbox` holds centre, sizes and angle in radians as roLabelImg writes them, or the
four corners of DIOR-R; `polygon` holds `x1`, `y1` to `x4`, `y4`. Difficult objects count neither as
found nor as missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from swath.data.boxes import turned
from swath.data.files import PARTS, Images, visible
from swath.data.layouts import Asked, Found, Stray
from swath.data.objects import Marked, found_of
from swath.scene.words import many

_CORNERS = (
    ("xmin", "ymin", "xmax", "ymax"),
    tuple(f"{axis}_{side}" for side in ("left_top", "right_top", "right_bottom", "left_bottom") for axis in "xy"),
    ("x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4"),
)


def recognise(folder: Path, asked: Asked) -> Found | None:
    """Boxes in XML files of the Pascal VOC layout."""
    if asked.task not in (None, "detection"):
        return None
    images = Images(folder)
    parts = _parts(folder)
    marked, strays, odd = [], [], 0
    is_of_voc = False
    for path in visible(folder, [".xml"]):
        try:
            root = ElementTree.parse(path).getroot()
        except ElementTree.ParseError as error:
            strays.append(Stray(path, f"is no XML: {error}"))
            continue
        if root.tag != "annotation":
            continue
        told = (root.findtext("filename") or path.stem).strip()
        image = images.beside(path) or images.named(told, path.parent)
        one = Marked(told, path, image, part=parts.get(path.stem))
        # The sets of the challenge count pixels from 1 and name the last one; tools that write their layout do not.
        from_one = (root.findtext("source/database") or "").startswith("The VOC")
        is_of_voc |= from_one
        for entry in root.iter("object"):
            outline = _outline(entry)
            if outline is None:
                odd += 1
            else:
                ends = np.array([1, 1, 0, 0] if from_one and len(outline) == 4 else 0)
                one.add((entry.findtext("name") or "").strip(), outline - ends, ignored=_is(entry, "difficult"))
        marked.append(one)
    notes = [f"{many(odd, 'object')} without a box that can be read; left out"] if odd else []
    if is_of_voc:
        notes.append("boxes of the VOC challenge count pixels from 1; they are moved to 0")
    return found_of(marked, strays, images, asked, notes=notes)


def _is(entry: ElementTree.Element, key: str) -> bool:
    return (entry.findtext(key) or "0").strip() not in ("0", "", "Unspecified")


def _outline(entry: ElementTree.Element) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    """The corners of an object one after another; None where there is no box that can be read."""
    for tag in ("robndbox", "polygon", "bndbox"):
        for box in entry.findall(tag):
            told: dict[str, float] = {}
            for child in box:
                try:
                    told[child.tag] = float(child.text or "")
                except ValueError:
                    continue
            if {"cx", "cy", "w", "h", "angle"} <= told.keys():
                centre, size = np.array([[told["cx"], told["cy"]]]), np.array([[told["w"], told["h"]]])
                return turned(centre, size, np.array([told["angle"]])).astype(np.float64).ravel()
            for keys in _CORNERS:
                if set(keys) <= told.keys():
                    return np.array([told[key] for key in keys])
    return None


def _parts(folder: Path) -> Mapping[str, str]:
    """Stem of an image and the part of a split that a list in `ImageSets` gives it."""
    return {
        line.split()[0]: PARTS[path.stem]
        for path in visible(folder, [".txt"])
        if path.stem in PARTS and "ImageSets" in path.parts
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    }
