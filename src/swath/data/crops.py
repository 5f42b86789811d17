"""Which windows are trained on: random ones, more of them where rare classes are, few of them where nothing was seen.

The crop of a step follows from the seed and the step alone, so a run that stops goes on with the crops that it would
have had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from swath.data.dataset import Dataset
from swath.data.item import ClassIndex, Item
from swath.data.sample import IGNORE, Boxes, Sample, class_planes
from swath.errors import DataError
from swath.scene.reader import Roi
from swath.scene.words import many

_TRIES = 8
"""Windows that are looked at for one with enough valid pixels."""
_CELLS = 16
"""Cells along each side of an item in which it is noted which classes occur."""


@dataclass(frozen=True, eq=False)
class Crops:
    """Windows of a data set, without end.

    Attributes:
        data: what they are of.
        size: side in pixels, or `(height, width)`; beyond a smaller image pixels are invalid and IGNORE.
        seed: of everything that is drawn.
        rare: how strongly rare classes are sought, 0 (items as large as they are) to 1 (all classes alike).
        invalid: largest share of invalid pixels in a crop, where the item has crops with less.
        weights: per item, how often it is drawn where no class is sought; None: by its area in crops, or once each
            where an image has one class.
    """

    data: Dataset
    size: int | tuple[int, int] = 256
    seed: int = 0
    rare: float = 0.5
    invalid: float = 0.5
    weights: Sequence[float] | None = field(default=None, repr=False)
    _cells: dict[str, NDArray[np.bool_]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.data.items:
            raise DataError(f"{self.data.name}: holds no items to cut crops from")
        if min(self.shape) < 1:
            raise DataError(f"crops of {self.shape[0]} x {self.shape[1]} pixels; give a size of 1 or more")
        if any(side % self.data.step for side in self.shape):
            raise DataError(
                f"crops of {self.shape[0]} x {self.shape[1]} pixels hold no whole pixels of "
                f"{' and '.join(one.name for one in self.data.apart)}; give a multiple of {self.data.step}"
            )
        if not (0 <= self.rare <= 1 and 0 <= self.invalid <= 1):
            raise DataError(f"rare={self.rare:g} and invalid={self.invalid:g} must lie between 0 and 1")
        if self.weights is not None and (len(self.weights) != len(self.data) or not sum(self.weights) > 0):
            raise DataError(
                f"{many(len(self.weights), 'weight')} for {many(len(self.data), 'item')}; give one each, some above 0"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """`(height, width)` of a crop."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @cached_property
    def _item_odds(self) -> NDArray[np.float64]:
        """`[item]`, how often each is drawn where no class is sought."""
        if self.weights is not None:
            odds = np.asarray(self.weights, dtype=np.float64)
        elif all(isinstance(item.label, ClassIndex) for item in self.data.items):
            odds = np.ones(len(self.data))
        else:
            sides = np.array([self.data.shape(item) for item in self.data.items], dtype=np.float64)
            odds = np.maximum(sides / self.shape, 1.0).prod(axis=1)
        return np.asarray(odds / odds.sum())

    @cached_property
    def _class_odds(self) -> tuple[tuple[int, ...], NDArray[np.float64]]:
        """Positions of the classes that occur; `[class, item]`, in which item each is sought."""
        amounts = np.zeros((len(self.data.classes), len(self.data)))
        for at, item in enumerate(self.data.items):
            for position, count in self.data.counts(item).items():
                amounts[position, at] = count if self._item_odds[at] > 0 else 0
        occur = np.flatnonzero(amounts.sum(axis=1))
        # The root, so that one item with most of a rare class is not all that is seen of it.
        roots = np.sqrt(amounts[occur])
        return tuple(occur.tolist()), np.asarray(roots / roots.sum(axis=1, keepdims=True))

    def window(self, step: int) -> tuple[Item, Roi]:
        """The item and window of a step."""
        item, window, _ = self._draw(np.random.default_rng([self.seed, step]))
        return item, window

    def sample(self, step: int) -> Sample:
        """The crop of a step: windows are drawn until one has few enough invalid pixels, the best of them else.

        Raises:
            ReadError, DataError: as `Dataset.sample`.
        """
        rng = np.random.default_rng([self.seed, step])
        drawn: list[tuple[float, Sample]] = []
        for _ in range(_TRIES):
            item, window, is_small = self._draw(rng)
            sample = self.data.sample(item, window)
            share = 1.0 - float(sample.valid.mean())
            if share <= self.invalid or is_small:
                return sample
            drawn.append((share, sample))
        return min(drawn, key=lambda pair: pair[0])[1]

    def __iter__(self) -> Iterator[Sample]:
        return self.starting(0)

    def starting(self, step: int, every: int = 1) -> Iterator[Sample]:
        """Crops from a step on, without end; with `every` = number of workers and `step` = own number, one's share."""
        while True:
            yield self.sample(step)
            step += every

    def _cells_of(self, item: Item) -> NDArray[np.bool_]:
        if item.name not in self._cells:
            self._cells[item.name] = _cells(self.data, item)
        return self._cells[item.name]

    def _draw(self, rng: np.random.Generator) -> tuple[Item, Roi, bool]:
        """An item, a window of it, and whether the item is smaller than a crop, so that other windows are no better."""
        positions, odds = self._class_odds
        if len(positions) > 1 and rng.random() < self.rare:
            row = int(rng.integers(len(positions)))
            item = self.data.items[int(rng.choice(len(self.data), p=odds[row]))]
            around = _some_pixel(rng, self._cells_of(item), positions[row], self.data.shape(item))
        else:
            item = self.data.items[int(rng.choice(len(self.data), p=self._item_odds))]
            around = None
        height, width = self.data.shape(item)
        is_small = height <= self.shape[0] and width <= self.shape[1]
        rows = _span(rng, height, self.shape[0], None if around is None else around[0], self.data.step)
        columns = _span(rng, width, self.shape[1], None if around is None else around[1], self.data.step)
        return item, (rows, columns), is_small


