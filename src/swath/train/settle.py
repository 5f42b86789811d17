"""What norms expect, taken anew: weights that were mixed answer otherwise than those they were mixed from.

Running means and deviations of norms belong to the weights they were gathered with (Izmailov et al., arXiv:1803.05407,
section 3.2). A short running mean of weights takes theirs along, for they are near each other; over a long one they
need not be, and weights on the line to those of the beginning are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import torch
from torch import nn

from swath.train.batches import Draw
from swath.train.begin import gathers
from swath.train.learner import Skill

_LEAST, _MOST = 20, 100
"""Batches of each set: with fewer, what norms expect is left to chance; with more, nothing is gained."""


def affordable(steps: float, sets: int) -> int:
    """Batches of each set for `settle`: 20, and up to 100 where so many steps take ten times as long.

    A pass forward takes about a third of a step.
    """
    return min(_MOST, max(_LEAST, int(0.1 * 3 * steps / sets)))


@torch.no_grad()
def settle(
    network: nn.Module,
    like: nn.Module,
    skills: Sequence[Skill],
    draw: Draw,
    first: int,
    batches: int,
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[object]],
) -> None:
    """Let the norms of a network see batches of every set; nothing else of it changes.

    Args:
        network: whose norms expect what is no longer so; in eval mode, and left so.
        like: the network that is trained; norms that are not in train mode there stay as they are.
        skills: what is learnt, in the order of the draw's sets.
        draw: which crops are seen.
        first: number of the first batch.
        batches: how many of each set.
        device: where the network is.
        autocast: its precision.

    Raises:
        SwathError: an item cannot be read.
    """
    pairs = zip(network.modules(), like.modules(), strict=True)
    norms = [own for own, trained in pairs if trained.training and gathers(own)]
    if not norms:
        return
    sets = [
        replace(draw, crops=(crops,), weights=(1.0,), augment=(augment,), batch=(batch,), mix=())
        for crops, augment, batch in zip(draw.crops, draw.augment, draw.batch, strict=True)
    ]
    usual = [getattr(norm, "momentum", None) for norm in norms]
    for norm in norms:
        norm.train()
    try:
        for number in range(batches):
            for norm in norms:
                vars(norm)["momentum"] = _momentum(number)
            for skill, one in zip(skills, sets, strict=True):  # by turns: none is forgotten over the next one
                samples = one.batch_of(first + number).samples
                with autocast():
                    skill.answer(network, samples, device)
    finally:
        for norm, before in zip(norms, usual, strict=True):
            vars(norm)["momentum"] = before
        network.eval()


def _momentum(number: int) -> float:
    """Of norms at a batch: first what they had is forgotten, then the new is averaged."""
    return 0.5 if number < 6 else max(1 / (number - 4), 0.03)
