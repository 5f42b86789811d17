"""Post-classification comparison: a segmentation model run on either date, and how likely its answers differ.

Singh (1989), Digital change detection techniques using remotely-sensed data, doi:10.1080/01431168908903939. With the
probabilities that a network gives for the classes at both dates, p and q, they are the same with probability
`sum(p * q)` where the errors at one date tell nothing of those at the other.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from swath.errors import CardError
from swath.models.calling import call_network
from swath.models.card import Card
from swath.models.gives import ClassLabel, Output, ReceptiveField
from swath.models.model import Model
from swath.models.needs import DatesRule

Compared = Literal["change", "semantic-change"]

_CLASSES = (
    ClassLabel(value=0, name="no change", colour="#d9d9d9"),
    ClassLabel(value=1, name="change", colour="#d55e00"),
)
_CLEARLY = 1e-3
"""Log-odds of change at least, where the likeliest classes differ."""


def compare(model: Model, task: Compared) -> Model:
    """A model for two dates that runs a segmentation model on each.

    Args:
        model: a segmentation model of one input that takes a single date.
        task: `change`: whether the classes differ; `semantic-change`: the class at either date besides.

    Returns:
        The model; its weights are those of the other.

    Raises:
        CardError: the model is none for single dates, or several of its classes may hold at once.
    """
    card = model.card
    given = card.inputs[0]
    if card.task != "segmentation" or len(card.inputs) > 1 or not given.dates.allows(1):
        raise CardError(
            f"{card.name} cannot be run on each date and compared: that takes a segmentation model of one input and a "
            "single date"
        )
    if card.output.kind == "classes" and card.output.activation == "sigmoid":
        raise CardError(
            f"several classes of {card.name} may hold at once, so that its answers at two dates have no one class each "
            "to be compared; predict each date by itself"
        )
    semantic = task == "semantic-change"
    output = Output(
        kind="semantic-change" if semantic else "binary",
        classes=card.output.classes if semantic else _CLASSES,
        scale=card.output.scale,
    )
    about = {
        "name": f"{card.name}-compared",
        "task": task,
        "inputs": (given.model_copy(update={"dates": DatesRule(min=2, max=2, given="arguments")}),),
        "output": output,
        "field": _exact(card.field),
        "scores": (),
        "notes": (*card.notes, f"the classes that {card.name} sees at both dates are compared"),
    }
    return replace(
        model,
        network=Comparison(model.network, card, semantic=semantic),
        card=card.with_(**about),
        others=(),
        spec=None,
    )


def _exact(field: ReceptiveField | None) -> ReceptiveField | None:
    """Where it is known that there is no finite one, that holds for both dates; all else is to be measured."""
    return field if field is not None and field.radius is None else None


class Comparison(nn.Module):
    """`net(before, after) -> logits [B, 1, H, W]` of change; of semantic change log-probabilities at both dates too.

    Where the likeliest class is the same at both dates, change is at most as likely as not, however unsure either is:
    the map says change where the classes differ, and its confidence is how likely they do.
    """

    def __init__(self, network: nn.Module, card: Card, *, semantic: bool) -> None:
        super().__init__()
        self.network = network
        self._card = card
        self._semantic = semantic

    def forward(self, before: Tensor, after: Tensor, **context: Any) -> Tensor | tuple[Tensor, ...]:
        """See the class; `context` is what the network takes besides."""
        p, q = (self._classes(x, t, context) for t, x in enumerate((before, after)))
        same = torch.logsumexp(p + q, 1, keepdim=True).clamp(-60.0, -1e-6)
        logits = torch.log(-torch.expm1(same)) - same
        differ = p.argmax(1, keepdim=True) != q.argmax(1, keepdim=True)
        logits = torch.where(differ, logits.clamp_min(_CLEARLY), logits.clamp_max(0.0))
        return (logits, p, q) if self._semantic else logits

    def _classes(self, x: Tensor, date: int, context: dict[str, Any]) -> Tensor:
        """Log-probabilities `[B, K, H, W]` of the classes at a date, float32."""
        own = {**context, "days": context["days"][date : date + 1]} if "days" in context else context
        answer = call_network(self.network, self._card, [x[:, None]], own)
        numbers: Tensor = (answer if isinstance(answer, Tensor) else answer[0]).float()
        output = self._card.output
        if output.activation == "none":
            numbers = numbers.clamp(1e-6, 1 - 1e-6)
            numbers = numbers.log() if numbers.shape[1] > 1 else numbers.logit()
        if numbers.shape[1] == 1:
            # Its own threshold is where neither class is likelier.
            level = output.threshold or 0.5
            odds = numbers - math.log(level / (1 - level))
            numbers = torch.cat([torch.zeros_like(odds), odds], 1)
        return torch.log_softmax(numbers, 1)
