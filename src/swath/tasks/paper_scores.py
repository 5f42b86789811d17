"""`PaperMetrics`: the scores by which the paper of a published set ranks, under the names that the paper gives them.

Most follow from what the task's own metrics have counted; some count for themselves. `swath.data.published.scores`
tells of each set which they are:

* `accuracy`, `kappa`, `iou`, `f1`, `precision`, `recall`: as everywhere; several classes are taken for one, against all
  others;
* `balanced_accuracy`: the mean of the recall of those classes and of all others, of the two that are labelled
  (Brodersen et al. 2010, doi:10.1109/ICPR.2010.764);
* `mean_...`: over classes, without those that are left out, and without those that are neither labelled nor answered;
* `weighted_...`: over classes, each as often as it is labelled;
* `mean_ap`, `micro_ap`, `micro_f1`, `micro_precision`: of several classes at once, see
  `swath.tasks.metrics_of_several`; micro is all classes as if they were one;
* `break_even`: see `swath.tasks.metrics_of_break_even`;
* `log_loss`: cross entropy of fields, each once: the mean of its pixels' probabilities, against the class that most of
  them are labelled;
* `xview2`: see `xview2`;
* `zone_likeness`: see `swath.tasks.zones`;
* `sek`, `scd_score`: see `swath.tasks.metrics_of_transitions`;
* `miou_sek`: half of the mean IoU of unchanged and changed, and half of `sek` (Yuan et al. 2024, arXiv:2405.19055);
* `scs`: half of the IoU of change, and half of what `swath.tasks.metrics_of_changed` says (arXiv:2203.12560).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swath.data.published.scores import PaperScore
from swath.tasks.confusion import Confusion, mean_of
from swath.tasks.mean import LogLoss
from swath.tasks.metrics import OF_A_CLASS, ClassMetrics, Metrics
from swath.tasks.metrics_of_break_even import BreakEven
from swath.tasks.metrics_of_changed import ChangedClasses
from swath.tasks.metrics_of_several import SeveralMetrics
from swath.tasks.metrics_of_transitions import ChangeMetrics
from swath.tasks.zones import by_likeness

if TYPE_CHECKING:
    from torch import Tensor

_OF_CHANGE = ("sek", "scd_score", "miou_sek", "scs")
_OF_SEVERAL_ALONE = ("mean_ap", "micro_ap", "micro_f1", "micro_precision")
_OF_SEVERAL = (
    *(*_OF_SEVERAL_ALONE, "mean_iou", "mean_f1", "mean_precision", "mean_recall"),
    *("weighted_f1", "weighted_precision"),
)


@dataclass(eq=False)
class PaperMetrics:
    """Scores of a paper.

    Attributes:
        asked: which, all of them such as can be computed from these counts.
        positions: of the set's classes among the network's, by name.
        counts: of the task.
        own: counters of scores that need one, by name of the score.
    """

    asked: tuple[PaperScore, ...]
    positions: Mapping[str, int]
    counts: Metrics
    own: Mapping[str, Metrics]
    higher_is_better: bool = True

    @classmethod
    def of(
        cls, scores: Sequence[PaperScore], positions: Mapping[str, int], counts: Metrics, *, fields: bool
    ) -> tuple[PaperMetrics, dict[str, str]]:
        """Those of a set, nothing counted yet; and of those that cannot be computed, why.

        Args:
            scores: of the set.
            positions: of its classes among the network's.
            counts: of the task, empty.
            fields: whether fields are counted.
        """
        why = {one.name: one.why or _why_not(one, positions, counts, fields=fields) for one in scores}
        asked = tuple(one for one in scores if not why[one.name])
        own = {one.name: counter for one in asked if (counter := _counter(one, positions, counts)) is not None}
        return cls(asked, dict(positions), counts, own), {name: words for name, words in why.items() if words}

    @property
    def headline(self) -> str:
        """See `Metrics.headline`."""
        return self.asked[0].name if self.asked else ""

    def empty(self) -> PaperMetrics:
        """See `Metrics.empty`."""
        return self.counted(self.counts.empty(), {name: one.empty() for name, one in self.own.items()})

    def counted(self, counts: Metrics, own: Mapping[str, Metrics]) -> PaperMetrics:
        """The same scores of other counts."""
        return replace(self, counts=counts, own=own)

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """See `Metrics.update`; scores of fields are updated apart."""
        self.counts.update(outputs, targets)
        for one in self.own.values():
            if not isinstance(one, LogLoss):
                one.update(outputs, targets)

    def merge(self, other: PaperMetrics) -> None:
        """See `Metrics.merge`."""
        merged = self.of_row(self.row() + other.row())
        self.counts, self.own = merged.counts, merged.own

    def row(self) -> NDArray[np.float64]:
        """See `Metrics.row`."""
        return np.concatenate([self.counts.row(), *(one.row() for one in self.own.values())])

    def of_row(self, row: NDArray[np.float64]) -> PaperMetrics:
        """See `Metrics.of_row`."""
        sizes = [len(one.row()) for one in (self.counts, *self.own.values())]
        counts, *own = np.split(row, np.cumsum(sizes)[:-1])
        return self.counted(
            self.counts.of_row(counts),
            {name: one.of_row(part) for (name, one), part in zip(self.own.items(), own, strict=True)},
        )

    def compute(self) -> dict[str, float]:
        """See `Metrics.compute`: by the names of the paper."""
        told = {} if isinstance(self.counts, ClassMetrics) else self.counts.compute()
        return {one.name: self._value(one, told) for one in self.asked}

    def _value(self, one: PaperScore, told: Mapping[str, float]) -> float:
        counts, kind = self.counts, str(one.kind)
        own = self.own.get(one.name)
        if isinstance(own, ChangedClasses) and isinstance(counts, ChangeMetrics):
            return (float(counts.change.confusion.iou[1]) + own.compute()["sc"]) / 2
        if own is not None:
            return next(iter(own.compute().values()))
        if isinstance(counts, SeveralMetrics):
            return told[kind] if kind in told else _of_several(kind, counts)
        if isinstance(counts, ChangeMetrics) and not one.part:
            return (told["change/mean_iou"] + told["sek"]) / 2 if kind == "miou_sek" else told[kind]
        table = counts if isinstance(counts, ClassMetrics) else getattr(counts, one.part)
        chosen = [self.positions[name] for name in one.classes]
        if not chosen and table.interest is not None:
            chosen = [table.interest]
        return of_table(kind, table.confusion, chosen, [self.positions[name] for name in one.without])


def _why_not(one: PaperScore, positions: Mapping[str, int], counts: Metrics, *, fields: bool) -> str:
    """Why a score cannot be computed from what a task counts; nothing where it can."""
    if lacking := [name for name in (*one.classes, *one.without) if name not in positions]:
        return f"no class of these labels is called {lacking[0]}"
    if one.kind == "log_loss":
        return "" if fields else "fields= tells where fields lie, and it is of fields"
    match counts:
        case ClassMetrics():
            # Where change alone is asked of a set of semantic change, it is all that is counted.
            part = not one.part or (one.part == "change" and counts.interest is not None)
            fits = part and one.kind not in (*_OF_CHANGE, *_OF_SEVERAL_ALONE)
        case SeveralMetrics():
            fits = one.kind in _OF_SEVERAL
        case ChangeMetrics():
            fits = bool(one.part) or one.kind in _OF_CHANGE
        case _:
            fits = False
    return "" if fits else "it is of another kind of answer than this model's"


def _counter(one: PaperScore, positions: Mapping[str, int], counts: Metrics) -> Metrics | None:
    if one.kind == "break_even":
        return BreakEven(positions[one.classes[0]], one.within)
    if one.kind == "scs" and isinstance(counts, ChangeMetrics):
        return ChangedClasses.named(len(counts.classes.names), [positions[name] for name in one.without])
    return LogLoss() if one.kind == "log_loss" else None


def of_table(kind: str, table: Confusion, chosen: Sequence[int], without: Sequence[int] = ()) -> float:
    """A score of classes that exclude each other.

    Args:
        kind: see above.
        table: labels against answers.
        chosen: positions of the classes whose score it is.
        without: positions of classes that do not count in a mean.
    """
    if kind in ("accuracy", "kappa"):
        return float(getattr(table, kind))
    if kind == "xview2":
        return xview2(table, chosen)
    if kind == "zone_likeness":
        return by_likeness(table, chosen)
    if kind == "balanced_accuracy":
        two = joined(table, chosen)
        return mean_of(np.where(two.labelled > 0, two.recall, np.nan))
    if kind in OF_A_CLASS:
        return float(getattr(joined(table, chosen), kind)[1])
    how, _, score = kind.partition("_")
    values = np.delete(getattr(table, score), list(without))
    return mean_of(values) if how == "mean" else weighted(values, np.delete(table.labelled, list(without)))


def joined(table: Confusion, chosen: Sequence[int]) -> Confusion:
    """Counts `[2, 2]` of some classes as one, the last, against all others."""
    mine = np.isin(np.arange(len(table.counts)), chosen).astype(np.int64)
    side = np.stack([1 - mine, mine])
    return Confusion(side @ table.counts @ side.T)


def weighted(values: NDArray[np.float64], labelled: NDArray[np.int64]) -> float:
    """The mean of scores of classes, each as often as it is labelled; NaN where nothing is."""
    there = labelled > 0
    return float(np.average(values[there], weights=labelled[there])) if there.any() else float("nan")


def xview2(table: Confusion, levels: Sequence[int]) -> float:
    """The score of the xView2 challenge (https://github.com/DIUx-xView/xView2_scoring, after arXiv:1911.09296).

    F1 of buildings is of all pixels, whatever the level. F1 of a level is of pixels that are labelled as buildings
    alone: one answered as no building is missed, one that is labelled as none counts nowhere. The harmonic mean is that
    of F1 + 1e-6, so that a level which is never right, and be it that it is never labelled, leaves next to nothing of
    it. NaN where no building is labelled or answered.
    """
    buildings = joined(table, levels).f1[1]
    of_buildings = table.counts[list(levels)][:, list(levels)]
    labelled = table.counts[list(levels)].sum(axis=1)
    below = labelled + of_buildings.sum(axis=0)
    f1 = np.divide(2 * np.diagonal(of_buildings), below, out=np.zeros(len(levels)), where=below > 0)
    return float(0.3 * buildings + 0.7 * len(f1) / (1 / (f1 + 1e-6)).sum())


def _of_several(kind: str, counts: SeveralMetrics) -> float:
    """Scores of several classes at once that their own metrics do not tell: of all together, or weighted by class."""
    how, _, score = kind.partition("_")
    if how == "micro":
        return float(getattr(counts.together, score)[1])
    values = np.array([getattr(one, score)[1] for one in counts.each])
    return weighted(values, np.array([one.labelled[1] for one in counts.each]))
