"""Metrics: how good answers are, counted batch by batch or scene by scene and added up in any order.

    metrics = task.metrics(card)
    metrics.update(task.activate(logits), targets)
    metrics.compute()["mean_iou"]

Scores are numbers from 0 (bad) to 1 but for those that have units; NaN where there is nothing to say, see
`swath.tasks.confusion`.

| kind of output | scores |
| --- | --- |
| `classes`, `labels` | `mean_iou mean_f1 mean_precision mean_recall accuracy kappa ece`, and `iou/NAME` ... per class |
| `binary`, change of two classes | `iou f1 precision recall` of the yes, `mean_iou accuracy kappa ece` |
| several classes at once | `mean_iou mean_f1 mean_precision mean_recall mean_ap micro_ap accuracy ece`, and per class |
| `semantic-change` | see `swath.tasks.metrics_of_transitions` |
| `values` | `rmse mae bias r2`, and `rmse/NAME ...` where there are several layers |
| `values` of pretraining | `error` |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from swath.data.sample import IGNORE
from swath.models.card import Card
from swath.tasks.calibration import Calibration
from swath.tasks.confusion import Confusion, mean_of

if TYPE_CHECKING:
    from torch import Tensor

OF_A_CLASS = ("iou", "f1", "precision", "recall")
"""What a class is scored by."""
_SMALL = ("rmse", "mae", "bias", "error", "ece")


class Metrics(Protocol):
    """Counts of one network's answers. Can be pickled, so that processes may send theirs to be merged."""

    @property
    def headline(self) -> str:
        """The score by which the best of several networks is told."""
        ...

    @property
    def higher_is_better(self) -> bool:
        """Whether the headline is to be large."""
        ...

    def empty(self) -> Self:
        """Those of the same network with nothing counted."""
        ...

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Count answers.

        Args:
            outputs: as `task.activate` gives them, `[N, K', h, w]` or `[N, K']`; what is not finite does not count.
            targets: as `task.targets` gives them; where an answer has other pixels, the nearest counts.
        """
        ...

    def merge(self, other: Self) -> None:
        """Add what another has counted."""
        ...

    def row(self) -> NDArray[np.float64]:
        """All that was counted, in a row, `[D]`; what rows of several add up to, their merged counts have."""
        ...

    def of_row(self, row: NDArray[np.float64]) -> Self:
        """Those of the same network with the counts of a row."""
        ...

    def compute(self) -> dict[str, float]:
        """All scores by name."""
        ...


@dataclass(eq=False)
class ClassMetrics:
    """Of classes that exclude each other.

    Attributes:
        names: of the classes, `[K]`.
        threshold: probability above which the answer is the second of two; None: the most likely.
        interest: position of the one class that is looked for; None: all alike.
        headline: see `Metrics`.
        confusion: what was answered where what is labelled.
        calibration: how sure, how right.
    """

    names: tuple[str, ...]
    threshold: float | None
    interest: int | None
    headline: str
    confusion: Confusion
    calibration: Calibration
    higher_is_better: bool = True

    @classmethod
    def of(cls, card: Card) -> ClassMetrics:
        """For the answers of a network."""
        output = card.output
        names = tuple(label.name for label in output.classes)
        interest = 1 if output.kind == "binary" or (card.task == "change" and len(names) == 2) else None
        headline = "mean_f1" if card.task == "classification" else "mean_iou" if interest is None else "iou"
        return cls.named(names, threshold=output.threshold, interest=interest, headline=headline)

    @classmethod
    def named(
        cls,
        names: Sequence[str],
        *,
        threshold: float | None = None,
        interest: int | None = None,
        headline: str = "mean_iou",
    ) -> ClassMetrics:
        """For classes by name, nothing counted yet."""
        return cls(tuple(names), threshold, interest, headline, Confusion.empty(len(names)), Calibration.empty())

    def empty(self) -> ClassMetrics:
        """See `Metrics.empty`."""
        return replace(self, confusion=Confusion.empty(len(self.names)), calibration=Calibration.empty())

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """See `Metrics.update`."""
        likely = nearest(outputs, targets)
        if self.threshold is not None and likely.shape[1] == 2:
            answer = (likely[:, 1] > self.threshold).long()
            sure = likely.gather(1, answer.unsqueeze(1))[:, 0]
        else:
            sure, answer = likely.max(1)
        self.count(*arrays(targets, answer.masked_fill(~likely.isfinite().all(1), IGNORE), sure))

    def count(
        self,
        reference: NDArray[np.integer],
        answer: NDArray[np.integer],
        sure: NDArray[np.floating] | None = None,
    ) -> None:
        """Count decided answers.

        Args:
            reference: positions of classes, of any shape; `IGNORE` does not count.
            answer: alike; `IGNORE`: no answer.
            sure: probability of each answer; None: not known.
        """
        self.confusion = self.confusion + Confusion.of(reference, answer, len(self.names))
        if sure is not None:
            known = (reference != IGNORE) & (answer != IGNORE)
            self.calibration = self.calibration + Calibration.of(sure[known], (reference == answer)[known])

    def merge(self, other: ClassMetrics) -> None:
        """See `Metrics.merge`."""
        self.confusion = self.confusion + other.confusion
        self.calibration = self.calibration + other.calibration

    def row(self) -> NDArray[np.float64]:
        """See `Metrics.row`."""
        return np.concatenate([self.confusion.row, self.calibration.row])

    def of_row(self, row: NDArray[np.float64]) -> ClassMetrics:
        """See `Metrics.of_row`."""
        counts = len(self.names) ** 2
        return replace(self, confusion=Confusion.of_row(row[:counts]), calibration=Calibration.of_row(row[counts:]))

    def compute(self) -> dict[str, float]:
        """See `Metrics.compute`."""
        found = self.confusion
        of_class = {score: getattr(found, score) for score in OF_A_CLASS}
        overall = {"accuracy": found.accuracy, "kappa": found.kappa, "ece": self.calibration.error}
        if self.interest is not None:
            told = {score: float(values[self.interest]) for score, values in of_class.items()}
            return told | {"mean_iou": mean_of(of_class["iou"])} | overall
        return means(of_class) | overall | by_name(of_class, self.names)


def is_to_be_small(score: str) -> bool:
    """Whether less is better of a score by its name, such as `mean_iou`, `mae/height` or `change/ece`."""
    return score.removeprefix("change/").removeprefix("classes/").partition("/")[0] in _SMALL


def nearest(outputs: Tensor, targets: Tensor) -> Tensor:
    """Outputs on the pixels of the targets, in float32: where an answer is coarser or finer, the nearest."""
    from torch.nn import functional

    numbers = outputs.detach().float()
    if numbers.ndim == 4 and numbers.shape[-2:] != targets.shape[-2:]:
        numbers = functional.interpolate(numbers, targets.shape[-2:], mode="nearest-exact")
    return numbers


def arrays(*tensors: Tensor) -> tuple[NDArray[Any], ...]:
    """Tensors as numpy arrays, wherever they are."""
    return tuple(one.detach().cpu().numpy() for one in tensors)


def means(of_class: Mapping[str, NDArray[np.float64]]) -> dict[str, float]:
    """Of each score the mean over the classes that have one."""
    return {f"mean_{score}": mean_of(values) for score, values in of_class.items()}


def by_name(of_class: Mapping[str, NDArray[np.float64]], names: Sequence[str]) -> dict[str, float]:
    """Each score of each class, `SCORE/NAME`."""
    return {
        f"{score}/{name}": float(value)
        for score, values in of_class.items()
        for name, value in zip(names, values, strict=True)
    }
