"""One scene: what a model answers, held against its label, window by window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data import IGNORE, Dataset, Item
from swath.data.sample import class_planes
from swath.models.model import Model
from swath.models.needs import Input
from swath.predict import predict
from swath.predict.feed import uncut
from swath.predict.product import Product
from swath.predict.vectors.regions import windows
from swath.scene.look_pixels import nearest_pixels
from swath.scene.scene import Scene
from swath.sensors import Band
from swath.tasks import TrainedTask
from swath.tasks.classmap import decided
from swath.tasks.mean import LogLoss
from swath.tasks.metrics import Metrics
from swath.tasks.metrics_of_break_even import BreakEven
from swath.tasks.metrics_of_units import UnitMetrics
from swath.tasks.paper_scores import PaperMetrics
from swath.tasks.task import MAIN
from swath.train.evaluation.classes import ClassMatch
from swath.train.evaluation.fields import Fields

_IN_MEMORY = 100_000_000
"""Numbers of an answer that are held at once; of a larger one the map is made on the disk first."""
_SIDE = 1024
_SMALL = 360
"""Longest side of the pictures of labels and answers."""

Window = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Counted:
    """A scene that was counted.

    Attributes:
        metrics: of this scene alone.
        labelled: pixels (or images) with a label that were seen.
        answered: those of them with an answer.
        label: shrunken, `[y, x]`: positions of classes with `IGNORE`, or values with NaN; one number for an image.
        answer: alike.
        tiles: of an image with one class: how many tiles it took.
        notes: how the scene was matched with the card.
    """

    metrics: Metrics
    labelled: int
    answered: int
    label: NDArray[Any]
    answer: NDArray[Any]
    tiles: int
    notes: tuple[str, ...]
    fields: Metrics | None = None
    """Each field counted once; None where fields were not asked for."""
    paper: PaperMetrics | None = None
    """Scores of the set's paper; None where none is known."""


def count_scene(
    dataset: Dataset,
    item: Item,
    model: Model,
    task: TrainedTask,
    classes: ClassMatch | None,
    options: Mapping[str, Any],
    method: str | None = None,
    paper: PaperMetrics | None = None,
) -> Counted:
    """Predict a scene as a whole and count its answers.

    Args:
        dataset: what the scene is of.
        item: the scene.
        model: what answers.
        task: what is asked.
        classes: which class of the labels is which of the model's.
        options: of `swath.predict`; and `fields`, where each of them is to be counted once.
        method: name of one that is fitted to the scene; `model` is it, fitted to another scene.
        paper: scores of the set's paper, nothing counted yet.

    Raises:
        MatchError: the scene does not fit the model's card.
        SwathError: the scene or its label cannot be read.
    """
    scene, card = dataset.scene(item), model.card
    fields: Fields | None = options.get("fields")
    options = {key: value for key, value in options.items() if key != "fields"}
    if dataset.told_gsd is not None and scene.gsd is None:
        options = {"gsd": dataset.told_gsd} | dict(options)
    kept: dict[str, Any] = {} if card.output.kind == "values" else {"probabilities": "float32"}
    seen: Any = [scene, *(_map_of(dataset, item, given) for given in card.inputs[1:] if given.classes)]
    if beside := dataset.beside(item):
        names = [given.name for given in card.inputs if given.classes]
        seen = {card.inputs[0].name: scene} | beside | dict(zip(names, seen[1:], strict=True))
    product = predict(seen, method or model, confidence=False, **kept, **_tile(model, scene, options))
    answers = _Answers(product, scene.grid, "probabilities" if kept else MAIN)
    notes = tuple(product.run.match.get("notes", ())) if product.run is not None else ()
    metrics = task.metrics(card)
    if product.is_of_tiles:
        counted = _whole_image(dataset, item, model, answers, task, metrics, classes, notes)
        return counted if paper is None else replace(counted, paper=paper.counted(metrics, paper.empty().own))
    small = _Small(dataset.shape(item))
    voted = None if fields is None else fields.of(item, scene.grid)
    own = {} if paper is None else paper.empty().own
    around = max((one.within for one in own.values() if isinstance(one, BreakEven)), default=0)
    labelled = answered = 0
    for window in windows(small.shape, max(small.shape) if answers.at_once else _SIDE):
        wide, inner = _widened(window, around, small.shape)
        sample = dataset.sample(item, wide)
        if classes is not None and isinstance(sample.target, np.ndarray):
            target = sample.target.astype(np.int64)
            class_planes(target)[...] = classes(class_planes(target))
            sample = replace(sample, target=target)
        targets = task.targets([sample])
        outputs = _standardised(answers.read(wide), model)
        for one in own.values():
            if isinstance(one, BreakEven):
                one.update_within(torch.from_numpy(outputs[None]), targets, inner)
        targets, outputs = targets[..., inner[0], inner[1]], outputs[:, inner[0], inner[1]]
        for counter in (metrics, *(one for one in own.values() if not isinstance(one, BreakEven | LogLoss))):
            counter.update(torch.from_numpy(outputs[None]), targets)
        label = targets[0].numpy() if targets.ndim == 3 else targets[0, 0].numpy()  # change, or the first layer
        has_label = np.isfinite(label) if label.dtype.kind == "f" else label != IGNORE
        labelled += int(has_label.sum())
        answered += int((has_label & np.isfinite(outputs).all(axis=0)).sum())
        small.put(window, label, _answer(outputs, model))
        if voted is not None:
            voted.add(window, outputs, label)
    by_field = None if voted is None else task.metrics(card)
    if voted is not None and by_field is not None:
        voted.count(by_field)
        for one in own.values():
            if isinstance(one, LogLoss):
                voted.count(one, by_votes=False)
    answer = metrics.named_units(small.answer) if isinstance(metrics, UnitMetrics) else small.answer
    of_paper = None if paper is None else paper.counted(metrics, own)
    return Counted(metrics, labelled, answered, small.label, answer, 1, notes, by_field, of_paper)


