"""`Published`: what is known of a published set: how it lies in its folder, its classes, splits, pixel size, paper."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml
from pydantic import Field

from swath.data.files import PARTS
from swath.models.card import Task
from swath.models.frozen import Frozen

Role = Literal["before", "after", "change", "from", "to", "transition", "damage", "month", "classes"]
"""What a file is: imagery of the first or last date, or of a month; change as yes and no; classes at the first and last
date, or of a month; numbers that stand for pairs of classes; polygons with levels of damage."""


class SetClass(Frozen):
    """A class as masks or labels of a set tell it."""

    name: str
    number: int | None = None
    """In masks of one band; of masks with a band per class, the band, from 0."""
    colour: str | None = Field(default=None, pattern=r"^#[0-9a-f]{6}$")
    """In masks of three bands, and of maps."""
    told: str | None = None
    """In labels that are no masks; None: the name."""


class Arrangement(Frozen):
    """Where files lie, as paths without suffix in which `{word}` stands for a name and `*` for anything but `/`.

    Files whose words are the same, of those that all roles have, are of one place. A path that ends in `/` is a folder
    with a file per band.
    """

    files: dict[Role, str]
    also: tuple[str, ...] = ()
    """Files that are not read; where there are none, the set must be named."""
    aside: tuple[str, ...] = ()
    """Files that are not read and may be missing."""
    tells: bool = False
    """Whether no other set lies like this, so that it need not be named."""


class Listed(Frozen):
    """Lists that part a set."""

    path: str
    """Of text files, with `{part}`."""
    of: str
    """Word whose values they hold, be it within longer words."""


class Published(Frozen):
    """What is known of a published set."""

    name: str
    """Of the layout."""
    title: str
    task: Task
    about: str
    """How much of what, from where."""
    imagery: str
    """What took it, as far as the paper says."""
    gsd: float | None = Field(default=None, gt=0)
    """Pixel size in m, told of images that do not say it; of several sizes one in the middle."""
    gsd_words: str = ""
    """What the paper says where it is not one size."""
    sensor: str | None = None
    """As for `swath.open`, where the files bear no mark of it."""
    classes: tuple[SetClass, ...] = ()
    """Without unchanged; empty: unchanged and changed."""
    unchanged: SetClass | None = None
    """What masks of classes hold where nothing changed and no class is labelled."""
    ignore: tuple[SetClass, ...] = ()
    """What means "not labelled"."""
    one_band_each: bool = False
    """Whether masks have a band per class."""
    transitions: dict[int, tuple[str, str]] = Field(default_factory=dict)
    """Number and classes before and after."""
    copies: str | None = None
    """Pattern of names of images made from others by turning and cutting; they are left out."""
    splits: str
    """How the paper parts it."""
    parts: dict[str, Literal["train", "val", "test"]] = Field(default_factory=dict)
    """Names of parts besides train, val, test."""
    lists: Listed | None = None
    licence: str | None = None
    """SPDX name, where there is one."""
    terms: str
    """What may be done with it, as far as it is said."""
    source: str
    """Address or DOI."""
    citation: str
    metric: str
    """By which the paper ranks."""
    known_as: str
    """Pattern of names that folders with a copy have."""
    words: dict[str, str] = Field(default_factory=dict)
    """Patterns of the words in paths."""
    item: str | None = None
    """Name of an item from its words; None: all of them with `/`."""
    arrangements: tuple[Arrangement, ...]

    def describe(self) -> str:
        """A sentence for people."""
        size = self.gsd_words
        if self.gsd is not None:
            size = f"{size} ({self.gsd:g} m is taken; gsd= says it better)" if size else f"{self.gsd:g} m"
        return "; ".join(filter(None, [f"{self.title}: {self.about}", size, self.terms, self.source]))

    def pattern(self, template: str) -> re.Pattern[str]:
        """What paths of a template look like, anywhere in a folder; a word that comes again must be the same."""
        made, seen = "", set()
        for literal, word in re.findall(r"([^{}]+)|\{(\w+)\}", template):
            if literal:
                made += "[^/]*".join(re.escape(part) for part in literal.split("*"))
            elif word in seen:
                made += f"(?P={word})"
            else:
                seen.add(word)
                made += f"(?P<{word}>{self.words.get(word) or self._default(word)})"
        return re.compile(rf"(?:(?P<_head>.+)/)?{made}", re.IGNORECASE)

    def _default(self, word: str) -> str:
        return "|".join(sorted((*PARTS, *self.parts), key=len, reverse=True)) if word == "part" else "[^/]+"

    def part(self, word: str | None) -> str | None:
        """The part of a split that a word in a path means."""
        key = (word or "").casefold()
        return self.parts.get(key) or PARTS.get(key)

    def _agree(self) -> None:
        names = {one.name for one in self.classes}
        if lacking := [one for pair in self.transitions.values() for one in pair if one not in names]:
            raise ValueError(f"transitions: {lacking[0]!r} is no class")


@cache
def published() -> Mapping[str, Published]:
    """All sets by name, in the order of the alphabet."""
    found: dict[str, Published] = {}
    for path in sorted((files(__package__) / "sets").iterdir(), key=lambda path: path.name):
        if path.name.endswith(".yaml"):
            fields: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
            one = Published.model_validate({"name": path.name.removesuffix(".yaml"), **fields})
            found[one.name] = one
    return found
