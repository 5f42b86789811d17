"""Sets whose images have one label each: the class that a folder bears, a mask of classes, or a row of a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from swath.data.cells import columns
from swath.data.item import ClassIndex, ClassIndexes, Item, Label
from swath.data.layouts import Asked, Found, Stray
from swath.data.published.facts import Arrangement, Published, Role
from swath.data.published.masks import SetMasks, labels_of
from swath.data.published.medians import Medians
from swath.data.published.places import Arranged, Place
from swath.errors import DataError, ReadError

_DATES: tuple[Role, ...] = ("image", "first", "before", "after")
"""Roles of imagery in the order of time."""
_Rows = dict[str, tuple[Sequence[str], str | None]]
"""Classes of an image, and its part of a split where the table tells it."""


def folders(folder: Path, place: Arranged, asked: Asked) -> Found:
    """Images in folders that bear the names of classes."""
    known = {(one.told or one.name).casefold(): at for at, one in enumerate(place.one.classes)}
    items, strays = [], list(place.strays)
    for name, one in place.places.items():
        if (at := known.get(one.words["class"].casefold())) is None:
            strays.append(Stray(one["image"], f"in a folder of no class of {place.one.title}"))
        else:
            items.append(_item(name, one, ClassIndex(at)))
    return Found("classification", labels_of(place.one), tuple(items), tuple(strays))


def masks(folder: Path, place: Arranged, asked: Asked) -> Found:
    """Images with masks of classes."""
    looked = SetMasks([one["classes"] for one in place.places.values()], place.one, asked)
    items, strays = [], list(place.strays)
    for name, one in place.places.items():
        if one["classes"] in looked.broken:
            strays += [Stray(path, "its mask cannot be read") for path in one.imagery(_DATES)]
        else:
            items.append(_item(name, one, looked.label(one["classes"])))
    return Found("segmentation", labels_of(place.one), tuple(items), tuple(strays))


def table(folder: Path, place: Arranged, asked: Asked) -> Found:
    """Images whose classes, of which several may hold at once, stand in a table.

    Raises:
        ReadError: the table cannot be read.
        DataError: it lacks a column, or holds a class that is none of the set's.
    """
    facts = place.one
    if place.how.sensors and asked.dates is not None:
        raise DataError(f"{facts.title}: its series are read as the median of each pixel; leave out dates=")
    known = {one.told or one.name: at for at, one in enumerate(facts.classes)}
    items, strays, parts = [], list(place.strays), {}
    rows: dict[Path, _Rows] = {}
    for name, one in place.places.items():
        path = one["table"]
        row = rows.setdefault(path, {}) or _rows(path, facts)
        rows[path] = row
        told = row.get(one.words[facts.table.of]) if facts.table else None
        if told is None:
            strays += [Stray(file, f"has no class in {path.name}") for file in one.imagery(_DATES)]
            continue
        classes, part = told
        if lacking := [label for label in classes if label not in known]:
            raise DataError(f"{path}: holds the class {lacking[0]!r}, which is none of {facts.title}")
        label = ClassIndexes(tuple(known[name] for name in classes), len(known), (path,))
        items.append(_item(name, one, label) if not place.how.sensors else _of_several(name, one, label, place.how))
        if (meant := facts.part(part)) is not None:
            parts[name] = meant
    return Found("classification", labels_of(facts), tuple(items), tuple(strays), parts)


def _rows(path: Path, facts: Published) -> _Rows:
    """Classes and part by the name of an image."""
    if (told := facts.table) is None:
        raise DataError(f"{facts.title}: does not say how its table is to be read")
    if path.suffix.casefold() == ".json":
        return _shares(path, told.above)
    rows = columns(path, [name for name in (told.name, told.labels, told.part) if name is not None])
    return {row[told.name]: (tuple(row[told.labels]), row[told.part] if told.part else None) for row in rows}


def _shares(path: Path, above: float) -> _Rows:
    """Classes with more than a share, by the name of an image; images without any are left out.

    Raises:
        ReadError: it is gone, or no JSON.
        DataError: it has not, by the file of an image, pairs of a class and its share.
    """
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        every = {
            Path(file).stem: tuple(name for name, share in pairs if share > above) for file, pairs in listed.items()
        }
    except (OSError, json.JSONDecodeError) as error:
        raise ReadError(f"{path}: cannot be read: {error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f"{path}: has not, by the file of an image, pairs of a class and its share") from error
    return {name: (classes, None) for name, classes in every.items() if classes}


def _of_several(name: str, one: Place, label: Label, how: Arrangement) -> Item:
    """An image with the medians of series beside it."""
    within = Medians(one["series"], how.sensors, how.side)
    return Item(name, (one["image"], one["series"]), label, name, within=within)


def _item(name: str, one: Place, label: Label) -> Item:
    images = one.imagery(_DATES)
    dates = sum(bool(one.all(role)) for role in _DATES)
    return Item(name, images, label, name, per_date=len(images) // dates)
