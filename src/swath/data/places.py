"""Which items show one place: by where they lie, or by their names where they lie nowhere.

Neighbouring images look alike. A score on images whose neighbours were trained on says little about other places, so a
split parts places and never the images of one.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from swath.data.groups import places_of, too_large
from swath.data.item import ClassIndex, Item
from swath.errors import SwathError
from swath.scene.footprint import footprint

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from swath.data.dataset import Dataset

Tell = Callable[[int, int], None]
"""Called with what is done and what is to do."""

_FILLERS = re.compile(r"(?:[-_ .]+(?:image|img|part|patch|tile|crop|chip|frame|sub|no|nr|id)s?)+$", re.IGNORECASE)
_RUNS = 10
"""Blocks of consecutive numbers that a long run is cut into."""
_SHORTEST_RUN = 5
_LOOK = 32
"""Items that are asked whether they lie anywhere, before all are."""


def named_places(items: Sequence[Item]) -> tuple[tuple[Item, ...], str]:
    """Items with the places that their names tell, and how, in words.

    Numbered map tiles are neighbours in space; tiles cut from one scene share what stands before their offsets or
    numbers; a run of numbers is cut into blocks of consecutive ones. Of images with one class each, every class is
    looked at by itself, since its name is no place. Images without labels are called by the place that they have, which
    several dates may share.
    """
    by_class: dict[int | None, list[int]] = defaultdict(list)
    for at, item in enumerate(items):
        by_class[item.label.index if isinstance(item.label, ClassIndex) else None].append(at)
    places: dict[int, str] = {}
    how: Counter[str] = Counter()
    for members in by_class.values():
        called = [items[at].place if items[at].label is None else items[at].name for at in members]
        names = list(dict.fromkeys(called))
        made, words = _of_names(names)
        place_of = dict(zip(names, made, strict=True))
        places |= {at: place_of[name] for at, name in zip(members, called, strict=True)}
        how[words] += 1
    return tuple(replace(item, place=places[at]) for at, item in enumerate(items)), how.most_common(1)[0][0]


def _of_names(names: Sequence[str]) -> tuple[list[str], str]:
    if (tiles := _tiles(names)) is not None:
        places, how = places_of(tiles)
        return places, f"numbered map tiles: {how}"
    if (scenes := _before_offsets(names)) is not None and not too_large(scenes):
        return scenes, "names: tiles cut from one scene share a place"
    split = [_before_number(name) for name in names]
    groups = [head for head, _ in split]
    if len(set(groups)) == len(names):
        return list(names), "names: each image is a place of its own, for nothing in them tells which are neighbours"
    if not too_large(groups):
        return groups, "names: those alike up to the last number share a place"
    return _runs(split), "names: blocks of consecutive numbers, for they tell nothing more of places"


def _tiles(names: Sequence[str]) -> list[BaseGeometry] | None:
    """Squares of map tiles named `x-y-zoom` or `zoom/x/y`, as shares of the world; None where a name is none."""
    import shapely

    shapes: list[BaseGeometry] = []
    for name in names:
        found = re.search(r"(?:^|[^\d])(\d+)[-_/](\d+)[-_/](\d+)$", name)
        if found is None:
            return None
        a, b, c = (int(part) for part in found.groups())
        for x, y, zoom in ((a, b, c), (b, c, a)):
            if 10 <= zoom <= 24 and max(x, y) < 2**zoom and min(x, y) > 64:
                # In units of tiles of zoom 20, so that areas are far from zero.
                size = 2.0 ** (20 - zoom)
                shapes.append(shapely.box(x * size, y * size, (x + 1) * size, (y + 1) * size))
                break
        else:
            return None
    return shapes


def _before_offsets(names: Sequence[str]) -> list[str] | None:
    """What stands before two offsets in pixels, `scene_0512_0256`; None where a name has none."""
    found = [re.fullmatch(r"(.*[^\d])[-_](\d+)[-_](\d+)|(.+)[-_](\d+)[-_](\d+)", name) for name in names]
    pairs = []
    for one in found:
        if one is None:
            return None
        head, y, x = one.groups()[:3] if one[1] is not None else one.groups()[3:]
        pairs.append((head, int(y), int(x)))
    step = math.gcd(*(number for _, y, x in pairs for number in (y, x)))
    return [head for head, _, _ in pairs] if step >= 16 else None


def _before_number(name: str) -> tuple[str, int | None]:
    """What stands before the last number of a name, without words that only count; and the number."""
    folder, _, stem = name.rpartition("/")
    found = re.fullmatch(r"(.*?)[-_ .]*(\d+)", stem)
    if found is None:
        return name, None
    return f"{folder}/{_FILLERS.sub('', found[1])}".strip("/"), int(found[2])


def _runs(split: Sequence[tuple[str, int | None]]) -> list[str]:
    """Names in blocks of consecutive numbers, `head 10 to 19`."""
    runs: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for at, (head, number) in enumerate(split):
        runs[head].append((-1 if number is None else number, at))
    places = [""] * len(split)
    for head, members in runs.items():
        members.sort()
        size = max(math.ceil(len(members) / _RUNS), min(_SHORTEST_RUN, len(members) // 4), 1)
        for start in range(0, len(members), size):
            block = members[start : start + size]
            for _, at in block:
                places[at] = f"{head} {block[0][0]} to {block[-1][0]}".strip()
    return places


def placed(data: Dataset, tell: Tell | None = None) -> tuple[Dataset, str]:
    """The data with the place of each item by where it lies, by its name where it lies nowhere; and how, in words."""
    import shapely

    outlines = outlines_of(data, tell)
    if not outlines:
        return data, data.placing
    # Kilometres, near enough for neighbours: degrees of longitude shrink with the cosine of the latitude.
    shapes = list(outlines.values())
    middle = math.cos(math.radians(float(np.median([shape.centroid.y for shape in shapes]))))
    flat = shapely.transform(shapes, lambda xy: xy * (111.2 * max(middle, 0.01), 111.2))
    # Edges that meet may miss each other by rounding.
    found, how = places_of([shape.buffer(math.sqrt(shape.area) * 0.002) for shape in flat])
    places = dict(zip(outlines, found, strict=True))
    items = tuple(replace(item, place=places.get(item.name, item.place)) for item in data.items)
    rest = len(items) - len(outlines)
    more = f"; {rest} that lie nowhere by their {data.placing}" if rest else ""
    return replace(data, items=items), f"position: {how}{more}"


def outlines_of(data: Dataset, tell: Tell | None = None) -> dict[str, BaseGeometry]:
    """Where items lie in longitude and latitude, by name; those that lie nowhere or cannot be opened are left out."""
    outlines: dict[str, BaseGeometry] = {}
    some = data.items[:: max(1, len(data) // _LOOK)]
    if all(_outline(data, item) is None for item in some):
        return outlines
    for at, item in enumerate(data.items):
        if (outline := _outline(data, item)) is not None:
            outlines[item.name] = outline
        if tell is not None:
            tell(at + 1, len(data.items))
    return outlines


def _outline(data: Dataset, item: Item) -> BaseGeometry | None:
    """Where an item lies in longitude and latitude; None where nothing says it, or it cannot be opened."""
    try:
        where = footprint(data.scene(item).grid)
    except SwathError:
        return None
    return None if where is None else where.outline
