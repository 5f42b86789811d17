"""How far a model sees: found once for its weights, and remembered in the user's cache."""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING

from torch import Tensor

from swath.errors import CardError
from swath.models.calling import call_flat, typical_values
from swath.models.effective import effective_radius
from swath.models.field import Probe, reach
from swath.models.gives import ReceptiveField
from swath.models.remember import recall, remember
from swath.models.weights import hash_state

if TYPE_CHECKING:
    from swath.models.model import Model

_METHOD = "1"
"""Part of the key under which a receptive field is remembered; another one where the method changes."""


def probed_field(model: Model, samples: Tensor | None, *, effective: bool, refresh: bool) -> ReceptiveField:
    """See `Model.probe_field`."""
    card, network = model.card, model.network
    if card.output.per_tile:
        return ReceptiveField(reason="there is one answer per tile")
    if card.tile.fixed:
        return ReceptiveField(reason=f"it takes only tiles of {card.tile.size} px")
    about = [_METHOD, model.hash, repr(network), effective, card.tile.multiple, card.takes]
    about += [given.model_dump_json() for given in card.inputs]
    about += [hash_state({"samples": samples})] if samples is not None else []
    key = hashlib.sha256(json.dumps(about).encode()).hexdigest()
    if not refresh and (text := recall("fields", key)) is not None:
        with contextlib.suppress(CardError):  # a damaged memory is no memory
            return ReceptiveField.parse(text)
    typical = typical_values(card)
    probe = Probe.of(network, lambda net, x: call_flat(net, card, x), len(typical), card.tile.multiple, typical)
    found = reach(probe)
    radius, bound = effective_radius(probe, found, samples) if effective and found.radius is not None else (None, None)
    field = ReceptiveField(
        radius=found.radius,
        halo=found.halo,
        effective_radius=radius,
        bound=bound,
        stride=found.stride,
        reason=found.reason,
    )
    remember("fields", key, field.model_dump_json())
    return field
