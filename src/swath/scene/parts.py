"""From sources to parts: sources whose bands are told, each at one date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from swath.errors import OpenError, SensorError
from swath.scene.dates import Date
from swath.scene.identify import find_band
from swath.scene.naming import name_bands
from swath.scene.reader import Picked, Reader
from swath.scene.source import Source
from swath.scene.words import many
from swath.sensors import Band, Recognition


@dataclass(frozen=True)
class Part:
    """A source whose bands are known, at one date."""

    reader: Reader
    label: str
    bands: tuple[Band | None, ...]
    date: Date | None
    sensor: Recognition | None
    notes: tuple[str, ...]
    is_named: bool
    """Whether the bands carry more than their position as a name."""
    is_told: bool
    """Whether a person, a sensor or a catalogue named the bands, not only the file's own words."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bands that are part of the scene."""
        return tuple(band.name for band in self.bands if band is not None)


def parts_of(
    found: list[Source], declared: Recognition | None, wanted: list[Any] | None, *, in_order: bool
) -> list[Part]:
    """What each source holds.

    Args:
        found: the sources.
        declared: the sensor that the caller named.
        wanted: the caller's `bands=`.
        in_order: whether the caller listed the sources one by one, so that names given for them are in the same order.

    Raises:
        OpenError: the bands cannot be told; the message says what to write.
        SensorError: no such band, or numbers stored in more than one way.
    """
    pairs = _with_names(found, declared, wanted, in_order)
    return [part for one, names in pairs for part in _identified(one, declared, names)]


def _with_names(
    found: list[Source], declared: Recognition | None, wanted: list[Any] | None, in_order: bool
) -> list[tuple[Source, list[Any] | None]]:
    """Each source with the names for it: of single-band files, one that the file's name holds, or by position.

    Files of a folder or glob come in the order of the alphabet, which puts B8A behind B12: names are never given to
    them by position, and those whose name holds none of the bands asked for are left out.
    """
    plain = [(one, wanted) for one in found]
    single = all(len(one.reader.stored) == 1 and one.bands is None and one.only is None for one in found)
    if not single or len(found) < 2 or (wanted is None and declared is None):
        return plain
    keys = wanted if wanted is not None else [band.name for band in declared.bands] if declared else []
    told = [(_named_in(one, keys, declared), one) for one in found]
    held = sorted(((i, one) for i, one in told if i is not None), key=lambda pair: pair[0])
    once = len({i for i, _ in held}) == len(held)
    if once and len(held) == (len(found) if wanted is None else len(wanted)):
        return [(one, [keys[i]]) for i, one in held]
    if wanted is None or len(wanted) != len(found):
        return plain
    if not in_order:
        raise OpenError(
            f"{found[0].reader.name} and {many(len(found) - 1, 'more file')} do not carry the names in bands=; their "
            "order in a folder or glob is the alphabet's, so list the files one by one in the order of bands="
        )
    return [(one, [key]) for one, key in zip(found, wanted, strict=True)]


def _named_in(source: Source, keys: Sequence[Any], declared: Recognition | None) -> int | None:
    """Position of the one of `keys` that a file's name holds: `B04.tif`, `scene_B04.tif`, `T31_B04_10m.jp2`."""
    stem = Path(source.reader.name).stem.casefold()
    words = [stem, *stem.replace("-", "_").replace(".", "_").replace(" ", "_").split("_")]
    hits = []
    for i, key in enumerate(keys):
        names = {key.name, *key.aliases} if isinstance(key, Band) else {str(key)}
        if declared is not None and isinstance(key, str):
            names |= {name for band in declared.bands if band.answers_to(key) for name in (band.name, *band.aliases)}
        if {name.casefold() for name in names} & set(words):
            hits.append(i)
    return hits[0] if len(hits) == 1 else None


def spread_dates(found: list[Source], given: list[Date] | None, wanted: list[Any] | None) -> list[Source]:
    """A single stack whose layers are dates: `dates=` has one per layer, or per group of as many layers as bands."""
    if given is None or len(found) != 1 or len(given) == 1:
        return found
    one, count = found[0], len(found[0].reader.stored)
    per_date = len(wanted or [None])
    if len(given) * per_date != count:
        raise OpenError(
            f"{one.reader.name}: {many(len(given), 'date')} for {many(count, 'layer')}; give one date per source, or "
            "for a stack as many dates as layers (with bands=, as layers divided by bands, all bands of the first date "
            "first)"
        )
    return [_slice(one, t * per_date, (t + 1) * per_date) for t in range(len(given))]


def _slice(one: Source, start: int, stop: int) -> Source:
    # What the layers are called is their date, not their band.
    picked = Picked(one.reader, range(start, stop), named=False)
    return replace(one, reader=picked, bands=None, band_dates=None, label=f"{one.label}[{start}:{stop}]")


def _identified(source: Source, declared: Recognition | None, wanted: list[Any] | None) -> list[Part]:
    """The source with its bands told; a series of one band gives a part per date."""
    sensor = declared or source.sensor
    if declared is not None and source.sensor is not None and declared.sensor.name == source.sensor.sensor.name:
        # The file still tells its date and band; the person has told the level or variant.
        sensor = replace(declared, facts={**source.sensor.facts, **declared.facts}, how=declared.how)
    if source.band_dates is not None:
        pieces = [_slice(source, i, i + 1) for i in range(len(source.band_dates))]
        dated = zip(pieces, source.band_dates, strict=True)
        return [part for piece, when in dated for part in _identified(replace(piece, date=when), declared, wanted)]
    if sensor is not None and source.bands is None:
        sensor = sensor.settled(source.date)
    stored = source.reader.stored
    if source.bands is not None:
        bands, notes = _choose(source.bands, wanted), list[str]()
    else:
        bands, notes = name_bands(stored, sensor, wanted, source.reader.name, source.only)
    is_told = sensor is not None or source.bands is not None or wanted is not None
    is_named = is_told or all(band is None or not band.name.isdigit() for band in bands)
    if sensor is not None:
        notes.append(f"{source.reader.name}: {sensor.title}, known by {sensor.how}")
    notes = [*source.notes, *notes]
    return [Part(source.reader, source.label, tuple(bands), source.date, sensor, tuple(notes), is_named, is_told)]


def _choose(bands: Sequence[Band | None], wanted: list[Any] | None) -> list[Band | None]:
    """Of bands that a product layout names, those that were asked for."""
    if wanted is None:
        return list(bands)
    keep: list[Band | None] = [None] * len(bands)
    present = [(i, band) for i, band in enumerate(bands) if band is not None]
    for key in wanted:
        try:
            position = find_band([band for _, band in present], key.name if isinstance(key, Band) else key)
        except SensorError:
            continue
        keep[present[position][0]] = present[position][1]
    return keep
