"""`swath.data.inspect`: read everything once, and say what is there, what is odd, and what is done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from swath.data.dataset import Dataset
from swath.data.findings import findings_of
from swath.data.item_facts import ItemFacts, facts_of
from swath.data.likeness import near_copies
from swath.data.places import Tell, placed
from swath.data.report import ClassFacts, Report, SensorFacts
from swath.data.split_file import Split

_THREADS = 2
"""Reading is mostly decoding, and training wants the rest of the machine."""


def inspect(data: Dataset, *, split: Split | None = None, progress: Tell | None = None) -> Report:
    """Read every image and label of a data set and report on it. Nothing is changed.

    `Report.keep` names the items that can be used; `data.subset(report.keep)` is the data without the others.

    Args:
        data: what to look at.
        split: whose parts are looked at too; None: those that the folder itself has.
        progress: called with what is done and what is to do.
    """
    facts: list[ItemFacts] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for one in pool.map(partial(facts_of, data), data.items):
            facts.append(one)
            if progress is not None:
                progress(len(facts), len(data))
    usual = _usual(facts)
    alike = near_copies(facts)
    parts = (
        data.parts if split is None else {name: part for part in ("train", "val", "test") for name in split.part(part)}
    )
    keep = tuple(one.name for one in facts if usable(one, usual))
    kept = set(keep)
    good = [one for one in facts if one.name in kept]
    classes = _classes(data, good)
    where, placing = placed(data.subset(keep)) if keep else (data, data.placing)
    sized = sorted(one.gsd for one in good if one.gsd is not None)
    pixels = np.array([one.shape[0] * one.shape[1] for one in good], dtype=np.float64)
    return Report(
        name=data.name,
        layout=data.layout,
        task=data.task,
        items=len(data),
        keep=keep,
        dates=_times(one.dates for one in good),
        sizes=_times(f"{one.shape[0]} x {one.shape[1]}" for one in good),
        bands=_times(", ".join(one.bands) for one in good),
        units=_times(", ".join(dict.fromkeys(one.units)) for one in good),
        dtypes=_times(", ".join(dict.fromkeys(one.dtypes)) for one in good),
        crs=_times(one.crs or "none" for one in good),
        gsd=(sized[0], sized[len(sized) // 2], sized[-1]) if sized else None,
        invalid=_mean([one.invalid for one in good], pixels),
        unlabelled=_mean([one.unlabelled for one in good], pixels),
        classes=classes,
        placing=placing,
        places=len({item.place for item in where.items}),
        findings=tuple(findings_of(data, facts, usual, classes, alike, parts)),
        published="" if data.published is None else data.published.describe(),
        alike=tuple(alike),
        sensors=tuple(_sensors(good)),
    )


def _sensors(facts: Sequence[ItemFacts]) -> Iterator[SensorFacts]:
    """What there is of each of several sensors, in the order of the first item."""
    for name in [one.name for one in (*facts[0].stacked, *facts[0].apart)] if facts else []:
        own = [seen for one in facts for seen in (*one.stacked, *one.apart) if seen.name == name]
        sized = sorted(one.gsd for one in own if one.gsd is not None)
        yield SensorFacts(
            name=name,
            sensor=own[0].sensor,
            items=len(own),
            bands=own[0].bands,
            gsd=(sized[0], sized[len(sized) // 2], sized[-1]) if sized else None,
            crs=_times(one.crs or "none" for one in own),
            dates=_times(one.dates for one in own),
            said=_times(one.said for one in own),
        )


def _usual(facts: Sequence[ItemFacts]) -> tuple[Any, ...] | None:
    """What most items have in common, without which they cannot be trained on together: dates, bands, units."""
    kinds = Counter(one.kind for one in facts if one.image_problem is None)
    return kinds.most_common(1)[0][0] if kinds else None


def usable(one: ItemFacts, usual: tuple[Any, ...] | None) -> bool:
    """Whether an item can be trained on with the others."""
    sound = one.image_problem is None and one.label_problem is None
    return sound and one.kind == usual and one.unlabelled < 1 and one.invalid < 1


def _classes(data: Dataset, facts: Sequence[ItemFacts]) -> tuple[ClassFacts, ...]:
    counts: Counter[int] = Counter()
    items: Counter[int] = Counter()
    for one in facts:
        counts.update(one.counts)
        items.update(position for position, count in one.counts.items() if count)
    total = max(counts.total(), 1)
    return tuple(
        ClassFacts(label.value, label.name, counts[at], counts[at] / total, items[at])
        for at, label in enumerate(data.classes)
    )


def _times(words: Iterable[Any]) -> dict[Any, int]:
    return dict(Counter(words).most_common())


def _mean(shares: Sequence[float], weights: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return float(np.average(shares, weights=weights)) if len(shares) and weights.sum() > 0 else 0.0
