"""`Task`: how the tensor that a network gives becomes the layers of a product.

A product is several files, since a GeoTIFF has one number type for all its bands and a palette only where it has one
band: the map itself (key `''`, written to `X.tif`) and what belongs beside it (key `confidence`, written to
`X.confidence.tif`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from swath.errors import PredictError, TrainError
from swath.models.card import Card
from swath.scene.write import Layer

if TYPE_CHECKING:
    from torch import Tensor

    from swath.tasks.metrics import Metrics
    from swath.tasks.targets import Labelled

MAIN = ""
"""Key of the file that bears the product's own name."""

Files = dict[str, tuple[Layer, ...]]
Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class Answer:
    """What a network has answered for a part of the map.

    Attributes:
        outputs: activated and merged, `[K', h, w]`.
        spread: disagreement of what was merged, `[h, w]`, in the outputs' units; None where nothing was.
        valid: where there is an answer, `[h, w]`.
    """

    outputs: NDArray[np.float32]
    spread: NDArray[np.float32] | None
    valid: NDArray[np.bool_]

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Where it is valid and all of its numbers are numbers, `[h, w]`."""
        return np.asarray(self.valid & np.isfinite(self.outputs).all(axis=0))


@dataclass(frozen=True)
class DatePair:
    """Two dates of a series that are compared: their positions, and what they are called."""

    before: int
    after: int
    names: tuple[str, str]

    def __str__(self) -> str:
        return " to ".join(self.names)


@dataclass(frozen=True)
class OutputOptions:
    """Which files a product has.

    Raises:
        PredictError: an option is out of its range.
    """

    probabilities: bool | Literal["float32"] = False
    """Whether the probability of each class is kept: in steps of 1/250 as `uint8`, or as `float32`."""
    confidence: bool = True
    """Whether the probability of the answer is kept."""
    threshold: float | None = None
    """Probability above which the answer is yes, where there are two classes; None: as the card says."""
    spread: bool = False
    """Whether there is a disagreement to be kept (of overlapping tiles, or of flipped and turned images)."""
    pairs: tuple[DatePair, ...] = ()
    """The pairs of dates that the network compares, where it is given a series."""

    def __post_init__(self) -> None:
        if self.probabilities not in (True, False, "float32"):
            raise PredictError(f"probabilities={self.probabilities!r}: give True, False or 'float32'")
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise PredictError(f"threshold={self.threshold:g}: a probability lies between 0 and 1, both excluded")


class Task(Protocol):
    """What is asked. Made by `task_for`; knows nothing of tiles, and pixels it is given may be any part of the map."""

    @property
    def name(self) -> str:
        """One of `swath.models.TASKS`."""
        ...

    def files(self, card: Card, options: OutputOptions) -> Files:
        """The files of a product and their layers, by key; key `''` is the main file and comes first.

        Raises:
            PredictError: an option does not go with what the network gives.
        """
        ...

    def activate(self, logits: Tensor | Sequence[Tensor]) -> Tensor:
        """What the network gave as numbers that may be averaged.

        Args:
            logits: `[N, K, h, w]` or `[N, K]` of any floating type, or several such tensors where the network gives
                several.

        Returns:
            float32 `[N, K', h, w]` or `[N, K']` on the same device: probabilities of classes (two where the network
            gave the one logit of a yes), or values as they are.
        """
        ...

    def finish(self, answer: Answer, card: Card, options: OutputOptions) -> Arrays:
        """Stored numbers of each file, in the types that `files` told.

        Args:
            answer: of any part of the map; what is not valid or not a number becomes nodata.
            card: the network's.
            options: those that `files` was given.

        Returns:
            `[L, h, w]` for each key of `files`.
        """
        ...


class TrainedTask(Task, Protocol):
    """A task that networks are trained for: what labels mean to it, how far an answer is from them, how good it is."""

    def targets(self, samples: Sequence[Labelled]) -> Tensor:
        """Labels as the loss takes them; `IGNORE` (or NaN) where nothing is labelled or nothing was seen.

        | task | tensor |
        | --- | --- |
        | segmentation, change | positions of classes, int64 `[B, H, W]` |
        | classification | position, int64 `[B]`; several classes at once: float32 `[B, K]` of 0, 1 and NaN |
        | regression | standardised values, float32 `[B, N, H, W]` or `[B, N]` |
        | semantic change | change, class before, class after: int64 `[B, 3, H, W]` |
        | pretraining | 0 where anything was seen, float32 `[B, 1, H, W]` |

        Raises:
            TrainError: a label does not fit its image.
        """
        ...

    def loss(
        self,
        logits: Tensor | Sequence[Tensor],
        targets: Tensor,
        weights: Tensor | None = None,
        smoothing: float = 0.0,
    ) -> Tensor:
        """How far an answer is from the labels: a number to be made small, float32, without what is not labelled.

        Args:
            logits: as the network gives them.
            targets: as `targets` gives them, on the same device.
            weights: of the classes, `[K]` (two for a yes or no), see `swath.tasks.weighting`; None: all alike.
            smoothing: share of the truth that is spread over all classes.
        """
        ...

    def metrics(self, card: Card) -> Metrics:
        """What counts how good answers are."""
        ...


def trained_task(card: Card) -> TrainedTask:
    """The task that a network is trained for.

    Raises:
        PredictError: its answers are no raster.
        TrainError: nothing is labelled in this task.
    """
    task = task_for(card)
    if not hasattr(task, "loss"):
        raise TrainError(f"{card.name} is made for {card.task}, for which there are no labels to train or evaluate on")
    return cast("TrainedTask", task)


def task_for(card: Card) -> Task:
    """The task that a network was made for.

    Raises:
        PredictError: its answers are no raster.
    """
    from swath.tasks.change import Change
    from swath.tasks.classification import Classification
    from swath.tasks.embedding import Embedding
    from swath.tasks.pretraining import Pretraining
    from swath.tasks.regression import Regression
    from swath.tasks.segmentation import Segmentation
    from swath.tasks.semantic_change import SemanticChange

    output = card.output
    match card.task:
        case "segmentation":
            return Segmentation(output.activation)
        case "change":
            return Change(output.activation)
        case "classification":
            return Classification(output.activation)
        case "semantic-change":
            return SemanticChange()
        case "regression":
            return Regression(output.layers)
        case "embedding":
            return Embedding()
        case "pretraining":
            return Pretraining(output.layers)
        case other:
            raise PredictError(
                f"{card.name} is made for {other}, whose answers are no map of pixels; it cannot be predicted yet"
            )
