"""Scores by which the paper of a published set ranks: what they are here, or why they are not computed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swath.data import IGNORE, Dataset
from swath.data.published.scores import PaperScore
from swath.tasks.mean import Mean
from swath.tasks.metrics import Metrics
from swath.tasks.paper_scores import PaperMetrics
from swath.train.evaluation.classes import ClassMatch
from swath.train.evaluation.intervals import intervals, pooled_of, units
from swath.train.evaluation.scene_result import SceneResult
from swath.train.evaluation.words import number

_MERGED = "classes were left out, or taken for one"


@dataclass(frozen=True)
class PaperValue:
    """A score of a paper.

    Attributes:
        name: what the paper calls it.
        value: what it is here; NaN where there is nothing to say, None where it is not computed.
        interval: 95 % of it, had other places been drawn.
        why: it is not computed.
    """

    name: str
    value: float | None
    interval: tuple[float, float] | None = None
    why: str = ""


@dataclass(frozen=True)
class PaperReport:
    """The scores of the paper of a set.

    Attributes:
        title: of the set.
        values: in the order of the paper.
    """

    title: str
    values: tuple[PaperValue, ...]

    def titles(self) -> tuple[str, ...]:
        """Of the columns of `rows`."""
        return (f"as the paper of {self.title} scores", "", "95 %")

    def rows(self) -> list[tuple[str, ...]]:
        """Name, value and interval of those that are computed, as words."""
        return [
            (one.name, number(one.value), "" if one.interval is None else " to ".join(map(number, one.interval)))
            for one in self.values
            if one.value is not None
        ]

    def notes(self) -> list[str]:
        """What is not computed, and why."""
        missing: dict[str, list[str]] = {}
        for one in self.values:
            if one.value is None:
                missing.setdefault(one.why, []).append(one.name)
        told = "; ".join(f"{', '.join(names)} ({why})" for why, names in missing.items())
        return [f"of what the paper of {self.title} scores is not computed: {told}"] if missing else []

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        told = [
            {"name": one.name, "value": None if one.value is None or math.isnan(one.value) else one.value}
            | ({} if one.interval is None else {"interval": list(one.interval)})
            | ({"why": one.why} if one.why else {})
            for one in self.values
        ]
        return {"set": self.title, "scores": told}


@dataclass(frozen=True)
class Paper:
    """What the paper of a set asks for, and what counts it.

    Attributes:
        title: of the set.
        scores: all of them.
        metrics: of those that are computed, empty.
        why: the others are not, by name.
    """

    title: str
    scores: tuple[PaperScore, ...]
    metrics: PaperMetrics
    why: Mapping[str, str]

    @classmethod
    def of(cls, dataset: Dataset, classes: ClassMatch | None, counts: Metrics, *, fields: bool) -> Paper | None:
        """For a data set; None where it is none that was published.

        Args:
            dataset: whose labels are scored by.
            classes: which class of the labels is which of the network's.
            counts: of the task, empty.
            fields: whether fields are counted.
        """
        if dataset.published is None:
            return None
        at = [] if classes is None else classes.positions.tolist()
        named = () if classes is None else dataset.classes
        positions = {label.name: place for label, place in zip(named, at, strict=True)}
        scores = dataset.published.scores
        merged = IGNORE in at or len(set(at)) < len(at)
        asked = () if merged else scores
        metrics, why = PaperMetrics.of(asked, positions, counts, fields=fields)
        why |= {one.name: one.why or _MERGED for one in scores if merged}
        return cls(dataset.published.title, scores, metrics, why)

    def report(
        self, results: Sequence[SceneResult], bootstrap: int, seed: int, kinds: Sequence[str] | None
    ) -> PaperReport:
        """What all scenes have together.

        Args:
            results: scene by scene.
            bootstrap: how often places are drawn for the intervals.
            seed: of the draws.
            kinds: see `intervals`.
        """
        counted = [(one.name, one.place, one.paper) for one in results if one.paper is not None]
        places = units([place for _, place, _ in counted])
        every = [metrics for _, _, metrics in counted]
        pooled = pooled_of(every).compute() if every else {}
        limits = intervals(every, bootstrap, seed, places=places, kinds=kinds)
        values = []
        for score in self.scores:
            if score.name in self.why:
                values.append(PaperValue(score.name, None, why=self.why[score.name]))
            elif score.each is None:
                values.append(PaperValue(score.name, pooled[score.name], limits.get(score.name)))
            else:
                names = [name for name, _, _ in counted]
                means, where = _by_group(score, names, every, places)
                spread = intervals(means, bootstrap, seed, places=where).get("mean")
                values.append(PaperValue(score.name, pooled_of(means).compute()["mean"], spread))
        return PaperReport(self.title, tuple(values))


def _by_group(
    score: PaperScore, names: Sequence[str], every: Sequence[PaperMetrics], places: Sequence[str]
) -> tuple[list[Mean], list[str]]:
    """A score of each group of images, and the place of its first image."""
    groups: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        found = re.search(score.each or "", name)
        groups.setdefault(found[0] if found else name, []).append(at)
    values = [pooled_of([every[at] for at in members]).compute()[score.name] for members in groups.values()]
    return [Mean.of(value) for value in values], [places[members[0]] for members in groups.values()]
