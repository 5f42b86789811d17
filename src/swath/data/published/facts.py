"""`Published`: what is known of a published set: how it lies in its folder, its classes, splits, pixel size, paper."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml
from pydantic import Field, field_validator

from swath.data.files import PARTS
from swath.data.published.parting import Listed, Part, Parted, Table
from swath.data.published.scores import PaperScore
from swath.models.card import Task
from swath.models.frozen import Frozen
from swath.sensors import Band, find_sensor

Imagery = Literal["image", "series", "first", "before", "after", "month"]
Labels = Literal["change", "from", "to", "transition", "damage", "classes", "table"]
Role = Imagery | Labels
"""What a file is: imagery of the only date, series of other sensors beside it, imagery of one date yet before the first
of a pair, of the first or last date, or of a month; change as yes and no; classes at the first and last date, or of the
image or month; numbers that stand for pairs of classes; polygons with levels of damage; a table of all images."""


class SetClass(Frozen):
    """A class as masks or labels of a set tell it."""

    name: str
    number: int | None = None
    """In masks of one band; of masks with a band per class, the band, from 0."""
    colour: str | None = Field(default=None, pattern=r"^#[0-9a-f]{6}$")
    """In masks of three bands, and of maps."""
    also: tuple[int | str, ...] = ()
    """More numbers or colours `#rrggbb` by which copies of the set tell it."""
    told: str | None = None
    """In labels that are no masks, such as names of folders; None: the name."""


class Rows(Frozen):
    """Images that lie in the rows of a table: Parquet with files in its cells, or tortillas within a tortilla."""

    name: str
    """Column of the names of images."""
    image: str
    """Column of the images; of tortillas, the name of the part that is the image."""
    classes: str
    """Likewise of their masks."""
    in_colours: bool = False
    """Whether masks tell classes by colours."""
    part: str | None = None
    """Column of the part of a split; None: the path tells it."""
    only: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Values that a column must have for a row to be read."""
    crs: str | None = None
    """Column of the CRS, for images that do not say it."""
    bounds: str | None = None
    """Column of west, south, east and north in that CRS."""
    objects: str | None = None
    """Column of the objects of an image, as a list of annotations of the COCO layout."""
    categories: dict[int, str] = Field(default_factory=dict)
    """Names of their classes by number."""


class SetSensor(Frozen):
    """One of several sensors of a place: the image, or a series beside it of which the median is taken."""

    sensor: str
    """As for `swath.open`."""
    bands: tuple[str, ...]
    """In the order in which they are stored."""
    array: str | None = None
    """Of the series, `[T, band, y, x]`; None: it is the image."""
    hidden: str | None = None
    """Array of how likely each pixel is hidden, in percent, `[T, kind, y, x]`; None: all of it counts."""
    most: float = 100
    """Percent up to which pixels count, of each kind."""


