"""`ClassMap`: what segmentation, change and classification have in common: probabilities of classes become a map.

Where the network gives one probability per class and they do not exclude each other (a sigmoid for more than two
classes), the main file has a layer of yes and no per class; otherwise it has one layer of class numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from swath.errors import PredictError
from swath.models.card import Card
from swath.models.gives import ClassLabel
from swath.scene.words import many
from swath.scene.write import Layer
from swath.tasks.layers import CONFIDENCE_STEPS, PROBABILITY_STEPS, class_layer, in_steps, most_likely, step_layer
from swath.tasks.task import MAIN, Answer, Arrays, Files, OutputOptions

if TYPE_CHECKING:
    from torch import Tensor

    from swath.tasks.metrics import Metrics
    from swath.tasks.targets import Labelled

Activation = Literal["softmax", "sigmoid", "none"]
_NO_YES = (ClassLabel(value=0, name="no"), ClassLabel(value=1, name="yes"))


@dataclass(frozen=True)
class ClassMap:
    """A map of classes from probabilities."""

    activation: Activation
    """What turns the network's numbers into probabilities; `none`: they are."""

    name: ClassVar[str]
    layer: ClassVar[str] = "class"
    """Name of the main file's layer."""
    every: ClassVar[bool] = False
    """Whether a pixel is asked about only where all dates were seen."""

    def files(self, card: Card, options: OutputOptions) -> Files:
        """See `Task.files`."""
        classes = card.output.classes
        if options.threshold is not None and not (self._many(card) or len(classes) == 2):
            raise PredictError(
                f"threshold={options.threshold:g} goes with two classes, and {card.name} tells {len(classes)} apart: "
                "leave it out, or keep probabilities=True and decide on them"
            )
        if self._many(card):
            files: Files = {MAIN: tuple(_yes_layer(label) for label in classes)}
        else:
            files = {MAIN: (class_layer(self.layer, classes),)}
        if options.confidence:
            files["confidence"] = confidence_layers(options)
        if options.probabilities:
            files["probabilities"] = probability_layers([label.name for label in classes], options)
        return files

    def activate(self, logits: Tensor | Sequence[Tensor]) -> Tensor:
        """See `Task.activate`; one channel becomes two, no and yes."""
        import torch

        numbers = one_tensor(logits).float()
        if self.activation == "softmax":
            return torch.softmax(numbers, 1)
        likely = torch.sigmoid(numbers) if self.activation == "sigmoid" else numbers
        return torch.cat([1 - likely, likely], 1) if likely.shape[1] == 1 else likely

    def finish(self, answer: Answer, card: Card, options: OutputOptions) -> Arrays:
        """See `Task.finish`."""
        outputs, valid, files = answer.outputs, answer.whole, self.files(card, options)
        threshold = options.threshold or card.output.threshold
        if self._many(card):
            yes = outputs > np.float32(threshold or 0.5)
            arrays: Arrays = {MAIN: np.where(valid, yes, 255).astype(np.uint8)}
            # As sure as the least sure of its answers.
            sure = np.where(yes, outputs, 1 - outputs).min(axis=0)
        else:
            where, sure = decided(outputs, threshold)
            arrays = {MAIN: class_numbers(where, valid, card.output.classes, files[MAIN][0])[None]}
        if options.confidence:
            arrays["confidence"] = confidence_numbers([sure], answer.spread, valid, options)
        if options.probabilities:
            arrays["probabilities"] = probability_numbers(outputs, valid, options)
        return arrays

    def targets(self, samples: Sequence[Labelled]) -> Tensor:
        """See `TrainedTask.targets`."""
        from swath.tasks.targets import positions

        return positions(samples, every=self.every)

    def loss(
        self,
        logits: Tensor | Sequence[Tensor],
        targets: Tensor,
        weights: Tensor | None = None,
        smoothing: float = 0.0,
        trust: Tensor | None = None,
    ) -> Tensor:
        """See `TrainedTask.loss`: cross entropy and soft Dice; `trust`: how much each label counts, `[B, H, W]`."""
        from swath.tasks import losses

        x = one_tensor(logits)
        x = losses.as_logits(x) if self.activation == "none" else x
        if x.shape[1] == 1 and self.activation != "softmax":
            return losses.of_binary(x, targets, weights, smoothing, trust)
        given = losses.of_several if self.activation == "sigmoid" else losses.of_classes
        return given(x, targets, weights, smoothing, trust)

    def metrics(self, card: Card) -> Metrics:
        """See `TrainedTask.metrics`."""
        from swath.tasks.metrics import ClassMetrics
        from swath.tasks.metrics_of_several import SeveralMetrics

        return (SeveralMetrics if self._many(card) else ClassMetrics).of(card)

    def _many(self, card: Card) -> bool:
        """Whether several classes may hold at once."""
        return self.activation == "sigmoid" and card.output.kind != "binary"


