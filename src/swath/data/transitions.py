"""`TransitionLabel`: whether a pixel changed, from which class, and to which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data.item import Label
from swath.data.masks import MaskLabel
from swath.data.sample import IGNORE
from swath.scene.reader import Roi, roi_shape


@dataclass(frozen=True)
class TransitionLabel:
    """The classes at two dates and the change between them.

    Attributes:
        before: classes at the first date; None: they are not labelled.
        after: classes at the last date; likewise.
        change: 0 and 1; None: as the classes tell.
        unchanged: what masks of classes hold where nothing changed and no class is labelled, as a position of its own;
            None: classes are labelled whether changed or not.
    """

    before: MaskLabel | None
    after: MaskLabel | None
    change: Label | None = None
    unchanged: int | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """See `Label.files`."""
        there = (one for one in (self.before, self.after, self.change) if one is not None)
        return tuple(dict.fromkeys(path for one in there for path in one.files))

    def read(self, grid: GeoBox, window: Roi) -> NDArray[np.int64]:
        """See `Label.read`; `[3, H, W]`: change, class before, class after.

        Without a mask of change there is change where the classes differ, or, with `unchanged`, where either date bears
        a class: a building that was built anew is a building before and after. Where a date is not labelled it is not
        known either.
        """
        first, last = (
            np.full(roi_shape(window), IGNORE) if one is None else one.read(grid, window)
            for one in (self.before, self.after)
        )
        if self.change is not None:
            change = self.change.read(grid, window)
        elif self.unchanged is not None:
            change = ((first != self.unchanged) | (last != self.unchanged)).astype(np.int64)
            change[(first == IGNORE) | (last == IGNORE)] = IGNORE
        else:
            change = np.where((first == IGNORE) | (last == IGNORE), IGNORE, first != last)
        classes = np.stack([first, last])
        if self.unchanged is not None:
            classes[classes == self.unchanged] = IGNORE
        return np.concatenate([np.asarray(change, dtype=np.int64)[None], classes])

    def counts(self, grid: GeoBox | None = None) -> Mapping[int, int]:
        """See `Label.counts`; of the classes, at both dates."""
        total: Counter[int] = Counter()
        for one in (self.before, self.after):
            total.update({} if one is None else one.counts())
        return {position: times for position, times in sorted(total.items()) if position != self.unchanged}


@dataclass(frozen=True)
class ChangeOnly:
    """Of a `TransitionLabel` whether there is change, for networks that tell no more."""

    whole: TransitionLabel

    @property
    def files(self) -> tuple[Path, ...]:
        """See `Label.files`."""
        return self.whole.files

    def read(self, grid: GeoBox, window: Roi) -> NDArray[np.int64]:
        """See `Label.read`; `[H, W]`."""
        return np.asarray(self.whole.read(grid, window)[0])

    def counts(self, grid: GeoBox) -> Mapping[int, int]:
        """See `Label.counts`."""
        height, width = grid.shape
        rows = max(1, 2**24 // width)
        total: Counter[int] = Counter()
        for top in range(0, height, rows):
            change = self.read(grid, np.s_[top : min(top + rows, height), 0:width])
            total.update({at: int((change == at).sum()) for at in (0, 1)})
        return {at: times for at, times in total.items() if times}
