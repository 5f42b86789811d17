"""`stack`: several sensors, each on its own grid, as one scene with the bands of all of them.

    scene = swath.stack(optical, radar, terrain, names=["s2", "s1", "dem"])

Everything is brought onto the finest grid: measurements are interpolated (averaged where pixels get coarser), class
numbers take the nearest (`scene.align`). What has one date holds at all dates; of several series each date of the first
has of the others what was seen nearest in time. Tables without a grid (`scene.everywhere`) hold at every pixel.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from swath.errors import GridError, OpenError
from swath.scene.align import pixel_size, same_grid
from swath.scene.dates import Date
from swath.scene.everywhere import Everywhere
from swath.scene.opened import stack_arguments
from swath.scene.place import ground_resolution
from swath.scene.plane import Plane
from swath.scene.regrid import regrid
from swath.scene.scene import Scene
from swath.scene.words import ground_words, many
from swath.sensors import Band

NEAREST_DAYS = 10
"""What was seen so many days away or fewer may stand beside a date."""
_SAME_SIZE = 0.02
"""Share by which pixels may differ and be called alike: degrees are measured at one place of the scene."""


@dataclass(frozen=True)
class Stacked:
    """One of the sensors of a scene.

    Attributes:
        name: what it is called.
        sensor: as `sensor=` takes it; None where nothing says which.
        bands: names in the scene.
        gsd: of its own pixels in m; None without a CRS, or without a grid.
        crs: its own, as `EPSG:n`; None without one.
        dates: how many it has.
        said: how it was brought onto the scene's grid: `as it is`, `bilinear`, `average`, `everywhere`, ...
    """

    name: str
    sensor: str | None
    bands: tuple[str, ...]
    gsd: float | None
    crs: str | None
    dates: int
    said: str

    def __str__(self) -> str:
        pixels = "no grid" if self.said == "everywhere" else ground_words(self.gsd) if self.gsd else "size not stated"
        crs = f" in {self.crs}" if self.crs else ""
        dates = f", {self.dates} dates" if self.dates > 1 else ""
        return f"{self.name}: {', '.join(self.bands)}; {pixels}{crs}{dates}; {self.said}"


def stack(*scenes: Scene, names: Sequence[str] | None = None, grid: GeoBox | None = None) -> Scene:
    """Several sensors as one scene; no pixel is read.

    A band that is called like one of another sensor, or by its position only, is called after its sensor too: `s1_VV`;
    the only band of a sensor, if it has no name, like the sensor: `dem`.

    Args:
        scenes: what each of them saw.
        names: what each is called; None: like its sensor, else like its file.
        grid: where to; None: the finest of their grids, of several as fine the first.

    Returns:
        A scene with the bands in the order given; `Scene.stacked` tells what was done to each.

    Raises:
        OpenError: nothing is given, or not one name each.
        GridError: a sensor lies elsewhere or nowhere, or its dates cannot be told.
    """
    if not scenes or (names is not None and len({*names}) != len(scenes)):
        raise OpenError("a stack needs at least one scene, and as many different names as scenes")
    called = tuple(names) if names is not None else _names_of(scenes)
    placed = [one for one in scenes if not _is_everywhere(one)]
    if not placed and grid is None:
        raise GridError("a stack of tables lies nowhere: give imagery too, or grid=")
    first = min(placed, key=_fineness) if placed else scenes[0]
    target = grid if grid is not None else first.grid
    laid = [_laid(one, target) for one in scenes]
    leading = _leading(scenes, first)
    times, notes = _timeline(scenes, called, leading)
    bands = _bands_of(scenes, called)
    return Scene(
        grid=target,
        bands=tuple(band for own in bands for band in own),
        dates=leading.dates,
        planes=tuple(tuple(plane for one, t in zip(laid, row, strict=True) for plane in _at(one, t)) for row in times),
        sensors=tuple({found.name: found for one in scenes for found in one.sensors}.values()),
        notes=tuple(dict.fromkeys([*(note for one in laid for note in one.notes), *notes])),
        names=leading.names,
        source=stack_arguments(scenes, called, grid),
        stacked=tuple(
            Stacked(
                name=name,
                sensor=one.sensor.name if one.sensor is not None else None,
                bands=tuple(band.name for band in own),
                gsd=None if _is_everywhere(one) else one.gsd,
                crs=None if one.grid.crs is None else f"EPSG:{one.grid.crs.epsg}" if one.grid.crs.epsg else "own",
                dates=len(one.dates),
                said=_said(one, other),
            )
            for name, one, other, own in zip(called, scenes, laid, bands, strict=True)
        ),
    )


def _names_of(scenes: Sequence[Scene]) -> tuple[str, ...]:
    """What sensors are called where nobody says it; later ones of one name are counted."""
    found = []
    for one in scenes:
        plane = next((plane for row in one.planes for plane in row if plane is not None), None)
        label = "scene" if plane is None else Path(plane.reader.name).stem
        found.append(one.sensor.sensor.name if one.sensor is not None else label)
    so_far = [found[:at].count(name) for at, name in enumerate(found)]
    return tuple(f"{name}#{times + 1}" if times else name for name, times in zip(found, so_far, strict=True))


def _is_everywhere(scene: Scene) -> bool:
    planes = [plane for row in scene.planes for plane in row if plane is not None]
    return bool(planes) and all(isinstance(plane.reader, Everywhere) for plane in planes)


def _fineness(scene: Scene) -> float:
    """Size of a pixel in m, or in its own units without a CRS, in steps within which sizes are alike."""
    size = ground_resolution(scene.grid) or pixel_size(scene.grid)
    return float(round(np.log(size) / _SAME_SIZE))


def _laid(scene: Scene, grid: GeoBox) -> Scene:
    """The whole of a scene on the grid."""
    if _is_everywhere(scene):
        own = {id(plane.reader): plane.reader for row in scene.planes for plane in row if plane is not None}
        moved = {key: one.on(grid) for key, one in own.items() if isinstance(one, Everywhere)}
        planes = tuple(
            tuple(None if plane is None else replace(plane, reader=moved[id(plane.reader)]) for plane in row)
            for row in scene.planes
        )
        return replace(scene, grid=grid, planes=planes)
    if same_grid(scene.grid, grid) and scene.origin == (0, 0) and scene.outline is None:
        return scene
    return regrid(scene, grid)


def _said(before: Scene, after: Scene) -> str:
    """What was done to the pixels of a sensor, in a word."""
    if _is_everywhere(before):
        return "everywhere"
    fresh = [note for note in after.notes if note not in before.notes]
    found = [match[1] for note in fresh if (match := re.search(r"by ([a-z, ]+) resampling$", note))]
    return ", ".join(dict.fromkeys(found)) or "as it is"


def _bands_of(scenes: Sequence[Scene], names: Sequence[str]) -> list[tuple[Band, ...]]:
    """The bands of each with names that no other has, whatever the order of the sensors."""
    times = Counter(band.name for one in scenes for band in one.bands)
    found = [
        tuple(_renamed(band, name, len(one.bands), times[band.name]) for band in one.bands)
        for name, one in zip(names, scenes, strict=True)
    ]
    doubled = [name for name, count in Counter(band.name for own in found for band in own).items() if count > 1]
    if doubled:
        raise OpenError(f"several bands of the stack are called {doubled[0]}: say names= that are no names of bands")
    return found


def _renamed(band: Band, sensor: str, bands: int, times: int) -> Band:
    if band.name.isdigit():
        return band.with_(name=sensor if bands == 1 else f"{sensor}_{band.name}")
    return band.with_(name=f"{sensor}_{band.name}") if times > 1 else band


def _at(scene: Scene, date: int | None) -> tuple[Plane | None, ...]:
    return (None,) * len(scene.bands) if date is None else scene.planes[date]


def _leading(scenes: Sequence[Scene], first: Scene) -> Scene:
    """Whose dates the stack has: the sensor whose grid it is, if it has several, else the first that has several.

    Where all have one date, the first that is known.
    """
    imagery = [one for one in (first, *scenes) if not _is_everywhere(one)]
    several = [one for one in (*imagery, *scenes) if len(one.dates) > 1]
    known = [one for one in (*imagery, *scenes) if one.dates[0] is not None]
    return (several or known or [first])[0]


def _timeline(
    scenes: Sequence[Scene], names: Sequence[str], leading: Scene
) -> tuple[list[tuple[int | None, ...]], list[str]]:
    """Of each date of the stack, which date of each sensor it has; and what a person should know.

    Raises:
        GridError: dates are not known, and their numbers differ; or none is near.
    """
    if len(leading.dates) == 1:
        seen = {name: one.names[0] for name, one in zip(names, scenes, strict=True) if one.dates[0] is not None}
        said = ", ".join(f"{name} {date}" for name, date in seen.items())
        notes = [f"seen on different dates and taken for one: {said}"] if len(set(seen.values())) > 1 else []
        return [(0,) * len(scenes)], notes
    picks: list[Sequence[int | None]] = []
    notes = []
    for name, one in zip(names, scenes, strict=True):
        if one is leading or len(one.dates) == 1:
            picks.append([0 if len(one.dates) == 1 else t for t in range(len(leading.dates))])
            continue
        own = list(_pairs(one.dates, leading.dates, name))
        picks.append(own)
        if lacking := own.count(None):
            notes.append(f"{name}: has nothing within {NEAREST_DAYS} days of {lacking} of {many(len(own), 'date')}")
    return list(zip(*picks, strict=True)), notes


def _pairs(own: Sequence[Date | None], wanted: Sequence[Date | None], name: str) -> Iterator[int | None]:
    """Position of the date nearest to each that is wanted; None where none is near."""
    if None in own or None in wanted:
        if len(own) != len(wanted):
            raise GridError(
                f"{name}: has {many(len(own), 'date')} and the other sensors {len(wanted)}, and not all of them are "
                "known; give files whose names tell the date, or dates=[...]"
            )
        yield from range(len(own))
        return
    days = np.array([date.astype("datetime64[D]") for date in own if date is not None])
    apart = [abs(days - date.astype("datetime64[D]")).astype(int) for date in wanted if date is not None]
    if min(int(one.min()) for one in apart) > NEAREST_DAYS:
        raise GridError(
            f"{name}: none of its dates ({days[0]} to {days[-1]}) is within {NEAREST_DAYS} days of those of the other "
            "sensors; give what was seen at one time"
        )
    for one in apart:
        yield int(one.argmin()) if one.min() <= NEAREST_DAYS else None
