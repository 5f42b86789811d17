"""From the places of a published set to what a layout has found: labels by what the set has, classes by its facts."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from swath.data import masked
from swath.data.item import Item
from swath.data.layouts import Asked, Found, Stray, coco
from swath.data.published import arrays, rows, single
from swath.data.published.damage import DamageLabel
from swath.data.published.facts import Published
from swath.data.published.masks import SetMasks, labels_of
from swath.data.published.places import Arranged, Listing, arranged, lacking
from swath.data.sample import IGNORE
from swath.data.semantic import Sides, items_of
from swath.data.transitions import ChangeOnly, TransitionLabel
from swath.errors import DataError
from swath.models.gives import ClassLabel

_CHANGE = (ClassLabel(value=0, name="unchanged"), ClassLabel(value=1, name="changed"))

_Reader = Callable[[Path, Arranged, Asked], Found]


def recognise(folder: Path, asked: Asked, listing: Listing, one: Published) -> Found | None:
    """A folder as a published set; None where it is not, or not for the task that was asked for.

    Raises:
        DataError: it lies like the set and holds something else; the message says what.
    """
    named = asked.layout == one.name or re.search(one.known_as, folder.absolute().name, re.IGNORECASE) is not None
    place = arranged(listing, one, named=named)
    if place is None and asked.layout == one.name:
        raise DataError(f"{folder}: is not {one.title} as it lies: it lacks {lacking(listing, one)}")
    reader = None if place is None else _reader(place, asked.task)
    if place is None or reader is None:
        return None
    if asked.classes is not None and reader is not _changes:
        raise DataError(f"{folder}: {one.title} tells its classes itself; leave out classes=")
    found = reader(folder, place, asked)
    names = {item.name for item in found.items}
    told = {name: part for name, part in {**found.parts, **place.parts}.items() if name in names}
    return replace(found, parts=told, published=place.one)


def _reader(place: Arranged, task: str | None) -> _Reader | None:
    """What reads the labels that there are for a task; None where they are not for it."""
    if "damage" in place.roles:
        return _damage if task in (None, "change") else None
    if "month" in place.roles:
        return _months if task in (None, "semantic-change", "change", "segmentation") else None
    if place.roles & {"from", "transition"}:
        return _transitions if task in (None, "semantic-change", "change") else None
    if place.how.objects and task == "detection":
        return _objects
    if place.how.rows is not None:
        kinds = ("segmentation", "detection") if place.how.rows.objects else ("segmentation",)
        return rows.read if task in (None, *kinds) else None
    if place.how.arrays:
        kind = "classification" if place.how.stacked else "segmentation"
        reader = arrays.stacks if place.how.stacked else arrays.masks
        return reader if task in (None, kind) else None
    if "table" in place.roles:
        return single.table if task in (None, "classification") else None
    if "classes" in place.roles:
        return single.masks if task in (None, "segmentation") else None
    if place.roles == {"image"}:
        return single.folders if task in (None, "classification") else None
    return _changes if task in (None, "change") else None


def _objects(folder: Path, place: Arranged, asked: Asked) -> Found:
    """Images whose objects stand in files of the COCO layout.

    Raises:
        DataError: these tell of no image that is here.
    """
    listing = Listing(folder)
    files = [path for told in place.how.objects for path in listing.like(place.one, told)]
    if (found := coco.read(folder, files, asked)) is None:
        raise DataError(f"{folder}: {', '.join(place.how.objects)} tell of no object in an image that is here")
    return found


def _changes(folder: Path, place: Arranged, asked: Asked) -> Found:
    """Two dates and a mask of change."""
    pairs = [masked.Paired(name, (one["before"], one["after"]), one["change"]) for name, one in place.places.items()]
    return masked.found_of(folder, pairs, place.strays, replace(asked, task=None), "change")


def _damage(folder: Path, place: Arranged, asked: Asked) -> Found:
    """Two dates and polygons with levels of damage, which stand after the class of all other pixels."""
    facts = place.one
    positions = [(one.told or one.name, at) for at, one in enumerate(facts.classes) if at]
    positions += [(one.told or one.name, IGNORE) for one in facts.ignore]
    items = [
        Item(
            name,
            (one["before"], one["after"]),
            DamageLabel(one["damage"], tuple(positions), outside=0),
            name,
        )
        for name, one in place.places.items()
    ]
    return Found("change", labels_of(facts), tuple(items), place.strays)


def _transitions(folder: Path, place: Arranged, asked: Asked) -> Found:
    """Two dates with the classes of each, or with a number per pair of classes."""
    pairs = "transition" in place.roles
    sides = [
        Sides(
            name,
            (one["before"], one["after"]),
            (one["transition"],) * 2 if pairs else (one["from"], one["to"]),
            one["change"] if "change" in place.roles else None,
        )
        for name, one in place.places.items()
    ]
    masks = SetMasks([path for one in sides for path in one.drawn], place.one, asked, pairs=pairs)
    items, strays = items_of(folder, sides, masks, place.strays, asked)
    return _found(place, items, strays, asked)


def _months(folder: Path, place: Arranged, asked: Asked) -> Found:
    """Months of places, each with a map of classes: alone for segmentation, else each with the one that follows."""
    masks = SetMasks([one["classes"] for one in place.places.values()], place.one, asked)
    series: dict[str, list[str]] = defaultdict(list)
    strays = list(place.strays)
    for name, one in sorted(place.places.items()):
        if one["classes"] in masks.broken:
            strays.append(Stray(one["month"], "its mask cannot be read"))
        else:
            series[one.words["place"]].append(name)
    labels = {name: masks.label(place.places[name]["classes"]) for names in series.values() for name in names}
    if asked.task == "segmentation":
        items = [Item(name, (place.places[name]["month"],), label, name) for name, label in labels.items()]
        return Found("segmentation", labels_of(place.one), tuple(items), tuple(strays))
    pairs = [pair for names in series.values() for pair in itertools.pairwise(names)]
    items = [
        Item(
            f"{first}_{last.rpartition('/')[2]}",
            (place.places[first]["month"], place.places[last]["month"]),
            TransitionLabel(labels[first], labels[last]),
            first,
        )
        for first, last in pairs
    ]
    found = _found(place, items, strays, asked)
    parts = {item.name: place.parts.get(first, "") for item, (first, _) in zip(items, pairs, strict=True)}
    return replace(found, parts={name: part for name, part in parts.items() if part})


def _found(place: Arranged, items: list[Item], strays: list[Stray], asked: Asked) -> Found:
    """Items of semantic change, or of change alone where that was asked for."""
    if asked.task == "change":
        only = [replace(one, label=ChangeOnly(one.label)) for one in items if isinstance(one.label, TransitionLabel)]
        return Found("change", _CHANGE, tuple(only), tuple(strays))
    return Found("semantic-change", labels_of(place.one), tuple(items), tuple(strays))
