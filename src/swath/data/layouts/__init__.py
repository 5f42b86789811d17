"""Layouts: how labelled folders are arranged. One file each, with a function `recognise(folder, asked)`.

A new layout is a new file here: it is found by listing this package. `recognise` looks at names first and reads as
little as it can; it gives None where the folder is not arranged its way.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from swath.data.item import Item
from swath.data.published.facts import Published, published
from swath.errors import DataError
from swath.models.gives import ClassLabel
from swath.scene.words import many


@dataclass(frozen=True)
class Asked:
    """What the caller of `swath.data.open` said; None: nothing."""

    task: str | None = None
    layout: str | None = None
    classes: tuple[str, ...] | Mapping[int, str] | None = None
    """Names in the order of their values, or by value."""
    label_field: str | None = None
    """Column of a table or vector file that holds the class."""
    sensor: Any = None
    bands: Any = None
    """Those of all images; or, where several sensors saw each place, by the names of these."""
    ignore: tuple[int, ...] = ()
    """Values of masks that mean "not labelled"."""
    gsd: float | None = None
    """Pixel size on the ground in m, of images that do not say."""
    dates: Any = None
    """As `swath.open` takes them, of each image."""
    buffer: float | None = None
    """Metres by which lines and points are widened to areas; None: they are left out."""
    apart: tuple[str, ...] = ()
    """Sensors that keep their own grid and dates, see `swath.data.apart`."""


@dataclass(frozen=True)
class Stray:
    """A file that takes no part, and why."""

    path: Path
    why: str


@dataclass(frozen=True)
class Found:
    """What a layout makes of a folder.

    Attributes:
        task: one of `swath.models.card.TASKS`.
        classes: in the order of the positions that labels give.
        items: with unique names.
        strays: images without label, labels without image, files that cannot be read.
        parts: name of item -> `train`, `val` or `test`, where the folder is already split.
        notes: what was read into the labels, in sentences.
        published: what is known of the set, where it is a published one.
        before_classes: of the maps of the first date; empty where there are none.
    """

    task: str
    classes: tuple[ClassLabel, ...]
    items: tuple[Item, ...]
    strays: tuple[Stray, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    published: Published | None = None
    before_classes: tuple[ClassLabel, ...] = ()


def layouts() -> tuple[str, ...]:
    """Names of all layouts: files of this package, and published sets."""
    return tuple(sorted([*_own(), *published()]))


def recognise(folder: Path, asked: Asked) -> tuple[str, Found]:
    """The layout of a folder and what it holds.

    A published set that is told by its folder's name or by how it lies comes before all others.

    Raises:
        DataError: no layout fits, or several do; the message lists them.
    """
    if asked.layout is not None and asked.layout not in layouts():
        raise DataError(f"layout={asked.layout!r} is not known; there are {', '.join(layouts())}")
    refused: list[DataError] = []
    for readers in (_of_sets(folder, asked), _of_layouts(folder, asked)):
        found: dict[str, Found] = {}
        for name, read in readers.items():
            try:
                made = read()
            except DataError as error:
                refused.append(error)  # it is this layout, or nearly so; another one may fit better
                continue
            if made is not None and (asked.task is None or made.task == asked.task):
                found[name] = made
        if len(found) > 1:
            found = _called(folder, found) or found
        if len(found) == 1:
            return next(iter(found.items()))
        if found:
            ways = "; ".join(
                f"layout={name!r} ({many(len(one.items), 'item')}, {one.task})" for name, one in found.items()
            )
            raise DataError(f"{folder}: could be read in several ways: say {ways}")
    if refused:
        raise refused[0]
    of_task = "" if asked.task is None else f" for task {asked.task!r}"
    if asked.layout is not None:
        raise DataError(f"{folder}: is not arranged as {asked.layout!r}{of_task}; leave out layout= to try all")
    if asked.task is not None and (other := _of_other_task(folder, asked)) is not None:
        raise DataError(f"{folder}: holds labels for {other}, none for {asked.task}; leave out task=")
    bare = "; images without labels are for task='pretraining'" if asked.task is None else ""
    raise DataError(f"{folder}: is arranged in no known way{of_task}; it holds {held(folder)}; {_KNOWN}{bare}")


def _of_other_task(folder: Path, asked: Asked) -> str | None:
    """The task that the labels of a folder are for, where nobody says one; None where it has none."""
    try:
        return recognise(folder, replace(asked, task=None))[1].task
    except DataError:
        return None


_KNOWN = (
    "known are images/ with masks/, A/ and B/ with label/, a folder of images per class, boxes or outlines as COCO, "
    "YOLO, DOTA, VOC or a CSV table tell them, shapes over rasters, STAC items with labels, tables of series"
)

_Readers = Mapping[str, Callable[[], Found | None]]


def _own() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(__path__)]


def _of_layouts(folder: Path, asked: Asked) -> _Readers:
    """What tries the files of this package, by name."""
    return {
        name: partial(import_module(f"{__name__}.{name}").recognise, folder, asked)
        for name in _own()
        if asked.layout in (None, name)
    }


def _of_sets(folder: Path, asked: Asked) -> _Readers:
    """What tries the published sets, by name."""
    names = [name for name in published() if asked.layout in (None, name)]
    if not names:
        return {}
    from swath.data.published.places import Listing
    from swath.data.published.reading import recognise as read

    files = Listing(folder)
    return {name: partial(read, folder, asked, files, published()[name]) for name in names}


def _called(folder: Path, found: Mapping[str, Found]) -> dict[str, Found]:
    """Those that are published sets by whose name the folder is called."""
    name = folder.absolute().name
    sets = {key: published()[key] for key in found if key in published()}
    return {key: found[key] for key, one in sets.items() if re.search(one.known_as, name, re.IGNORECASE)}


def listing(words: Iterable[str], most: int = 12) -> str:
    """Words with commas, the first few of them."""
    every = list(words)
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")


def held(folder: Path) -> str:
    """What a folder holds, for messages."""
    return listing(sorted(entry.name + ("/" if entry.is_dir() else "") for entry in folder.iterdir()), 8) or "nothing"
