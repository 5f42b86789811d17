"""Encoders of timm: built by name, their first weights loaded strictly and made for the bands at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import timm
from torch import nn

from swath.errors import CardError
from swath.models.needs import CardBand
from swath.models.pretrained import timm_weights
from swath.models.strict import by_wavelength, load_strict

RGB = {"red": (620.0, 665.0, 690.0), "green": (530.0, 560.0, 590.0), "blue": (450.0, 490.0, 510.0)}
"""Light in nm for which published encoders were made, in their order."""


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
    if in_channels != len(RGB) or (wavelengths is not None and None not in wavelengths):
        new = _bands(name, in_channels, wavelengths)
        old = [CardBand(name=colour, wavelength=light, units="display") for colour, light in RGB.items()]
        for key in [key for key in state if key.startswith(_names(network, "first_conv")) and state[key].ndim > 2]:
            state[key] = by_wavelength(state[key], old, new)
    load_strict(network, state | {key: tensor for key, tensor in own.items() if key.startswith(last)})


def _bands(name: str, count: int, wavelengths: Sequence[float | None] | None) -> list[CardBand]:
    """The bands of all dates, with their light."""
    known = [centre for centre in wavelengths or () if centre is not None]
    if not known or len(known) != len(wavelengths or ()) or count % len(known):
        raise CardError(
            f"the weights of {name} are for red, green and blue, and of the {count} bands not all have a wavelength by "
            "which its first layer could be made for them; say sensor=, or leave out encoder_weights"
        )
    return [
        CardBand(name=str(number), wavelength=(centre, centre, centre), units="display")
        for number, centre in enumerate(known * (count // len(known)))
    ]


def _names(network: nn.Module, which: str) -> tuple[str, ...]:
    """Beginnings of the names of the first, or of the last, layers' weights."""
    found = facts(network).get(which) or ()
    return tuple(f"{one}." for one in ([found] if isinstance(found, str) else found))
