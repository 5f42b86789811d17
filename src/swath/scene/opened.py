"""How a scene was opened and cut, as plain data, so that the same scene can be opened again on any machine.

Paths are absolute in memory and relative to the folder of whatever is written, so that a folder of imagery and answers
can be moved as a whole.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from swath.errors import OpenError
from swath.sensors import Band

if TYPE_CHECKING:
    from swath.scene.scene import Scene


def arguments(
    sources: Sequence[Any], dates: Sequence[np.datetime64] | str | None, **given: Any
) -> dict[str, Any] | None:
    """The arguments of `swath.open` as plain data; None where one of them lives in memory only.

    Args:
        sources: as they were given; STAC objects are known by their own address, if they have one.
        dates: as they were understood.
        given: the other arguments.
    """
    named = [_address(source) for source in sources]
    told = dates if dates is None or isinstance(dates, str) else [str(date) for date in dates]
    plain: dict[str, Any] = {"dates": told}
    for key, value in given.items():
        plain[key] = _plain(value)
        if plain[key] is None and value is not None:
            return None
    return None if None in named else {"sources": named, **plain}


def _address(source: Any) -> str | None:
    if isinstance(source, str | Path):
        return _absolute(os.fspath(source))
    found = source.get_self_href() if hasattr(source, "get_self_href") else None
    return None if found is None else _absolute(str(found))


def _plain(value: Any) -> Any:
    if isinstance(value, GeoBox):
        crs = None if value.crs is None else value.crs.to_wkt()
        return {"shape": list(value.shape), "affine": list(value.affine[:6]), "crs": crs}
    if isinstance(value, Band):
        return {"band": value.model_dump(mode="json", exclude_defaults=True)}
    if isinstance(value, Path) or (isinstance(value, str) and os.path.isfile(value)):
        return os.path.abspath(value)
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, Sequence):
        parts = [_plain(part) for part in value]
        return None if None in parts else parts
    return None


def _absolute(text: str) -> str:
    return os.path.abspath(text) if is_local(text) else text


def is_local(text: str) -> bool:
    """Whether a text is a path of this machine: no address with a scheme, and none of GDAL's own names."""
    return not (text.startswith("/vsi") or re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", text))


def story(scene: Scene, folder: Path) -> dict[str, Any] | None:
    """How a scene came to be, as plain data with paths relative to `folder`; None where it lives in memory only."""
    past = _past(scene)
    return None if past is None else _elsewhere(past, lambda path: relative_to(path, folder))


def stack_arguments(scenes: Sequence[Scene], names: Sequence[str], grid: GeoBox | None) -> dict[str, Any] | None:
    """The arguments of `swath.stack` as plain data; None where one of the scenes lives in memory only."""
    pasts = [_past(one) for one in scenes]
    return None if None in pasts else {"stack": pasts, "names": list(names), "grid": _plain(grid)}


def _past(scene: Scene) -> dict[str, Any] | None:
    """How a scene came to be, with absolute paths."""
    if scene.source is None:
        return None
    rows, columns = ([start, start + size] for start, size in zip(scene.origin, scene.grid.shape, strict=True))
    return {
        "open": dict(scene.source),
        "select": {
            "bands": [band.name for band in scene.bands],
            "dates": list(scene.names),
            "window": [rows, columns],
            "outline": None if scene.outline is None else scene.outline.wkt,
        },
    }


def reopened(told: Mapping[str, Any], folder: Path) -> Scene:
    """The scene that `story` tells of.

    Raises:
        OpenError: a source is not where it was, or holds other dates.
        SensorError: a source holds other bands.
        GridError: a source has another size.
    """
    return _again(
        _elsewhere(told, lambda path: os.path.normpath(os.path.join(folder, path)) if is_local(path) else path)
    )


def _again(told: Mapping[str, Any]) -> Scene:
    """The scene that a story with paths of this machine tells of; see `reopened`."""
    import shapely

    given, select = told["open"], told["select"]
    scene = _stacked_again(given) if "stack" in given else _opened_again(given)
    if [band.name for band in scene.bands] != select["bands"]:
        scene = scene.select(bands=select["bands"])
    if list(scene.names) != select["dates"]:
        lacking = [name for name in select["dates"] if scene.names.count(name) != 1]
        if lacking:
            raise OpenError(f"{_first_source(given)}: there is not exactly one date {lacking[0]} among {scene.names}")
        scene = scene.select(dates=[scene.names.index(name) for name in select["dates"]])
    rows, columns = (slice(*span) for span in select["window"])
    outline = None if select["outline"] is None else shapely.from_wkt(select["outline"])
    return replace(scene.select(window=(rows, columns)), outline=outline)


def _opened_again(given: Mapping[str, Any]) -> Scene:
    from swath.scene.open import open_scene

    bands = given["bands"]
    if isinstance(bands, list | Mapping):
        listed = bands if isinstance(bands, list) else [bands]
        bands = [Band.model_validate(one["band"]) if isinstance(one, Mapping) else one for one in listed]
    rest = {key: value for key, value in given.items() if key not in ("sources", "grid", "bands")}
    return open_scene(*given["sources"], grid=_grid_again(given["grid"]), bands=bands, **rest)


def _stacked_again(given: Mapping[str, Any]) -> Scene:
    from swath.scene.stacking import stack

    scenes = [_again(one) for one in given["stack"]]
    return stack(*scenes, names=given["names"], grid=_grid_again(given["grid"]))


def _grid_again(grid: Any) -> Any:
    return GeoBox(tuple(grid["shape"]), Affine(*grid["affine"]), grid["crs"]) if isinstance(grid, Mapping) else grid


def _first_source(given: Mapping[str, Any]) -> Any:
    return _first_source(given["stack"][0]["open"]) if "stack" in given else given["sources"][0]


def _elsewhere(told: Mapping[str, Any], move: Any) -> dict[str, Any]:
    """A story with its paths moved."""
    return {**told, "open": _moved(told["open"], move)}


def _moved(given: Mapping[str, Any], move: Any) -> dict[str, Any]:
    moved = dict(given)
    if "stack" in given:
        moved["stack"] = [_elsewhere(one, move) for one in given["stack"]]
        return moved
    moved["sources"] = [move(path) if is_local(path) else path for path in given["sources"]]
    sensor = given.get("sensor")
    if sensor is not None and ("/" in sensor or os.path.isfile(sensor)):
        moved["sensor"] = move(sensor)
    return moved


def relative_to(path: str, folder: Path) -> str:
    """A local path as seen from a folder; anything else as it is."""
    if not is_local(path):
        return path
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive on Windows: there is no way from here to there
        return path
