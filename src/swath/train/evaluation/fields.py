"""Scores per field: what the pixels of a field vote for, against what most of them are labelled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data import IGNORE, Item
from swath.data.arrays import Within
from swath.data.inner_mask import InnerMask
from swath.data.inside import Inside
from swath.errors import TrainError
from swath.predict.fields import Outlines, on_grid
from swath.scene.raster import RasterReader
from swath.tasks.metrics import Metrics

Window = tuple[slice, slice]
_TIE = 1e-3
"""What the mean probability counts beside votes: enough to part equal ones."""


@dataclass(frozen=True)
class Fields:
    """Where the fields of labelled scenes lie.

    Attributes:
        told: a file of polygons; or `OLD=NEW`, for rasters of field numbers (0: none) that are named like the labels
            with `NEW` instead of `OLD`: files, or arrays in the file that the labels lie in.
    """

    told: str

    def of(self, item: Item, grid: GeoBox) -> FieldsOfScene:
        """Those of an item.

        Raises:
            TrainError: the raster is not there, or of another size.
            SwathError: the polygons cannot be read, or none lies on the scene.
        """
        old, sign, new = self.told.partition("=")
        if not sign:
            shapes = np.asarray(on_grid(self.told, grid).geometry.values, dtype=object)
            return FieldsOfScene(Outlines(shapes, grid))
        if isinstance(item.label, InnerMask) and isinstance(inner := item.label.within, Within):
            if not any(old in key for key in inner.keys):
                raise TrainError(f"{item.name}: its label is {inner.keys[0]}, so fields={self.told!r} says nothing")
            there = replace(inner, keys=tuple(key.replace(old, new) for key in inner.keys))
            return FieldsOfScene(Numbers(item.label.path, (int(grid.shape.y), int(grid.shape.x)), there))
        files = item.label.files if item.label is not None else ()
        if not files or old not in files[0].name:
            raise TrainError(f"{item.name}: no {old!r} in the name of its label, so fields={self.told!r} says nothing")
        path = files[0].with_name(files[0].name.replace(old, new))
        if not path.is_file():
            raise TrainError(f"{path}: is not there; fields={self.told!r} names rasters beside the labels")
        return FieldsOfScene(Numbers(path, (int(grid.shape.y), int(grid.shape.x))))


@dataclass(frozen=True)
class Numbers:
    """A raster of the numbers of fields, of the size of its scene; in a file of its own, or within one."""

    path: Path
    shape: tuple[int, int]
    within: Inside | None = None

    @cached_property
    def _all(self) -> NDArray[np.int64]:
        if self.within is not None:
            held = self.within.layers(self.path)[0]
            if held.shape != self.shape:
                raise TrainError(f"{self.path}: its fields have another size than its scene; get the file again")
            return np.asarray(held, dtype=np.int64)
        reader = RasterReader(self.path)
        if tuple(reader.grid.shape) != self.shape:
            raise TrainError(f"{self.path}: has another size than its scene; it must have a number for each pixel")
        values, valid = reader.read(np.s_[0 : self.shape[0], 0 : self.shape[1]], [0])
        return np.where(valid[0], values[0], 0).astype(np.int64)

    def burned(self, window: Window) -> NDArray[np.int64]:
        """Those of a window, `[h, w]`; 0 for none."""
        return self._all[window]


class FieldsOfScene:
    """Votes of one scene, window by window."""

    def __init__(self, source: Outlines | Numbers) -> None:
        self._source = source
        self._votes: dict[int, NDArray[Any]] = {}
        self._likely: dict[int, NDArray[Any]] = {}
        self._labels: dict[int, NDArray[Any]] = {}

    def add(self, window: Window, outputs: NDArray[np.float32], targets: NDArray[np.int64]) -> None:
        """Count a window.

        Args:
            window: of the scene's grid.
            outputs: probabilities `[K, h, w]`, NaN where there is no answer.
            targets: positions of classes `[h, w]`.
        """
        numbers: NDArray[np.int64] = self._source.burned(window).astype(np.int64)
        known = (numbers > 0) & (targets != IGNORE) & np.isfinite(outputs).all(axis=0)
        answers = outputs[:, known]
        votes = np.eye(len(outputs))[answers.argmax(0)] + _TIE * answers.T
        for number in np.unique(numbers[known]).tolist():
            mine = numbers[known] == number
            counted = np.bincount(targets[known][mine], minlength=len(outputs))
            self._votes[number] = self._votes.get(number, 0) + votes[mine].sum(0)
            self._likely[number] = self._likely.get(number, 0) + answers[:, mine].sum(1, dtype=np.float64)
            self._labels[number] = self._labels.get(number, 0) + counted

    def count(self, metrics: Metrics, *, by_votes: bool = True) -> int:
        """Let all fields count once each, by votes or by the mean of their pixels' probabilities; how many they are."""
        if self._votes:
            every = self._votes if by_votes else self._likely
            shares = np.stack([each / each.sum() for each in every.values()]).astype(np.float32)
            labels = np.array([counts.argmax() for counts in self._labels.values()])
            metrics.update(torch.from_numpy(shares.T[None, :, :, None]), torch.from_numpy(labels[None, :, None]))
        return len(self._votes)
