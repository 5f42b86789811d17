"""A map of classes beside the imagery: which of its numbers is which class of the card's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from swath.models.needs import Input
from swath.predict.feed import uncut
from swath.scene.open import open_scene
from swath.scene.sample import take_sample
from swath.scene.scene import Scene
from swath.scene.words import many

MapClasses = Mapping[str | int, str | None]
"""Name or number in the map -> name on the card, or None for what is to count as not known."""
_MOST = 6


@dataclass(frozen=True)
class Legend:
    """What the numbers of a map mean to a network.

    Attributes:
        scene: the map, uncut, as class numbers.
        positions: number in the map -> position of the card's class; all other numbers are not known.
        problems: why it does not fit, each with what settles it.
        notes: what a person should know.
    """

    scene: Scene
    positions: Mapping[int, int]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def beside(scene: Scene | Sequence[Scene] | Mapping[str, Scene], drawn: Scene | str | os.PathLike[str]) -> list[Scene]:
    """Imagery and the map that was drawn of it, as a model of these two inputs takes them.

    Raises:
        OpenError: the map cannot be opened.
    """
    images = [scene] if isinstance(scene, Scene) else [*(scene.values() if isinstance(scene, Mapping) else scene)]
    return [*images, drawn if isinstance(drawn, Scene) else open_scene(os.fspath(drawn))]


def legend_of(scene: Scene, given: Input, said: MapClasses | None) -> Legend:
    """Compare the classes of a map with the card's: by name where the map has names, else by number.

    What is seen in a sample of the map and is no class of the card's must be settled; rare numbers that the sample
    does not hold are not known to the network, as is what the map calls nodata.

    Args:
        scene: the map.
        given: the card's input, with classes.
        said: what the caller says of the map's classes.

    Raises:
        ReadError: the map cannot be read.
    """
    whole = uncut(scene)
    if len(whole.bands) != 1 or len(whole.dates) != 1:
        found = f"{many(len(whole.bands), 'band')} and {many(len(whole.dates), 'date')}"
        return Legend(whole, {}, (f"it has {found}, and a map has one of each: open it with bands=, or give another",))
    (band,) = whole.bands
    names = dict(band.classes or {})
    whole = replace(whole, bands=(band.with_(kind="categorical"),))
    values = take_sample(whole).values
    seen = {int(one) for one in np.unique(values[np.isfinite(values)])}
    wanted = {_plain(label.name): position for position, label in enumerate(given.classes)}
    by_value = {label.value: position for position, label in enumerate(given.classes)}
    told = {_plain(str(key)): name for key, name in (said or {}).items()}
    known = ", ".join(f"{label.value} {label.name}" for label in given.classes)
    if wrong := [name for name in told.values() if name is not None and _plain(name) not in wanted]:
        return Legend(whole, {}, (f"map_classes= names {wrong[0]!r}, which is no class of {given.name}: {known}",))
    positions: dict[int, int] = {}
    left_out: list[str] = []
    lacking: list[str] = []
    for number in sorted(seen | set(names)):
        name = names.get(number, str(number))
        keys = [key for key in (_plain(name), str(number)) if key in told]
        if keys:
            new = told[keys[0]]
            if new is None:
                left_out.append(name)
            else:
                positions[number] = wanted[_plain(new)]
        elif names and _plain(name) in wanted:
            positions[number] = wanted[_plain(name)]
        elif not names and number in by_value:
            positions[number] = by_value[number]
        elif number in seen:
            lacking.append(name)
    if lacking:
        few = ", ".join(lacking[:_MOST]) + (f" and {len(lacking) - _MOST} more" if len(lacking) > _MOST else "")
        example = f"map_classes={{{lacking[0]!r}: {given.classes[0].name!r}}} (`--map-classes`)"
        problem = f"it shows {few}, and the model knows {known}: say which is which, {example}, None for not known"
        return Legend(whole, positions, (problem,))
    notes = (f"{given.name}: as asked, {', '.join(left_out)} counts as not known",) if left_out else ()
    return Legend(whole, positions, (), notes)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter not in " -_")
