"""`BreakEven`: precision and recall where they are the same, of one class, with some slack.

Mnih 2013, "Machine Learning for Aerial Image Labeling" (PhD thesis, University of Toronto): precision is the share of
detected pixels that lie within so many pixels of a labelled one, recall the share of labelled pixels that lie within as
many of a detected one (after Wiedemann et al. 1998); the threshold of detection is that at which both are equal, over
all images at once. Distances are those between the middles of pixels, so that the slack is a disk; code that takes a
square instead finds a little more.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swath.data.sample import IGNORE
from swath.tasks.metrics import arrays, nearest
from swath.tasks.ranked import BINS, bins_of, break_even

if TYPE_CHECKING:
    from torch import Tensor


def _nothing() -> NDArray[np.int64]:
    return np.zeros((3, BINS), dtype=np.int64)


@dataclass(eq=False)
class BreakEven:
    """Counts for every threshold.

    Attributes:
        position: of the class among the network's.
        within: pixels of slack.
        counts: `[3, BINS]`: pixels by how likely they were called the class; those of them that lie near a label of it;
            and its labels, by the likeliest pixel near each.
    """

    position: int
    within: int
    counts: NDArray[np.int64] = field(default_factory=_nothing)
    headline: str = "break_even"
    higher_is_better: bool = True

    def empty(self) -> BreakEven:
        """See `Metrics.empty`."""
        return replace(self, counts=_nothing())

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """See `Metrics.update`."""
        self.update_within(outputs, targets, (slice(None), slice(None)))

    def update_within(self, outputs: Tensor, targets: Tensor, inner: tuple[slice, slice]) -> None:
        """Count a part of the pixels, whose neighbours are looked at beyond it.

        Args:
            outputs: `[N, K, h, w]`.
            targets: `[N, h, w]`.
            inner: rows and columns that count.
        """
        likely, truth = arrays(nearest(outputs, targets), targets)
        for given, label in zip(likely, truth, strict=True):
            self._count(given[self.position], label, np.isfinite(given).all(axis=0) & (label != IGNORE), inner)

    def _count(
        self,
        likely: NDArray[np.floating],
        label: NDArray[np.integer],
        known: NDArray[np.bool_],
        inner: tuple[slice, slice],
    ) -> None:
        from scipy import ndimage

        yes = known & (label == self.position)
        side = np.arange(-self.within, self.within + 1)
        disk = np.hypot(side[:, None], side) <= self.within
        near = ndimage.binary_dilation(yes, disk)[inner]
        reached = ndimage.maximum_filter(np.where(known, likely, -1.0), footprint=disk, mode="constant", cval=-1.0)
        answered, here, labelled = known[inner], likely[inner], yes[inner]
        parts = (here[answered], here[answered & near], reached[inner][labelled])
        self.counts = self.counts + np.stack([np.bincount(bins_of(one), minlength=BINS) for one in parts])

    def merge(self, other: BreakEven) -> None:
        """See `Metrics.merge`."""
        self.counts = self.counts + other.counts

    def row(self) -> NDArray[np.float64]:
        """See `Metrics.row`."""
        return self.counts.ravel().astype(np.float64)

    def of_row(self, row: NDArray[np.float64]) -> BreakEven:
        """See `Metrics.of_row`."""
        return replace(self, counts=np.rint(row).astype(np.int64).reshape(3, BINS))

    def compute(self) -> dict[str, float]:
        """See `Metrics.compute`; see `swath.tasks.ranked.break_even`."""
        return {"break_even": break_even(*self.counts.astype(np.float64))}
