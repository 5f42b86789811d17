"""`Item`: one labelled place; and what a label is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from swath.data.inside import Inside
from swath.data.sample import Target
from swath.scene.reader import Roi


@runtime_checkable
class Label(Protocol):
    """What is known of an item. Frozen, light, can be pickled; reads its file when asked. Masks are in `data.masks`."""

    @property
    def files(self) -> tuple[Path, ...]:
        """What it is kept in; empty where the folder's name or a common table tells it."""
        ...

    def read(self, grid: GeoBox, window: Roi) -> Target:
        """The target in a window of the item's grid, which may reach beyond it: nothing is labelled there.

        An array is the caller's own, to be changed at will.

        Raises:
            DataError: the file does not fit the grid, or holds what the classes do not name.
            ReadError: the file is damaged or gone.
        """
        ...

    def counts(self, grid: GeoBox) -> Mapping[int, int]:
        """How often each class occurs, by its position: pixels, boxes, or 1 for the whole image."""
        ...


@dataclass(frozen=True)
class ClassIndex:
    """The class of the whole image, by its position."""

    index: int
    files: tuple[Path, ...] = ()

    def read(self, grid: GeoBox, window: Roi) -> int:
        """See `Label.read`."""
        return self.index

    def counts(self, grid: GeoBox | None = None) -> Mapping[int, int]:
        """See `Label.counts`."""
        return {self.index: 1}


@dataclass(frozen=True)
class ClassIndexes:
    """The classes of the whole image, of which several may hold at once, by their positions.

    Attributes:
        indexes: of those that hold.
        count: of all classes.
        files: what tells it.
    """

    indexes: tuple[int, ...]
    count: int
    files: tuple[Path, ...] = ()

    def read(self, grid: GeoBox, window: Roi) -> NDArray[np.float32]:
        """See `Label.read`; `[K]` of 0 and 1."""
        target = np.zeros(self.count, dtype=np.float32)
        target[list(self.indexes)] = 1
        return target

    def counts(self, grid: GeoBox | None = None) -> Mapping[int, int]:
        """See `Label.counts`."""
        return dict.fromkeys(sorted(self.indexes), 1)


@dataclass(frozen=True)
class Item:
    """One labelled place.

    Attributes:
        name: unique in the dataset: the path within it without suffix, with `/`.
        images: sources that `swath.open` takes, in the order of time.
        label: None where nothing is known.
        place: items of one place share it; a split never parts them.
        window: the part of the images that it is; None: all.
        per_date: how many of the images are bands of one date.
        within: where in a file that holds more the image lies; None: the images are files of their own.
        before: map of the classes of the first date, which a network is given; None: there is none.
        sensors: where several saw the place, the name of each and how many of the images are its; see `swath.stack`.
        apart: files of each sensor that keeps its own grid and dates, in the order of `Dataset.apart`.
    """

    name: str
    images: tuple[Path, ...]
    label: Label | None
    place: str
    window: Window | None = None
    per_date: int = 1
    within: Inside | None = None
    before: Label | None = None
    sensors: tuple[tuple[str, int], ...] = ()
    apart: tuple[tuple[Path, ...], ...] = ()