def _span(rng: np.random.Generator, whole: int, part: int, holding: int | None, step: int = 1) -> slice:
    """A stretch of `part` pixels within `whole`, that holds a pixel if one is given; centred over a shorter whole.

    It begins at a multiple of `step`, and reaches beyond the end by less than one where the end is no multiple.
    """
    if whole <= part:
        start = -((part - whole) // 2 // step * step)
        return slice(start, start + part)
    low, high = 0, -(-(whole - part) // step)
    if holding is not None:
        low, high = max(low, -(-(holding - part + 1) // step)), min(high, holding // step)
    start = int(rng.integers(low, high + 1)) * step
    return slice(start, start + part)


def _some_pixel(
    rng: np.random.Generator, cells: NDArray[np.bool_], position: int, shape: tuple[int, int]
) -> tuple[int, int] | None:
    """A random pixel of a random cell in which a class occurs; None where cells do not tell."""
    if position >= len(cells) or not cells[position].any():
        return None
    row, column = cells[position].nonzero()
    pick = int(rng.integers(len(row)))
    sides = cells.shape[1:]
    return (
        int((row[pick] + rng.random()) * shape[0] / sides[0]),
        int((column[pick] + rng.random()) * shape[1] / sides[1]),
    )


def _cells(data: Dataset, item: Item) -> NDArray[np.bool_]:
    """`[class, cell row, cell column]`, where each class occurs; nowhere where labels are not of pixels or boxes.

    Of semantic change, where it occurs before or after a change: some sets label classes everywhere, and change is what
    is rare.
    """
    height, width = data.shape(item)
    down, across = min(_CELLS, height), min(_CELLS, width)
    found = np.zeros((len(data.classes), down, across), dtype=bool)
    if item.label is None:
        return found
    grid = data.scene(item).grid
    column = np.arange(width) * across // width
    for row in range(down):
        # Row by row of cells, so that a mask of any size takes little memory.
        top, bottom = -(-row * height // down), -(-(row + 1) * height // down)
        target = item.label.read(grid, np.s_[top:bottom, 0:width])
        if isinstance(target, np.ndarray) and target.dtype.kind == "i":
            if target.ndim == 3:
                target = np.where(target[0] == 1, class_planes(target), IGNORE)
            times = np.bincount(((target + 1) * across + column).ravel(), minlength=(len(found) + 1) * across)
            found[:, row] = times.reshape(-1, across)[1:] > 0
        elif isinstance(target, Boxes):
            middle = target.corners[:, 0::2].mean(axis=1)
            inside = (middle >= 0) & (middle < width)
            found[target.labels[inside], row, (middle[inside] * across / width).astype(int)] = True
        else:
            break
    return found
