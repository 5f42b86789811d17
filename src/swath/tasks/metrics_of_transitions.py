"""`ChangeMetrics`: how good answers are that tell whether, from what and to what.

Scores of change have `change/` before them, those of the classes at both dates `classes/`. Three more look at all at
once, by a table of labels against answers at both dates in which the first class is "unchanged":

* `sek`, separated kappa: Cohen's kappa of the table without what is rightly unchanged, times `exp(IoU of change - 1)`;
* `scd_score`: 0.3 times the mean IoU of unchanged and changed, plus 0.7 times `sek`; both of Yang et al. 2022
  (doi:10.1109/TGRS.2021.3113912), who rank SECOND by them;
* `fscd`: the harmonic mean of the shares of changed labels, and of changed answers, that bear the right class (Ding et
  al. 2022, doi:10.1109/TGRS.2022.3154390).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swath.data.sample import IGNORE
from swath.models.card import Card
from swath.tasks.confusion import Confusion
from swath.tasks.metrics import ClassMetrics, arrays, nearest

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(eq=False)
class ChangeMetrics:
    """Of semantic change.

    Attributes:
        change: unchanged and changed.
        classes: at both dates, wherever they are labelled.
        both: unchanged and the classes, at both dates.
    """

    change: ClassMetrics
    classes: ClassMetrics
    both: Confusion
    headline: str = "change/iou"
    higher_is_better: bool = True

    @classmethod
    def of(cls, card: Card) -> ChangeMetrics:
        """For the answers of a network."""
        change = ClassMetrics.named(("unchanged", "changed"), threshold=card.output.threshold or 0.5, interest=1)
        names = [label.name for label in card.output.classes]
        return cls(change, ClassMetrics.named(names), Confusion.empty(1 + len(names)))

    def empty(self) -> ChangeMetrics:
        """See `Metrics.empty`."""
        return replace(
            self,
            change=self.change.empty(),
            classes=self.classes.empty(),
            both=Confusion.empty(1 + len(self.classes.names)),
        )

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """See `Metrics.update`."""
        count = len(self.classes.names)
        self.change.update(outputs[:, :2], targets[:, 0])
        likely = nearest(outputs, targets)
        unsure = ~likely.isfinite().all(1)
        changed = likely[:, 1] > (self.change.threshold or 0.5)
        for date in (0, 1):
            of_date = slice(2 + date * count, 2 + (date + 1) * count)
            self.classes.update(outputs[:, of_date], targets[:, 1 + date])
            answer = ((likely[:, of_date].argmax(1) + 1) * changed).masked_fill(unsure, IGNORE)
            truth, named = targets[:, 0], targets[:, 1 + date]
            unknown = (truth == IGNORE) | ((truth == 1) & (named == IGNORE))
            label = ((named + 1) * (truth == 1)).masked_fill(unknown, IGNORE)
            labelled, answered = arrays(label, answer)
            self.both = self.both + Confusion.of(labelled, answered, 1 + count)

    def merge(self, other: ChangeMetrics) -> None:
        """See `Metrics.merge`."""
        self.change.merge(other.change)
        self.classes.merge(other.classes)
        self.both = self.both + other.both

    def row(self) -> NDArray[np.float64]:
        """See `Metrics.row`."""
        return np.concatenate([self.change.row(), self.classes.row(), self.both.row])

    def of_row(self, row: NDArray[np.float64]) -> ChangeMetrics:
        """See `Metrics.of_row`."""
        first = len(self.change.row())
        last = first + len(self.classes.row())
        return replace(
            self,
            change=self.change.of_row(row[:first]),
            classes=self.classes.of_row(row[first:last]),
            both=Confusion.of_row(row[last:]),
        )

    def compute(self) -> dict[str, float]:
        """See `Metrics.compute`."""
        parts: Mapping[str, ClassMetrics] = {"change": self.change, "classes": self.classes}
        made = {f"{part}/{key}": value for part, one in parts.items() for key, value in one.compute().items()}
        return made | _of_both(self.both.counts.astype(np.float64))


def _of_both(counts: NDArray[np.float64]) -> dict[str, float]:
    """`sek`, `scd_score` and `fscd` of a table: a row per label, a column per answer, the first of each unchanged."""
    unchanged, total = counts[0, 0], counts.sum()
    iou_changed = _share(counts[1:, 1:].sum(), total - unchanged)
    iou_unchanged = _share(unchanged, counts[0].sum() + counts[:, 0].sum() - unchanged)
    rest = counts.copy()
    rest[0, 0] = 0
    right = _share(np.trace(rest), rest.sum())
    chance = _share(rest.sum(axis=1) @ rest.sum(axis=0), rest.sum() ** 2)
    sek = math.exp(iou_changed - 1) * (right - chance) / (1 - chance) if chance < 1 else math.nan
    classed = np.trace(rest)
    fscd = _share(2 * classed, counts[1:].sum() + counts[:, 1:].sum())
    return {"sek": sek, "scd_score": 0.3 * (iou_changed + iou_unchanged) / 2 + 0.7 * sek, "fscd": fscd}


def _share(above: float, below: float) -> float:
    return float(above / below) if below > 0 else math.nan