class Arrangement(Frozen):
    """Where files lie, as paths without suffix in which `{word}` stands for a name and `*` for anything but `/`.

    Files whose words are the same, of those that all roles have, are of one place; a file without words is of all. A
    path that ends in `/` is a folder with a file per band; several paths are the files of one date, a band or more in
    each.
    """

    files: dict[Role, tuple[str, ...]]
    also: tuple[str, ...] = ()
    """Files that are not read; where there are none, the set must be named."""
    aside: tuple[str, ...] = ()
    """Files that are not read and may be missing."""
    tells: bool = False
    """Whether no other set lies like this, so that it need not be named."""
    suffixes: tuple[str, ...] = ()
    """Of the rasters; empty: any."""
    arrays: dict[Role, tuple[str, ...]] = Field(default_factory=dict)
    """Names that the array of a role may have, where files are HDF5 or NetCDF 4; `a+b`: both, one after another.

    Of `months` the image has an array for each band, in the order of the bands.
    """
    stacked: bool = False
    """Whether an array holds many images, one after another, and that of classes a row of 0 and 1 for each."""
    months: bool = False
    """Whether the arrays of an image are series of a year, one per band, of which the median of each month is taken."""
    sensors: dict[str, SetSensor] = Field(default_factory=dict)
    """By name, where a place has an image and a file with series of other sensors."""
    side: float | None = None
    """Of the ground that the series cover in m, around the middle of the image."""
    rows: Rows | None = None
    """Where the files are tables of many images."""
    objects: tuple[str, ...] = ()
    """Files of the COCO layout that tell the objects of the images, with the part of a split in their names."""
    sensor: str | None = None
    """As of the set, where imagery that lies like this is of another sensor."""
    bands: tuple[str, ...] = ()
    """As of the set, where imagery that lies like this has other bands."""

    @field_validator("files", mode="before")
    @classmethod
    def _listed(cls, files: dict[str, Any]) -> dict[str, Any]:
        return {role: (path,) if isinstance(path, str) else path for role, path in files.items()}


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
    bands: tuple[str | Band, ...] = ()
    """As for `swath.open`, where the files do not say what their bands are, or not in the sensor's order; whole ones
    where they are of another sensor than the rest."""
    light: str | None = None
    """Sensor whose bands these are, where their numbers are not stored as that sensor stores them."""
    classes: tuple[SetClass, ...] = ()
    """Without unchanged; empty: unchanged and changed."""
    unchanged: SetClass | None = None
    """What masks of classes hold where nothing changed and no class is labelled."""
    ignore: tuple[SetClass, ...] = ()
    """What means "not labelled"."""
    rest: str | None = None
    """Class of all other numbers or colours of masks, or what of `ignore` they are; None: there are to be none."""
    one_band_each: bool = False
    """Whether masks have a band per class."""
    transitions: dict[int, tuple[str, str]] = Field(default_factory=dict)
    """Number and classes before and after."""
    copies: str | None = None
    """Pattern of names of images made from others by turning and cutting; they are left out."""
    splits: str
    """How the paper parts it."""
    parts: dict[str, Part] = Field(default_factory=dict)
    """Names of parts besides train, val, test."""
    lists: Listed | None = None
    parted: Parted | None = None
    table: Table | None = None
    licence: str | None = None
    """SPDX name, where there is one."""
    terms: str
    """What may be done with it, as far as it is said."""
    source: str
    """Address or DOI."""
    citation: str
    scores: tuple[PaperScore, ...] = Field(min_length=1)
    """By which the paper ranks, the first before all."""
    unsure: tuple[str, ...] = ()
    """What of this could not be held against its paper or page."""
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
        unsure = f"not held against its paper or page: {', '.join(self.unsure)}" if self.unsure else ""
        scored = f"scored in its paper by {', '.join(one.name for one in self.scores)}"
        told = [f"{self.title}: {self.about}", size, scored, self.terms, self.source, unsure]
        return "; ".join(filter(None, told))

    @property
    def told_bands(self) -> tuple[str | Band, ...] | None:
        """What `swath.open` is to be told of the bands; None: nothing."""
        if self.light is None:
            return self.bands or None
        known = {band.name: band for band in find_sensor(self.light).sensor.bands}
        plain = {"units": "dn", "scale": 1.0, "offset": 0.0, "dtype": None, "nodata": None}
        return tuple(known[name].with_(**plain) for name in self.bands if isinstance(name, str))

    def pattern(self, template: str) -> re.Pattern[str]:
        """What paths of a template look like, anywhere in a folder; a word that comes again must be the same.

        With `/` at the front they begin in the folder itself.
        """
        made, seen = "", set()
        for literal, word in re.findall(r"([^{}]+)|\{(\w+)\}", template):
            if literal:
                made += "[^/]*".join(re.escape(part) for part in literal.split("*"))
            elif word in seen:
                made += f"(?P={word})"
            else:
                seen.add(word)
                made += f"(?P<{word}>{self.words.get(word) or self._default(word)})"
        return re.compile(made[1:] if made[0] == "/" else rf"(?:(?P<_head>.+)/)?{made}", re.IGNORECASE)

    def _default(self, word: str) -> str:
        return "|".join(sorted((*PARTS, *self.parts), key=len, reverse=True)) if word == "part" else "[^/]+"

    def part(self, word: str | None) -> str | None:
        """The part of a split that a word in a path means."""
        key = (word or "").casefold()
        return self.parts.get(key) or PARTS.get(key)

    def _agree(self) -> None:
        names = {one.name for one in self.classes}
        if self.rest is not None and self.rest not in names | {one.name for one in self.ignore}:
            raise ValueError(f"rest: {self.rest!r} is no class, and not among what is ignored")
        for score in self.scores:
            score.check(names)
        if lacking := [one for pair in self.transitions.values() for one in pair if one not in names]:
            raise ValueError(f"transitions: {lacking[0]!r} is no class")


@cache
def published() -> Mapping[str, Published]:
    """All sets by name, in the order of the alphabet. What a file leaves out is that of the set in its `like`."""
    told: dict[str, dict[str, Any]] = {}
    for path in sorted((files(__package__) / "sets").iterdir(), key=lambda path: path.name):
        if path.name.endswith(".yaml"):
            told[path.name.removesuffix(".yaml")] = yaml.safe_load(path.read_text(encoding="utf-8"))
    whole = {name: {**told.get(own.pop("like", ""), {}), **own} for name, own in told.items()}
    return {name: Published.model_validate({"name": name, **fields}) for name, fields in whole.items()}
