"""Places that several sensors saw, each with files of its own: with masks, under shapes, or of a class each.

`s2/a.tif`, `s1/a.tif`, `dem/a.tif`; `a_s2.tif`, `a_dem.tif`; `a/s2.tif`, `a/dem.tif`. Several dates of a place are
files with a date in their name, `s2/a_2020-01-13.tif` or `s2/a/2020-01-13.tif`. Numbers per date without a grid are
tables, `weather/a.csv` (`swath.scene.everywhere`). What holds for all places lies at the top: `dem.tif`, `weather.csv`.

Labels are masks, `labels/a.tif`, `a_mask.tif`, `a/mask.tif`; shapes, one vector file for all places or one named like
each (`swath.data.burned`); a table of classes (`swath.data.named_classes`); or a folder per class, `forest/a_s2.tif`,
`s2/forest/a.tif`. Masks come before shapes unless `label_field` is told, and a table before folders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from swath.data import burned
from swath.data.burned import Place
from swath.data.classes import classes_of
from swath.data.files import part_of
from swath.data.item import ClassIndex, ClassIndexes, Item, Label
from swath.data.keep import opened
from swath.data.layouts import Asked, Found, Stray
from swath.data.masked import Paired, found_of, single
from swath.data.named_classes import NamedClasses, classes_by_folders, classes_by_table
from swath.data.sensed import Complete, Sensed, complete, sensed
from swath.data.vector_files import read_shapes, vector_files
from swath.errors import DataError, SwathError
from swath.scene.words import many


def is_of_several(folder: Path, asked: Asked) -> bool:
    """Whether a folder is arranged so: at least one place has a label and what two sensors saw."""
    return _kind(sensed(folder, asked), asked) is not None


def recognise(folder: Path, asked: Asked) -> Found | None:
    """Recognise places of several sensors; one that lacks a sensor or the label is a stray.

    Raises:
        DataError: `sensor=` or `bands=` names sensors that are not there, or see `swath.data.masked.found_of`,
            `swath.data.burned.found_of` and `swath.data.named_classes`.
    """
    files = sensed(folder, asked)
    kind = _kind(files, asked)
    if kind is None:
        return None
    return {"masks": _masked, "shapes": _burned, "classes": _classed}[kind](files.without(asked.apart), asked)


def _kind(files: Sensed, asked: Asked) -> str | None:
    """What the labels are; None where there are none, none for the task, or not what two sensors saw."""
    keys = [*files.masks]
    shapes = asked.task in (None, "segmentation")
    if keys and asked.task in (None, "segmentation", "regression") and files.seen_by_several(asked, keys):
        return "shapes" if shapes and asked.label_field is not None and vector_files(files.folder) else "masks"
    if not files.seen_by_several(asked, files.keys):
        return None
    if shapes and vector_files(files.folder):
        return "shapes"
    return "classes" if asked.task in (None, "classification") and _classes(files, asked) is not None else None


def _masked(files: Sensed, asked: Asked) -> Found:
    masks: dict[str, Path | None] = {key: single(files.folder, key, "mask", own) for key, own in files.masks.items()}
    whole = complete(files, masks, asked, "image without mask")
    strays = [*whole.strays, *(Stray(path, "there are masks, which are taken") for path in vector_files(files.folder))]
    pairs = [Paired(key, paths, mask) for key, (paths, _) in whole.files.items() if (mask := masks[key]) is not None]
    made = found_of(files.folder, pairs, strays, asked, "segmentation")
    return replace(made, items=tuple(replace(item, sensors=whole.files[item.name][1]) for item in made.items))


def _burned(files: Sensed, asked: Asked) -> Found:
    every = [
        one
        for path in vector_files(files.folder)
        if (one := read_shapes(path, asked.label_field, asked.buffer)) is not None
    ]
    if not every:
        raise DataError(f"{files.folder}: its vector files hold no shapes")
    whole = complete(files, dict.fromkeys(files.keys), asked, "seen at no place")
    strays = list(whole.strays)
    places = {files.folder / key: place for key, place in _opened(whole, asked, strays).items()}
    if not places:
        raise DataError(f"{files.folder}: what the sensors saw cannot be opened together; {strays[-1].why}")
    mine = burned.told_apart(files.folder, every, places)
    strays += [Stray(one.path, "no place is named like it") for one in every if one.path not in mine]
    taken = {path for paths in mine.values() for path in paths}
    strays += [
        Stray(image, "no vector file is named like it")
        for path, place in places.items()
        if path not in taken
        for image in place.images
    ]
    pairs = [(one, places[path]) for one in every for path in mine.get(one.path, ())]
    return burned.found_of(files.folder, every, pairs, strays, asked)


def _opened(whole: Complete, asked: Asked, strays: list[Stray]) -> Mapping[str, Place]:
    """Places that can be opened, by their keys."""
    places = {}
    for key, (paths, sensors) in whole.files.items():
        name = key or "scene"
        try:
            scene = opened(Item(name, paths, None, name, sensors=sensors), asked.sensor, asked.bands, asked.dates)
        except SwathError as error:
            strays += [Stray(path, str(error)) for path in paths]
        else:
            places[key] = Place(name, paths, scene, sensors)
    return places


def _classed(files: Sensed, asked: Asked) -> Found:
    told = _classes(files, asked)
    if told is None:
        raise DataError(f"{files.folder}: nothing tells the classes of its places")
    named = told.told({key: _spellings(files, key) for key in files.keys})
    if not named:
        raise DataError(f"{told.where}: names none of the places, such as {files.keys[0]!r}")
    whole = complete(files, dict.fromkeys(named), asked, f"not in {told.where.name}")
    of = {key: told.names[named[key]] for key in whole.files}
    classes = classes_of(Counter(name for names in of.values() for name in names), asked, str(told.where))
    items, parts, strays = [], {}, list(whole.strays)
    for key, (paths, sensors) in whole.files.items():
        positions = tuple(classes.position[name] for name in of[key] if name in classes.position)
        if not positions and not told.are_several:
            strays += [Stray(path, f"of class {of[key][0]!r}, which was not asked for") for path in paths]
            continue
        label: Label = (
            ClassIndexes(positions, len(classes.labels), told.files)
            if told.are_several
            else ClassIndex(positions[0], told.files)
        )
        items.append(Item(key, paths, label, key, sensors=sensors))
        if part := told.parts.get(named[key]) or part_of(files.folder / key, files.folder):
            parts[key] = part
    lost = len(told.names) - len({*named.values()})
    notes = (
        [f"{told.where.name}: {lost} of {many(len(told.names), 'row')} for places that are not here"] if lost else []
    )
    return Found("classification", classes.labels, tuple(items), tuple(strays), parts, (*notes, *classes.notes))


def _classes(files: Sensed, asked: Asked) -> NamedClasses | None:
    """What tells the classes of places: tables, else their folders."""
    return classes_by_table(files.folder, asked.label_field) or classes_by_folders(files.folder, files.keys)


def _spellings(files: Sensed, key: str) -> list[str]:
    """Names under which a table may tell a place: its key, or one of its files."""
    paths = [path.relative_to(files.folder) for own in files.images.values() for path in own.get(key, ())]
    names = [spelled for path in paths for spelled in (path.as_posix(), path.name, path.stem)]
    return [key, key.rpartition("/")[2], *names]
