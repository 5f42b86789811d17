"""Options that several verbs share, and what they mean, in one place."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from swath.scene.scene import Scene

Paths = Annotated[
    list[str],
    typer.Argument(metavar="PATH...", help="Files, folders, globs, products, STAC items, URLs.", show_default=False),
]
SensorName = Annotated[
    str | None,
    typer.Option(
        "--sensor",
        metavar="NAME",
        help="Sensor and level, as `swath sensors` lists them, or a YAML file. Of several sensors A,B,... for the "
        "paths in their order, or s2=A,s1=B,... by name.",
    ),
]
BandNames = Annotated[
    str | None,
    typer.Option(
        "--bands",
        metavar="A,B,...",
        help="Names of the stored bands in order where nothing tells them; else those wanted. red, B04, 665 (nm).",
    ),
]
Dates = Annotated[
    str | None,
    typer.Option(
        "--dates",
        metavar="D,D,...",
        help="One date per source where nothing tells them; else those wanted: 2020, 2020-01, 2020-01-13, 2019:2021. "
        "numbered: the layers of a file are numbered by date.",
    ),
]
Place = Annotated[
    str | None,
    typer.Option("--grid", metavar="warp|pixels", help="For files placed only by control points or RPCs."),
]
Complex = Annotated[
    str | None,
    typer.Option("--complex", metavar="amplitude|intensity", help="What to take from complex numbers."),
]
Extent = Annotated[
    str | None,
    typer.Option("--extent", metavar="L,B,R,T|FILE", help="Only this part: left,bottom,right,top, or a vector file."),
]
ExtentCrs = Annotated[
    str | None,
    typer.Option("--extent-crs", metavar="CRS", help="CRS of the numbers in --extent; else that of the scene."),
]

_NAMED = re.compile(r"(?P<name>[A-Za-z][\w-]*)=(?P<paths>.+)")
_SHORTEST_NM = 200
"""Bare numbers from here on are wavelengths; smaller ones are names, since bands without a name are counted."""


def open_paths(
    paths: Sequence[str],
    *,
    sensor: str | None = None,
    bands: str | None = None,
    dates: str | None = None,
    grid: str | None = None,
    complex: str | None = None,
    each: bool = False,
) -> Scene:
    """Open paths as one scene with the options as they were typed.

    `dates` say when the sources were seen where nothing else does, and choose among known dates otherwise, just as
    `bands` do for bands. Paths by the name of their sensor, `s2=a.tif,b.tif dem=c.tif`, are stacked; with `each`, so
    are several paths without names, each of which is of a sensor of its own then.

    Raises:
        OpenError, SensorError, GridError: as `swath.open`.
    """
    from swath.errors import OpenError
    from swath.scene.open import open_scene
    from swath.scene.steps import NUMBERED

    names = None if bands is None else band_keys(bands)
    told = None if sensor is None else sensors_told(sensor)
    sources = _by_sensor(paths)
    if sources is None and each and told is None and len(paths) > 1:
        told = [None] * len(paths)
    opened = partial(open_scene, *(paths if sources is None else [sources]), sensor=told, bands=names)
    if dates is None or dates == NUMBERED:
        return opened(dates=dates, grid=grid, complex=complex)
    if sources is not None or isinstance(told, list):
        return chosen_dates(opened(grid=grid, complex=complex), dates)
    wanted = split(dates)
    try:
        scene = opened(grid=grid, complex=complex)
    except OpenError:
        return opened(dates=wanted, grid=grid, complex=complex)
    if any(date is None for date in scene.dates) and ":" not in dates:
        return opened(dates=wanted, grid=grid, complex=complex)
    return chosen_dates(scene, dates)


def sensors_told(text: str) -> str | list[str | None] | dict[str, str]:
    """One sensor; several in the order of the paths, an empty one for a path that tells its own; or by name.

    Raises:
        typer.BadParameter: a name without a sensor.
    """
    parts = [part.strip() for part in text.split(",")]
    if any("=" in part for part in parts):
        pairs = [part.partition("=") for part in parts]
        if not all(name and sensor for name, _, sensor in pairs):
            raise typer.BadParameter(f"--sensor {text}: write s2=SENSOR,s1=SENSOR")
        return {name.strip(): sensor.strip() for name, _, sensor in pairs}
    return [part or None for part in parts] if len(parts) > 1 else text


def sensor_by_input(text: str | None, inputs: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """What `--sensor image=...,s2=...` tells of the scene, and of further inputs, `NAME=PATHS`, by their names."""
    told = sensors_told(text) if text is not None and inputs else None
    if not isinstance(told, dict):
        return text, {}
    names = [one.partition("=")[0] for one in inputs]
    rest = {name: one for name, one in told.items() if name not in names}
    own = rest["image"] if [*rest] == ["image"] else ",".join(f"{name}={one}" for name, one in rest.items())
    return own or None, {name: one for name, one in told.items() if name in names}


def _by_sensor(paths: Sequence[str]) -> dict[str, list[str]] | None:
    """Paths by the names of sensors, `s2=a.tif,b.tif`; None where none has a name.

    Raises:
        typer.BadParameter: only some have one, or two have the same.
    """
    found = [None if os.path.exists(path) else _NAMED.fullmatch(path) for path in paths]
    named = [one for one in found if one is not None]
    if not named:
        return None
    sources = {one["name"]: split(one["paths"]) for one in named}
    if len(sources) < len(paths):
        raise typer.BadParameter("write NAME=PATH,... for every sensor, each once: s2=a.tif,b.tif dem=c.tif")
    return sources


def chosen_dates(scene: Scene, dates: str) -> Scene:
    """The scene at the dates that `--dates` names: single ones, whole years or months, and periods `FROM:TO`."""
    picks: list[int] = []
    for part in split(dates):
        start, is_period, stop = part.partition(":")
        picks += scene.date_indexes(slice(start or None, stop or None) if is_period else part)
    return scene.select(dates=sorted(set(picks)))


def part_of(scene: Scene, extent: str | None, crs: str | None) -> Scene:
    """The part of the scene that `--extent` and `--extent-crs` name.

    Raises:
        typer.BadParameter: neither four numbers nor a file.
        OpenError: the file is no vector file, or holds no shapes.
        GridError: it does not touch the scene.
    """
    if extent is None:
        return scene
    if os.path.exists(extent):
        shape, of = _shapes(extent)
        return scene.select(geometry=shape, crs=of)
    left, bottom, right, top = numbers(extent, 4, "write LEFT,BOTTOM,RIGHT,TOP, or the path of a vector file")
    return scene.select(bounds=(left, bottom, right, top), crs=crs)


def split(text: str) -> list[str]:
    """The parts of a comma-separated list.

    Raises:
        typer.BadParameter: a part is empty.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise typer.BadParameter(f"{text!r} has an empty part; write A,B,C")
    return parts


