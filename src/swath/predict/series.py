"""A series of dates that is compared two by two: which pairs there are, and which pixels count."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from swath.models.pairwise import Pairs, pairs_of
from swath.predict.matched import Matched
from swath.tasks import DatePair


def by_pairs(feed: Matched, pairs: Pairs) -> tuple[Matched, tuple[DatePair, ...]]:
    """What the engine reads, and the pairs with the names of their dates.

    A pixel is asked about where any date was seen: that both of a pair were is looked at pair by pair.
    """
    image, *others = feed.inputs
    names = _unlike(image.dates)
    found = tuple(DatePair(*two, (names[two[0]], names[two[1]])) for two in pairs_of(len(names), pairs))
    return replace(feed, inputs=(replace(image, every=False), *others)), found


def _unlike(names: tuple[str, ...]) -> list[str]:
    """Names of which those that come several times are numbered."""
    seen: Counter[str] = Counter()
    told = []
    for name in names:
        seen[name] += 1
        told.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return told
