"""Networks by name. A file in a family's folder registers what it holds; nothing else has to be edited.

    @register("unet", title="U-Net", tasks=("segmentation",), source=("arXiv:1505.04597",))
    def unet(in_channels: int, classes: int, encoder: str = "resnet34") -> nn.Module: ...

Families are imported when a name is first looked up. Names are listed and cards are read without building anything.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from swath.errors import CardError
from swath.models.card import Card, Task
from swath.models.entry import Builder, text_of
from swath.models.entry import Entry as Entry

if TYPE_CHECKING:
    from torch import Tensor, nn

    from swath.models.model import Model

_B = TypeVar("_B", bound=Builder)

_ENTRIES: dict[str, Entry] = {}


def register(
    name: str,
    *,
    title: str,
    tasks: tuple[Task, ...],
    source: tuple[str, ...] = (),
    transient: tuple[str, ...] = (),
    sizes: Mapping[str, Mapping[str, Any]] | None = None,
    weights: Mapping[str, Path] | None = None,
    fitted: bool = False,
    series: bool = False,
    at_once: bool = False,
    unchecked: str = "",
) -> Callable[[_B], _B]:
    """Register a builder under `name`, and under `name-SIZE` for each of its sizes.

    Args:
        name: lower-case, as the paper calls it.
        title: words for people.
        tasks: what it can be used for.
        source: paper.
        transient: arguments that are not kept with the network.
        sizes: arguments per size.
        weights: the file of each name that has weights.
        fitted: whether its numbers are found in each scene; see `swath.models.fitted`.
        series: whether dates reach it on an axis of their own.
        at_once: whether it learns by a method `learn`, see `swath.train.at_once`.
        unchecked: what of it could not be held against its release, in words; empty: nothing.
    """

    def decorate(builder: _B) -> _B:
        configs: dict[str, Mapping[str, Any]] = {name: {}} | {
            f"{name}-{size}": config for size, config in (sizes or {}).items()
        }
        for key, config in configs.items():
            if key in _ENTRIES:
                raise CardError(f"two networks are registered as {key!r}")
            own = (weights or {}).get(key)
            kinds = {"fitted": fitted, "series": series, "at_once": at_once}
            _ENTRIES[key] = Entry(
                key, builder, title, tasks, config, source, transient, own, unchecked=unchecked, **kinds
            )
        return builder

    return decorate


@cache
def _discover() -> None:
    package = importlib.import_module("swath.models")
    for family in pkgutil.iter_modules(package.__path__, "swath.models."):
        if family.ispkg:
            folder = importlib.import_module(family.name)
            for module in pkgutil.iter_modules(folder.__path__):
                if not module.name.startswith("_"):  # what only a builder needs, such as torch
                    importlib.import_module(f"{family.name}.{module.name}")


def names(task: str | None = None, *, weights: bool | None = None) -> list[str]:
    """Registered names in order, for one task where it is said, and with or without weights where that is said."""
    _discover()
    return sorted(
        entry.name
        for entry in _ENTRIES.values()
        if (task is None or task in entry.tasks) and (weights is None or weights == (entry.weights is not None))
    )


def find(name: str) -> Entry:
    """The entry called `name`.

    Raises:
        CardError: there is none; the message names those that are near.
    """
    _discover()
    if name in _ENTRIES:
        return _ENTRIES[name]
    near = difflib.get_close_matches(name, _ENTRIES, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(_ENTRIES))}"
    raise CardError(f"no network is called {name!r}, and no file either; {hint}")


def describe(name: str | Path) -> str:
    """What is known about a registered name or a weight file, as text.

    Raises:
        CardError: neither is there.
    """
    from swath.models.header import read_header

    whole, skill = _parted(name)
    if skill is not None:
        return card_of(name).describe()
    return text_of(read_header(whole).cards) if _is_file(whole) else find(str(whole)).describe()


def load(name: str | Path, *, network: nn.Module | None = None) -> Model:
    """A model with its weights: by registered name, or from a `.swath` file. Prints nothing; see `Model.report`.

    Args:
        name: registered name or path; with `:SKILL` behind it only that one of several skills.
        network: the network that a file of an unregistered one needs.

    Raises:
        CardError: there is no such name or file, it has no weights, or they do not fit.
    """
    from swath.models.model import Model

    whole, skill = _parted(name)
    model = replace(Model.load(_weights(whole), network=network), source=str(name))
    return model if skill is None else model.skill(skill)


def card_of(name: str | Path) -> Card:
    """The card of a registered model or of a `.swath` file, without its weights: the first, or that of `:SKILL`.

    Raises:
        CardError: there is no such name or file, or it has no weights.
    """
    whole, skill = _parted(name)
    cards = cards_of(whole)
    found = [card for card in cards if skill in (None, card.name)]
    if not found:
        raise CardError(f"{whole} has no skill {skill!r}; it has {', '.join(card.name for card in cards)}")
    return found[0]


def cards_of(name: str | Path) -> tuple[Card, ...]:
    """The cards of all skills of a registered model or of a `.swath` file, without its weights.

    Raises:
        CardError: there is no such name or file, or it has no weights.
    """
    from swath.models.header import read_header

    return read_header(_weights(name)).cards


def _parted(name: str | Path) -> tuple[str | Path, str | None]:
    """Name or path, and the skill behind it where one is named."""
    whole, colon, skill = str(name).rpartition(":")
    named = bool(colon) and isinstance(name, str) and skill.replace("-", "").replace("_", "").replace(".", "").isalnum()
    if not named or Path(name).is_file():
        return name, None
    return whole, skill


def _weights(name: str | Path) -> str | Path:
    """The file that holds the weights."""
    if _is_file(name):
        return name
    entry = find(str(name))
    if entry.fitted:
        raise CardError(
            f"{entry.name} has no weights until it is fitted to a scene; swath.predict(scene, {entry.name!r}) does it, "
            f"and swath.models.fit({entry.name!r}, scene) gives the model"
        )
    if entry.weights is None:
        raise CardError(
            f"{entry.name} is a network without weights; train it, or build it: Model.build({entry.name!r}, card=...)"
        )
    return entry.weights


def load_official(
    name: str, state_dict: Mapping[str, Tensor], *, prefix: str = "", averaged: bool = False, **config: Any
) -> nn.Module:
    """A network with weights in the key layout of the system's own release, loaded strictly; in eval mode.

    A network has the names of its release; where it has not all of them, or others, its method
    `from_release(state_dict) -> state_dict` says which are which.

    Args:
        name: registered name.
        state_dict: the release's weights.
        prefix: only names that begin with it are taken, and it is cut off.
        averaged: of a training checkpoint that holds moving averages besides: whether to take these.
        config: arguments of the builder; `released=True` where the network has a form that reproduces the release.

    Raises:
        CardError: no such name or argument, or the weights do not fit; the message lists the keys.
    """
    from swath.models.checkpoint import weights_of
    from swath.models.strict import load_strict

    network = find(name).build(**config)
    state = {key.removeprefix(prefix): tensor for key, tensor in state_dict.items() if key.startswith(prefix)}
    state = weights_of(state, network.state_dict(), averaged=averaged)
    if (translate := getattr(network, "from_release", None)) is not None:
        state = translate(state)
    load_strict(network, state)
    return network.eval()


def _is_file(name: str | Path) -> bool:
    """Whether a file is meant; a registered name comes first."""
    if isinstance(name, Path):
        return True
    _discover()
    return name not in _ENTRIES and (Path(name).suffix != "" or len(Path(name).parts) > 1 or Path(name).is_file())
