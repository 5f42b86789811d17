"""Encoders of timm: built by name, their first weights loaded strictly and made for the bands at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import timm
from torch import nn

from swath.errors import CardError
from swath.models.pretrained import for_bands, timm_weights
from swath.models.strict import load_strict


def made(
    in_channels: int,
    classes: int,
    encoder: str,
    options: Mapping[str, Any],
    weights: str | None,
    wavelengths: Sequence[float | None] | None,
) -> nn.Module:
    """See `timm_encoder.timm`."""
    name, _, tag = encoder.partition(".")
    if tag:
        raise CardError(f"encoder={encoder!r}: say encoder={name!r} and encoder_weights={tag!r}")
    try:
        network: nn.Module = timm.create_model(
            name, pretrained=False, in_chans=in_channels, num_classes=classes, **options
        )
    except (KeyError, TypeError, ValueError, RuntimeError, AssertionError) as error:
        said = " ".join(str(error.args[0] if error.args else error).split())[:300]
        raise CardError(f"timm's {encoder!r} cannot be built: {said}") from error
    if weights is not None:
        _load(network, name, weights, in_channels, wavelengths)
    return network


def facts(network: nn.Module) -> Mapping[str, Any]:
    """What timm knows of an encoder: input size, mean, std, names of its first and last layers."""
    found: Mapping[str, Any] = getattr(network, "pretrained_cfg", {})
    return found


def _load(
    network: nn.Module, name: str, source: str, in_channels: int, wavelengths: Sequence[float | None] | None
) -> None:
    """All but the last layer, whose weights stay as the network drew them."""
    last, own = _names(network, "classifier"), network.state_dict()
    state = {key: tensor for key, tensor in timm_weights(name, source).items() if not key.startswith(last)}
    first = [key for key in state if key.startswith(_names(network, "first_conv")) and state[key].ndim > 2]
    state |= {key: for_bands(state[key], name, in_channels, wavelengths) for key in first}
    load_strict(network, state | {key: tensor for key, tensor in own.items() if key.startswith(last)})


def _names(network: nn.Module, which: str) -> tuple[str, ...]:
    """Beginnings of the names of the first, or of the last, layers' weights."""
    found = facts(network).get(which) or ()
    return tuple(f"{one}." for one in ([found] if isinstance(found, str) else found))