def _widened(window: Window, by: int, shape: tuple[int, int]) -> tuple[Window, Window]:
    """A window with what lies around it, as far as there is any; and where it lies within that."""
    wide = [slice(max(0, part.start - by), min(size, part.stop + by)) for part, size in zip(window, shape, strict=True)]
    inner = [slice(part.start - all_.start, part.stop - all_.start) for part, all_ in zip(window, wide, strict=True)]
    return (wide[0], wide[1]), (inner[0], inner[1])


def _map_of(dataset: Dataset, item: Item, given: Input) -> Scene:
    """The map of the first date on the grid of the whole image; nothing is known where the item has none.

    Raises:
        DataError: a class of the map is not the model's.
    """
    scene = dataset.scene(item)
    grid = uncut(scene).grid
    drawn = np.full((1, 1, *grid.shape), np.nan, np.float32)
    found = dataset.before(item)
    if found is not None:
        values = np.array([label.value for label in dataset.before_classes] + [np.nan], np.float32)
        top, left = scene.origin
        drawn[0, 0, top : top + found.shape[0], left : left + found.shape[1]] = values[found]
    classes = {label.value: label.name for label in dataset.before_classes or given.classes}
    return Scene.from_array(drawn, grid, bands=[Band(name="class", kind="categorical", classes=classes)])


def _whole_image(
    dataset: Dataset,
    item: Item,
    model: Model,
    answers: _Answers,
    task: TrainedTask,
    metrics: Metrics,
    classes: ClassMatch | None,
    notes: tuple[str, ...],
) -> Counted:
    """An image with one class for all of it: the mean of its tiles' probabilities decides."""
    sample = dataset.sample(item, np.s_[0:1, 0:1])
    if classes is not None and isinstance(sample.target, int | np.integer):
        sample = replace(sample, target=int(classes(np.array(sample.target))))
    outputs = _standardised(answers.of_tiles(), model)
    valid = np.isfinite(outputs).all(axis=0)
    tiles = int(valid.sum())
    mean = outputs[:, valid].mean(axis=1) if tiles else np.full(len(outputs), np.nan, dtype=np.float32)
    targets = task.targets([sample])
    metrics.update(torch.from_numpy(mean[None]), targets)
    label = targets[0].numpy()
    labelled = int(label != IGNORE) if label.ndim == 0 else int(np.isfinite(label).any())
    answer = np.array(mean[0] if model.card.output.layers else mean.argmax() if tiles else IGNORE)
    return Counted(metrics, labelled, labelled * (tiles > 0), label, answer, outputs[0].size, notes)


