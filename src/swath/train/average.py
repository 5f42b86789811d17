"""The running mean of weights (EMA): what is validated and kept, since it is steadier than the last step."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Average:
    """A second network whose weights and buffers follow those of a first.

    The mean begins fast and becomes slow: after `n` steps the decay is `min(decay, (1 + n) / (10 + n))`, so that it
    forgets the random beginning. Running statistics of norms follow alike, and counters are copied. Weights that are
    not learnt are those of the first network itself, so that neither memory nor a checkpoint holds them twice.

    Args:
        network: the one that is trained.
        decay: per step, 0 to 1; 0 copies.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        frozen = {id(one): one for one in network.parameters() if not one.requires_grad}
        self.network = copy.deepcopy(network, frozen).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the weights after `step` steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        own, new = self.network.state_dict(keep_vars=True), network.state_dict()
        apart = [key for key in own if own[key].data_ptr() != new[key].data_ptr()]
        floating = [key for key in apart if own[key].is_floating_point()]
        torch._foreach_lerp_([own[key] for key in floating], [new[key] for key in floating], 1 - decay)
        for key in set(apart) - set(floating):
            own[key].copy_(new[key])
