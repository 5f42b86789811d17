"""DOTA: a text file per image; of each object four corners, class and difficulty (Xia et al. 2018, arXiv:1711.10398).

Lines are `x1 y1 x2 y2 x3 y3 x4 y4 class difficulty`; `imagesource:` and `gsd:` may stand before them. Difficult objects
neither count as found nor as missed.
"""

from __future__ import annotations

from pathlib import Path

from swath.data.files import Images
from swath.data.layouts import Asked, Found
from swath.data.objects import Marked, found_of
from swath.data.texts import marked_by_texts, numbers


def recognise(folder: Path, asked: Asked) -> Found | None:
    """Oriented boxes in text files of the DOTA layout."""
    if asked.task not in (None, "detection"):
        return None
    sizes: list[float] = []

    def read_line(one: Marked, fields: list[str]) -> bool:
        key, colon, value = fields[0].partition(":")
        if not one.names and colon and key in ("imagesource", "gsd"):
            if key == "gsd" and (told := numbers([value or fields[-1]])):
                sizes.extend(told)
            return True
        corners = numbers(fields[:8])
        if corners is None or len(fields) not in (9, 10):
            return False
        if len(fields) == 9 and numbers(fields[8:]) is not None:
            return False  # nine numbers are oriented boxes of the YOLO layout
        if len(fields) == 10 and not fields[9].isdecimal():
            return False
        one.add(fields[8], corners, ignored=len(fields) == 10 and fields[9] != "0")
        return True

    images = Images(folder)
    if not images.paths or (made := marked_by_texts(folder, images, read_line)) is None:
        return None
    told = [size for size in sizes if size == size and size > 0]
    notes = [f"label files tell pixels of {min(told):g} to {max(told):g} m; say gsd= if it is one"] if told else []
    return found_of(*made, images, asked, notes=notes)