class _Answers:
    """What a model gives, on the grid of the label: by the nearest pixel where its own grid is another."""

    def __init__(self, product: Product, grid: GeoBox, key: str) -> None:
        self._product, self._grid, self._key = product, grid, key
        self.at_once = len(product.files[key]) * product.shape[0] * product.shape[1] <= _IN_MEMORY
        if not self.at_once:
            product.make()

    def of_tiles(self) -> NDArray[np.float32]:
        """All of them, `[K', y, x]`, on the product's own grid."""
        return self._own((slice(0, self._product.shape[0]), slice(0, self._product.shape[1])))

    def read(self, window: Window) -> NDArray[np.float32]:
        """Those of a window of the label's grid, `[K', h, w]`; NaN where there is none."""
        if self._product.grid == self._grid:
            return self._own(window)
        rows, columns, inside = nearest_pixels(self._product.grid, self._grid[window])
        top, left = int(rows.min()), int(columns.min())
        own = self._own((slice(top, int(rows.max()) + 1), slice(left, int(columns.max()) + 1)))
        return np.where(inside, own[:, rows - top, columns - left], np.float32(np.nan))

    def _own(self, window: Window) -> NDArray[np.float32]:
        values, valid = self._product.read(window, self._key)
        return np.where(valid, values, np.float32(np.nan)).astype(np.float32)


class _Small:
    """Label and answer, shrunken to what a picture needs."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        factor = max(1.0, max(self.shape) / _SMALL)
        self._rows, self._columns = (
            ((np.arange(max(1, round(size / factor))) + 0.5) * size / max(1, round(size / factor))).astype(int)
            for size in self.shape
        )
        self.label: NDArray[Any] = np.empty(0)
        self.answer: NDArray[Any] = np.empty(0)

    def put(self, window: Window, label: NDArray[Any], answer: NDArray[Any]) -> None:
        """Take what is needed of a window."""
        if not self.label.size:
            nothing = np.nan if label.dtype.kind == "f" else IGNORE
            shape = (len(self._rows), len(self._columns))
            self.label, self.answer = np.full(shape, nothing, label.dtype), np.full(shape, nothing, answer.dtype)
        within = [
            np.flatnonzero((part.start <= pixels) & (pixels < part.stop))
            for part, pixels in zip(window, (self._rows, self._columns), strict=True)
        ]
        here = np.ix_(self._rows[within[0]] - window[0].start, self._columns[within[1]] - window[1].start)
        self.label[np.ix_(*within)], self.answer[np.ix_(*within)] = label[here], answer[here]


def _answer(outputs: NDArray[np.float32], model: Model) -> NDArray[Any]:
    """What was answered: positions of classes, of semantic change whether there is any, or values."""
    output = model.card.output
    if output.kind == "values":
        return np.asarray(outputs[0])
    first = outputs[:2] if output.kind == "semantic-change" else outputs
    threshold = output.threshold or (0.5 if output.kind == "semantic-change" else None)
    where, _ = decided(first, threshold)
    return np.where(np.isfinite(outputs).all(axis=0), where, IGNORE)


def _standardised(outputs: NDArray[np.float32], model: Model) -> NDArray[np.float32]:
    """Values as the network gave them; probabilities as they are."""
    layers = model.card.output.layers
    if not layers:
        return outputs
    mean, std = (np.array([getattr(one, key) for one in layers], np.float32) for key in ("mean", "std"))
    return np.asarray((outputs - mean[:, None, None]) / std[:, None, None])


def _tile(model: Model, scene: Scene, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options, with a tile no larger than an image that has one class, so that it is not filled up with nothing."""
    rule, side = model.card.tile, max(scene.grid.shape)
    if not model.card.output.per_tile or rule.fixed or side >= rule.size or "tile" in options:
        return dict(options)
    return dict(options) | {"tile": -(-side // rule.multiple) * rule.multiple}
