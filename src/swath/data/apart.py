"""Sensors that keep their own grid and dates in a sample, beside the images of a labelled folder.

`apart=["s2"]`: what `swath.data.sensed` finds of this sensor is not laid on the grid of the others, but given to the
network as an input of its own. So the images may be arranged in any way: `A/a.png`, `B/a.png`, `label/a.png` and
`s2/a_2020-05-01.tif`; `aerial/a.tif`, `labels/a.tif` and `s2/a/2020-05-01.tif`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from swath.data.item import Item
from swath.data.layouts import Asked, Found, Stray, listing
from swath.data.sensed import sensed
from swath.errors import DataError
from swath.scene.everywhere import SUFFIX

IMAGE = "image"
"""What the input is called that is not kept apart."""


@dataclass(frozen=True)
class Apart:
    """A sensor that keeps its own grid and dates.

    Attributes:
        name: what its files are told by, and the input that it becomes is called.
        sensor: as `swath.open` takes it; None: the files say it.
        bands: likewise.
    """

    name: str
    sensor: Any = None
    bands: Any = None


def parted(names: Sequence[str], sensor: Any, bands: Any) -> tuple[tuple[Apart, ...], Any, Any]:
    """What is said of sensors, by those that are kept apart; and what is said of the images.

    Raises:
        DataError: a name stands twice, or is that of the images.
    """
    names = [str(name).casefold() for name in names]
    if len(set(names)) != len(names) or IMAGE in names:
        raise DataError(f"apart={names}: name each sensor once, and none {IMAGE!r}, which are the images themselves")
    told = [one if isinstance(one, Mapping) else {} for one in (sensor, bands)]
    lower = [{str(key).casefold(): value for key, value in one.items()} for one in told]
    apart = tuple(Apart(name, lower[0].get(name), lower[1].get(name)) for name in names)
    return apart, _of_images(sensor, names), _of_images(bands, names)


def _of_images(said: Any, names: Sequence[str]) -> Any:
    """What is said of the images: by sensor, or of all of them."""
    if not names or not isinstance(said, Mapping):
        return said
    rest = {key: value for key, value in said.items() if str(key).casefold() not in names}
    return rest.get(IMAGE) if set(rest) <= {IMAGE} else rest


def kept_apart(found: Found, folder: Path, asked: Asked) -> Found:
    """The items, each with the files of the sensors that are kept apart; one that lacks them is left out.

    Raises:
        DataError: no item has them, or they have no grid.
    """
    if not asked.apart:
        return found
    files = sensed(folder, asked)
    if lacking := [name for name in asked.apart if name not in files.images]:
        raise DataError(
            f"{folder}: apart= names {listing(lacking)}, and no file or folder is called so; give files of a place one "
            f"name, as {lacking[0]}/NAME.tif"
        )
    items, strays = [], []
    for item in found.items:
        own = tuple(tuple(files.of(name, item.name)) for name in asked.apart)
        if without := [name for name, paths in zip(asked.apart, own, strict=True) if not paths]:
            strays += [Stray(path, f"lacks {' and '.join(without)}") for path in item.images]
        else:
            items.append(replace(_unstacked(item), apart=own))
    if not items:
        raise DataError(
            f"{folder}: no place has {' and '.join(asked.apart)}; {strays[0].path.name} lacks it, for one: give the "
            "files of a place one name"
        )
    if tables := [path for item in items for paths in item.apart for path in paths if path.suffix == SUFFIX]:
        raise DataError(f"{tables[0]}: is a table, which has no grid of its own; leave it out of apart=")
    taken = {path for item in items for paths in item.apart for path in paths}
    strays += [one for one in found.strays if one.path not in taken]
    parts = {item.name: found.parts[item.name] for item in items if item.name in found.parts}
    return replace(found, items=tuple(items), strays=tuple(strays), parts=parts)


def _unstacked(item: Item) -> Item:
    """An item of a single sensor is no stack."""
    return replace(item, sensors=()) if len(item.sensors) == 1 else item


def plain(said: Any, items: Sequence[Item]) -> Any:
    """What is said by sensor, where a single one is left that is not kept apart."""
    if isinstance(said, Mapping) and said and not items[0].sensors and items[0].apart and len(said) == 1:
        return next(iter(said.values()))
    return said
