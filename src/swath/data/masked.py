"""From images paired with masks to what a layout has found: masks are looked through, classes told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from swath.data.class_table import class_table, counted
from swath.data.contents import Contents, contents_of
from swath.data.files import part_of
from swath.data.item import Item, Label
from swath.data.layouts import Asked, Found, Stray, listing
from swath.data.masks import MaskLabel, ValuesLabel
from swath.errors import DataError
from swath.scene.words import many


@dataclass(frozen=True)
class Paired:
    """The images of a place in the order of time, and their mask."""

    name: str
    images: tuple[Path, ...]
    mask: Path


def found_of(root: Path, pairs: Sequence[Paired], strays: Sequence[Stray], asked: Asked, task: str) -> Found:
    """Items with masks.

    Raises:
        DataError: the masks' numbers cannot be told, or no mask can be read.
    """
    task = asked.task or task
    contents = contents_of([one.mask for one in pairs])
    broken = {path: why for path, why in contents.items() if isinstance(why, str)}
    whole = {path: one for path, one in contents.items() if isinstance(one, Contents)}
    if not whole:
        raise DataError(f"{root}: no mask can be read ({len(pairs)} tried); the first: {next(iter(broken.values()))}")
    readable = [one for one in pairs if one.mask in whole]
    strays = [*strays, *(Stray(path, f"mask cannot be read: {why}") for path, why in broken.items())]
    strays += [Stray(image, "its mask cannot be read") for one in pairs if one.mask in broken for image in one.images]
    parts = {one.name: part for one in pairs if (part := part_of(one.images[0], root)) is not None}
    labels: Mapping[Path, Label]
    if task == "regression":
        labels = {path: ValuesLabel(path, one.scale, one.offset, asked.ignore) for path, one in whole.items()}
        return Found(task, (), _items(readable, labels), tuple(strays), parts)
    if real := [path for path, one in whole.items() if not one.is_whole]:
        raise DataError(f"{real[0]}: holds real numbers; say task='regression' if they are a quantity")
    table = class_table(whole, asked, task)
    labels = {path: MaskLabel(path, table.coding, counted(one, table.coding)) for path, one in whole.items()}
    return Found(task, table.classes, _items(readable, labels), tuple(strays), parts, table.notes)


def with_maps(root: Path, found: Found, maps: Mapping[str, Path], asked: Asked) -> Found:
    """The same with maps of the first date, by the names of the items; their classes are as they tell them themselves.

    Raises:
        DataError: a map cannot be read, or holds no classes.
    """
    if not maps:
        return found
    drawn = [Paired(one.name, one.images, maps[one.name]) for one in found.items if one.name in maps]
    read = found_of(root, drawn, (), Asked(ignore=asked.ignore), "segmentation")
    if read.strays:
        raise DataError(f"{read.strays[0].path}: {read.strays[0].why}, that of the first date; mend it or leave it out")
    labels = {one.name: one.label for one in read.items}
    items = tuple(replace(one, before=labels.get(one.name)) for one in found.items)
    told = (
        [f"{len(drawn)} of {many(len(items), 'place')} with a map of the first date"] if len(drawn) < len(items) else []
    )
    said = [f"maps of the first date: {note}" for note in read.notes if "classes=" not in note]
    notes = (*found.notes, *said, *told)
    return replace(found, items=items, notes=notes, before_classes=read.classes)


def _items(pairs: Sequence[Paired], labels: Mapping[Path, Label]) -> tuple[Item, ...]:
    return tuple(Item(one.name, one.images, labels[one.mask], one.name) for one in pairs)


def single(root: Path, key: str, role: str, paths: Sequence[Path]) -> Path:
    """The one file of a role.

    Raises:
        DataError: there are several.
    """
    if len(paths) > 1:
        names = listing([path.relative_to(root).as_posix() for path in paths], 4)
        raise DataError(f"{root}: {key!r} has {len(paths)} files that could be its {role} ({names}); keep one of them")
    return paths[0]
