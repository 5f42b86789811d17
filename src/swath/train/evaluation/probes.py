"""Plain classifiers on features: fitted, scored, compared; with intervals."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.scene.words import many
from swath.scene.write.atomic import atomic_path, writing
from swath.train.evaluation.intervals import by_place, draws, units

KINDS = ("knn", "linear")
_NEIGHBOURS = 5
_SHARE = 0.95


@dataclass(frozen=True)
class ProbeRow:
    """One classifier on the features of one choice of preprocessing.

    Attributes:
        choice: what is done to images, in words.
        kind: of the classifier, one of `KINDS`.
        accuracy: share of the images that are right.
        interval: 95 % of it, had other places been drawn, or images where there are few places.
        gain: accuracy less that of the first choice; None for the first.
        gain_interval: 95 % of that, over the same draws.
    """

    choice: str
    kind: str
    accuracy: float
    interval: tuple[float, float] | None
    gain: float | None = None
    gain_interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Probed:
    """What the features of an encoder are worth.

    Attributes:
        model: name of the card.
        data: data set and part.
        split: where it was said which images those are.
        counts: images it was fitted on, and images that were scored.
        places: how many those lie in.
        rows: the card's choice first, for each kind.
        notes: what a reader should know.
    """

    model: str
    data: str
    split: str
    counts: tuple[int, int]
    places: int
    rows: tuple[ProbeRow, ...]
    notes: tuple[str, ...] = ()

    def accuracy(self, kind: str, choice: str | None = None) -> float:
        """Of a kind, with a choice; None: the card's."""
        return next(one.accuracy for one in self.rows if one.kind == kind and choice in (None, one.choice))

    def heading(self) -> list[str]:
        """What was probed."""
        fitted, scored = self.counts
        return [
            f"features of {self.model} on {self.data}: fitted to {many(fitted, 'image')}, scored on {scored} "
            f"in {many(self.places, 'place')}",
            f"split: {self.split}",
        ]

    def titles(self) -> tuple[str, ...]:
        """Of the columns of `cells`."""
        return ("preprocessing", "probe", "accuracy", "95 %", "against the card's", "95 %")

    def cells(self) -> list[tuple[str, ...]]:
        """The rows as words."""
        return [
            (
                one.choice,
                one.kind,
                f"{one.accuracy:.3f}",
                _between(one.interval, ".3f"),
                "" if one.gain is None else f"{one.gain:+.3f}",
                _between(one.gain_interval, "+.3f"),
            )
            for one in self.rows
        ]

    def describe(self) -> str:
        """All of it as text."""
        rows = [self.titles(), *self.cells()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)
        return "\n".join([*self.heading(), "", *(line.rstrip() for line in lines), *(f"note: {n}" for n in self.notes)])

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write `probe.txt` and `probe.json` into a folder, each whole or not at all.

        Raises:
            WriteError: the folder cannot be made or written to.
        """
        target = Path(folder)
        with writing(target):
            target.mkdir(parents=True, exist_ok=True)
        for name, text in (("probe.txt", self.describe()), ("probe.json", json.dumps(asdict(self), indent=2))):
            with atomic_path(target / name, overwrite=True) as temporary:
                temporary.write_text(text + "\n", encoding="utf-8")
        return target


def compared(
    vectors: Mapping[str, NDArray[np.float32]],
    labels: NDArray[np.int64],
    places: Sequence[str],
    kinds: Sequence[str],
    times: int,
    seed: int,
) -> Iterator[ProbeRow]:
    """Each classifier on each choice's features.

    Args:
        vectors: `[N, D]` by choice, the card's first.
        labels: `[N]`, positions of classes.
        places: of the images that are scored, which are the last ones; the others are fitted to.
        kinds: of `KINDS`.
        times: how often places are drawn for the intervals, or images where there are few, see `intervals.units`; 0: no
            intervals.
        seed: of the draws.
    """
    train = len(labels) - len(places)
    truth = labels[train:]
    places = units(places)
    counts = by_place(np.ones(len(truth)), places)
    drawn = draws(len(counts), times, seed)
    of_places = drawn / np.maximum(drawn @ counts, 1)[:, None]
    for kind in kinds:
        first: NDArray[np.float64] | None = None
        for choice, x in vectors.items():
            right = (_fitted(kind, x[:train], labels[:train]).predict(x[train:]) == truth).astype(np.float64)
            gain = None if first is None else right - first
            yield ProbeRow(
                choice,
                kind,
                float(right.mean()),
                _interval(by_place(right, places), of_places),
                None if gain is None else float(gain.mean()),
                None if gain is None else _interval(by_place(gain, places), of_places),
            )
            first = right if first is None else first


def _fitted(kind: str, x: NDArray[np.float32], labels: NDArray[np.int64]) -> Any:
    """A classifier of scikit-learn."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if kind == "knn":
        return KNeighborsClassifier(min(_NEIGHBOURS, len(x))).fit(x, labels)
    with warnings.catch_warnings():
        # Where it stops early, the score is that of a classifier that has not learnt all; no more than that.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(x, labels)


def _interval(sums: NDArray[np.float64], drawn: NDArray[np.float64]) -> tuple[float, float] | None:
    """Of sums `[P]` of places and the weight of each in each draw, `[times, P]`; none for a single place."""
    if len(drawn) == 0 or len(sums) < 2:
        return None
    low, high = np.quantile(drawn @ sums, [(1 - _SHARE) / 2, (1 + _SHARE) / 2])
    return float(low), float(high)


def _between(limits: tuple[float, float] | None, form: str) -> str:
    return "" if limits is None else f"{limits[0]:{form}} to {limits[1]:{form}}"
