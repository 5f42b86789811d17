"""The running mean of weights (EMA): what is validated and kept, since it is steadier than the last step."""

from __future__ import annotations

import copy
from collections.abc import Collection

import torch
from torch import Tensor, nn


class Average:
    """A second network whose weights and buffers follow those of a first.

    The mean begins fast and becomes slow: after `n` steps the decay is `min(decay, (1 + n) / (10 + n))`, so that it
    forgets the random beginning. Running statistics of norms follow alike, and counters are copied. Weights that are
    not learnt are those of the first network itself, so that neither memory nor a checkpoint holds them twice.

    Args:
        network: the one that is trained.
        decay: per step, 0 to 1; 0 copies.
        share: of the weights that the network has now, in all that follows. Weights on the line between those before
            and those after fine-tuning forget less and are often better at what was learnt, too (arXiv:2109.01903).
        known: names of those that are worth keeping a share of.
    """

    def __init__(self, network: nn.Module, decay: float, share: float = 0.0, known: Collection[str] = ()) -> None:
        frozen = {id(one): one for one in network.parameters() if not one.requires_grad}
        self.network = copy.deepcopy(network, frozen).eval().requires_grad_(False)
        self.decay, self.share = decay, share
        named = network.named_parameters(remove_duplicate=False) if share else ()
        learnt = {name for name, one in named if one.requires_grad}
        self._first = {
            name: one.detach().clone() for name, one in network.state_dict().items() if name in learnt & {*known}
        }

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the weights after `step` steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        own, new = self.network.state_dict(keep_vars=True), self._mixed(network.state_dict())
        apart = [key for key in own if own[key].data_ptr() != new[key].data_ptr()]
        floating = [key for key in apart if own[key].is_floating_point()]
        torch._foreach_lerp_([own[key] for key in floating], [new[key] for key in floating], 1 - decay)
        for key in set(apart) - set(floating):
            own[key].copy_(new[key])

    def _mixed(self, new: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights, of which a share are those of the beginning."""
        if not self._first:
            return new
        names = list(self._first)
        mixed = torch._foreach_lerp([new[name] for name in names], list(self._first.values()), self.share)
        return new | dict(zip(names, mixed, strict=True))
