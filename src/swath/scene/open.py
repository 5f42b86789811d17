"""`swath.open`: sources of any form become one Scene. No pixel is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from odc.geo.geobox import GeoBox

from swath.errors import OpenError, SensorError
from swath.scene.align import align, pixel_size
from swath.scene.dates import Date, parse_date
from swath.scene.gather import gather
from swath.scene.identify import name_bands
from swath.scene.opened import arguments
from swath.scene.reader import Picked, Reader
from swath.scene.scene import Plane, Scene
from swath.scene.source import Source
from swath.sensors import Band, Recognition, Sensor, find_sensor


def open_scene(
    *sources: Any,
    sensor: str | Sensor | Path | None = None,
    bands: Sequence[str | int | float | Band] | None = None,
    dates: Sequence[Any] | Any = None,
    grid: GeoBox | str | None = None,
    resampling: str | None = None,
    complex: str | None = None,
) -> Scene:
    """Open imagery of one place as a `Scene`; nothing is read until it is asked for.

    Args:
        sources: paths, URLs, globs, folders, products (`.SAFE`, Landsat folders, their zips), STAC items, collections
            and search results, NetCDF, HDF5 and Zarr stores, xarray objects, or `(array, grid)`. One per band, one per
            date, or stacks of both.
        sensor: name of the sensor and level (`sentinel-2-l2a`), or the path of a sensor file, where the source bears no
            mark of it.
        bands: names of the stored bands in their order, where nothing says what they are; else those wanted, in order.
            Names, common names (`red`), wavelengths in nm, or `swath.Band` objects.
        dates: one per source (or per band of a single-band series), as text, `datetime` or year.
        grid: where to bring everything: a GeoBox; None: the grid of the first source (of its finest band). `warp`: for
            files with only ground control points or RPCs, a north-up grid through them; `pixels`: their bare pixels.
        resampling: GDAL's name of the resampling for sources on other grids; None: fitted to the kind of data.
        complex: `amplitude` or `intensity`, what to take from complex numbers.

    Returns:
        A scene with dims `(time, band, y, x)`.

    Raises:
        OpenError: a source cannot be opened, or not without being told what it is; the message names the argument.
        SensorError: unknown sensor, band, or way in which its numbers are stored.
        GridError: sources cannot be brought onto one grid.
    """
    if not sources:
        raise OpenError("nothing to open: give at least one path, URL, STAC or xarray object, or (array, grid)")
    if isinstance(grid, str) and grid not in ("warp", "pixels"):
        raise OpenError(f"grid={grid!r}: give a GeoBox, 'warp' or 'pixels'")
    if complex not in (None, "amplitude", "intensity"):
        raise OpenError(f"complex={complex!r}: give 'amplitude' or 'intensity'")
    place = grid if isinstance(grid, str) else None
    wanted = [bands] if isinstance(bands, str | int | float | Band) else None if bands is None else list(bands)
    given = _as_list(dates)
    declared = None if sensor is None else find_sensor(sensor)
    found = [one for source in sources for one in gather(source, place=place, complex_as=complex, declared=declared)]
    found = _spread_dates(found, given, wanted)
    each = [[name] for name in wanted] if wanted and _is_band_per_file(found, wanted) else [wanted] * len(found)
    parts = [part for one, names in zip(found, each, strict=True) for part in _identified(one, declared, names)]
    groups = _by_date(parts, given)
    target = grid if isinstance(grid, GeoBox) else _finest(groups[0].parts)
    scene = _assemble(groups, target, resampling, wanted)
    given_as = {"sensor": sensor, "bands": bands, "grid": grid, "resampling": resampling, "complex": complex}
    return replace(scene, source=arguments(sources, given, **given_as))


def _as_list(dates: Any) -> list[Date] | None:
    if dates is None:
        return None
    if isinstance(dates, str) or not isinstance(dates, Sequence):
        try:
            return [parse_date(one) for one in ([dates] if isinstance(dates, str) else list(dates))]
        except TypeError:
            return [parse_date(dates)]
    return [parse_date(one) for one in dates]


@dataclass(frozen=True)
class _Part:
    """A source whose bands are known, at one date."""

    reader: Reader
    label: str
    bands: tuple[Band | None, ...]
    date: Date | None
    sensor: Recognition | None
    notes: tuple[str, ...]
    is_named: bool
    """Whether the bands carry more than their position as a name."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(band.name for band in self.bands if band is not None)


