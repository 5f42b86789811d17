"""`InnerMask`: a mask of classes that lies in a file with others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data.inside import Inside
from swath.data.masks import Coding
from swath.data.sample import IGNORE
from swath.errors import DataError
from swath.scene.reader import Roi, common_roi, roi_of, roi_shape, shifted


@dataclass(frozen=True)
class InnerMask:
    """A mask of class numbers or colours in a file that holds more.

    Attributes:
        path: the file.
        within: where in it.
        coding: what its numbers mean.
    """

    path: Path
    within: Inside
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
def _decoded(label: InnerMask) -> NDArray[np.int64]:
    """The positions of the classes of a mask, `[H, W]`.

    Raises:
        ReadError, DataError: it cannot be read, or holds what is none of the classes.
    """
    values = label.within.layers(label.path)
    if len(values) > 1 and not label.coding.is_colour:
        raise DataError(f"{label.path}: a mask in it has {len(values)} bands; one of numbers has 1")
    try:
        return label.coding(values, np.ones(values.shape[1:], dtype=bool))
    except KeyError as error:
        raise DataError(f"{label.path}: holds {error.args[0]}, which is none of the classes") from error
