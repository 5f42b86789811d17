"""Ships by their axis: a text file per image with eleven numbers per object, after which comes the upright box.

Lines are `x1 y1 x2 y2 type cx cy xmin ymin xmax ymax`: the two ends of the axis, the number of a type, the centre and
the box. A box of zeros is of an object of which only the axis was drawn.
"""

from __future__ import annotations

from pathlib import Path

from swath.data.files import Images
from swath.data.layouts import Asked, Found
from swath.data.objects import Marked, found_of
from swath.data.texts import marked_by_texts, numbers


def recognise(folder: Path, asked: Asked) -> Found | None:
    """Upright boxes in text files of eleven numbers per line."""
    if asked.task not in (None, "detection"):
        return None
    images = Images(folder)
    if not images.paths or (made := marked_by_texts(folder, images, _read_line)) is None:
        return None
    return found_of(*made, images, asked)


def _read_line(one: Marked, fields: list[str]) -> bool:
    told = numbers(fields)
    if told is None or len(told) != 11 or not fields[4].isdecimal():
        return False
    x0, y0, x1, y1 = told[7:]
    if x1 < x0 or y1 < y0:
        return False
    one.add(fields[4], told[7:])
    return True