@dataclass(frozen=True)
class _Group:
    date: Date | None
    parts: tuple[_Part, ...]


def _is_band_per_file(found: list[Source], wanted: list[Any]) -> bool:
    """Whether there are as many unnamed single-band files as names, so that each file takes one."""
    single = all(len(one.reader.stored) == 1 and one.bands is None and one.only is None for one in found)
    return single and len(wanted) == len(found) > 1


def _spread_dates(found: list[Source], given: list[Date] | None, wanted: list[Any] | None) -> list[Source]:
    """A single stack whose layers are dates: `dates=` has one per layer, or per group of as many layers as bands."""
    if given is None or len(found) != 1 or len(given) == 1:
        return found
    one, count = found[0], len(found[0].reader.stored)
    per_date = len(wanted or [None])
    if len(given) * per_date != count:
        raise OpenError(
            f"{one.reader.name}: {len(given)} dates for {count} layers; give one date per source, or for a stack as "
            "many dates as layers (with bands=, as layers divided by bands, all bands of the first date first)"
        )
    return [_slice(one, t * per_date, (t + 1) * per_date) for t in range(len(given))]


def _slice(one: Source, start: int, stop: int) -> Source:
    # What the layers are called is their date, not their band.
    picked = Picked(one.reader, range(start, stop), named=False)
    return replace(one, reader=picked, bands=None, band_dates=None, label=f"{one.label}[{start}:{stop}]")


def _identified(source: Source, declared: Recognition | None, wanted: list[Any] | None) -> list[_Part]:
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
    is_named = sensor is not None or source.bands is not None or wanted is not None
    is_named = is_named or all(band is None or not band.name.isdigit() for band in bands)
    if sensor is not None:
        notes.append(f"{source.reader.name}: {sensor.title}, known by {sensor.how}")
    return [_Part(source.reader, source.label, tuple(bands), source.date, sensor, (*source.notes, *notes), is_named)]


def _choose(bands: Sequence[Band | None], wanted: list[Any] | None) -> list[Band | None]:
    """Of bands that a product layout names, those that were asked for."""
    from swath.scene.identify import find_band

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


def _by_date(parts: list[_Part], given: list[Date] | None) -> list[_Group]:
    """Parts seen at the same time together, in the order of time.

    Raises:
        OpenError: nothing tells whether the sources are bands or dates, or dates and sources do not pair.
    """
    parts = [part for part in parts if part.names]
    if not parts:
        raise OpenError("none of the bands asked for is in the sources")
    if given is not None:
        if len(given) == len(parts):
            parts = [replace(part, date=when) for part, when in zip(parts, given, strict=True)]
        elif len(given) == 1:
            parts = [replace(part, date=given[0]) for part in parts]
        else:
            raise OpenError(f"{len(given)} dates for {len(parts)} sources; give one date per source, in their order")
    known = [part.date for part in parts if part.date is not None]
    if len(known) == len(parts):
        by_date: dict[Any, list[_Part]] = {}
        for part in parts:
            by_date.setdefault(part.date, []).append(part)
        groups = [_Group(when, tuple(members)) for when, members in sorted(by_date.items(), key=lambda item: item[0])]
        if all(_without_overlap(group.parts) for group in groups):
            return groups
    if _without_overlap(parts) and (len(parts) == 1 or all(part.is_named for part in parts)):
        return [_Group(known[0] if known else None, tuple(parts))]
    alike = len({part.names for part in parts}) == 1
    if alike and len(known) < len(parts) and (len(parts[0].names) > 1 or parts[0].is_named):
        return [_Group(part.date, (part,)) for part in parts]
    if alike and len(known) < len(parts):
        raise OpenError(
            f"cannot tell whether {len(parts)} single-band sources ({parts[0].label}, {parts[1].label}, ...) are bands "
            f"or dates: say bands=[{len(parts)} names] or dates=[{len(parts)} dates]"
        )
    twice = _first_double(parts)
    raise OpenError(
        f"{twice[0].label} and {twice[1].label} both hold band {twice[2]}"
        + (f" on {twice[0].date}" if twice[0].date is not None else "")
        + "; open one of them, say dates=[...] if they were seen at different times, or join tiles first (gdalbuildvrt)"
    )


def _without_overlap(parts: Sequence[_Part]) -> bool:
    names = [name for part in parts for name in part.names]
    return len(names) == len(set(names))


