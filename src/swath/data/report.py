"""`Report`: what is in a data set, what is odd about it, and what is done about that."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from swath.data.layouts import listing
from swath.scene.words import ground_words, many, percent

_WIDTH = 110
_MOST_ROWS = 40


@dataclass(frozen=True)
class Finding:
    """Something odd.

    Attributes:
        kind: a short word for programs: `corrupt`, `size`, `copies`, ...
        what: what was found, in a sentence.
        action: what is done about it, or what to say to have it otherwise.
        items: names of items, or paths of files, that it is about.
    """

    kind: str
    what: str
    action: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClassFacts:
    """A class: its number in maps, its share of all labels, in how many items it occurs."""

    value: int
    name: str
    count: int
    share: float
    items: int


@dataclass(frozen=True)
class SensorFacts:
    """One of several sensors that saw each place.

    Attributes:
        name: what its files are told by.
        sensor: what it is, as `sensor=` takes it; None where nothing says it.
        items: number of those that can be used and have it.
        bands: names of its bands.
        gsd: smallest, median and largest size of its own pixels in m; None where it has no grid or no CRS.
        crs: its own, and in how many items.
        dates: how many it has, and in how many items.
        said: how it is brought onto the grid of the finest, and in how many items.
    """

    name: str
    sensor: str | None
    items: int
    bands: tuple[str, ...]
    gsd: tuple[float, float, float] | None
    crs: Mapping[str, int]
    dates: Mapping[int, int]
    said: Mapping[str, int]

    def describe(self) -> str:
        """A line for people."""
        parts = [self.sensor or "sensor not stated", listing(self.bands, 6)]
        if set(self.said) != {"everywhere"}:
            parts += [_gsd_words(self.gsd), _mix(self.crs)]
        if set(self.dates) != {1}:
            parts.append(f"{_mix(self.dates)} dates")
        return f"{many(self.items, 'item')}; {'; '.join(parts)}; {_mix(self.said)}"


@dataclass(frozen=True)
class Report:
    """What is in a data set.

    Attributes:
        name: of the data.
        layout: how the folder is arranged.
        task: of the data.
        items: number of labelled items.
        keep: names of the items that can be used.
        dates: images per item, and in how many items.
        sizes: `height x width`, and in how many items.
        bands: names, in order, and in how many items.
        units: of the bands, and in how many items.
        dtypes: stored types, and in how many items.
        crs: `EPSG:n`, `own` or `none`, and in how many items.
        gsd: smallest, median and largest pixel size in m; None where no item says it.
        invalid: share of values that are not valid.
        unlabelled: share of pixels without a label.
        classes: of the kept items.
        placing: how a split would tell places.
        places: number of places.
        findings: what is odd.
        published: what is known of the set, where it is a published one.
        alike: pairs of items whose images look nearly the same.
        sensors: where several saw each place, what there is of each.
    """

    name: str
    layout: str
    task: str
    items: int
    keep: tuple[str, ...]
    dates: Mapping[int, int]
    sizes: Mapping[str, int]
    bands: Mapping[str, int]
    units: Mapping[str, int]
    dtypes: Mapping[str, int]
    crs: Mapping[str, int]
    gsd: tuple[float, float, float] | None
    invalid: float
    unlabelled: float
    classes: tuple[ClassFacts, ...]
    placing: str
    places: int
    findings: tuple[Finding, ...] = ()
    published: str = ""
    alike: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    sensors: tuple[SensorFacts, ...] = ()

    def to_json(self) -> str:
        """JSON text with all of it."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False)

    def describe(self) -> str:
        """Text for people."""
        return "\n".join(self._lines())

    def __str__(self) -> str:
        return self.describe()

    def _lines(self) -> Iterator[str]:
        yield self.name
        for title, words in self._facts():
            yield from _folded(f"  {title:<11} {words}", 14)
        if self.classes:
            yield ""
            yield from _table(self.classes, "objects" if self.task == "detection" else "labels")
        if self.findings:
            yield ""
            yield "  findings"
            for one in self.findings:
                yield from _folded(f"  - {one.what}: {one.action}", 4)

    def _facts(self) -> Iterator[tuple[str, str]]:
        used = "" if len(self.keep) == self.items else f", of which {len(self.keep)} can be used"
        if self.published:
            yield "set", self.published
        yield "labels", f"{'none, for ' if self.task == 'pretraining' else ''}{self.task}, arranged as {self.layout}"
        yield "items", f"{self.items}{used}"
        yield "places", f"{self.places}, by {self.placing}"
        if set(self.dates) != {1}:
            yield "dates", _mix(self.dates)
        yield from ((f"  {one.name}", one.describe()) for one in self.sensors)
        yield "size", _mix(self.sizes)
        yield "bands", _mix(self.bands)
        yield "values", f"{_mix(self.units)}, stored as {_mix(self.dtypes)}"
        yield "CRS", _mix(self.crs)
        yield "pixels", _gsd_words(self.gsd)
        yield "no data", percent(self.invalid)
        if self.unlabelled:
            yield "unlabelled", percent(self.unlabelled)


def _gsd_words(gsd: tuple[float, float, float] | None) -> str:
    if gsd is None:
        return "size on the ground not stated"
    low, middle, high = (ground_words(one) for one in gsd)
    return low if low == high else f"{low} to {high}, mostly {middle}"


def _mix(times: Mapping[Any, int], most: int = 4) -> str:
    """The commonest first, with numbers where there are several."""
    ranked = sorted(times.items(), key=lambda pair: -pair[1])
    if len(ranked) == 1:
        return str(ranked[0][0])
    return listing([f"{what} ({count})" for what, count in ranked], most) or "none"


def _table(classes: Sequence[ClassFacts], unit: str) -> Iterator[str]:
    shown = classes[:_MOST_ROWS]
    width = max(len(one.name) for one in shown) + 2
    yield f"  {'class':<7}{'name':<{width}}{'share':>9}{unit:>14}{'items':>8}"
    for one in shown:
        yield f"  {one.value:<7}{one.name:<{width}}{percent(one.share):>9}{one.count:>14,}{one.items:>8,}"
    if len(classes) > len(shown):
        yield f"  and {len(classes) - len(shown)} more"


def _folded(line: str, indent: int) -> list[str]:
    return textwrap.wrap(line, _WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
