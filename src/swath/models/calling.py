"""How inputs reach a network, as its card says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import CardError
from swath.models.card import Card
from swath.models.light import centre_nm
from swath.models.needs import CardBand, Input, MeanStd, MinMax, TileRule, ratio_of
from swath.scene.words import many

# Mean and deviation of plausible land imagery in units that a network may take without normalisation. They set the
# range of the noise by which a receptive field is measured, and nothing else.
_TYPICAL = {
    "reflectance": (0.2, 0.1),
    "display": (110.0, 50.0),
    "dn": (1000.0, 500.0),
    "db": (-12.0, 5.0),
    "linear": (0.1, 0.08),
    "amplitude": (0.3, 0.1),
    "kelvin": (290.0, 10.0),
    "celsius": (17.0, 10.0),
    "percent": (50.0, 25.0),
    "metre": (200.0, 100.0),
    "pascal": (1e5, 1e3),
}


def call_network(network: nn.Module, card: Card, inputs: Sequence[Tensor], context: Mapping[str, Any]) -> Any:
    """Run a network on one tensor `[B, T, C, H, W]` per input of its card.

    Raises:
        CardError: an input, or something that the card's `takes` names, is not given.
    """
    if len(inputs) != len(card.inputs):
        raise CardError(f"{card.name} takes {many(len(card.inputs), 'input')}, not {len(inputs)}")
    context = {**context, "task": card.task, "classes": card.output.asked}
    if lacking := [key for key in card.told if key not in context]:
        raise CardError(f"{card.name} takes {', '.join(card.told)} besides; say {lacking[0]}=")
    arguments: list[Tensor] = []
    for given, x in zip(card.inputs, inputs, strict=True):
        if x.ndim != 5 or not given.dates.allows(x.shape[1]):
            raise CardError(f"input {given.name!r} must be [B, T, C, H, W] with T in its range; found {tuple(x.shape)}")
        x = x if given.resize is None else resized(x, given.resize)
        if given.dates.given == "arguments":
            arguments += x.unbind(1)
        elif given.dates.given == "channels":
            arguments.append(x.flatten(1, 2))
        else:
            arguments.append(x[:, 0] if given.dates.max == 1 else x)
    return network(*arguments, **{key: context[key] for key in card.told})


def resized(x: Tensor, side: int) -> Tensor:
    """`[B, T, C, H, W]` brought to `side` px: bilinear, and averaged over what a pixel covers where it shrinks."""
    if x.shape[-2:] == (side, side):
        return x
    flat = nn.functional.interpolate(x.flatten(0, 1), (side, side), mode="bilinear", antialias=True)
    return flat.reshape(*x.shape[:2], *flat.shape[1:])


def call_flat(network: nn.Module, card: Card, x: Tensor) -> Tensor:
    """Run a network on `[B, C, H, W]` with all inputs and dates one after another along C; several answers likewise.

    An input of a coarser grid is given the means of what its pixels cover.
    """
    inputs, first = [], 0
    for given in card.inputs:
        dates, bands = least_dates(given), len(_bands(given))
        own, ratio = x[:, first : first + dates * bands], ratio_of(card.inputs[0], given)
        if ratio != 1:
            height, width = (math.ceil(side * ratio) for side in x.shape[2:])
            own = nn.functional.adaptive_avg_pool2d(own, (height, width))
        inputs.append(own.reshape(-1, dates, bands, *own.shape[2:]))
        first += dates * bands
    answer = call_network(network, card, inputs, _context(card, x.device))
    if isinstance(answer, Tensor):
        return answer
    if isinstance(answer, tuple | list) and all(isinstance(part, Tensor) for part in answer):
        return torch.cat(tuple(answer), dim=1)
    raise CardError(f"in eval mode the network must give a tensor or several; found {type(answer).__name__}")


def channel_count(card: Card) -> int:
    """Channels of a network that takes one tensor: bands, times dates where those are stacked."""
    given = card.inputs[0]
    return len(_bands(given)) * (least_dates(given) if given.dates.given == "channels" else 1)


def typical_values(card: Card) -> list[tuple[float, float]]:
    """Mean and deviation of plausible normalised values, for each channel that `call_flat` takes."""
    return [_typical(band) for given in card.inputs for _ in range(least_dates(given)) for band in _bands(given)]


def _typical(band: CardBand) -> tuple[float, float]:
    if isinstance(band.normalisation, MeanStd):
        return 0.0, 1.0
    if isinstance(band.normalisation, MinMax):
        return 0.5, 0.2
    return _TYPICAL.get(band.units, (0.0, 1.0))


def least_dates(given: Input) -> int:
    """The least number of dates that is a series where the input is one."""
    return max(given.dates.min, min(2, given.dates.max or 2))


def _bands(given: Input) -> tuple[CardBand, ...]:
    """The input's bands; three of them where it takes any."""
    return given.bands or ((given.any_bands,) * 3 if given.any_bands is not None else ())


def _context(card: Card, device: torch.device) -> dict[str, Any]:
    given = card.inputs[0]
    centres = [centre_nm(band) or 600.0 for band in _bands(given)]
    if given.any_bands is not None:
        centres = [490.0, 560.0, 665.0]
    days = {
        one.dates.days: torch.arange(least_dates(one), device=device) * 10.0 for one in card.inputs if one.dates.days
    }
    return days | {
        "wavelengths": torch.tensor(centres, device=device),
        "days": torch.arange(least_dates(given), device=device) * 10.0,
        "gsd": given.gsd.nominal if given.gsd else 10.0,
    }


def tile_side(card: Card) -> int:
    """A small tile size in px that the network takes."""
    return card.tile.size if card.tile.fixed else card.tile.multiple * -(-64 // card.tile.multiple)


def answer_shape(network: nn.Module, card: Card, side: int | None = None) -> tuple[int, ...]:
    """Shape of the network's answer to an empty tile of `side` px.

    Raises:
        CardError: the network does not take it; the message says what it said.
    """
    side = side or tile_side(card)
    first = next(network.parameters(), torch.zeros(1))
    channels = len(typical_values(card))
    x = torch.zeros(1, channels, side, side, device=first.device, dtype=first.dtype)
    try:
        with torch.inference_mode():
            return tuple(call_flat(network, card, x).shape)
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        said = " ".join(str(error).split())[:200]
        raise CardError(f"the network does not take {channels} channels of {side} x {side} px: {said}") from error


def tile_rule(network: nn.Module, card: Card) -> TileRule:
    """Of which number tile sizes must be multiples, found by trying; a tile holds whole pixels of every input.

    Raises:
        CardError: the network does not take tiles of 128 px, or a little more where inputs are coarser, at all.
    """
    whole = math.lcm(*(ratio_of(card.inputs[0], given).denominator for given in card.inputs))
    shapes: dict[int, tuple[int, ...]] = {}
    problem: CardError | None = None
    for multiple in (math.lcm(whole, power) for power in (1, 2, 4, 8, 16, 32, 64)):
        side = multiple * -(-128 // multiple)
        try:
            base = shapes[side] = shapes.get(side) or answer_shape(network, card, side)
        except CardError as error:
            if whole == 1:
                raise
            problem = problem or error
            continue
        try:
            shape = answer_shape(network, card, side + multiple)
        except CardError:
            continue
        if all(more * side == less * (side + multiple) for more, less in zip(shape[2:], base[2:], strict=True)):
            return TileRule(multiple=multiple, size=multiple * -(-512 // multiple))
    if problem is not None and not shapes:
        raise problem
    multiple = math.lcm(whole, 128)
    return TileRule(multiple=multiple, size=multiple * -(-512 // multiple))
