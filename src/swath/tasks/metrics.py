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
| several classes at once | `mean_iou mean_f1 mean_precision mean_recall accuracy ece`, and per class |
| `semantic-change` | those of change with `change/` before them, those of the classes at both dates with `classes/` |
| `values` | `rmse mae bias r2`, and `rmse/NAME ...` where there are several layers |
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
from swath.tasks.residuals import Residuals

if TYPE_CHECKING:
    from torch import Tensor

_OF_A_CLASS = ("iou", "f1", "precision", "recall")


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
    def of(cls, card: Card) -> ClassMetrics | SeveralMetrics:
        """For the answers of a network."""
        output = card.output
        names = tuple(label.name for label in output.classes)
        if output.activation == "sigmoid" and output.kind != "binary":
            return SeveralMetrics.named(names, output.threshold or 0.5)
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
        self.count(*_arrays(targets, answer.masked_fill(~likely.isfinite().all(1), IGNORE), sure))

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

    def compute(self) -> dict[str, float]:
        """See `Metrics.compute`."""
        found = self.confusion
        of_class = {score: getattr(found, score) for score in _OF_A_CLASS}
        overall = {"accuracy": found.accuracy, "kappa": found.kappa, "ece": self.calibration.error}
        if self.interest is not None:
            told = {score: float(values[self.interest]) for score, values in of_class.items()}
            return told | {"mean_iou": mean_of(of_class["iou"])} | overall
        return _means(of_class) | overall | _by_name(of_class, self.names)


@dataclass(eq=False)
class SeveralMetrics:
    """Of classes of which any number may hold at once: a yes or no for each.

    Attributes:
        names: of the classes, `[K]`.
        threshold: probability above which the answer is yes.
        each: counts of no and yes for each class.
        calibration: how sure, how right.
    """

    names: tuple[str, ...]
    threshold: float
    each: tuple[Confusion, ...]
    calibration: Calibration
    headline: str = "mean_f1"
    higher_is_better: bool = True

    @classmethod
    def named(cls, names: Sequence[str], threshold: float = 0.5) -> SeveralMetrics:
        """For classes by name, nothing counted yet."""
        return cls(tuple(names), threshold, tuple(Confusion.empty(2) for _ in names), Calibration.empty())

    def empty(self) -> SeveralMetrics:
        """See `Metrics.empty`."""
        return SeveralMetrics.named(self.names, self.threshold)

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """See `Metrics.update`; of targets without the K it is the only class that holds."""
        import torch

        likely = nearest(outputs, targets)
        if not targets.is_floating_point():
            order = torch.arange(len(self.names), device=targets.device).reshape(1, -1, *(1,) * (targets.ndim - 1))
            whole = targets.unsqueeze(1)
            targets = (whole == order).float().masked_fill(whole == IGNORE, torch.nan)
        truth = torch.where(targets.isfinite(), targets, IGNORE).long()
        yes = (likely > self.threshold).long().masked_fill(~likely.isfinite(), IGNORE)
        sure = torch.where(yes == 1, likely, 1 - likely)
        reference, answer, how_sure = _arrays(truth.movedim(1, 0), yes.movedim(1, 0), sure.movedim(1, 0))
        self.each = tuple(one + Confusion.of(r, a, 2) for one, r, a in zip(self.each, reference, answer, strict=True))
        known = (reference != IGNORE) & (answer != IGNORE)
        self.calibration = self.calibration + Calibration.of(how_sure[known], (reference == answer)[known])

    def merge(self, other: SeveralMetrics) -> None:
        """See `Metrics.merge`."""
        self.each = tuple(mine + more for mine, more in zip(self.each, other.each, strict=True))
        self.calibration = self.calibration + other.calibration

    def compute(self) -> dict[str, float]:
        """See `Metrics.compute`; accuracy is the share of right yes and no."""
        of_class = {score: np.array([getattr(one, score)[1] for one in self.each]) for score in _OF_A_CLASS}
        whole = sum(self.each, Confusion.empty(2))
        overall = {"accuracy": whole.accuracy, "ece": self.calibration.error}
        return _means(of_class) | overall | _by_name(of_class, self.names)


