"""Sets in files of arrays: an image and its mask in a file each, or many images with their classes in one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data.arrays import Within, read_array
from swath.data.item import ClassIndex, Item
from swath.data.layouts import Asked, Found, Stray
from swath.data.masks import Coding
from swath.data.published.masks import coding_of, labels_of
from swath.data.published.places import Arranged
from swath.data.sample import IGNORE
from swath.errors import DataError, ReadError
from swath.scene.reader import Roi, common_roi, roi_of, roi_shape, shifted


@dataclass(frozen=True)
class ArrayMask:
    """A mask of class numbers in a file of arrays.

    Attributes:
        path: the file.
        keys: names that the array may have.
        coding: what its numbers mean.
    """

    path: Path
    keys: tuple[str, ...]
    coding: Coding

    @property
    def files(self) -> tuple[Path, ...]:
        """See `Label.files`."""
        return (self.path,)

    def read(self, grid: GeoBox, window: Roi) -> NDArray[np.int64]:
        """See `Label.read`; `[H, W]`."""
        whole = _decoded(self)
        if whole.shape != tuple(grid.shape):
            raise DataError(f"{self.path}: has {whole.shape[0]} x {whole.shape[1]} pixels and its image {grid.shape}")
        target = np.full(roi_shape(window), IGNORE, dtype=np.int64)
        if (inside := common_roi(window, roi_of(None, grid))) is not None:
            target[shifted(inside, -window[0].start, -window[1].start)] = whole[inside]
        return target

    def counts(self, grid: GeoBox) -> Mapping[int, int]:
        """See `Label.counts`."""
        whole = _decoded(self)
        positions, times = np.unique(whole[whole != IGNORE], return_counts=True)
        return dict(zip(positions.tolist(), times.tolist(), strict=True))


@lru_cache(maxsize=64)
def _decoded(label: ArrayMask) -> NDArray[np.int64]:
    """The positions of classes of a file, `[H, W]`.

    Raises:
        ReadError, DataError: it cannot be read, or holds what is none of the classes.
    """
    values = np.squeeze(read_array(label.path, label.keys))
    if values.ndim != 2:
        raise DataError(f"{label.path}: {label.keys[0]} has {values.ndim} axes; a mask has 2")
    try:
        return label.coding(values[None], np.ones(values.shape, dtype=bool))
    except KeyError as error:
        raise DataError(f"{label.path}: holds {error.args[0]}, which is none of the classes") from error


def masks(folder: Path, place: Arranged, asked: Asked) -> Found:
    """Images with masks of classes, an array each."""
    how = place.how
    coding = coding_of(place.one, asked)
    items = [
        Item(
            name,
            (one["image"],),
            ArrayMask(one["classes"], how.arrays["classes"], coding),
            name,
            within=Within(how.arrays["image"]),
        )
        for name, one in place.places.items()
    ]
    return Found("segmentation", labels_of(place.one), tuple(items), place.strays)


def stacks(folder: Path, place: Arranged, asked: Asked) -> Found:
    """Many images in a file, each with a row of 0 and 1 for its class."""
    how, count = place.how, len(place.one.classes)
    items: list[Item] = []
    strays, parts = list(place.strays), {}
    for name, one in place.places.items():
        try:
            rows = read_array(one["classes"], how.arrays["classes"])
            if rows.ndim != 2 or rows.shape[1] != count:
                raise DataError(f"holds labels of shape {rows.shape}; there are {count} classes")
        except (ReadError, DataError) as error:
            strays.append(Stray(one["image"], str(error)))
            continue
        part = place.one.part(one.words.get("part"))
        for at, row in enumerate(rows.argmax(axis=1).tolist()):
            key = f"{name}/{at:06d}"
            within = Within(how.arrays["image"], at)
            items.append(Item(key, (one["image"],), ClassIndex(row), key, within=within))
            if part is not None:
                parts[key] = part
    return Found("classification", labels_of(place.one), tuple(items), tuple(strays), parts)