def band_keys(text: str) -> list[str | int | float]:
    """Names and wavelengths: `red`, `B04`, `665`, `664.6nm`."""
    return [_band_key(part) for part in split(text)]


def _band_key(part: str) -> str | int | float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(nm)?", part)
    if found is None or (not found[2] and float(found[1]) < _SHORTEST_NM):
        return part
    return float(found[1]) if "." in found[1] else int(found[1])


def numbers(text: str, count: int, what: str) -> tuple[float, ...]:
    """`count` numbers, comma-separated.

    Raises:
        typer.BadParameter: not as many, or none.
    """
    try:
        values = tuple(float(part) for part in split(text))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {what}") from error
    if len(values) != count:
        raise typer.BadParameter(f"{text!r} has {len(values)} numbers: {what}")
    return values


def _shapes(path: str) -> tuple[Any, str | None]:
    """All shapes of a vector file as one, and its CRS."""
    import geopandas
    from pyogrio.errors import DataSourceError

    from swath.errors import OpenError

    try:
        table = geopandas.read_file(path)
    except (DataSourceError, OSError) as error:
        raise OpenError(f"{path}: cannot be read as a vector file: {' '.join(str(error).split())[:160]}") from error
    if table.empty or not hasattr(table, "geometry"):
        raise OpenError(f"{path}: holds no shapes")
    return table.geometry.union_all(), None if table.crs is None else table.crs.to_wkt()