@dataclass(eq=False)
class ChangeMetrics:
    """Of semantic change: whether, from what, to what."""

    change: ClassMetrics
    classes: ClassMetrics
    headline: str = "change/iou"
    higher_is_better: bool = True

    @classmethod
    def of(cls, card: Card) -> ChangeMetrics:
        """For the answers of a network."""
        change = ClassMetrics.named(("unchanged", "changed"), threshold=card.output.threshold or 0.5, interest=1)
        return cls(change, ClassMetrics.named([label.name for label in card.output.classes]))

    def empty(self) -> ChangeMetrics:
        """See `Metrics.empty`."""
        return replace(self, change=self.change.empty(), classes=self.classes.empty())

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """See `Metrics.update`."""
        count = len(self.classes.names)
        self.change.update(outputs[:, :2], targets[:, 0])
        for date in (0, 1):
            self.classes.update(outputs[:, 2 + date * count : 2 + (date + 1) * count], targets[:, 1 + date])

    def merge(self, other: ChangeMetrics) -> None:
        """See `Metrics.merge`."""
        self.change.merge(other.change)
        self.classes.merge(other.classes)

    def compute(self) -> dict[str, float]:
        """See `Metrics.compute`."""
        parts: Mapping[str, ClassMetrics] = {"change": self.change, "classes": self.classes}
        return {f"{part}/{key}": value for part, one in parts.items() for key, value in one.compute().items()}


@dataclass(eq=False)
class ValueMetrics:
    """Of values, in the units of the layers.

    Attributes:
        names: of the layers, `[N]`.
        mean: what a standardised 0 means, `[N]`.
        std: what a standardised 1 is more, `[N]`.
        residuals: how far answers are from what is known.
    """

    names: tuple[str, ...]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    residuals: Residuals
    headline: str = "rmse"
    higher_is_better: bool = False

    @classmethod
    def of(cls, card: Card) -> ValueMetrics:
        """For the answers of a network."""
        layers = card.output.layers
        mean, std = (np.array([getattr(one, key) for one in layers], dtype=np.float64) for key in ("mean", "std"))
        return cls(tuple(one.name for one in layers), mean, std, Residuals.empty(mean))

    def empty(self) -> ValueMetrics:
        """See `Metrics.empty`."""
        return replace(self, residuals=Residuals.empty(self.mean))

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """See `Metrics.update`; both are standardised."""
        truth, answer = (one.astype(np.float64) for one in _arrays(targets, nearest(outputs, targets)))
        shape = (1, -1, *(1,) * (truth.ndim - 2))
        mean, std = self.mean.reshape(shape), self.std.reshape(shape)
        self.count(np.moveaxis(truth * std + mean, 1, 0), np.moveaxis(answer * std + mean, 1, 0))

    def count(self, truth: NDArray[np.floating], answer: NDArray[np.floating]) -> None:
        """Compare values `[N, ...]` in the layers' units; those that are not finite do not count."""
        self.residuals = self.residuals + Residuals.of(truth, answer, self.mean)

    def merge(self, other: ValueMetrics) -> None:
        """See `Metrics.merge`."""
        self.residuals = self.residuals + other.residuals

    def compute(self) -> dict[str, float]:
        """See `Metrics.compute`; of several layers that have different units, the plain scores are of the first."""
        each = {score: getattr(self.residuals, score) for score in ("rmse", "mae", "bias", "r2")}
        first = {score: float(values[0]) for score, values in each.items()}
        return first | (_by_name(each, self.names) if len(self.names) > 1 else {})


def nearest(outputs: Tensor, targets: Tensor) -> Tensor:
    """Outputs on the pixels of the targets, in float32: where an answer is coarser or finer, the nearest."""
    from torch.nn import functional

    numbers = outputs.detach().float()
    if numbers.ndim == 4 and numbers.shape[-2:] != targets.shape[-2:]:
        numbers = functional.interpolate(numbers, targets.shape[-2:], mode="nearest-exact")
    return numbers


def _arrays(*tensors: Tensor) -> tuple[NDArray[Any], ...]:
    return tuple(one.detach().cpu().numpy() for one in tensors)


def _means(of_class: Mapping[str, NDArray[np.float64]]) -> dict[str, float]:
    return {f"mean_{score}": mean_of(values) for score, values in of_class.items()}


def _by_name(of_class: Mapping[str, NDArray[np.float64]], names: Sequence[str]) -> dict[str, float]:
    return {
        f"{score}/{name}": float(value)
        for score, values in of_class.items()
        for name, value in zip(names, values, strict=True)
    }
