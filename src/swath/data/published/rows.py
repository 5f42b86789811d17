"""Sets whose images lie in the rows of tables: in the cells of Parquet, or as tortillas within a tortilla."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from swath.data.boxes import BoxesLabel
from swath.data.cells import Cell, columns
from swath.data.inner_mask import InnerMask
from swath.data.inside import Inside
from swath.data.item import Item, Label
from swath.data.layouts import Asked, Found, Stray
from swath.data.layouts.coco import boxes_of
from swath.data.published.facts import Rows
from swath.data.published.masks import coding_of, labels_of
from swath.data.published.places import Arranged
from swath.data.tortillas import listed
from swath.errors import DataError, ReadError
from swath.models.gives import ClassLabel

_PARQUET = ".parquet"


def read(folder: Path, place: Arranged, asked: Asked) -> Found:
    """Images with masks of classes, or with objects.

    Raises:
        DataError: no row can be read; the message says why.
    """
    facts, told = place.one, place.how.rows
    if told is None:
        raise DataError(f"{facts.title}: does not say how its tables are to be read")
    boxes = asked.task == "detection"
    coding = coding_of(facts, asked, is_colour=told.in_colours)
    at = {number: position for position, number in enumerate(told.categories)}
    odd: Counter[str] = Counter()
    items: list[Item] = []
    strays, parts = list(place.strays), {}
    for one in place.places.values():
        path = one["image"]
        try:
            for row, image, mask in _rows(path, told):
                label: Label
                if boxes:
                    label = BoxesLabel(boxes_of(json.loads(row[told.objects or ""] or "[]"), at, odd))
                else:
                    label = InnerMask(path, mask, coding)
                name = str(row[told.name])
                items.append(Item(name, (path,), label, name, within=image))
                part = one.words.get("part") if told.part is None else str(row[told.part])
                if (meant := facts.part(part)) is not None:
                    parts[name] = meant
        except (ReadError, DataError) as error:
            strays.append(Stray(path, str(error)))
    if not items:
        raise DataError(f"no table can be read ({len(place.places)} tried); the first: {strays[-1].why}")
    classes = labels_of(facts)
    if boxes:
        classes = tuple(ClassLabel(value=number, name=name) for number, name in told.categories.items())
    notes = tuple(f"{times} {what}" for what, times in sorted(odd.items()))
    return Found("detection" if boxes else "segmentation", classes, tuple(items), tuple(strays), parts, notes)


def _rows(path: Path, told: Rows) -> Iterator[tuple[dict[str, Any], Inside, Inside]]:
    """Rows that are to be read, each with where its image and mask lie."""
    if path.suffix.casefold() == _PARQUET:
        wanted = (told.name, told.part, told.crs, told.bounds, told.objects, *told.only)
        for at, row in enumerate(columns(path, [one for one in wanted if one is not None])):
            if _is_read(row, told):
                bounds = None if told.bounds is None else row[told.bounds]
                place = (None, None) if told.crs is None or bounds is None else (row[told.crs], tuple(bounds))
                yield row, Cell(told.image, at, *place), Cell(told.classes, at)
        return
    for row in listed(path):
        if _is_read(row, told):
            inner = {one["tortilla:id"]: one["slice"] for one in listed(path, row["slice"].offset)}
            if lacking := [name for name in (told.image, told.classes) if name not in inner]:
                raise DataError(f"{path}: {row[told.name]} has no {lacking[0]}; get the file again")
            yield row, inner[told.image], inner[told.classes]


def _is_read(row: dict[str, Any], told: Rows) -> bool:
    return all(str(row.get(column)) in values for column, values in told.only.items())
