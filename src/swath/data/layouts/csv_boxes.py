"""Boxes in a table: a CSV file with a row per object, that names the image, the corners of the box and the class.

Columns are known by their names (`image`, `xmin`, `ymin`, `xmax`, `ymax`, `label` and their like), or by their order
where there is no heading: `image, x0, y0, x1, y1, class`. A row with an image and no box says that it holds none.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from swath.data.files import Images, part_of, visible
from swath.data.layouts import Asked, Found
from swath.data.objects import Marked, found_of
from swath.data.texts import numbers, read_text
from swath.errors import DataError
from swath.scene.words import many

_IMAGE = [
    "image",
    "image_path",
    "image_name",
    "imagename",
    "filename",
    "file_name",
    "file",
    "img",
    "img_path",
    "path",
    "image_id",
    "imageid",
]
_CLASS = ["label", "class", "class_name", "classname", "category", "category_name", "name", "type", "label_name"]
_ENDS = (
    "xmin ymin xmax ymax",
    "x_min y_min x_max y_max",
    "x0 y0 x1 y1",
    "left top right bottom",
    "minx miny maxx maxy",
)
_FOUR = ["x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4"]
_SIZES = (
    "x y width height",
    "x y w h",
    "left top width height",
    "xmin ymin width height",
    "bbox_x bbox_y bbox_w bbox_h",
)


def recognise(folder: Path, asked: Asked) -> Found | None:
    """Boxes in CSV files whose columns are known.

    Raises:
        DataError: there is no column of the name that was told.
    """
    if asked.task not in (None, "detection"):
        return None
    images = Images(folder)
    if not images.paths:
        return None
    marked: dict[tuple[str, Path], Marked] = {}
    bad = rows = 0
    nameless = False
    for path in visible(folder, [".csv"]):
        for row in _rows(path, asked.label_field):
            rows += 1
            told, outline, name = row
            key = (told, path.parent)
            if key not in marked:
                image = images.named(told, path.parent)
                marked[key] = Marked(told, path, image, part=part_of(path, folder))
            nameless |= name is None and outline is not None
            if outline is None:
                bad += 1
            elif outline:
                marked[key].add(name or "object", outline)
    notes = [f"{bad} of {many(rows, 'row')} without numbers where the box should be; left out"] if bad else []
    if nameless:
        notes.append(
            "the table has no column of classes; all objects are of class 'object': say label_field= if it has"
        )
    return found_of(list(marked.values()), [], images, asked, own_files=False, notes=notes)


_Row = tuple[str, Sequence[float] | None, str | None]
"""Image, corners (none: no object; None: cannot be read), and class."""


def _rows(path: Path, label_field: str | None) -> Iterator[_Row]:
    """The rows of a table of boxes; none from a table of something else."""
    lines = [line for line in csv.reader(read_text(path).splitlines()) if any(field.strip() for field in line)]
    if not lines:
        return
    heading = [field.strip().casefold() for field in lines[0]]
    columns = _columns(path, heading, label_field)
    if columns is None and len(heading) == 6 and numbers(lines[0][1:5]) is not None:
        columns, lines = ([0], [1, 2, 3, 4], [5], False), [[], *lines]
    if columns is None:
        return
    (image,), box, label, is_sized = columns
    for line in lines[1:]:
        fields = [field.strip() for field in line]
        if len(fields) <= max(image, *box, *label):
            yield (fields[image] if len(fields) > image else ""), None, None
            continue
        cells = [fields[at] for at in box]
        outline = numbers(cells) if any(cells) else []
        if outline and is_sized:
            outline = [outline[0], outline[1], outline[0] + outline[2], outline[1] + outline[3]]
        yield fields[image], outline, (fields[label[0]] if label else None)


_Columns = tuple[list[int], list[int], list[int], bool]
"""Of the image, of the box, of the class (if any), and whether the box is told by its sizes."""


def _columns(path: Path, heading: Sequence[str], label_field: str | None) -> _Columns | None:
    at: Mapping[str, int] = {name: index for index, name in reversed(list(enumerate(heading)))}
    images = [at[name] for name in _IMAGE if name in at]
    if not images:
        return None
    ways = [(names.split(), True) for names in _SIZES]
    ways += [(_FOUR, False), (_FOUR[:4], False), *((names.split(), False) for names in _ENDS)]
    found = [(names, is_sized) for names, is_sized in ways if all(name in at for name in names)]
    if not found:
        return None
    names, is_sized = found[-1] if _FOUR not in [names for names, _ in found] else (_FOUR, False)
    if label_field is not None and label_field.casefold() not in at:
        raise DataError(f"{path}: has no column {label_field!r}; it has {', '.join(heading)}")
    labels = [label_field.casefold()] if label_field is not None else [name for name in _CLASS if name in at]
    return images[:1], [at[name] for name in names], [at[name] for name in labels[:1]], is_sized
