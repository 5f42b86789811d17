"""Images of two dates with a mask of classes for each, and perhaps one of change.

`A/a.png`, `B/a.png`, `labelA/a.png`, `labelB/a.png`; `im1`, `im2`, `label1`, `label2`; `a_t1.tif`, `a_t2.tif`,
`a_label1.tif`, `a_label2.tif`. There is change where the mask of change says so, else where the classes differ. A class
called unchanged is none: it stands where nothing changed and no class is labelled. A place may lack the classes of a
date, or of both where it has a mask of change: what it lacks is not labelled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from swath.data.class_table import class_table, counted
from swath.data.contents import Contents, contents_of
from swath.data.files import part_of, visible
from swath.data.layouts import Asked, Found, Stray
from swath.data.masked import single
from swath.data.masks import Coding, MaskLabel
from swath.data.roles import TRANSITION, by_key
from swath.data.semantic import Sides, items_of
from swath.errors import DataError
from swath.models.gives import ClassLabel
from swath.scene.gather import RASTER_SUFFIXES
from swath.scene.words import many

_NEEDED = {"1": "date 1", "2": "date 2"}
_CLASSES = {"from": "classes of date 1", "to": "classes of date 2"}
_UNCHANGED = ("unchanged", "nochange")


def recognise(folder: Path, asked: Asked) -> Found | None:
    """Recognise two dates with masks of classes; what lacks a date, or any label, is a stray.

    Raises:
        DataError: the masks' numbers cannot be told, or no mask can be read.
    """
    if asked.task not in (None, "semantic-change"):
        return None
    sides, strays = [], []
    for key, place in by_key(folder, visible(folder, RASTER_SUFFIXES), TRANSITION).items():
        lacking = [word for role, word in _NEEDED.items() if role not in place.roles]
        if not place.roles.keys() & {*_CLASSES, "mask"}:
            lacking += _CLASSES.values()
        if lacking:
            why = f"without {' and '.join(lacking)}"
            strays += [Stray(path, why) for paths in place.roles.values() for path in paths]
            continue
        files = {role: single(folder, key, role, paths) for role, paths in place.roles.items()}
        drawn = (files.get("from"), files.get("to"))
        sides.append(Sides(key, (files["1"], files["2"]), drawn, files.get("mask")))
    if not any(one.drawn for one in sides):
        return None
    masks = _ToldMasks([path for one in sides for path in one.drawn], asked)
    items, strays = items_of(folder, sides, masks, strays, asked)
    parts = {one.name: part for one in items if (part := part_of(one.images[0], folder)) is not None}
    notes = [*masks.notes, *_lacking(sides)]
    return Found("semantic-change", masks.classes, tuple(items), tuple(strays), parts, tuple(notes))


def _lacking(sides: Sequence[Sides]) -> Iterator[str]:
    """Which labels some places lack, in sentences."""
    for date, word in enumerate(_CLASSES.values()):
        if bare := sum(one.masks[date] is None for one in sides):
            yield f"{bare} of {many(len(sides), 'place')} without {word}; not labelled there"


class _ToldMasks:
    """Masks of classes as the caller or they themselves tell them."""

    def __init__(self, paths: list[Path], asked: Asked) -> None:
        contents = contents_of(list(dict.fromkeys(paths)))
        self._whole = {path: one for path, one in contents.items() if isinstance(one, Contents)}
        self.broken: Collection[Path] = contents.keys() - self._whole.keys()
        if not self._whole:
            raise DataError(f"{paths[0]}: cannot be read, nor any other of the {len(contents)} masks; get them again")
        if real := [path for path, one in self._whole.items() if not one.is_whole]:
            raise DataError(f"{real[0]}: holds real numbers and no classes; leave it out")
        self._table = class_table(self._whole, asked, "semantic-change")
        self.notes = self._table.notes

    @cached_property
    def _at(self) -> int | None:
        """Where unchanged stands among the classes of the masks."""
        plain = ["".join(letter for letter in one.name.casefold() if letter.isalpha()) for one in self._table.classes]
        return next((at for at, name in enumerate(plain) if name in _UNCHANGED), None)

    @property
    def classes(self) -> tuple[ClassLabel, ...]:
        """Without unchanged."""
        return tuple(one for at, one in enumerate(self._table.classes) if at != self._at)

    @property
    def unchanged(self) -> int | None:
        """See `swath.data.semantic.Masks`: behind all classes."""
        return None if self._at is None else len(self.classes)

    def label(self, path: Path, date: int = 0) -> MaskLabel:
        """See `swath.data.semantic.Masks`."""
        return MaskLabel(path, self._coding, counted(self._whole[path], self._coding))

    @cached_property
    def _coding(self) -> Coding:
        told, at = self._table.coding, self._at
        if at is None or self.unchanged is None:
            return told
        moved = {position: position - (position > at) for _, position in told.positions} | {at: self.unchanged}
        return replace(told, positions=tuple((number, moved[position]) for number, position in told.positions))
