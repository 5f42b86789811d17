"""Shapes of a map of semantic change: what changed is parted by the class that it was and the one that it became."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.scene.write import Layer
from swath.tasks.task import MAIN, Files

KEYS = ("from", "to")


@dataclass(frozen=True)
class FromTo:
    """Numbers for what changed, by the classes before and after; all else keeps the map's own.

    Attributes:
        main: layer of the map.
        classes: names at either date, by their numbers.
    """

    main: Layer
    classes: Mapping[int, str]

    index: int = 0
    """Position of the layer, where there is one per pair of dates."""

    @classmethod
    def of(cls, files: Files, index: int = 0) -> FromTo | None:
        """That of a layer of a map; None where it does not tell the classes at both dates."""
        if not set(KEYS) <= set(files):
            return None
        return cls(files[MAIN][index], dict(files["from"][index].classes or {}), index)

    @property
    def changed(self) -> int:
        """The map's number of change."""
        return max(self.main.classes or {1: ""})

    def numbers(self, stored: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Numbers of pixels `[h, w]`, of the stored ones of the map's files."""
        main = stored[MAIN][self.index].astype(np.int64)
        values = np.array(sorted(self.classes))
        before, after = (np.searchsorted(values, stored[key][self.index]).clip(0, len(values) - 1) for key in KEYS)
        numbers = np.where(main == self.changed, self.changed + 1 + before * len(values) + after, main)
        return np.asarray(numbers, dtype=np.int64)

    def wanted(self, classes: set[int] | None) -> set[int] | None:
        """The numbers of classes of the map that are wanted."""
        if classes is None or self.changed not in classes:
            return classes
        return (classes - {self.changed}) | set(self._pairs())

    def columns(self) -> dict[str, dict[int, Any]]:
        """What stands in each column of a shape, by its number; nothing in `from` and `to` of what did not change."""
        names = dict(self.main.classes or {})
        pairs = self._pairs()
        return {
            "class": {number: number for number in names} | dict.fromkeys(pairs, self.changed),
            "name": names | dict.fromkeys(pairs, names.get(self.changed, "changed")),
            "from": {number: old for number, (old, _) in pairs.items()},
            "to": {number: new for number, (_, new) in pairs.items()},
        }

    def _pairs(self) -> dict[int, tuple[str, str]]:
        ordered = [self.classes[value] for value in sorted(self.classes)]
        both = [(old, new) for old in ordered for new in ordered]
        return dict(enumerate(both, start=self.changed + 1))
