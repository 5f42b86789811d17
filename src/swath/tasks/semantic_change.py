"""Semantic change: whether a pixel changed, from which class, and to which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from swath.errors import PredictError
from swath.models.card import Card
from swath.models.gives import ClassLabel
from swath.scene.words import many
from swath.tasks.classmap import (
    class_numbers,
    confidence_layers,
    confidence_numbers,
    decided,
    probability_layers,
    probability_numbers,
)
from swath.tasks.layers import class_layer, most_likely
from swath.tasks.task import MAIN, Answer, Arrays, Files, OutputOptions

if TYPE_CHECKING:
    from torch import Tensor

    from swath.tasks.metrics import Metrics
    from swath.tasks.targets import Labelled

_CHANGE = (
    ClassLabel(value=0, name="unchanged", colour="#d9d9d9"),
    ClassLabel(value=1, name="changed", colour="#d55e00"),
)


@dataclass(frozen=True)
class SemanticChange:
    """`net(before, after) -> change [B, 1, H, W], before [B, K, H, W], after [B, K, H, W]`, all logits.

    The main file says where there is change; the files `from` and `to` say the class at either date, for every pixel.
    """

    name: ClassVar[str] = "semantic-change"

    def files(self, card: Card, options: OutputOptions) -> Files:
        """See `Task.files`."""
        classes = card.output.classes
        files: Files = {
            MAIN: (class_layer("change", _CHANGE),),
            "from": (class_layer("from", classes, "class at the first date"),),
            "to": (class_layer("to", classes, "class at the second date"),),
        }
        if options.confidence:
            files["confidence"] = confidence_layers(options, ("confidence", "confidence_from", "confidence_to"))
        if options.probabilities:
            names = [f"{when} {label.name}" for when in ("from", "to") for label in classes]
            files["probabilities"] = probability_layers(["unchanged", "changed", *names], options)
        return files

    def activate(self, logits: Tensor | Sequence[Tensor]) -> Tensor:
        """See `Task.activate`; gives `[N, 2 + 2 K, h, w]`: unchanged, changed, classes before, classes after."""
        import torch

        if isinstance(logits, torch.Tensor) or len(logits) != 3:
            count = 1 if isinstance(logits, torch.Tensor) else len(logits)
            raise PredictError(
                f"the network gives {many(count, 'tensor')}; semantic change wants three: change [B, 1, H, W], "
                "classes before and after [B, K, H, W]"
            )
        changed = torch.sigmoid(logits[0].float())
        return torch.cat([1 - changed, changed, *(torch.softmax(one.float(), 1) for one in logits[1:])], 1)

    def finish(self, answer: Answer, card: Card, options: OutputOptions) -> Arrays:
        """See `Task.finish`."""
        outputs, valid = answer.outputs, answer.whole
        classes, files = card.output.classes, self.files(card, options)
        change, sure = decided(outputs[:2], options.threshold or 0.5)
        before, sure_before = most_likely(outputs[2 : 2 + len(classes)])
        after, sure_after = most_likely(outputs[2 + len(classes) :])
        arrays: Arrays = {
            MAIN: class_numbers(change, valid, _CHANGE, files[MAIN][0])[None],
            "from": class_numbers(before, valid, classes, files["from"][0])[None],
            "to": class_numbers(after, valid, classes, files["to"][0])[None],
        }
        if options.confidence:
            arrays["confidence"] = confidence_numbers([sure, sure_before, sure_after], answer.spread, valid, options)
        if options.probabilities:
            arrays["probabilities"] = probability_numbers(outputs, valid, options)
        return arrays

    def targets(self, samples: Sequence[Labelled]) -> Tensor:
        """See `TrainedTask.targets`; a label is change, before and after `[3, H, W]`."""
        from swath.tasks.targets import several

        return several(samples, 3)

    def loss(
        self,
        logits: Tensor | Sequence[Tensor],
        targets: Tensor,
        weights: Tensor | None = None,
        smoothing: float = 0.0,
    ) -> Tensor:
        """See `TrainedTask.loss`: that of change, and the mean cross entropy of the classes at both dates.

        Classes count where they are labelled, be that everywhere or only where there is change; `weights` are theirs.
        """
        from swath.tasks import losses

        change, *dates = logits
        truths = (targets[:, 1], targets[:, 2])
        classes = [
            losses.cross_entropy(losses.on_grid(one, truth), truth, weights, smoothing)
            for one, truth in zip(dates, truths, strict=True)
        ]
        return losses.of_binary(change, targets[:, 0], None, smoothing) + losses.one_loss(classes)

    def metrics(self, card: Card) -> Metrics:
        """See `TrainedTask.metrics`."""
        from swath.tasks.metrics_of_transitions import ChangeMetrics

        return ChangeMetrics.of(card)
