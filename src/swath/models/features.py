"""What a network knows of an image before it names a class: one vector for each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import CardError
from swath.models.calling import call_network
from swath.models.card import Card

_ENCODERS = ("encoder", "backbone")


def features(network: nn.Module, card: Card, inputs: Sequence[Tensor]) -> Tensor:
    """Pooled features of normalised images, float32 `[B, D]`, without gradients.

    | network | features |
    | --- | --- |
    | of embeddings | the embedding; of patches, their mean |
    | of one answer per tile | what its last linear layer takes |
    | any other | the last map of its part called `encoder` or `backbone`, its mean over all places |

    Args:
        network: in eval mode.
        card: what it needs.
        inputs: one tensor `[B, T, C, H, W]` per input of the card.

    Raises:
        CardError: the network has no such layer or part, or takes something besides images.
    """
    if card.told:
        raise CardError(f"{card.name} takes {', '.join(card.told)} besides images; its features cannot be had alone")
    found: list[Any] = []
    with torch.inference_mode():
        if card.task == "embedding":
            found.append(call_network(network, card, inputs, {}))
        else:
            part, takes = _part(network, card)
            hook = part.register_forward_hook(lambda _, given, gives: found.append(given[0] if takes else gives))
            try:
                call_network(network, card, inputs, {})
            finally:
                hook.remove()
    return _pooled(found[-1])


def _part(network: nn.Module, card: Card) -> tuple[nn.Module, bool]:
    """The part to listen to, and whether to what it takes (else to what it gives)."""
    if card.output.per_tile:
        count = card.output.channels
        linear = [one for one in network.modules() if isinstance(one, nn.Linear) and one.out_features == count]
        if linear:
            return linear[-1], True
    for name, one in network.named_children():
        if name in _ENCODERS:
            return one, False
    raise CardError(
        f"{card.name}: its network has neither a linear layer for {card.output.channels} classes nor a part called "
        f"{' or '.join(_ENCODERS)}, so it is not known which of its numbers are features"
    )


def _pooled(found: Any) -> Tensor:
    """`[B, D]` of a vector, of tokens `[B, L, D]`, of a map `[B, D, h, w]`, or of the last of several maps."""
    while isinstance(found, tuple | list):
        found = found[-1]
    x: Tensor = found.float()
    return x.mean((2, 3)) if x.ndim == 4 else x.mean(1) if x.ndim == 3 else x
