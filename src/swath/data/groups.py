"""Which things belong together: groups of linked ones, and groups of shapes that touch, overlap or lie near."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

LARGE = 0.6
"""Share of all from which on a group is too large to be one place."""
FEWEST = 3
"""Places that a split into three parts needs."""
_BLOCKS = 24
"""Blocks that a large group is cut into, about."""
_CUT = 0.15
"""Share of all from which on a group is cut, when some group is too large."""


def linked(count: int, links: Iterable[tuple[int, int]]) -> list[int]:
    """Of `count` things, the number of the group of each; linked ones share theirs."""
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for a, b in links:
        parent[max(root(a), root(b))] = min(root(a), root(b))
    return [root(i) for i in range(count)]


def same(keys: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Links between things with equal keys."""
    first: dict[Hashable, int] = {}
    return [(first.setdefault(key, i), i) for i, key in enumerate(keys)]


def too_large(groups: Sequence[Hashable]) -> bool:
    """Whether there are too few groups for three parts, or one holds most."""
    sizes = Counter(groups)
    return len(sizes) < FEWEST or max(sizes.values()) > LARGE * len(groups)


def touching(shapes: Sequence[BaseGeometry], *, overlap: float | None = None) -> list[tuple[int, int]]:
    """Pairs of shapes that touch, or that share more than `overlap` of the smaller one's area."""
    import shapely

    made = np.asarray(shapes, dtype=object)
    a, b = shapely.STRtree(made).query(made, predicate="intersects")
    a, b = a[a < b], b[a < b]
    if overlap is not None and len(a):
        area = shapely.area(made)
        keep = shapely.area(shapely.intersection(made[a], made[b])) > overlap * np.minimum(area[a], area[b])
        a, b = a[keep], b[keep]
    return list(zip(a.tolist(), b.tolist(), strict=True))


def places_of(shapes: Sequence[BaseGeometry]) -> tuple[list[str], str]:
    """Places of images by their outlines, and how they were made, in words.

    Images that touch share a place. Where that leaves too few places, or one with most of the images, the large ones
    are cut into blocks of space; then images of neighbouring blocks may touch, but none that overlap are parted.

    Args:
        shapes: outlines in a plane, in one unit.
    """
    import shapely

    groups = linked(len(shapes), touching(shapes))
    if len(groups) == 1 or not too_large(groups):
        return [f"area {group}" for group in _numbered(groups)], "images that touch share a place"
    sizes = Counter(groups)
    units = linked(len(shapes), touching(shapes, overlap=0.01))
    side = math.sqrt(float(shapely.area(shapely.union_all(list(shapes)))) / _BLOCKS)
    side = max(side, math.sqrt(float(np.median(shapely.area(np.asarray(shapes, dtype=object))))))
    centres = {unit: shapes[unit].centroid for unit in set(units)}
    origin = shapely.total_bounds(list(shapes))[:2]
    keys: list[Hashable] = []
    for group, unit in zip(groups, units, strict=True):
        block = (int((centres[unit].x - origin[0]) // side), int((centres[unit].y - origin[1]) // side))
        keys.append((group, block) if sizes[group] > _CUT * len(shapes) else (group, None))
    how = f"blocks of space, since {max(sizes.values())} of the {len(shapes)} images touch one another: "
    how += "images that overlap share a block, those at its edge may touch the next"
    return [f"block {number}" for number in _numbered(keys)], how


def _numbered(keys: Sequence[Hashable]) -> list[int]:
    """Keys as numbers in the order of their first appearance."""
    seen: dict[Hashable, int] = {}
    return [seen.setdefault(key, len(seen) + 1) for key in keys]
