"""Weights as 16-bit numbers in a file: about half its size; whoever loads it has 32-bit numbers again.

Filters and matrices, nearly all of a network, go into IEEE 754 half precision where no number moves by more than 2^-11
of the largest beside it. Biases, norms and running statistics stay as they are, and so does a tensor that half
precision cannot hold: with a number beyond 65504, or with none above 6e-5.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from swath.models.weights import StateDict

_MOST = 2.0**-11
_HALF = torch.float16


def halved(network: nn.Module, *, exact: bool = False) -> dict[str, Tensor]:
    """The state dict of a network, its filters and matrices in half precision.

    Args:
        network: keeps its weights as they are.
        exact: whether only those that lose nothing by it.
    """
    wide = {name for name, one in network.named_parameters(remove_duplicate=False) if one.ndim >= 2}
    most = 0.0 if exact else _MOST
    return {name: _half(one, most) if name in wide else one for name, one in network.state_dict().items()}


def widened(state: StateDict) -> dict[str, Tensor]:
    """The same numbers, those of half precision as float32."""
    return {name: one.float() if one.dtype == _HALF else one for name, one in state.items()}


@contextmanager
def rounded(network: nn.Module) -> Iterator[None]:
    """Within, a network has the weights that a file in half precision gives it; afterwards its own again."""
    own = network.state_dict()
    kept = {name: (own[name], own[name].clone(), half) for name, half in halved(network).items() if half.dtype == _HALF}
    for tensor, _, half in kept.values():
        tensor.copy_(half)
    try:
        yield
    finally:
        for tensor, before, _ in kept.values():
            tensor.copy_(before)


def _half(tensor: Tensor, most: float) -> Tensor:
    if tensor.dtype != torch.float32 or not tensor.numel():
        return tensor
    half = tensor.half()
    fits = (half.float() - tensor).abs().max() <= most * tensor.abs().max()
    return half if fits else tensor
