"""The worst scenes of an evaluation, kept as pictures to be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data import IGNORE, Dataset, Item
from swath.models.model import Model
from swath.scene.look_pixels import make_picture, nearest_pixels
from swath.tasks.figure import Case
from swath.train.evaluation.counting import Counted
from swath.train.evaluation.words import name_of

_PICTURE = 360


class Worst:
    """The worst of the scenes that came by.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._ranked: list[tuple[tuple[float, float], Case]] = []

    @property
    def found(self) -> list[Case]:
        """The worst first."""
        return [case for _, case in self._ranked]

    def take(self, dataset: Dataset, item: Item, model: Model, counted: Counted, scores: Mapping[str, float]) -> None:
        """Look at a scene, and draw it where it is among the worst so far."""
        badness = _badness(counted, scores)
        if not self._most or not np.isfinite(badness[0]):
            return
        if len(self._ranked) < self._most or badness > self._ranked[-1][0]:
            self._ranked.append((badness, _case(dataset, item, model, counted, scores)))
            self._ranked = sorted(self._ranked, key=lambda one: one[0], reverse=True)[: self._most]


def _badness(counted: Counted, scores: Mapping[str, float]) -> tuple[float, float]:
    """The larger the worse; of equals, that with more mistakes. Of an image: how sure it was of a wrong answer."""
    if counted.label.ndim == 0 and "ece" in scores:
        # Of a single answer the calibration error is its distance from right or wrong.
        return 1 - scores["accuracy"], scores["ece"]
    value = scores[counted.metrics.headline]
    mistakes = 1 - scores.get("accuracy", 1.0)
    return (-value if counted.metrics.higher_is_better else value), mistakes


def _case(dataset: Dataset, item: Item, model: Model, counted: Counted, scores: Mapping[str, float]) -> Case:
    scene = dataset.scene(item)
    dates = [0] if len(scene.dates) == 1 else [0, len(scene.dates) - 1]
    picture = make_picture(scene, dates=dates, longest=_PICTURE)
    if counted.label.ndim == 0 and model.card.output.classes:
        names = [label.name for label in model.card.output.classes]
        words = f"labelled {names[int(counted.label)]}, answered {names[int(counted.answer)]}"
    else:
        headline = counted.metrics.headline
        words = f"{name_of(headline)} {scores[headline]:.3f}"
    label, answer = (_as_shown(one, scene.grid, picture.grid) for one in (counted.label, counted.answer))
    return Case(item.name, words, picture.pixels, label, answer)


def _as_shown(plane: NDArray[Any], grid: GeoBox, shown: GeoBox) -> NDArray[Any]:
    """A shrunken label or answer on the pixels of a picture, which is north up where its scene is not."""
    if plane.ndim < 2:
        return plane
    rows, columns, inside = nearest_pixels(grid.zoom_to(plane.shape), shown)
    return np.where(inside, plane[rows, columns], np.nan if plane.dtype.kind == "f" else IGNORE)
