"""Find sensors: by what a person wrote, or by the marks that a product bears. Nothing is guessed.

A sensor is written `NAME`, `NAME-LEVEL` or `NAME-LEVEL@VARIANT`: `naip`, `sentinel-2-l2a`, `sentinel-2-l2a@04.00`.
The variant `@values` belongs to every level: its numbers are already in the band's units.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import yaml
from pydantic import ValidationError

from swath.errors import SensorError
from swath.sensors.band import Band
from swath.sensors.sensor import Mark, Sensor

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where PyYAML was built with it: ten times faster

VALUES = "values"
"""Variant of every level: stored numbers are already in the band's units."""


@dataclass(frozen=True)
class Recognition:
    """A sensor at a level, perhaps in a variant, and how that is known."""

    sensor: Sensor
    level: str
    variant: str | None = None
    how: str = "given"
    """`given` by the caller, or the mark that told: `file name S2A_MSIL2A_...`."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What the marks told besides: platform, date, band."""

    @property
    def name(self) -> str:
        """The spelling that `sensor=` takes."""
        base = self.sensor.name if self.level == self.sensor.default_level else f"{self.sensor.name}-{self.level}"
        return f"{base}@{self.variant}" if self.variant else base

    @property
    def title(self) -> str:
        """Words for people."""
        return f"{self.sensor.title}, {self.sensor.levels[self.level].title}"

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """All bands of the level as stored, in the order of its stacks."""
        if self.variant == VALUES:
            plain = {"scale": 1.0, "offset": 0.0, "dtype": None, "nodata": None}
            return tuple(
                band.with_(**plain) if band.kind == "continuous" else band for band in self.sensor.bands_of(self.level)
            )
        return self.sensor.bands_of(self.level, self.variant)

    def band(self, name: str) -> Band:
        """The band called `name`, by name or alias.

        Raises:
            SensorError: the level has no such band.
        """
        for band in self.bands:
            if band.answers_to(name):
                return band
        raise SensorError(f"{self.name} has no band {name!r}; it has {', '.join(b.name for b in self.bands)}")

    def settled(self, when: np.datetime64 | None) -> Recognition:
        """This recognition with its variant decided, from the date where nothing else tells.

        Raises:
            SensorError: the level is stored in several ways and neither marks nor date say which.
        """
        variants = self.sensor.levels[self.level].variants
        if self.variant is not None or not variants:
            return self
        if (told := self.facts.get("variant")) is not None:
            for key, variant in variants.items():
                if variant.pattern and re.search(variant.pattern, told):
                    return replace(self, variant=key)
        if when is not None:
            day = when.astype("datetime64[D]")
            fitting = [
                key
                for key, variant in variants.items()
                if (variant.since is None or np.datetime64(variant.since) <= day)
                and (variant.until is None or day <= np.datetime64(variant.until))
            ]
            if len(fitting) == 1:
                return replace(self, variant=fitting[0], how=f"{self.how}; variant by the date {day}")
        base = replace(self, variant=None).name
        ways = "; ".join(f"sensor='{base}@{key}' ({variant.title})" for key, variant in variants.items())
        raise SensorError(
            f"{self.sensor.title} {self.level.upper()} numbers are stored in more than one way and nothing in the "
            f"source says which: say {ways}; or sensor='{base}@{VALUES}' (already in units)"
        )


