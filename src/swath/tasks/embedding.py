"""Embedding: a vector that says what a tile, or each patch of it, is like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from swath.models.card import Card
from swath.scene.write import Layer
from swath.tasks.classmap import one_tensor
from swath.tasks.regression import refuse_probabilities
from swath.tasks.task import MAIN, Answer, Arrays, Files, OutputOptions

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Embedding:
    """`net(image [B, C, H, W]) -> [B, D]` or `[B, D, h, w]`; the main file has one layer per dimension."""

    name: ClassVar[str] = "embedding"

    def files(self, card: Card, options: OutputOptions) -> Files:
        """See `Task.files`."""
        refuse_probabilities(card, options)
        names = [f"dimension_{index}" for index in range(card.output.dimensions or 0)]
        return {MAIN: tuple(Layer(name, "float32", nodata=np.nan) for name in names)}

    def activate(self, logits: Tensor | Sequence[Tensor]) -> Tensor:
        """See `Task.activate`; the vectors as they are."""
        return one_tensor(logits).float()

    def finish(self, answer: Answer, card: Card, options: OutputOptions) -> Arrays:
        """See `Task.finish`."""
        there = answer.valid & np.isfinite(answer.outputs)
        return {MAIN: np.where(there, answer.outputs, np.float32(np.nan))}
