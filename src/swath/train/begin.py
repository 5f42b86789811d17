"""The model that a run begins with: a new network, or one whose weights were learnt before."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from typing import Any, Literal

import torch
from torch import nn

from swath.errors import CardError, TrainError
from swath.models import registry
from swath.models.calling import channel_count, tile_rule
from swath.models.card import Card
from swath.models.header import NetworkSpec
from swath.models.light import centre_nm
from swath.models.model import Model
from swath.models.needs import TileRule
from swath.scene.words import many
from swath.train.light import with_light
from swath.train.pretrained import begin_pretrained, encoder_name, tell_unlearnt
from swath.train.recipe import Recipe
from swath.train.taken_over import taken_over

_MAP = "land"
"""The argument of a network that takes a map of the first date."""
_DAYS = "_days"
"""Ends the name of the argument by which a network is told the days of an input after the first."""
_BY_DATA = ("in_channels", "classes", "pretraining")
"""Arguments of builders that the data say anew."""
_CONTEXT = ("wavelengths", "days", "gsd", "task", "classes")


def begin(recipe: Recipe, drafts: Sequence[Card]) -> Model:
    """A model for the sets of a recipe, one skill per card.

    Args:
        recipe: names the network, or the model whose weights are the beginning.
        drafts: cards made from the sets; how inputs reach the network is settled here.

    Raises:
        CardError: no such network, model or option, or the weights do not fit.
        TrainError: the network has one input or head and the sets want several.
    """
    source = None if recipe.start is None else registry.load(recipe.start)
    spec = NetworkSpec(name=recipe.network, config=recipe.options) if source is None else _spec_of(source, recipe)
    entry = registry.find(spec.name)
    if len({card.task == "pretraining" for card in drafts}) > 1:
        raise TrainError("pretraining goes by itself; train what follows in a second run, from its file: start=")
    if entry.fitted:
        trained = [name for name in registry.names(entry.tasks[0]) if not registry.find(name).fitted]
        raise TrainError(
            f"{entry.name} learns nothing from labels, it is fitted to each scene: swath predict --model {entry.name}; "
            f"train one of {', '.join(trained)}"
        )
    for card in drafts:
        if card.task not in entry.tasks:
            raise TrainError(
                f"{entry.name} is for {', '.join(entry.tasks)}, and {card.name} is {card.task}; "
                f"take one of {', '.join(registry.names(card.task)) or 'no network'}"
            )
    if entry.stacks:
        drafts = [_given(card, "channels") for card in drafts]
    network = entry.build(**(_from_cards(entry, drafts) | spec.config)).eval()  # it is run on empty tiles
    doubts = (f"{entry.title}: {entry.unchecked}",) if entry.unchecked else ()
    drafts = [card.with_(architecture=entry.title, notes=(*card.notes, *doubts)) for card in drafts]
    cards = [_settled(network, card, entry.stacks) for card in drafts]
    report = None
    if source is not None and source.card.task == "pretraining":
        cards, report = begin_pretrained(network, cards, source)
    elif source is not None:
        report = taken_over(network, cards[0], source, lambda: _wider(entry, drafts, spec))
    elif "pretraining" in entry.tasks and not set(entry.transient) & spec.config.keys():
        tell_unlearnt(network, entry.name)
    kept = {
        key: value for key, value in (_from_cards(entry, cards) | spec.config).items() if key not in entry.transient
    }
    told = NetworkSpec(name=spec.name, config=kept)
    model = Model(network, cards[0], told, report, others=tuple(cards[1:]), stored=recipe.stored)
    for card in cards:
        model.skill(card.name).check()
    return model


def freeze_encoder(network: nn.Module) -> list[nn.Parameter]:
    """Let the encoder keep its weights and its norms their statistics.

    Returns:
        The parameters that are still learnt.

    Raises:
        TrainError: the network has no such part.
    """
    parts, name = dict(network.named_children()), encoder_name(network)
    if name not in parts:
        raise TrainError(f"the network has no part called {name} to freeze; it has {', '.join(parts)}")
    parts[name].requires_grad_(False).eval()
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def freeze_norms(network: nn.Module, known: Collection[str]) -> None:
    """Let norms go on with what they expect; new ones, of which nothing is known, learn theirs.

    Args:
        network: in train mode.
        known: names of the tensors that were loaded.
    """
    for name, module in network.named_modules():
        if gathers(module) and all(f"{name}.{key}" in known for key in module.state_dict()):
            module.eval()


def gathers(module: nn.Module) -> bool:
    """Whether it is a norm that keeps what it has seen."""
    kept = module.buffers(recurse=False)
    return not any(module.children()) and any(one.is_floating_point() for one in kept)


def _spec_of(source: Model, recipe: Recipe) -> NetworkSpec:
    """The network of the source; what data say is left out. Another one may begin with what was pretrained."""
    if source.spec is None:
        raise TrainError(f"{recipe.start} is a network of one's own, which is not registered; name one that is")
    if "network" in recipe.model_fields_set and recipe.network != source.spec.name:
        if source.card.task == "pretraining":
            return NetworkSpec(name=recipe.network, config=recipe.options)
        raise TrainError(f"{recipe.start} is a {source.spec.name}, not a {recipe.network}; leave out network=")
    config = {key: value for key, value in source.spec.config.items() if key not in _BY_DATA}
    return NetworkSpec(name=source.spec.name, config=config | recipe.options)


def _from_cards(entry: registry.Entry, cards: Sequence[Card]) -> dict[str, Any]:
    """Arguments of the builder that the cards say."""
    wanted = {
        "in_channels": {card.name: channel_count(card) for card in cards},
        "classes": {card.name: card.output.channels for card in cards},
    }
    said: dict[str, Any] = {}
    maps = {card.name: len(given.classes) for card in cards for given in card.inputs if given.classes}
    if maps:
        wanted["map_classes"] = maps
    for at, key in enumerate(key for key in entry.arguments if _is_of_further(key)):
        if own := {card.name: len(more[at].bands) for card in cards if len(more := card.further) > at}:
            wanted[key] = own
    for key, by_card in wanted.items():
        if key not in entry.arguments:
            continue
        if len(set(by_card.values())) > 1:
            told = ", ".join(f"{name} {count}" for name, count in by_card.items())
            raise TrainError(
                f"{entry.name} has one number of {key}, and the sets want several ({told}); train on one set, or take "
                "a network that takes bands and classes by name, such as stsun-tiny"
            )
        said[key] = next(iter(by_card.values()))
    if "pretraining" in entry.arguments:
        said["pretraining"] = cards[0].task == "pretraining"
    if "under" in entry.arguments and cards[0].further:
        said["under"] = None  # a series covers what the images cover
    if "wavelengths" in entry.arguments and cards[0].inputs[0].bands:
        said["wavelengths"] = [centre_nm(band) for band in cards[0].inputs[0].bands]
    return said


def _settled(network: nn.Module, card: Card, stacked: bool) -> Card:
    """How dates reach the network and what it takes besides, as its signature says; which tiles it takes, by trying."""
    parameters = tuple(inspect.signature(network.forward).parameters.values())
    takes = tuple(one.name for one in parameters if one.name in _CONTEXT and not _unneeded(one))
    positional = [
        one
        for one in parameters
        if one.kind is one.POSITIONAL_OR_KEYWORD and one.name not in _CONTEXT and not one.name.endswith(_DAYS)
    ]
    if any(given.classes for given in card.inputs) and _MAP not in {one.name for one in positional}:
        unused = f"the maps of the first date were not used, since {card.architecture or 'the network'} takes none"
        inputs = tuple(given for given in card.inputs if not given.classes)
        card = card.with_(inputs=inputs, notes=(*card.notes, unused))
    if card.further:
        card = _with_further(card, positional, {one.name for one in parameters}, stacked)
    elif not stacked and len(positional) > 1:
        card = _given(card, "arguments")
    card = card.with_(takes=takes)
    if "wavelengths" in takes:
        card = with_light(card)
    try:
        rule = tile_rule(network, card)
    except CardError as error:
        if not card.output.per_tile or card.inputs[0].resize is not None:
            raise
        raise TrainError(f"{error}; a network of one size is given it by resize=, as resize=224") from error
    if card.output.per_tile:  # an answer is of as much ground as it was learnt from
        rule = TileRule(size=rule.multiple * -(-card.tile.size // rule.multiple), multiple=rule.multiple)
    return card.with_(tile=rule)


def _is_of_further(argument: str) -> bool:
    """Whether an argument of a builder tells the bands of an input after the first, in the order of these."""
    return argument.endswith("_channels") and argument != "in_channels"


def _with_further(card: Card, positional: Sequence[inspect.Parameter], names: Collection[str], stacked: bool) -> Card:
    """How the images and what sensors that are kept apart saw reach a network that takes a tensor for each.

    Raises:
        TrainError: it takes more of them, or fewer.
    """
    others, dates = len(card.inputs) - 1, card.inputs[0].dates.max or 1
    least = sum(one.default is one.empty for one in positional)
    compared = card.task in ("change", "semantic-change") and dates > 1
    firsts = [1] if stacked else [dates] if compared else [1, dates]
    first = next((count for count in firsts if least <= count + others <= len(positional)), None)
    if first is None:
        takes = ", ".join(one.name for one in positional)
        kept = " and ".join(given.name for given in card.further)
        raise TrainError(
            f"{card.architecture or 'the network'} takes {many(len(positional), 'image')} ({takes}) and none for "
            f"{kept}, kept apart; leave out apart= to lay all sensors on one grid, or take a network with an input for "
            "each, as fusu"
        )
    card = _given(card, "arguments") if first > 1 else card
    made = [card.inputs[0]]
    for given, argument in zip(card.inputs[1:], positional[first : first + others], strict=True):
        told = f"{argument.name}{_DAYS}"
        known = told in names and given.dates.max != 1
        dates_rule = given.dates.model_copy(update={"days": told}) if known else given.dates
        made.append(given.model_copy(update={"dates": dates_rule}))
    return card.with_(inputs=tuple(made))


def _unneeded(parameter: inspect.Parameter) -> bool:
    """Days that a network can do without are not told: the crops of a batch were seen on different ones."""
    return parameter.name == "days" and parameter.default is None


def _given(card: Card, how: Literal["axis", "arguments", "channels"]) -> Card:
    given = card.inputs[0]
    if given.dates.max == 1:
        return card
    dates = given.dates.model_copy(update={"given": how})
    return card.with_(inputs=(given.model_copy(update={"dates": dates}), *card.inputs[1:]))


def _wider(entry: registry.Entry, cards: Sequence[Card], spec: NetworkSpec) -> nn.Module:
    """The network for twice as many bands, where their number is an argument; random numbers stay as they were."""
    said = _from_cards(entry, cards)
    said |= {"in_channels": 2 * said["in_channels"]} if "in_channels" in said else {}
    with torch.random.fork_rng(devices=[]):
        return entry.build(**said, **spec.config)