def one_tensor(logits: Tensor | Sequence[Tensor]) -> Tensor:
    """The tensor itself, or the only one of several.

    Raises:
        PredictError: there are several.
    """
    import torch

    if isinstance(logits, torch.Tensor):
        return logits
    if len(logits) != 1:
        raise PredictError(
            f"the network gives {many(len(logits), 'tensor')} where one is expected; "
            "in eval mode it should give the task's logits alone"
        )
    return logits[0]


def decided(
    probabilities: NDArray[np.float32], threshold: float | None
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Position of the class that is answered, and its probability, `[h, w]` each, from `[K, h, w]`."""
    if threshold is None or len(probabilities) != 2:
        return most_likely(probabilities)
    yes = probabilities[1] > np.float32(threshold)
    return yes.astype(np.intp), np.where(yes, probabilities[1], probabilities[0])


def class_numbers(
    where: NDArray[np.intp], valid: NDArray[np.bool_], classes: Sequence[ClassLabel], layer: Layer
) -> NDArray[np.generic]:
    """Class numbers as they are stored, from positions of classes."""
    numbers = np.array([label.value for label in classes], dtype=layer.dtype)[where]
    numbers[~valid] = layer.nodata
    return numbers


def confidence_layers(options: OutputOptions, names: Sequence[str] = ("confidence",)) -> tuple[Layer, ...]:
    """Layers of the file `confidence`."""
    layers = [step_layer(name, CONFIDENCE_STEPS, "probability of the answer") for name in names]
    if options.spread:
        layers.append(step_layer("disagreement", CONFIDENCE_STEPS, "spread of the probabilities that were merged"))
    return tuple(layers)


def confidence_numbers(
    sure: Sequence[NDArray[np.float32]],
    spread: NDArray[np.float32] | None,
    valid: NDArray[np.bool_],
    options: OutputOptions,
) -> NDArray[np.uint8]:
    """What `confidence_layers` hold; no disagreement where nothing was merged."""
    planes = [in_steps(plane, CONFIDENCE_STEPS, valid) for plane in sure]
    if options.spread:
        given = np.zeros(valid.shape, dtype=np.float32) if spread is None else spread
        planes.append(in_steps(given, CONFIDENCE_STEPS, valid & np.isfinite(given)))
    return np.stack(planes)


def probability_layers(names: Sequence[str], options: OutputOptions) -> tuple[Layer, ...]:
    """Layers of the file `probabilities`, one per class."""
    words = "probability of the class"
    if options.probabilities == "float32":
        return tuple(Layer(name, "float32", nodata=np.nan, description=words) for name in names)
    return tuple(step_layer(name, PROBABILITY_STEPS, words) for name in names)


def probability_numbers(
    outputs: NDArray[np.float32], valid: NDArray[np.bool_], options: OutputOptions
) -> NDArray[np.generic]:
    """What `probability_layers` hold."""
    if options.probabilities == "float32":
        return np.where(valid, outputs, np.float32(np.nan))
    return in_steps(outputs, PROBABILITY_STEPS, valid)


def _yes_layer(label: ClassLabel) -> Layer:
    layer = class_layer(label.name, _NO_YES)
    return Layer(layer.name, layer.dtype, layer.nodata, layer.kind, classes=layer.classes, colours=layer.colours)
