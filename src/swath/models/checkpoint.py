"""Training checkpoints that hold the weights twice: as trained, and averaged over the steps.

Released trainers on Lightning often keep moving averages as buffers of the trained module: `model_ema.` before the name
of the weight without its dots, and two numbers, `model_ema.decay` and `model_ema.num_updates`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from swath.errors import CardError

_AVERAGES = "model_ema."
_COUNTS = ("decay", "num_updates")


def weights_of(state: Mapping[str, Tensor], names: Iterable[str], *, averaged: bool = False) -> dict[str, Tensor]:
    """One set of weights of a state dict that may hold two.

    Args:
        state: a release's state dict.
        names: of the network's weights.
        averaged: whether the averages are wanted; what has none, such as statistics, is taken as trained.

    Returns:
        The state dict without averages, or with them in place of the weights.

    Raises:
        CardError: averages are wanted and there are none, or there are some of weights that the network has not.
    """
    plain = {key: tensor for key, tensor in state.items() if not key.startswith(_AVERAGES)}
    averages = {key.removeprefix(_AVERAGES): tensor for key, tensor in state.items() if key.startswith(_AVERAGES)}
    if averaged and not averages:
        raise CardError(f"the weights have no averages ({_AVERAGES}...); load them with averaged=False")
    whole = {name.replace(".", ""): name for name in names}
    if strange := sorted(averages.keys() - whole.keys() - set(_COUNTS)):
        raise CardError(f"the network has no weight of which {_AVERAGES}{strange[0]} is the average")
    if averaged:
        plain |= {whole[key]: tensor for key, tensor in averages.items() if key in whole}
    return plain