def read_sensor(path: str | Path) -> Sensor:
    """Read a sensor from a YAML file of the form that `swath/sensors/data` holds.

    Raises:
        SensorError: the file cannot be read or a field is wrong; the message names the field.
    """
    try:
        return Sensor.model_validate(yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_LOADER))
    except OSError as error:
        raise SensorError(f"{path}: cannot read the sensor file: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise SensorError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SensorError(f"{path}: {where}: {first['msg']} (of {error.error_count()} found)") from error


@cache
def sensors() -> Mapping[str, Sensor]:
    """All sensors that Swath knows, by name."""
    folder = files("swath.sensors") / "data"
    paths = sorted(str(entry) for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    return {sensor.name: sensor for sensor in map(read_sensor, paths)}


def find_sensor(spec: str | Sensor | Path | Recognition) -> Recognition:
    """The sensor that a person named, or whose file they gave.

    Args:
        spec: `NAME[-LEVEL][@VARIANT]`, a path to a sensor file (`.yaml`, with `:LEVEL` behind it where it has
            several), or a `Sensor`.

    Raises:
        SensorError: unknown, or several levels and none named; the message lists what there is.
    """
    if isinstance(spec, Recognition):
        return spec
    if isinstance(spec, Sensor):
        return _at_level(spec, None, None)
    text = str(spec)
    if ".yaml" in text or ".yml" in text:
        path, _, level = text.rpartition(":") if re.search(r"\.ya?ml:", text) else (text, "", "")
        return _at_level(read_sensor(path), level or None, None)
    base, _, variant = text.casefold().partition("@")
    known = sensors()
    for name in sorted(known, key=len, reverse=True):
        if base == name or (base.startswith(name + "-") and base[len(name) + 1 :] in known[name].levels):
            return _at_level(known[name], base[len(name) + 1 :] or None, variant or None)
    names = [f"{name}-{level}" for name, sensor in known.items() for level in sensor.levels] + list(known)
    near = difflib.get_close_matches(base, names, n=4, cutoff=0.5)
    hint = f"; near: {', '.join(near)}" if near else f"; known: {', '.join(known)}"
    raise SensorError(f"unknown sensor {text!r}{hint}; for one of your own give the path of its YAML file")


def _at_level(sensor: Sensor, level: str | None, variant: str | None) -> Recognition:
    level = level or sensor.default_level or (next(iter(sensor.levels)) if len(sensor.levels) == 1 else None)
    if level is None or level not in sensor.levels:
        ways = ", ".join(f"sensor='{sensor.name}-{key}' ({value.title})" for key, value in sensor.levels.items())
        raise SensorError(f"{sensor.title} comes at several levels: say {ways}")
    variants = sensor.levels[level].variants
    if variant is not None and variant != VALUES and variant not in variants:
        ways = ", ".join([*variants, VALUES])
        raise SensorError(f"{sensor.name}-{level} has no variant {variant!r}; it has {ways}")
    return Recognition(sensor, level, variant)


def recognise(
    path: str = "", tags: Mapping[str, str] | None = None, stac: Mapping[str, object] | None = None
) -> Recognition | None:
    """The sensor whose marks a product bears, or None: no mark, or marks of several sensors.

    Args:
        path: file name with the folders above it.
        tags: metadata items of the file.
        stac: properties of the STAC item, with `collection`.
    """
    found = []
    for sensor in sensors().values():
        for level_name, level in sensor.levels.items():
            for mark in level.marks:
                hit = _match(mark, path, tags or {}, stac or {})
                if hit is not None:
                    facts = _facts((*level.facts, mark), path, tags or {}, stac or {})
                    found.append(Recognition(sensor, level_name, None, hit[0], facts))
                    break
    if len({(item.sensor.name, item.level) for item in found}) != 1:
        return None
    return found[0]


def _match(
    mark: Mark, path: str, tags: Mapping[str, str], stac: Mapping[str, object]
) -> tuple[str, dict[str, str]] | None:
    if mark.where == "name":
        candidates: Iterable[tuple[str, str]] = (("name", part) for part in _parts(path))
    else:
        table: Mapping[str, object] = tags if mark.where == "tag" else stac
        key = mark.key or ""
        candidates = [(f"{'tag' if mark.where == 'tag' else 'STAC'} {key}", str(table[key]))] if key in table else []
    for label, text in candidates:
        if (match := mark.regex.search(text)) is not None:
            return f"{label} {text}", _named(match)
    return None


@lru_cache(maxsize=16)
def _parts(path: str) -> tuple[str, ...]:
    """A file's name and the folders above it, innermost first; asked for by hundreds of marks in a row."""
    return tuple(part for part in reversed(re.split(r"[\\/]", path)) if part)


def _named(match: re.Match[str]) -> dict[str, str]:
    """The named groups as facts; `year`, `month` and `day`, in whatever order a name has them, make one `date`."""
    facts = {key: value for key, value in match.groupdict().items() if value}
    if "year" in facts:
        facts["date"] = "-".join(facts.pop(part) for part in ("year", "month", "day"))
    return facts


def _facts(marks: Iterable[Mark], path: str, tags: Mapping[str, str], stac: Mapping[str, object]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for mark in marks:
        hit = _match(mark, path, tags, stac)
        facts |= hit[1] if hit else {}
    return facts
