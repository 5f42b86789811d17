"""`ChangedClasses`: which class was answered at the last date, where change is labelled.

It is the semantic half of the semantic change segmentation score of Toker et al. 2022 (DynamicEarthNet,
arXiv:2203.12560): the mean IoU of classes over pixels whose labels changed, whatever was answered of change there. The
mean is over classes that are labelled there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swath.data.sample import IGNORE
from swath.tasks.confusion import Confusion, mean_of
from swath.tasks.metrics import arrays, nearest

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(eq=False)
class ChangedClasses:
    """Counts of the last date.

    Attributes:
        without: positions of classes whose labels do not count.
        confusion: of pixels that are labelled as changed.
    """

    without: tuple[int, ...]
    confusion: Confusion
    headline: str = "sc"
    higher_is_better: bool = True

    @classmethod
    def named(cls, count: int, without: Sequence[int] = ()) -> ChangedClasses:
        """For so many classes, nothing counted yet."""
        return cls(tuple(without), Confusion.empty(count))

    def empty(self) -> ChangedClasses:
        """See `Metrics.empty`."""
        return replace(self, confusion=Confusion.empty(len(self.confusion.counts)))

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """See `Metrics.update`; tensors are those of semantic change."""
        count = len(self.confusion.counts)
        likely = nearest(outputs, targets)
        answer = likely[:, 2 + count :].argmax(1).masked_fill(~likely.isfinite().all(1), IGNORE)
        label = targets[:, 2].masked_fill(targets[:, 0] != 1, IGNORE)
        labelled, answered = arrays(label, answer)
        self.confusion = self.confusion + Confusion.of(labelled, answered, count)

    def merge(self, other: ChangedClasses) -> None:
        """See `Metrics.merge`."""
        self.confusion = self.confusion + other.confusion

    def row(self) -> NDArray[np.float64]:
        """See `Metrics.row`."""
        return self.confusion.row

    def of_row(self, row: NDArray[np.float64]) -> ChangedClasses:
        """See `Metrics.of_row`."""
        return replace(self, confusion=Confusion.of_row(row))

    def compute(self) -> dict[str, float]:
        """See `Metrics.compute`."""
        counts = self.confusion.counts.copy()
        counts[list(self.without)] = 0
        found = Confusion(counts)
        return {"sc": mean_of(np.where(found.labelled > 0, found.iou, np.nan))}
