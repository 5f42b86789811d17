"""A series of dates, compared two by two by a model for two dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from swath.errors import CardError
from swath.models.calling import call_network
from swath.models.card import Card
from swath.models.model import Model
from swath.models.needs import DatesRule
from swath.scene.words import many

Pairs = Literal["consecutive", "first"]
PAIRS: tuple[str, ...] = get_args(Pairs)


def pairs_of(count: int, pairs: Pairs) -> list[tuple[int, int]]:
    """Positions of the dates that are compared: each with the one before it, or with the first."""
    return [(0 if pairs == "first" else later - 1, later) for later in range(1, count)]


def pairwise(models: Sequence[Model], pairs: Pairs) -> Model:
    """A model for any number of dates from one for two.

    Args:
        models: one that is run on every pair; or one for each pair, alike but for their weights.
        pairs: which dates are compared.

    Returns:
        The model: it gives what the other gives, the channels of one pair after those of another.

    Raises:
        CardError: the model does not compare two dates, answers on another grid, or takes something besides that is of
            one pair only.
    """
    first = models[0]
    card = first.card
    image, *others = card.inputs
    if card.task not in ("change", "semantic-change") or not image.dates.allows(2):
        raise CardError(
            f"pairs={pairs!r} goes with a model that compares two dates, and {card.name} is for {card.task} of "
            f"{many(image.dates.min, 'date')}; leave it out, or take another model"
        )
    if card.output.scale != 1:
        raise CardError(f"{card.name} answers on a grid of its own, and pairs={pairs!r} goes with one answer per pixel")
    if others and pairs != "first":
        raise CardError(
            f"{card.name} takes {others[0].name} of the first date besides, which later pairs do not begin with; "
            "say pairs='first'"
        )
    dates = DatesRule(min=2, max=None, given="axis")
    about = {
        "inputs": (image.model_copy(update={"dates": dates}), *others),
        "notes": tuple(dict.fromkeys(note for one in models for note in one.card.notes)),
    }
    network = Pairwise([one.network for one in models], card, pairs)
    return replace(first, network=network, card=card.with_(**about), others=(), spec=None)


class Pairwise(nn.Module):
    """`net(images [B, T, C, H, W]) -> [B, (T - 1) K, H, W]`, or several such tensors: what a network says of each pair.

    Args:
        networks: one for all pairs, or one for each.
        card: theirs.
        pairs: which dates are compared.
    """

    def __init__(self, networks: Sequence[nn.Module], card: Card, pairs: Pairs) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self._card = card
        self._pairs: Pairs = pairs

    def forward(self, images: Tensor, *others: Tensor, **context: Any) -> Tensor | tuple[Tensor, ...]:
        """See the class; `others` and `context` are what the networks take besides."""
        beside = [other[:, None] for other in others]
        found: list[tuple[Tensor, ...]] = []
        for number, dates in enumerate(pairs_of(images.shape[1], self._pairs)):
            own = {**context, "days": context["days"][list(dates)]} if "days" in context else context
            network = self.networks[min(number, len(self.networks) - 1)]
            answer = call_network(network, self._card, [images[:, list(dates)], *beside], own)
            found.append((answer,) if isinstance(answer, Tensor) else tuple(answer))
        merged = tuple(torch.cat(parts, 1) for parts in zip(*found, strict=True))
        return merged[0] if len(merged) == 1 else merged
