"""`Sensor`: an instrument as data: its bands, its product levels, and the marks by which a product is known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from swath.sensors.band import Band
from swath.sensors.units import Units


def _compiles(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return value


_Pattern = Annotated[str, AfterValidator(_compiles)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mark(_Frozen):
    """One sign by which a product of a level is recognised.

    `where: name` matches the file's name and the folders above it, `tag` a metadata item of the file, `stac` a STAC
    property, the collection's id included (key `collection`). Named groups of the pattern are facts: `date` (ISO, or
    digits `YYYYMMDD`, `YYYYDDD`, or with a time behind `T`; in another order as `year`, `month` and `day`), `platform`,
    `band`, `variant`.
    """

    where: Literal["name", "tag", "stac"]
    key: str | None = None
    pattern: _Pattern

    @model_validator(mode="after")
    def _key_where_needed(self) -> Self:
        if (self.where == "name") == (self.key is not None):
            raise ValueError("a mark in a tag or in STAC needs a key; a mark in a name has none")
        return self

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The compiled pattern; it may match anywhere, letters of either case."""
        return re.compile(self.pattern, re.IGNORECASE)


class Variant(_Frozen):
    """A way of storing numbers that a level has had, such as a processing baseline with its own offset."""

    title: str
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    units: Units | None = None
    dtype: str | None = None
    since: date | None = None
    """First acquisition date for which this variant is the producer's standard."""
    until: date | None = None
    """Last such date."""
    pattern: _Pattern | None = None
    """Regular expression of the `variant` fact (a baseline number, say) that selects it."""


class Level(_Frozen):
    """A product level: which bands it holds, in which order, and how its numbers are stored."""

    title: str
    units: Units | None = None
    scale: float | None = None
    offset: float | None = None
    dtype: str | None = None
    nodata: float | None = None
    bands: tuple[str, ...] | None = None
    """Names of the sensor's bands in the order of this level's stacks; None: all, in the sensor's order."""
    changes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Per band, the fields in which it differs at this level."""
    marks: tuple[Mark, ...] = ()
    """A product that bears one of these is of this level."""
    facts: tuple[Mark, ...] = ()
    """Further patterns, read for their named groups once the level is known."""
    variants: dict[str, Variant] = Field(default_factory=dict)
    sources: tuple[str, ...] = ()


def _is_table(entry: Any) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("table"), str)


def _of_table(table: str, **shared: Any) -> Iterator[dict[str, Any]]:
    for line in filter(str.strip, table.splitlines()):
        name, *limits = line.split()
        yield {"name": name, "wavelength": limits, **shared}


class Sensor(_Frozen):
    """An instrument, or a family of them with the same bands.

    One YAML file in `swath/sensors/data` makes one sensor; a user's own file has the same fields (`swath.Sensor.read`).
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    title: str
    kind: Literal["optical", "thermal", "sar", "aerial", "hyperspectral", "reanalysis", "derived"]
    platforms: tuple[str, ...] = ()
    bands: tuple[Band, ...] = Field(min_length=1)
    """In a file, bands that differ in name and wavelength alone may stand as one entry: a `table` of lines with name,
    min, centre and max in nm, beside the fields that they share."""
    levels: dict[str, Level] = Field(min_length=1)
    default_level: str | None = None
    """The level meant by the bare name; None where there are several and a person must say which."""
    sources: tuple[str, ...] = Field(min_length=1)
    """Where the numbers come from: specifications, handbooks, papers, with a number or an address each."""
    notes: str | None = None

    @field_validator("bands", mode="before")
    @classmethod
    def _from_tables(cls, entries: Any) -> Any:
        if not isinstance(entries, list):
            return entries
        return [band for entry in entries for band in (_of_table(**entry) if _is_table(entry) else (entry,))]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [band.name for band in self.bands]
        if len(set(names)) != len(names):
            raise ValueError(f"sensor {self.name}: band names are not unique")
        for key, level in self.levels.items():
            for name in (*(level.bands or ()), *level.changes):
                if name not in names:
                    raise ValueError(f"sensor {self.name}, level {key}: no band is called {name!r}")
        if self.default_level is not None and self.default_level not in self.levels:
            raise ValueError(f"sensor {self.name}: default_level {self.default_level!r} is not one of its levels")
        return self

    def bands_of(self, level: str, variant: str | None = None) -> tuple[Band, ...]:
        """The bands as they are stored at a level, in the order of its stacks.

        Fields set on a band of the sensor yield to the level's, those to the level's `changes` for the band; a variant
        changes only the bands that share the level's own storage, so a mask band keeps its own.
        """
        spec = self.levels[level]
        stored = {
            key: value
            for key in ("units", "scale", "offset", "dtype", "nodata")
            if (value := getattr(spec, key)) is not None
        }
        if variant is not None and variant in spec.variants:
            chosen = spec.variants[variant].model_dump(exclude={"title", "since", "until", "pattern"})
            stored |= {key: value for key, value in chosen.items() if value is not None}
        by_name = {band.name: band for band in self.bands}
        result = []
        for name in spec.bands if spec.bands is not None else by_name:
            band = by_name[name]
            fields = band.model_dump(exclude_unset=True)
            shared = stored if band.kind == "continuous" and not (fields.keys() & {"units", "scale", "dtype"}) else {}
            result.append(Band.model_validate({**fields, **shared, **spec.changes.get(name, {})}))
        return tuple(result)
