"""What the training part looks like: mean and spread of each band, how often each class occurs.

One item is in memory at a time. Of its pixels a regular sample is kept, so that a large image counts no more than what
training sees of it, and the brightest and darkest thousandth are left out: a few clouds or dead pixels must not set the
scale of all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.data import Dataset, Item
from swath.errors import TrainError
from swath.models.needs import MeanStd
from swath.sensors import Band

_SIDE = 1024
"""Larger images are looked at by windows of this side."""
_WINDOWS = 3
"""Windows along each axis of such an image."""
_PIXELS = 20_000
"""Kept of an item."""
_OUTSIDE = 0.001
"""Share at either end that does not count."""


@dataclass(frozen=True)
class Statistics:
    """What is known of a part after one look at each item.

    Attributes:
        bands: mean and spread of each band, in its units.
        counts: pixels (or images) of each class, by position.
        values: mean and spread of labels that are values; None where they are classes.
        pixels: of all items.
        beside: as `bands`, of each sensor that is kept apart.
    """

    bands: tuple[MeanStd, ...]
    counts: NDArray[np.int64]
    values: MeanStd | None
    pixels: int
    beside: tuple[tuple[MeanStd, ...], ...] = ()


def look_through(dataset: Dataset, items: Iterable[Item]) -> Statistics:
    """Read items once.

    Raises:
        TrainError: there are none, or nothing in them is valid.
        SwathError: one cannot be read.
    """
    kept: list[NDArray[np.float32]] = []
    kept_beside: list[list[NDArray[np.float32]]] = [[] for _ in dataset.apart]
    labels: list[NDArray[np.float32]] = []
    counts = np.zeros(len(dataset.classes), dtype=np.int64)
    pixels = 0
    for item in items:
        height, width = dataset.shape(item)
        pixels += height * width
        for position, count in dataset.counts(item).items():
            counts[position] += count
        for window in _windows(height, width):
            sample = dataset.sample(item, window)
            kept.append(_thinned(sample.image, sample.valid))
            for own, one in zip(kept_beside, sample.beside, strict=True):
                own.append(_thinned(one.image, one.valid))
            if isinstance(sample.target, np.ndarray) and sample.target.dtype.kind == "f":
                seen = sample.target[np.isfinite(sample.target)]
                labels.append(seen[:: _stride(seen.size)].astype(np.float32))
    if not kept:
        raise TrainError(f"{dataset.name}: nothing is left to learn from; label more places, or keep fewer for tests")
    known = np.concatenate(labels) if labels else None
    return Statistics(
        bands=_of_bands(kept, dataset.bands, f"{dataset.name}: band"),
        counts=counts,
        values=None if known is None else _robust(known, f"{dataset.name}: labels"),
        pixels=pixels,
        beside=tuple(
            _of_bands(own, scene.bands, f"{dataset.name}: {name}, band")
            for own, (name, scene) in zip(kept_beside, dataset.first_beside.items(), strict=True)
        ),
    )


def _of_bands(kept: list[NDArray[np.float32]], bands: Sequence[Band], what: str) -> tuple[MeanStd, ...]:
    """Of values `[C, N]` of each window."""
    values = np.concatenate(kept, axis=1)
    return tuple(_robust(values[i], f"{what} {band.name}") for i, band in enumerate(bands))


def _windows(height: int, width: int) -> list[Any]:
    """All of a small image; windows spread over a large one."""
    return [np.s_[y : y + _SIDE, x : x + _SIDE] for y in _starts(height) for x in _starts(width)]


def _starts(length: int) -> list[int]:
    if length <= _WINDOWS * _SIDE:
        return list(range(0, length, _SIDE))
    return [round(start) for start in np.linspace(0, length - _SIDE, _WINDOWS)]


def _thinned(image: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """`[T, C, H, W]` -> `[C, N]`, NaN where invalid."""
    flat = np.moveaxis(np.where(valid, image, np.nan), 1, 0).reshape(image.shape[1], -1)
    return flat[:, :: _stride(flat.shape[1])].astype(np.float32)


def _stride(size: int) -> int:
    # An odd stride does not fall into step with rows of even length.
    return max(1, size // _PIXELS) | 1


def _robust(values: NDArray[np.float32], what: str) -> MeanStd:
    known = values[np.isfinite(values)]
    if known.size == 0:
        raise TrainError(f"{what}: holds no valid pixel; leave the band out, or look at its nodata")
    low, high = np.quantile(known, [_OUTSIDE, 1 - _OUTSIDE])
    inside = known[(known >= low) & (known <= high)].astype(np.float64)
    # A band that is the same everywhere tells nothing and is divided by nothing.
    return MeanStd(mean=float(inside.mean()), std=float(inside.std()) or 1.0)