def _first_double(parts: Sequence[_Part]) -> tuple[_Part, _Part, str]:
    seen: dict[tuple[Any, str], _Part] = {}
    for part in parts:
        for name in part.names:
            key = (part.date, name)
            if key in seen:
                return seen[key], part, name
            seen[key] = part
    other = next(part for part in parts if part.date != parts[0].date or part.names != parts[0].names)
    return parts[0], other, parts[0].names[0]


def _finest(parts: Sequence[_Part]) -> GeoBox:
    """The grid of the first source, or of the finest one in its CRS that shares the first date."""
    first = parts[0].reader.grid
    alike = [part.reader.grid for part in parts if part.reader.grid.crs == first.crs]
    return min(alike, key=lambda grid: round(pixel_size(grid), 9))


def _assemble(groups: list[_Group], grid: GeoBox, resampling: str | None, wanted: list[Any] | None) -> Scene:
    notes: list[str] = []
    bands: dict[str, Band] = {}
    rows: list[dict[str, Plane]] = []
    sensors: dict[str, Recognition] = {}
    key_by_common = (
        len({part.sensor.sensor.name for g in groups for part in g.parts if part.sensor}) > 1 and len(groups) > 1
    )
    nodata = _nodata_of_series(groups, notes)
    for group in groups:
        row: dict[str, Plane] = {}
        for part in group.parts:
            kinds = [band.kind if band is not None else "continuous" for band in part.bands]
            reader, said = align(part.reader, grid, kinds, resampling)
            notes.extend(note for note in (*part.notes, said) if note and note not in notes)
            if part.sensor is not None:
                sensors.setdefault(part.sensor.name, part.sensor)
            for index, band in enumerate(part.bands):
                if band is None:
                    continue
                name = band.common_name or band.name if key_by_common else band.name
                bands.setdefault(name, band if name == band.name else band.with_(name=name))
                extra = band.nodata if band.nodata is not None else nodata.get((id(part), index))
                if band.nodata is not None and part.reader.stored[index].nodata is None:
                    _remark(notes, f"{part.reader.name}: {band.nodata:g} is taken as nodata, as its sensor stores it")
                row[name] = Plane(reader, index, band.scale, band.offset, extra)
        rows.append(row)
    order = _ordered(bands, wanted)
    for group, row in zip(groups, rows, strict=True):
        lacking = [name for name in order if name not in row]
        if lacking:
            when = group.date if group.date is not None else group.parts[0].label
            notes.append(f"{when}: lacks {', '.join(lacking)}; these pixels are invalid")
    return Scene(
        grid=grid,
        bands=tuple(bands[name] for name in order),
        dates=tuple(group.date for group in groups),
        planes=tuple(tuple(row.get(name) for name in order) for row in rows),
        sensors=tuple(sensors.values()),
        notes=tuple(notes),
        names=tuple(str(group.date) if group.date is not None else group.parts[0].label for group in groups),
    )


def _remark(notes: list[str], note: str) -> None:
    if note not in notes:
        notes.append(note)


def _ordered(bands: dict[str, Band], wanted: list[Any] | None) -> list[str]:
    """Names of the bands as they were asked for, or as they were found.

    Raises:
        SensorError: a band that was asked for is missing in the sources.
    """
    from swath.scene.identify import find_band

    names, listed = list(bands), list(bands.values())
    if wanted is None:
        return names
    if len(wanted) == len(names) and any(isinstance(key, Band) for key in wanted):
        return names
    picks = [find_band(listed, key.name if isinstance(key, Band) else key) for key in wanted]
    return [names[i] for i in dict.fromkeys(picks)]


def _nodata_of_series(groups: list[_Group], notes: list[str]) -> dict[tuple[int, int], float]:
    """Nodata that all dates but some declare holds for the others too: a fill value is a property of the product."""
    result: dict[tuple[int, int], float] = {}
    if len(groups) < 2 or len({tuple(part.names for part in group.parts) for group in groups}) != 1:
        return result
    for p in range(len(groups[0].parts)):
        parts = [group.parts[p] for group in groups]
        for index in range(min(len(part.reader.stored) for part in parts)):
            stored = [part.reader.stored[index] for part in parts]
            numbers = {one.nodata for one in stored if one.nodata is not None}
            if len(numbers) != 1 or len({one.dtype for one in stored}) != 1:
                continue
            number = numbers.pop()
            for part, one in zip(parts, stored, strict=True):
                if one.nodata is None:
                    result[id(part), index] = number
                    _remark(
                        notes, f"{part.reader.name}: declares no nodata; {number:g} is taken, as at the other dates"
                    )
    return result
