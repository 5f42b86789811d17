"""What a run takes over from another model: its weights, the layers that see bands made for the bands at hand.

Where both have as many bands but others, or in another order, all shapes fit, and filters for red would look at blue.
Bands are therefore told apart by their light: two are the same if the centre of each lies within the other's limits;
radar bands by their polarisation; such as have neither by their name. Same bands in another order take their filters
with them; for others, filters are made by wavelength (`swath.models.strict`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from swath.errors import CardError
from swath.models.card import Card
from swath.models.light import centre_nm
from swath.models.model import Model
from swath.models.needs import CardBand
from swath.models.strict import LoadReport, by_wavelength, load_strict
from swath.train.light import with_light

Bands = Sequence[CardBand]


def taken_over(network: nn.Module, card: Card, source: Model, wider: Callable[[], nn.Module]) -> LoadReport:
    """Load the weights of the source, adapted where bands or classes differ; the report says where.

    Args:
        network: takes the weights in place.
        card: of its (first) skill.
        source: whose weights are the beginning.
        wider: builds the network for twice as many bands: what differs in it sees bands. Nothing does in a network
            that is told their light.

    Raises:
        CardError: the weights do not fit, or it is not known which bands are which.
    """
    old, new = with_light(source.card).inputs[0], with_light(card).inputs[0]
    state: Mapping[str, Tensor] = source.network.state_dict()
    told: tuple[str, ...] = ()
    try:
        if len(old.bands) == len(new.bands):
            order = _order(old.bands, new.bands)
            if order != list(range(len(old.bands))) and (seeing := _seeing(network, wider())):
                state, told = _remade(state, old.bands, new.bands, order, seeing)
        bands = (old.bands, new.bands) if old.bands and new.dates.max == old.dates.max == 1 else None
        report = load_strict(network, state, adapt=("bands", "head"), bands=bands)
    except CardError as error:
        raise CardError(f"{source.source or source.card.name}: {error}") from error
    return replace(report, adapted=(*told, *report.adapted))


def _order(old: Bands, new: Bands) -> list[int] | None:
    """Position among the old bands of each new one; None where they are not the same bands."""
    order: list[int] = []
    for band in new:
        alike = [at for at, one in enumerate(old) if _same(one, band)]
        order += sorted(alike, key=lambda at: abs((centre_nm(old[at]) or 0) - (centre_nm(band) or 0)))[:1]
    return order if sorted(order) == list(range(len(old))) else None


def _same(one: CardBand, other: CardBand) -> bool:
    if one.wavelength is not None and other.wavelength is not None:
        (a, b, c), (d, e, f) = one.wavelength, other.wavelength
        return d <= b <= f and a <= e <= c
    if centre_nm(one) is not None and centre_nm(other) is not None:
        return one.polarisation == other.polarisation
    return one.name.casefold() == other.name.casefold()


def _seeing(network: nn.Module, wider: nn.Module) -> dict[str, int]:
    """Names of weights that see bands, and the dimension along which they do."""
    twice = wider.state_dict()
    found: dict[str, int] = {}
    for name, one in network.state_dict().items():
        apart = [at for at, (a, b) in enumerate(zip(one.shape, twice[name].shape, strict=True)) if a != b]
        found |= {name: apart[0]} if apart else {}
    return found


def _remade(
    state: Mapping[str, Tensor], old: Bands, new: Bands, order: list[int] | None, seeing: Mapping[str, int]
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Weights for the new bands, and what was done, in words.

    Raises:
        CardError: a weight is of bands, but no filter of them, and they are not the same bands.
    """
    made = dict(state)
    for name, along in seeing.items():
        if name not in state:
            continue
        dates = torch.split(state[name].movedim(along, 0), len(old))  # of dates along the channels, one after another
        if order is not None:
            parts = [date[order] for date in dates]
        elif along == 1:
            parts = [by_wavelength(date.movedim(0, 1), old, new).movedim(1, 0) for date in dates]
        else:
            raise CardError(f"{name} is of its bands ({_names(old)}), and cannot be made for {_names(new)}; begin anew")
        made[name] = torch.cat(parts).movedim(0, along)
    how = "by wavelength from those" if order is None else "from the same"
    return made, (f"{', '.join(seeing)} made for bands {_names(new)} {how} for {_names(old)}",)


def _names(bands: Bands) -> str:
    return ", ".join(band.name for band in bands)
