"""Loading weights strictly: every name and every shape fits, or nothing is loaded and the differences are told.

Where weights are meant to differ from the network, the difference is named (`adapt=`), done in one documented way, and
reported:

* `bands`: the first layer was made for other bands. Each new band gets the filter that lies at its wavelength on the
  line between the two nearest old bands (the nearest one's beyond the ends), times old count / new count so that the
  layer's answers keep their size. Needs `bands=(old, new)`.
* `head`: the last layer gives another number of channels. It keeps the network's own numbers and must be trained.
* `headless`: the weights have a last layer that the network lacks. It is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from swath.errors import CardError
from swath.models.needs import CardBand
from swath.models.weights import StateDict, hash_state
from swath.scene.words import many

ADAPTATIONS = ("bands", "head", "headless")
_SHOWN = 8


@dataclass(frozen=True)
class LoadReport:
    """What happened when weights were loaded."""

    matched: tuple[str, ...]
    """Names that were loaded as they are."""
    adapted: tuple[str, ...]
    """One sentence for each that was not."""
    missing: tuple[str, ...]
    """Names that kept the network's own numbers."""
    unexpected: tuple[str, ...]
    """Names that were left out."""
    hash: str
    """Of the network's weights as they are now."""

    def __str__(self) -> str:
        parts = [f"{many(len(self.matched), 'tensor')} loaded as they are", *self.adapted, f"weights {self.hash[:12]}"]
        return "; ".join(parts)


def load_strict(
    network: nn.Module,
    state: StateDict,
    *,
    prefix: str = "",
    adapt: Collection[str] = (),
    bands: tuple[Sequence[CardBand], Sequence[CardBand]] | None = None,
) -> LoadReport:
    """Load weights into a network; prints nothing.

    Args:
        network: takes the weights in place.
        state: names and tensors.
        prefix: only names that begin with it are taken, and it is cut off: `module.`, `state_dict.model.`.
        adapt: names of `ADAPTATIONS` that are allowed; see the head of this file.
        bands: for `bands`: those that the weights were made for, and those that the network takes.

    Raises:
        CardError: names or shapes differ; nothing was loaded. The message lists them.
    """
    if unknown := sorted(set(adapt) - set(ADAPTATIONS)):
        raise CardError(f"adapt={unknown[0]!r} is not known; there are {', '.join(ADAPTATIONS)}")
    own = network.state_dict()
    state = {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}
    missing = [key for key in own if key not in state]
    unexpected = [key for key in state if key not in own]
    unfit = [key for key in own if key in state and own[key].shape != state[key].shape]
    ready = {key: tensor for key, tensor in state.items() if key in own and key not in unfit}
    matched = tuple(ready)
    adapted: list[str] = []
    kept: list[str] = []
    left_out: list[str] = []
    if "bands" in adapt and bands is not None:
        for key in [key for key in unfit if _is_first_layer(own[key], state[key], bands)]:
            ready[key] = by_wavelength(state[key], *bands)
            adapted.append(f"{key} made for {many(len(bands[1]), 'band')} from {len(bands[0])} by wavelength")
            unfit.remove(key)
    if "head" in adapt and unfit and not missing and _one_module(unfit) and _differ_in_channels(unfit, own, state):
        kept, unfit = unfit, []
        ready |= {key: own[key] for key in kept}
        adapted.append(f"{', '.join(kept)} kept as the network had them")
    if "headless" in adapt and unexpected and _one_module(unexpected):
        left_out, unexpected = unexpected, []
        adapted.append(f"{', '.join(left_out)} left out")
    if missing or unexpected or unfit:
        raise CardError(_differences(own, state, missing, unexpected, unfit))
    # Some libraries' encoders have a loading of their own, which knows no `strict`; all names and shapes fit by now.
    nn.Module.load_state_dict(network, ready, strict=True)
    return LoadReport(matched, tuple(adapted), tuple(kept), tuple(left_out), hash_state(network.state_dict()))


def _is_first_layer(own: Tensor, other: Tensor, bands: tuple[Sequence[CardBand], Sequence[CardBand]]) -> bool:
    """Whether both are filters `[out, in, ...]` alike but for `in`, which is the number of bands of each."""
    return (
        own.ndim == other.ndim >= 3
        and own.shape[0] == other.shape[0]
        and own.shape[2:] == other.shape[2:]
        and (other.shape[1], own.shape[1]) == (len(bands[0]), len(bands[1]))
    )


def by_wavelength(filters: Tensor, old: Sequence[CardBand], new: Sequence[CardBand]) -> Tensor:
    """Filters `[out, old, ...]` made for other bands, `[out, new, ...]`; see the head of this file.

    Raises:
        CardError: a band has no wavelength.
    """
    for band in (*old, *new):
        if band.wavelength is None:
            raise CardError(f"band {band.name} has no wavelength, so filters cannot be made for it by adapt='bands'")
    have = np.array([band.wavelength[1] for band in old if band.wavelength])
    order = np.argsort(have)
    want = np.array([band.wavelength[1] for band in new if band.wavelength])
    # Row n tells how much of each old filter the new band n gets: linear interpolation of the identity's columns.
    share = np.stack([np.interp(want, have[order], row[order]) for row in np.eye(len(old))], axis=1)
    mix = torch.as_tensor(share * (len(old) / len(new)), dtype=filters.dtype)
    return (filters.movedim(1, -1) @ mix.T).movedim(-1, 1)


def _one_module(keys: Sequence[str]) -> bool:
    return len({key.rpartition(".")[0] for key in keys}) == 1


def _differ_in_channels(keys: Sequence[str], own: StateDict, state: StateDict) -> bool:
    return all(own[key].shape[1:] == state[key].shape[1:] and own[key].ndim == state[key].ndim for key in keys)


def _differences(
    own: StateDict, state: StateDict, missing: Sequence[str], unexpected: Sequence[str], unfit: Sequence[str]
) -> str:
    told = [
        _listed("missing", [f"{key} {tuple(own[key].shape)}" for key in missing]),
        _listed("unexpected", [f"{key} {tuple(state[key].shape)}" for key in unexpected]),
        _listed("of another shape", [f"{key} {tuple(state[key].shape)} not {tuple(own[key].shape)}" for key in unfit]),
    ]
    text = "the weights do not fit the network: " + "; ".join(part for part in told if part)
    hint = _prefix(own, state)
    return text + (f". They would fit with prefix={hint!r}" if hint else "")


def _listed(what: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    more = f", and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return f"{len(items)} {what} ({', '.join(items[:_SHOWN])}{more})"


def _prefix(own: StateDict, state: StateDict) -> str:
    """What all of the network's names have before them in `state`, or nothing."""
    first = next(iter(own), "")
    for key in state:
        prefix = key.removesuffix(first)
        if prefix and prefix != key and all(prefix + name in state for name in own):
            return prefix
    return ""
