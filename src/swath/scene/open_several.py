"""Sources of several sensors: each is opened by itself, and they become one scene by `stack`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from swath.errors import OpenError
from swath.scene.scene import Scene
from swath.scene.stacking import stack
from swath.scene.words import many


def of_several(sources: Sequence[Any], sensor: Any) -> bool:
    """Whether the arguments of `swath.open` are of several sensors: a mapping of sources, or a list of sensors."""
    one = sources[0] if len(sources) == 1 else None
    # A dataset of xarray is a mapping, too, and is one source.
    return isinstance(sensor, list | tuple | Mapping) or (isinstance(one, dict) and "stac_version" not in one)


def open_several(sources: Sequence[Any], sensor: Any, bands: Any, dates: Any, grid: Any, complex: str | None) -> Scene:
    """See `swath.open`: sources by the names of their sensors, or in the order of a list of sensors.

    Raises:
        OpenError: the arguments do not go together, or a source cannot be opened.
        SensorError, GridError: as `swath.open` and `swath.stack`.
    """
    from swath.scene.open import open_scene

    if isinstance(grid, str):
        raise OpenError(f"grid={grid!r} is for a single sensor; bring what has no grid onto one first (swath convert)")
    if isinstance(sensor, list | tuple):
        if dates is not None or isinstance(bands, Mapping):
            raise OpenError('dates= and bands= by sensor go with sources by name: swath.open({"s2": PATH, "s1": PATH})')
        if len(sensor) != len(sources) or isinstance(sources[0], Mapping):
            raise OpenError(
                f"{many(len(sensor), 'sensor')} for {many(len(sources), 'source')}: give one per source, or a "
                "mapping each"
            )
        scenes = [open_scene(one, sensor=of, complex=complex) for one, of in zip(sources, sensor, strict=True)]
        return chosen(stack(*scenes, grid=grid), bands)
    if len(sources) != 1 or not isinstance(sources[0], Mapping):
        raise OpenError('sensors by name go with sources by name: swath.open({"s2": PATH, "s1": PATH}, sensor={...})')
    named = {str(name): _as_list(one) for name, one in sources[0].items()}
    by_name = bands if isinstance(bands, Mapping) else {}
    told = {"sensor": sensor if isinstance(sensor, Mapping) else {}, "bands": by_name, "dates": dates or {}}
    if sensor is not None and not isinstance(sensor, Mapping):
        raise OpenError(f"sensor={sensor!r} is one for several sources: give a mapping with one for each that needs it")
    if not isinstance(told["dates"], Mapping):
        raise OpenError("dates= of several sensors are a mapping, {'s2': [...]}")
    for key, given in told.items():
        if unknown := set(given) - set(named):
            raise OpenError(f"{key}= names {', '.join(sorted(map(str, unknown)))}; the sources are {', '.join(named)}")
    scenes = [
        open_scene(*paths, complex=complex, **{key: given.get(name) for key, given in told.items()})
        for name, paths in named.items()
    ]
    return chosen(stack(*scenes, names=list(named), grid=grid), None if by_name else bands)


def _as_list(source: Any) -> list[Any]:
    return list(source) if isinstance(source, list) else [source]


def chosen(scene: Scene, bands: Any) -> Scene:
    """The bands that were asked for of all; those of single sensors were chosen when these were opened."""
    if bands is None:
        return scene
    scene = scene.select(bands=list(bands) if isinstance(bands, list | tuple) else bands)
    left = {band.name for band in scene.bands}
    kept = [replace(one, bands=tuple(name for name in one.bands if name in left)) for one in scene.stacked]
    return replace(scene, stacked=tuple(one for one in kept if one.bands))
