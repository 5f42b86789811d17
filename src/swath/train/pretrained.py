"""What a network takes over from a file of pretraining: one part of it, and how images are normalised."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from swath.errors import CardError, SwathWarning, TrainError
from swath.models.card import Card
from swath.models.light import centre_nm
from swath.models.model import Model
from swath.models.needs import CardBand, Input
from swath.models.strict import LoadReport, load_strict
from swath.scene.words import many


def encoder_name(network: nn.Module) -> str:
    """Name of the part that pretraining gives: `encoder`, or what the network's attribute `encoder_name` says."""
    return str(getattr(network, "encoder_name", "encoder"))


def tell_unlearnt(network: nn.Module, name: str) -> None:
    """Warn (`SwathWarning`) of a part that stays as it is and has learnt nothing.

    Args:
        network: with random weights.
        name: that it is registered by.
    """
    part = encoder_name(network)
    kept = [one for key, one in network.named_parameters() if key.startswith(f"{part}.")]
    if kept and not any(one.requires_grad for one in kept):
        warnings.warn(
            SwathWarning(
                f"{name} keeps its part called {part} as it is, and that has random weights; let it learn from images "
                f"first, swath train IMAGES --task pretraining --network {name} -o encoder.swath, and begin with that: "
                "start='encoder.swath' (`--from`)"
            ),
            stacklevel=2,
        )


def begin_pretrained(network: nn.Module, cards: Sequence[Card], source: Model) -> tuple[list[Card], LoadReport]:
    """Begin with what was learnt from images alone; to be pretrained further, a network takes over all of it.

    Args:
        network: takes the weights in place.
        cards: of its skills.
        source: what was pretrained.

    Returns:
        The cards, with images normalised as they were in pretraining where the bands are the same; and what was loaded.

    Raises:
        TrainError: the network has no such part, or the bands come in another order.
        CardError: the weights do not fit it.
    """
    name, part = source.source or source.card.name, encoder_name(network)
    old, new = source.card.inputs[0], cards[0].inputs[0]
    further = cards[0].task == "pretraining"
    held, has = encoder_name(source.network), dict(network.named_children())
    if not further and (part != held or part not in has):
        such = "" if source.spec is None else f", such as {source.spec.name}"
        raise TrainError(
            f"{name} holds a part called {held} to begin with, and the network has {', '.join(has)}; take one that has "
            f"it{such}"
        )
    if not _same(old, new) and len(old.bands) == len(new.bands) and all(_among(band, old) for band in new.bands):
        order = ", ".join(repr(_among(band, new)) for band in old.bands)
        raise TrainError(f"{name} was pretrained on these bands in another order; say bands=[{order}]")
    try:
        report = load_strict(
            network if further else has[part],
            source.network.state_dict(),
            prefix="" if further else f"{part}.",
            adapt=("bands",),
            bands=(old.bands, new.bands) if old.bands and new.bands and new.dates.given != "channels" else None,
        )
    except CardError as error:
        raise CardError(f"{name}, pretrained on {_words(old)}, and {cards[0].name}, {_words(new)}: {error}") from error
    same = [_same(old, card.inputs[0]) for card in cards]
    words = "as in pretraining" if all(same) else "by its own statistics, since its bands are not those of pretraining"
    told = () if further else (f"{part} of {source.card.name}, weights {source.hash[:12]}",)
    matched = report.matched if further else tuple(f"{part}.{one}" for one in report.matched)
    told = (*told, *report.adapted, f"images are normalised {words}")
    report = replace(report, matched=matched, adapted=told)
    return [_begun(card, source, alike) for card, alike in zip(cards, same, strict=True)], report


def _begun(card: Card, source: Model, alike: bool) -> Card:
    """The card with what the pretrained network has seen, and as it saw it."""
    given, old = card.inputs[0], source.card.inputs[0]
    if alike:
        pairs = zip(given.bands, old.bands, strict=True)
        kept = [new.model_copy(update={"normalisation": was.normalisation, "clip": was.clip}) for new, was in pairs]
        given = given.model_copy(update={"bands": tuple(kept)})
    note = f"begun from {source.card.name}, pretrained on images alone, weights {source.hash[:12]}"
    return card.with_(
        inputs=(given, *card.inputs[1:]),
        trained_on=(*card.trained_on, *source.card.trained_on),
        notes=(*card.notes, note),
    )


def _alike(old: CardBand, new: CardBand) -> bool:
    """Whether two bands hold the same light in the same units."""
    centres = centre_nm(old), centre_nm(new)
    light = old.name == new.name if None in centres else centres[0] == centres[1]
    return light and (old.units, old.polarisation) == (new.units, new.polarisation)


def _same(old: Input, new: Input) -> bool:
    """Whether two inputs have the same bands in the same order."""
    return len(old.bands) == len(new.bands) and all(map(_alike, old.bands, new.bands))


def _among(band: CardBand, given: Input) -> str | None:
    """What an input calls a band; None where it has none such."""
    return next((one.name for one in given.bands if _alike(band, one)), None)


def _words(given: Input) -> str:
    return f"{many(len(given.bands), 'band')} ({', '.join(band.name for band in given.bands)})"
