"""`UnitMetrics`: how well units that nobody named agree with labelled classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.data.sample import IGNORE
from swath.tasks.agreement import Agreement, matched
from swath.tasks.metrics import OF_A_CLASS, ClassMetrics, arrays, by_name, means, nearest

if TYPE_CHECKING:
    from torch import Tensor

NO_CLASS = "no class"
"""What units are called that no class was left for."""


@dataclass(eq=False)
class UnitMetrics:
    """Of units, which are matched with classes after all was counted, see `swath.tasks.agreement`.

    Attributes:
        names: of the classes, `[K]`.
        anew: whether each scene has units of its own; else those of all scenes are the same, and are matched once.
        counts: of the scene at hand, or of all of them: a row per class, a column per unit, `[K, U]`.
        before: of scenes that were counted before; they are matched by themselves.
    """

    names: tuple[str, ...]
    anew: bool
    counts: NDArray[np.int64]
    before: Agreement | None = None
    headline: str = "accuracy"
    higher_is_better: bool = True

    @classmethod
    def named(cls, names: Sequence[str], units: int, *, anew: bool) -> UnitMetrics:
        """For classes by name and so many units, nothing counted yet."""
        return cls(tuple(names), anew, np.zeros((len(names), units), dtype=np.int64))

    @property
    def agreement(self) -> Agreement:
        """Of all that was counted."""
        return Agreement.of(self.counts) if self.before is None else self.before

    @property
    def classes(self) -> ClassMetrics:
        """Units by the names of their classes; the last is `NO_CLASS`."""
        return replace(ClassMetrics.named((*self.names, NO_CLASS)), confusion=self.agreement.confusion)

    def empty(self) -> UnitMetrics:
        """See `Metrics.empty`."""
        return UnitMetrics.named(self.names, self.counts.shape[1], anew=self.anew)

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """See `Metrics.update`; of a scene with units of its own, there may be another number of them."""
        likely = nearest(outputs, targets)
        reference, unit = arrays(targets, likely.argmax(1).masked_fill(~likely.isfinite().all(1), IGNORE))
        self._widen(likely.shape[1])
        known = (reference != IGNORE) & (unit != IGNORE)
        np.add.at(self.counts, (reference[known], unit[known]), 1)

    def merge(self, other: UnitMetrics) -> None:
        """See `Metrics.merge`."""
        merged = self.of_row(self.row() + other.row())
        self.counts, self.before = merged.counts, merged.before

    def row(self) -> NDArray[np.float64]:
        """See `Metrics.row`."""
        return self.agreement.row if self.anew else self.counts.ravel().astype(np.float64)

    def of_row(self, row: NDArray[np.float64]) -> UnitMetrics:
        """See `Metrics.of_row`."""
        if self.anew:
            return replace(self.empty(), before=Agreement.of_row(row))
        return replace(self, counts=np.rint(row).astype(np.int64).reshape(self.counts.shape))

    def compute(self) -> dict[str, float]:
        """See `Metrics.compute`; `accuracy` and scores of classes are of matched units."""
        found, count = self.agreement, len(self.names)
        of_class = {score: getattr(found.confusion, score)[:count] for score in OF_A_CLASS}
        overall = {
            "accuracy": found.confusion.accuracy,
            "purity": found.purity,
            "ari": found.rand,
            "nmi": found.information,
        }
        return overall | means(of_class) | by_name(of_class, self.names)

    def named_units(self, units: NDArray[Any]) -> NDArray[Any]:
        """Positions of units as positions of classes, `K` for those without one; `IGNORE` stays."""
        return np.asarray(np.append(matched(self.counts), IGNORE)[units])

    def _widen(self, units: int) -> None:
        if (lacking := units - self.counts.shape[1]) > 0:
            self.counts = np.pad(self.counts, ((0, 0), (0, lacking)))
