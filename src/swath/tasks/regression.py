"""Regression: numbers with units for every pixel, or for every tile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from swath.errors import PredictError
from swath.models.card import Card
from swath.models.gives import Layer as Scaled
from swath.scene.write import Layer
from swath.tasks.classmap import one_tensor
from swath.tasks.task import MAIN, Answer, Arrays, Files, OutputOptions

if TYPE_CHECKING:
    from torch import Tensor

    from swath.tasks.metrics import Metrics
    from swath.tasks.targets import Labelled


@dataclass(frozen=True)
class Regression:
    """`net(image [B, C, H, W]) -> [B, N, H, W]` or `[B, N]`; `value = output * std + mean` of the card's layer."""

    layers: tuple[Scaled, ...] = ()
    """Of the card: what a standardised number means."""

    name: ClassVar[str] = "regression"

    def files(self, card: Card, options: OutputOptions) -> Files:
        """See `Task.files`."""
        refuse_probabilities(card, options)
        layers = card.output.layers
        files: Files = {MAIN: tuple(Layer(one.name, "float32", nodata=np.nan, units=one.units) for one in layers)}
        if options.spread and options.confidence:
            units = layers[0].units if len(layers) == 1 else "1"
            words = "spread of the values that were merged" + ("" if len(layers) == 1 else ", in standard deviations")
            files["confidence"] = (Layer("disagreement", "float32", nodata=np.nan, units=units, description=words),)
        return files

    def activate(self, logits: Tensor | Sequence[Tensor]) -> Tensor:
        """See `Task.activate`; values stay as the network gives them."""
        return one_tensor(logits).float()

    def finish(self, answer: Answer, card: Card, options: OutputOptions) -> Arrays:
        """See `Task.finish`."""
        layers = card.output.layers
        std = np.array([one.std for one in layers], dtype=np.float32)
        mean = np.array([one.mean for one in layers], dtype=np.float32)
        values = answer.outputs * std[:, None, None] + mean[:, None, None]
        arrays: Arrays = {MAIN: np.where(answer.valid & np.isfinite(values), values, np.float32(np.nan))}
        if options.spread and options.confidence:
            given = np.zeros(answer.valid.shape, dtype=np.float32) if answer.spread is None else answer.spread
            factor = std[0] if len(layers) == 1 else np.float32(1)
            arrays["confidence"] = np.where(answer.valid, given * factor, np.float32(np.nan))[None]
        return arrays

    def targets(self, samples: Sequence[Labelled]) -> Tensor:
        """See `TrainedTask.targets`."""
        from swath.tasks.targets import standardised

        return standardised(samples, self.layers)

    def loss(
        self,
        logits: Tensor | Sequence[Tensor],
        targets: Tensor,
        weights: Tensor | None = None,
        smoothing: float = 0.0,
    ) -> Tensor:
        """See `TrainedTask.loss`: Huber's, of standardised values; there are no classes to be weighted or smoothed."""
        from swath.tasks import losses

        return losses.of_values(one_tensor(logits), targets)

    def metrics(self, card: Card) -> Metrics:
        """See `TrainedTask.metrics`."""
        from swath.tasks.metrics_of_values import ValueMetrics

        return ValueMetrics.of(card)


def refuse_probabilities(card: Card, options: OutputOptions) -> None:
    """Say that numbers have no probabilities and no threshold.

    Raises:
        PredictError: one of them was asked for.
    """
    for key in ("probabilities", "threshold"):
        if getattr(options, key):
            raise PredictError(f"{key}= goes with classes, and {card.name} gives {card.output.kind}; leave it out")
