"""`Evaluation`: how good a model is on labelled scenes, for people, for cards and for other programs."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from swath.models.card import Card, Score
from swath.scene.look import save as save_picture
from swath.scene.words import many, percent
from swath.scene.write.atomic import atomic_path, writing
from swath.tasks.figure import Case, figure
from swath.tasks.metrics import ClassMetrics, Metrics
from swath.tasks.metrics_of_several import SeveralMetrics
from swath.tasks.metrics_of_units import UnitMetrics
from swath.train.evaluation.intervals import FEW
from swath.train.evaluation.papers import PaperReport
from swath.train.evaluation.scene_result import SceneResult
from swath.train.evaluation.words import WORDS, name_of, number, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How good a model is on labelled scenes.

    Attributes:
        card: of the model.
        weights: SHA-256 of its weights; empty for a method that is fitted to each scene.
        data: name of the data set and of the part.
        split: which part, and where that was said.
        scenes: one by one.
        metrics: all scenes counted together (pooled).
        pooled: the scores of that.
        intervals: of pooled scores, 95 %, had other places been drawn, or scenes where there are few places.
        bootstrap: how often they were drawn.
        seed: of the draws.
        seconds: it took.
        notes: what a reader should know.
        worst: the scenes with the worst scores, to be looked at.
        fields: all fields counted together, each once, by the votes of its pixels; None: not asked for.
        paper: the scores by which the set's paper ranks; None where it is no published set.
    """

    card: Card
    weights: str
    data: str
    split: str
    scenes: tuple[SceneResult, ...]
    metrics: Metrics
    pooled: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    bootstrap: int
    seed: int
    seconds: float
    notes: tuple[str, ...]
    worst: tuple[Case, ...]
    fields: Metrics | None = None
    paper: PaperReport | None = None

    @property
    def headline(self) -> str:
        """The score that tells most."""
        return self.metrics.headline

    @property
    def places(self) -> int:
        """How many places the scenes lie in."""
        return len({one.place for one in self.scenes})

    @property
    def unit(self) -> str:
        """What is drawn for the intervals, `place` or `scene`."""
        return "place" if self.places >= FEW else "scene"

    def __getitem__(self, score: str) -> float:
        """A pooled score by name, as `mean_iou` or `f1/water`."""
        return self.pooled[score]

    def scores(self) -> tuple[Score, ...]:
        """The pooled scores as a card holds them."""
        return tuple(
            Score(metric=name, value=round(value, 6), data=self.data, interval=_rounded(self.intervals.get(name)))
            for name, value in self.pooled.items()
            if math.isfinite(value)
        )

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Score, pooled value, its interval, and the scenes' median with lowest and highest, as words."""
        made = []
        for name, value in self.pooled.items():
            if name.rpartition("/")[0].rpartition("/")[2] in WORDS or (self.card.output.per_tile and "iou" in name):
                continue
            of_scenes = np.array([one.scores[name] for one in self.scenes])
            of_scenes = of_scenes[np.isfinite(of_scenes)]
            limits = self.intervals.get(name)
            made.append((
                name_of(name),
                number(value),
                "" if limits is None else f"{number(limits[0])} to {number(limits[1])}",
                f"{number(float(np.median(of_scenes)))} ({number(of_scenes.min())} to {number(of_scenes.max())})"
                if len(of_scenes) and not self.card.output.per_tile
                else "",
            ))  # fmt: skip
        return made

    def class_rows(self) -> list[tuple[str, ...]]:
        """Of several classes: name, share of what is labelled, IoU (of images F1) with its interval, and the rest."""
        made = []
        kept = self.class_titles()
        for title, names, shares, before in self._shares():
            for name, share in zip(names, shares, strict=True):
                values = [self.pooled.get(f"{before}{score}/{name}") for score in kept]
                if any(value is not None for value in values):
                    limits = self.intervals.get(f"{before}{kept[0]}/{name}")
                    told = [number(math.nan if value is None else value) for value in values]
                    told.insert(1, "" if limits is None else f"{number(limits[0])} to {number(limits[1])}")
                    made.append((f"{title}{name}", percent(share), *told))
        return made

    def class_titles(self) -> tuple[str, ...]:
        """Scores that `class_rows` tells; the first has an interval."""
        shown = ("f1", "precision", "recall") if self.card.output.per_tile else ("iou", "f1", "precision", "recall")
        return (*shown, "ap") if isinstance(self.metrics, SeveralMetrics) else shown

    def describe(self) -> str:
        """What was found, as text for people."""
        lines = [*self.heading(), ""]
        lines += table(self.titles(), self.rows())
        if classes := self.class_rows():
            lines += ["", *table(self.titles(of_class=True), classes)]
        if fields := self.field_rows():
            lines += ["", *table(self.field_titles(), fields)]
        if self.paper is not None and (rows := self.paper.rows()):
            lines += ["", *table(self.paper.titles(), rows)]
        if self.notes:
            lines += ["", *(f"note: {note}" for note in self.notes)]
        return "\n".join(lines)

    def field_titles(self) -> tuple[str, str]:
        """Of the columns of `field_rows`, with the number of fields."""
        counted = self.fields.confusion.labelled.sum() if isinstance(self.fields, ClassMetrics) else 0
        return f"by field ({counted:,})", "pooled"

    def field_rows(self) -> list[tuple[str, str]]:
        """Scores of fields, each of which counts once; empty where they were not asked for."""
        if self.fields is None:
            return []
        found = self.fields.compute().items()
        return [(name_of(name), number(value)) for name, value in found if "/" not in name or name.startswith("f1/")]

    def titles(self, *, of_class: bool = False) -> tuple[str, ...]:
        """Of the columns of `rows`, or of `class_rows`."""
        if of_class:
            first, *rest = (WORDS[score] for score in self.class_titles())
            return ("class", "labelled", first, "95 %", *rest)
        return ("score", "pooled", "95 %", "" if self.card.output.per_tile else "scene: median (lowest to highest)")

    def heading(self) -> list[str]:
        """What was held against what."""
        labelled, answered = (sum(getattr(one, key) for one in self.scenes) for key in ("labelled", "answered"))
        what = "image" if self.card.output.per_tile else "pixel"
        amount = many(labelled, f"labelled {what}")
        share = "" if answered == labelled else f", {percent(answered / max(labelled, 1))} of them with an answer"
        return [
            f"{self.card.name} ({self.card.task}) on {self.data}: {many(len(self.scenes), 'scene')} in "
            f"{many(self.places, 'place')}, {amount}{share}",
            f"split: {self.split}",
        ]

    def to_json(self) -> str:
        """All of it as JSON; a score that does not exist is null."""
        told: dict[str, Any] = {
            "model": self.card.name,
            "weights": self.weights,
            "task": self.card.task,
            "data": self.data,
            "split": self.split,
            "headline": self.headline,
            "scores": _plain(self.pooled),
            "intervals": {name: list(limits) for name, limits in self.intervals.items()},
            "bootstrap": {"draws": self.bootstrap, "seed": self.seed, "share": 0.95, "unit": self.unit},
            "places": self.places,
            "confusion": {
                title.strip(": ") or "classes": {"names": one.names, "counts": one.confusion.counts.tolist()}
                for title, one, _ in self._class_metrics()
            },
            "calibration": {
                title.strip(": ") or "classes": one.calibration.table() for title, one, _ in self._class_metrics()
            },
            "scenes": [
                {"name": one.name, "place": one.place, "labelled": one.labelled, "answered": one.answered}
                | {"scores": _plain(one.scores)}
                for one in self.scenes
            ],
            **({} if self.fields is None else {"fields": _plain(self.fields.compute())}),
            **({} if self.paper is None else {"paper": self.paper.to_json()}),
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }
        return json.dumps(told, indent=2, ensure_ascii=False)

    def to_csv(self) -> str:
        """One line per scene."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["name", "place", "labelled", "answered", *self.pooled])
        for one in self.scenes:
            told = ["" if math.isnan(one.scores[name]) else f"{one.scores[name]:.6g}" for name in self.pooled]
            writer.writerow([one.name, one.place, one.labelled, one.answered, *told])
        return out.getvalue()

    def look(self) -> Figure:
        """The worst cases: image, label, answer, mistakes."""
        return figure(self.worst, self.card)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write `report.txt`, `report.json`, `scenes.csv` and `worst.png` into a folder, each whole or not at all.

        Raises:
            WriteError: the folder cannot be made or written to.
        """
        target = Path(folder)
        with writing(target):
            target.mkdir(parents=True, exist_ok=True)
        texts = {
            "report.txt": self.describe() + "\n",
            "report.json": self.to_json() + "\n",
            "scenes.csv": self.to_csv(),
        }
        for name, text in texts.items():
            with atomic_path(target / name, overwrite=True) as temporary:
                temporary.write_text(text, encoding="utf-8")
        if self.worst:
            save_picture(self.look(), target / "worst.png")
        return target

    def _shares(self) -> list[tuple[str, Sequence[str], list[float], str]]:
        """Classes with the share of what is labelled that each has, what they are called, and as below.

        Where several classes may hold at once, it is the share of the images in which it holds.
        """
        if isinstance(self.metrics, SeveralMetrics):
            shares = [float(one.labelled[1] / max(1, one.total)) for one in self.metrics.each]
            return [("", self.metrics.names, shares, "")]
        made: list[tuple[str, Sequence[str], list[float], str]] = []
        for title, one, before in self._class_metrics():
            counts = one.confusion.labelled
            made.append((title, one.names, (counts / max(1, counts.sum())).tolist(), before))
        return made

    def _class_metrics(self) -> list[tuple[str, ClassMetrics, str]]:
        """Counts of classes, what they are called, and what stands before the names of their scores."""
        if isinstance(self.metrics, ClassMetrics):
            return [("", self.metrics, "")]
        if isinstance(self.metrics, UnitMetrics):
            return [("", self.metrics.classes, "")]
        parts = [(key, getattr(self.metrics, key, None)) for key in ("change", "classes")]
        return [(f"{key}: ", one, f"{key}/") for key, one in parts if isinstance(one, ClassMetrics)]


def _plain(scores: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in scores.items()}


def _rounded(limits: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if limits is None else (round(limits[0], 6), round(limits[1], 6))
