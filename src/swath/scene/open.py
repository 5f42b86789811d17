"""`swath.open`: sources of any form become one Scene. No pixel is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from odc.geo.geobox import GeoBox

from swath.errors import OpenError
from swath.scene.align import align, pixel_size
from swath.scene.dates import Date, parse_date
from swath.scene.gather import gather
from swath.scene.grouping import Group, by_date
from swath.scene.identify import find_band
from swath.scene.open_several import of_several, open_several
from swath.scene.opened import arguments
from swath.scene.parts import Part, parts_of, spread_dates
from swath.scene.plane import Plane
from swath.scene.scene import Scene
from swath.scene.steps import NUMBERED, in_steps
from swath.sensors import Band, Recognition, find_sensor


def open_scene(
    *sources: Any,
    sensor: Any = None,
    bands: Sequence[str | int | float | Band] | Mapping[str, Any] | None = None,
    dates: Sequence[Any] | Any = None,
    grid: GeoBox | str | None = None,
    resampling: str | None = None,
    complex: str | None = None,
) -> Scene:
    """Open imagery of one place as a `Scene`; nothing is read until it is asked for.

    Args:
        sources: paths, URLs, globs, folders, products (`.SAFE`, Landsat folders, their zips), STAC items, collections
            and search results, NetCDF, HDF5 and Zarr stores, xarray objects, or `(array, grid)`. One per band, one per
            date, or stacks of both. Of several sensors one mapping, `{"s2": "a.tif", "dem": "b.tif"}`: each is opened
            by itself, and they become one scene by `swath.stack`.
        sensor: name of the sensor and level (`sentinel-2-l2a`), or the path of a sensor file, where the source bears no
            mark of it. Of several sensors a mapping, or a list with one for each source, None for those that tell
            theirs; `bands` and `dates` are mappings then.
        bands: names of the stored bands in their order, where nothing says what they are; else those wanted, in order.
            Names, common names (`red`), wavelengths in nm, or `swath.Band` objects.
        dates: one per source (or per band of a single-band series), as text, `datetime` or year; `numbered`: the layers
            of a stack are numbered by date, `VV, VH, VV_1, VH_1, elevation`, see `swath.scene.steps`.
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
    if of_several(sources, sensor):
        return open_several(sources, sensor, bands, dates, grid, complex)
    if not sources:
        raise OpenError("nothing to open: give at least one path, URL, STAC or xarray object, or (array, grid)")
    if isinstance(grid, str) and grid not in ("warp", "pixels"):
        raise OpenError(f"grid={grid!r}: give a GeoBox, 'warp' or 'pixels'")
    if complex not in (None, "amplitude", "intensity"):
        raise OpenError(f"complex={complex!r}: give 'amplitude' or 'intensity'")
    place = grid if isinstance(grid, str) else None
    if isinstance(bands, Mapping) or isinstance(dates, Mapping):
        raise OpenError('bands= and dates= by sensor go with sources by sensor, swath.open({"s2": PATH, "s1": PATH})')
    wanted = [bands] if isinstance(bands, str | int | float | Band) else None if bands is None else list(bands)
    numbered = isinstance(dates, str) and dates == NUMBERED
    given = None if numbered else _as_list(dates)
    declared = None if sensor is None else find_sensor(sensor)
    found = [one for source in sources for one in gather(source, place=place, complex_as=complex, declared=declared)]
    found = [step for one in found for step in in_steps(one)] if numbered else spread_dates(found, given, wanted)
    listed = len(found) == len(sources) or not any(isinstance(one, str | Path) for one in sources)
    parts = parts_of(found, declared, wanted, in_order=listed)
    groups = by_date(parts, given)
    target = grid if isinstance(grid, GeoBox) else _finest(groups[0].parts)
    scene = _assemble(groups, target, resampling, wanted)
    given_as = {"sensor": sensor, "bands": bands, "grid": grid, "resampling": resampling, "complex": complex}
    return replace(scene, source=arguments(sources, NUMBERED if numbered else given, **given_as))


def _as_list(dates: Any) -> list[Date] | None:
    if dates is None:
        return None
    if isinstance(dates, str) or not isinstance(dates, Sequence):
        try:
            return [parse_date(one) for one in ([dates] if isinstance(dates, str) else list(dates))]
        except TypeError:
            return [parse_date(dates)]
    return [parse_date(one) for one in dates]


def _finest(parts: Sequence[Part]) -> GeoBox:
    """The grid of the first source, or of the finest one in its CRS that shares the first date."""
    first = parts[0].reader.grid
    alike = [part.reader.grid for part in parts if part.reader.grid.crs == first.crs]
    return min(alike, key=lambda grid: round(pixel_size(grid), 9))


def _assemble(groups: list[Group], grid: GeoBox, resampling: str | None, wanted: list[Any] | None) -> Scene:
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
                own = part.reader.stored[index].nodata
                row[name] = Plane(reader, index, band.scale, band.offset, None if extra == own else extra)
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
    names, listed = list(bands), list(bands.values())
    if wanted is None:
        return names
    if len(wanted) == len(names) and any(isinstance(key, Band) for key in wanted):
        return names
    picks = [find_band(listed, key.name if isinstance(key, Band) else key) for key in wanted]
    return [names[i] for i in dict.fromkeys(picks)]


def _nodata_of_series(groups: list[Group], notes: list[str]) -> dict[tuple[int, int], float]:
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
