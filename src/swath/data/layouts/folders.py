"""A folder per class: `forest/1.jpg`, `water/2.jpg`; or the same under `train`, `val`, `test`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from swath.data.files import PARTS, visible
from swath.data.item import ClassIndex, Item
from swath.data.layouts import Asked, Found, Stray, listing
from swath.data.layouts.sensors import is_of_several
from swath.data.named_classes import class_folder
from swath.data.roles import PAIRS, WORDS, role_of
from swath.errors import DataError
from swath.models.gives import ClassLabel
from swath.scene.gather import RASTER_SUFFIXES

_LABELS = (".json", ".txt", ".xml", ".csv", ".geojson", ".gpkg", ".shp")


def recognise(folder: Path, asked: Asked) -> Found | None:
    """Recognise folders of classes, none of which is named like a part that rasters play in other layouts.

    Raises:
        DataError: `classes=` names folders that are not there.
    """
    if asked.task not in (None, "classification"):
        return None
    paths = visible(folder, RASTER_SUFFIXES)
    classed = {path: name for path in paths if (name := class_folder(path.relative_to(folder))) is not None}
    names = sorted(set(classed.values()))
    deep = any(path not in classed for path in paths)
    if deep or len(names) < 2 or any(name.casefold() in WORDS for name in names):
        return None
    beside = {(path.parent, path.stem.casefold()) for path in paths}
    told = [
        label
        for label in visible(folder, _LABELS)
        if label.suffix != ".txt" or (label.parent, label.name.casefold().partition(".")[0]) in beside
    ]
    others = {label.parent for label in told} & {path.parent for path in paths}
    if others or any(role_of(path.relative_to(folder), PAIRS)[0] == "mask" for path in paths):
        return None
    if asked.layout is None and is_of_several(folder, asked):
        return None
    table = _table(folder, names, asked)
    position = {label.name: index for index, label in enumerate(table)}
    items, strays, parts = [], [], {}
    for path, name in classed.items():
        inner = path.relative_to(folder)
        if name not in position:
            strays.append(Stray(path, f"of class {name!r}, which was not asked for"))
            continue
        item = Item(inner.with_suffix("").as_posix(), (path,), ClassIndex(position[name]), name)
        items.append(item)
        if len(inner.parts) == 3:
            parts[item.name] = PARTS[inner.parts[0].casefold()]
    return Found("classification", table, tuple(items), tuple(strays), parts)


def _table(folder: Path, names: list[str], asked: Asked) -> tuple[ClassLabel, ...]:
    """Classes in the order of the alphabet, or as they were asked for."""
    told = asked.classes
    pairs = list(told.items()) if isinstance(told, Mapping) else list(enumerate(told if told is not None else names))
    if lacking := [name for _, name in pairs if name not in names]:
        raise DataError(f"{folder}: has no folder {lacking[0]!r}; its classes are {listing(names)}")
    return tuple(ClassLabel(value=int(value), name=name) for value, name in pairs)
