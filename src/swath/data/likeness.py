"""Which images are alike: the same bytes, nearly the same picture, or the same ground."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np

from swath.data.dataset import Dataset
from swath.data.fingerprint import digests
from swath.data.groups import touching
from swath.data.item_facts import ItemFacts
from swath.data.places import outlines_of

_ALIKE = 0.995
"""Correlation of two pictures from which on they are nearly the same."""
_MOST = 20_000
"""Images up to which all pairs are compared."""
_ROWS = 1024


def copies(data: Dataset) -> list[tuple[str, ...]]:
    """Names of items whose images are the same byte for byte, in groups."""
    known: Mapping[Path, str] = digests(data)
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for item in data.items:
        groups[(item.window, item.within, *(known[path] for path in item.images))].append(item.name)
    return [tuple(names) for names in groups.values() if len(names) > 1]


def near_copies(facts: Sequence[ItemFacts]) -> list[tuple[str, str]]:
    """Pairs of names whose images look nearly the same; none where there are too many images to compare all."""
    known = [(one.name, one.thumb) for one in facts if one.thumb is not None]
    if len(known) > _MOST:
        return []
    thumbs = np.array([thumb for _, thumb in known], dtype=np.float32)
    pairs = []
    for start in range(0, len(thumbs), _ROWS):
        likeness = thumbs[start : start + _ROWS] @ thumbs.T
        for a, b in zip(*np.nonzero(likeness > _ALIKE), strict=True):
            if start + a < b:
                pairs.append((known[start + int(a)][0], known[int(b)][0]))
    return pairs


def overlaps(data: Dataset) -> list[tuple[str, str]]:
    """Pairs of names that show the same ground by more than a hundredth of the smaller one."""
    outlines = outlines_of(data)
    places = list(outlines)
    shapes = list(outlines.values())
    return [(places[a], places[b]) for a, b in touching(shapes, overlap=0.01)] if len(shapes) > 1 else []
