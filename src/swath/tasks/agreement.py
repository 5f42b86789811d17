"""`Agreement`: how well units that have no names agree with labelled classes, from a table of the two alone.

| score | is |
| --- | --- |
| matched | each class is given one unit at most and each unit one class at most, so that most pixels are right |
| purity | share of pixels that are of the class that most of their unit are of (Manning et al. 2008, chapter 16) |
| adjusted Rand index | pairs of pixels that both put together or both part, beyond chance (doi:10.1007/BF01908075) |
| normalised mutual information | what one says of the other, over the mean of their entropies (JMLR 3:583, 2002) |

Purity grows with the number of units, and matching is found on the labels themselves; the other two pay nothing for
more units. Units that were found in each scene anew are no units of another scene: tables of several scenes are summed
up after each was matched by itself, and pairs and entropies are those within scenes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from swath.tasks.confusion import Confusion

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Agreement:
    """Sums, of one table or several.

    Attributes:
        confusion: `[K + 1, K + 1]`, a row per class, a column per class whose unit was answered; the last column is of
            units that no class was left for, and the last row is empty.
        total: pixels.
        pure: pixels that are of the class that most of their unit are of.
        shared: mutual information of classes and units, times pixels.
        of_classes: entropy of the classes, times pixels.
        of_units: entropy of the units, times pixels.
        together: pairs of pixels that lie in one class and one unit.
        chance: how many of them chance alone would give.
        most: how many there would be if classes and units were the same.
    """

    confusion: Confusion
    total: float = 0.0
    pure: float = 0.0
    shared: float = 0.0
    of_classes: float = 0.0
    of_units: float = 0.0
    together: float = 0.0
    chance: float = 0.0
    most: float = 0.0

    @classmethod
    def of(cls, table: Counts) -> Agreement:
        """Of one table, `[K, U]`: a row per labelled class, a column per unit."""
        classes, units, total = table.sum(axis=1), table.sum(axis=0), int(table.sum())
        empty = Confusion.empty(len(table) + 1)
        if not total:
            return cls(empty)
        columns = matched(table)
        np.add.at(empty.counts[: len(table)].T, columns, table.T)
        by_class, by_unit, pairs = _pairs(classes), _pairs(units), total * (total - 1) / 2
        of_classes, of_units = _entropy(classes), _entropy(units)
        return cls(
            confusion=empty,
            total=total,
            pure=float(table.max(axis=0).sum()),
            shared=of_classes + of_units - _entropy(table.ravel()),
            of_classes=of_classes,
            of_units=of_units,
            together=_pairs(table.ravel()),
            chance=by_class * by_unit / pairs if pairs else 0.0,
            most=(by_class + by_unit) / 2,
        )

    @classmethod
    def of_row(cls, row: NDArray[np.float64]) -> Agreement:
        """From numbers in a row, see `row`."""
        sums = [one.name for one in fields(cls)][1:]
        numbers = dict(zip(sums, row[-len(sums) :].tolist(), strict=True))
        return cls(Confusion.of_row(row[: -len(sums)]), **numbers)

    @property
    def row(self) -> NDArray[np.float64]:
        """All of it in a row; what rows of several add up to is of all of them together."""
        return np.append(self.confusion.row, [getattr(self, one.name) for one in fields(self)[1:]])

    @property
    def purity(self) -> float:
        """See above; NaN where nothing was counted."""
        return self.pure / self.total if self.total else math.nan

    @property
    def rand(self) -> float:
        """Adjusted Rand index, 1 at most, 0 by chance; NaN where it is all one class and one unit."""
        above, below = self.together - self.chance, self.most - self.chance
        return above / below if below > 1e-9 * self.most else math.nan

    @property
    def information(self) -> float:
        """Normalised mutual information, 0 to 1; NaN where it is all one class and one unit."""
        below = (self.of_classes + self.of_units) / 2
        return max(0.0, self.shared) / below if below > 1e-9 * self.total else math.nan


def matched(table: Counts) -> NDArray[np.intp]:
    """The class that each unit is matched with, `[U]`, and K for those that none is left for; of a table `[K, U]`.

    A unit and a class that have no pixel in common are not matched. (Kuhn 1955, doi:10.1002/nav.3800020109.)
    """
    from scipy.optimize import linear_sum_assignment

    found = np.full(table.shape[1], len(table), dtype=np.intp)
    rows, columns = linear_sum_assignment(table, maximize=True)
    shared = table[rows, columns] > 0
    found[columns[shared]] = rows[shared]
    return found


def _pairs(counts: Counts) -> float:
    numbers = counts.astype(np.float64)
    return float((numbers * (numbers - 1)).sum() / 2)


def _entropy(counts: Counts) -> float:
    """Entropy of shares in nats, times how many there are."""
    there = counts[counts > 0].astype(np.float64)
    total = there.sum()
    return float(total * math.log(total) - (there * np.log(there)).sum())
