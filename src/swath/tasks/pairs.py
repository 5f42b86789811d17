"""`OfPairs`: a task of change that is asked of several pairs of dates, and what all pairs together say."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swath.models.card import Card
from swath.scene.write import Layer
from swath.tasks.classmap import confidence_layers, confidence_numbers
from swath.tasks.layers import NODATA
from swath.tasks.task import MAIN, Answer, Arrays, DatePair, Files, OutputOptions, Task

if TYPE_CHECKING:
    from torch import Tensor

FIRST, TIMES = "first-change", "times"
"""Keys of the files about all pairs: when change was seen first, and how often."""
FIRST_LAYER = "first change"
_MOST = 254


def is_of_pairs(files: Mapping[str, Sequence[Layer]]) -> bool:
    """Whether a product has a map per pair of dates."""
    return {FIRST, TIMES} <= set(files)


@dataclass(frozen=True)
class OfPairs:
    """Each file of the task's has the layers of one pair after those of another, named by their dates.

    A pixel has an answer for a pair where both of its dates were seen. Beside the files of the task there is the date
    at which change was seen first, and the number of pairs with change, among the pairs with an answer.
    """

    one: Task
    pairs: tuple[DatePair, ...]

    @property
    def name(self) -> str:
        """That of the task."""
        return self.one.name

    def files(self, card: Card, options: OutputOptions) -> Files:
        """See `Task.files`."""
        files: Files = {}
        for key, layers in self.one.files(card, _plain(options)).items():
            files[key] = tuple(
                replace(layer, name=str(pair) if len(layers) == 1 else f"{pair} {layer.name}")
                for pair in self.pairs
                for layer in layers
            )
        if options.confidence and options.spread:
            files["confidence"] += confidence_layers(options, ())
        names = ["no change", *(pair.names[1] for pair in self.pairs)]
        first = Layer(
            FIRST_LAYER,
            "uint8" if len(self.pairs) <= _MOST else "uint16",
            nodata=NODATA if len(self.pairs) <= _MOST else 65535,
            kind="categorical",
            description="date at which change was seen first, among the pairs with an answer",
            classes=dict(enumerate(names)),
            colours=dict(enumerate(_colours(len(names)))),
        )
        words = "number of pairs with change, among those with an answer"
        files |= {FIRST: (first,), TIMES: (Layer("times", first.dtype, nodata=first.nodata, description=words),)}
        return files

    def activate(self, logits: Tensor | Sequence[Tensor]) -> Tensor:
        """See `Task.activate`; the channels of one pair after those of another."""
        import torch

        count = len(self.pairs)
        if isinstance(logits, torch.Tensor):
            return torch.cat([self.one.activate(part) for part in logits.chunk(count, 1)], 1)
        parts = zip(*(tensor.chunk(count, 1) for tensor in logits), strict=True)
        return torch.cat([self.one.activate(part) for part in parts], 1)

    def unseen(self, images: NDArray[np.float32], channels: int) -> NDArray[np.bool_]:
        """Which of the channels of an answer are of a pair that was not seen.

        Args:
            images: of all dates, `[T, C, h, w]`, NaN where invalid.
            channels: of all pairs.

        Returns:
            `[channels, h, w]`
        """
        seen = np.asarray(np.isfinite(images).all(axis=1))
        blank = np.stack([~(seen[pair.before] & seen[pair.after]) for pair in self.pairs])
        return np.repeat(blank, channels // len(self.pairs), axis=0)

    def finish(self, answer: Answer, card: Card, options: OutputOptions) -> Arrays:
        """See `Task.finish`; outputs of pairs that were not seen are NaN."""
        parts = np.split(answer.outputs, len(self.pairs))
        made = [self.one.finish(Answer(part, None, answer.valid), card, _plain(options)) for part in parts]
        arrays: Arrays = {key: np.concatenate([one[key] for one in made]) for key in made[0]}
        files = self.files(card, options)
        if options.confidence and options.spread:
            gap = confidence_numbers((), answer.spread, answer.valid, options)
            arrays["confidence"] = np.concatenate([arrays["confidence"], gap])
        changed, answered = self._changed(arrays[MAIN], files[MAIN])
        when = np.where(changed.any(axis=0), changed.argmax(axis=0) + 1, 0)
        for key, numbers in ((FIRST, when), (TIMES, changed.sum(axis=0))):
            (layer,) = files[key]
            stored = np.asarray(numbers, dtype=layer.dtype)
            stored[~answered.any(axis=0)] = layer.nodata
            arrays[key] = stored[None]
        return arrays

    def _changed(
        self, numbers: NDArray[np.generic], layers: Sequence[Layer]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Where each pair has change, and where an answer, `[pairs, h, w]`; the first class of a layer says no."""
        answered = np.stack([plane != layer.nodata for plane, layer in zip(numbers, layers, strict=True)])
        says_no = [next(iter(layer.classes or {0: ""})) for layer in layers]
        changed = answered & np.stack([plane != no for plane, no in zip(numbers, says_no, strict=True)])
        by_pair = (len(self.pairs), -1, *numbers.shape[1:])
        return np.asarray(changed.reshape(by_pair).any(axis=1)), np.asarray(answered.reshape(by_pair).any(axis=1))


def _plain(options: OutputOptions) -> OutputOptions:
    """Options of a single pair; the disagreement is of all together."""
    return replace(options, pairs=(), spread=False)


def _colours(count: int) -> list[str]:
    """Grey for no change, then from yellow by red to violet."""
    found = ["#d9d9d9"]
    for share in np.linspace(0, 1, count - 1):
        red, green, blue = (
            round(255 * part) for part in colorsys.hsv_to_rgb((0.16 - 0.4 * share) % 1, 0.9, 0.95 - 0.35 * share)
        )
        found.append(f"#{red:02x}{green:02x}{blue:02x}")
    return found
