"""STAC: items whose assets are labels and that name their source; or a collection of labels beside folders of imagery.

Label items are those of the label extension (https://github.com/stac-extensions/label), or any whose assets have the
role `labels`. Their imagery is that of the item they link to as `source`, or their own. Where the items are not here,
as in data that come without their catalogue, `labels/ID_*.tif` goes with the folder `ID`.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse

from swath.data import burned, masked
from swath.data.burned import Place
from swath.data.files import visible
from swath.data.layouts import Asked, Found, Stray
from swath.data.roles import PAIRS
from swath.data.vector_files import SUFFIXES, read_shapes
from swath.errors import DataError, OpenError
from swath.scene.gather import RASTER_SUFFIXES
from swath.scene.open import open_scene
from swath.scene.raster import RasterReader
from swath.scene.stac_items import is_stac, load, resolve

_ROLES = frozenset(["labels", "label", "labels-raster", "labels-vector", "labels-training", "mask"])
_VECTOR = (*SUFFIXES, ".json")


@dataclass(frozen=True)
class _Labelled:
    """A label asset that is here, and the imagery it belongs to."""

    name: str
    image: Path
    label: Path
    asset: Mapping[str, Any]
    properties: Mapping[str, Any]


def recognise(folder: Path, asked: Asked) -> Found | None:
    """STAC items with label assets, or a collection of labels beside folders of imagery.

    Raises:
        DataError: no label has its imagery; and see `swath.data.masked.found_of` and `swath.data.burned.found_of`.
    """
    if asked.task not in (None, "segmentation"):
        return None
    objects = {path: data for path in visible(folder, [".json"]) if (data := _stac(path)) is not None}
    strays: list[Stray] = []
    found = list(_items(folder, objects, strays))
    if not found and any(_is_of_labels(data) for data in objects.values()):
        found = list(_by_folders(folder, strays))
    if not found and strays:
        raise DataError(f"{folder}: no label of its STAC items can be used; {strays[0].path.name}: {strays[0].why}")
    if not found:
        return None
    if found[0].label.suffix.casefold() in _VECTOR:
        return _of_vectors(folder, found, strays, asked)
    if asked.classes is None and (told := _told_classes(found)):
        # A number that the files declare as nodata and that nobody names is no class.
        nodata = {RasterReader(one.label).stored[0].nodata for one in found}
        blank = {int(number) for number in nodata if number is not None and float(number).is_integer()} - told.keys()
        asked = replace(asked, classes=told, ignore=(*asked.ignore, *sorted(blank)))
    pairs = [masked.Paired(one.name, (one.image,), one.label) for one in found]
    return masked.found_of(folder, pairs, strays, asked, "segmentation")


def _stac(path: Path) -> Mapping[str, Any] | None:
    with path.open("rb") as handle:
        if b'"stac_version"' not in handle.read(2**20):
            return None
    try:
        data = load(str(path))
    except OpenError:
        return None
    return data if is_stac(data) else None


def _is_of_labels(data: Mapping[str, Any]) -> bool:
    """Whether an item or a collection is of the label extension."""
    told = {**data.get("properties", {}), **data.get("summaries", {})}
    return any(key.startswith("label:") for key in told)


def _label_assets(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, asset in data.get("assets", {}).items():
        roles = {str(role).casefold() for role in asset.get("roles", ())}
        if roles & _ROLES or (not roles and key.casefold() in _ROLES):
            yield key, asset


def _items(folder: Path, objects: Mapping[Path, Mapping[str, Any]], strays: list[Stray]) -> Iterator[_Labelled]:
    """The label assets of items, each with its imagery."""
    items = {path: data for path, data in objects.items() if data.get("type") == "Feature"}
    by_address = {Path(os.path.normpath(path)): data for path, data in items.items()}
    for path, data in items.items():
        for key, asset in _label_assets(data):
            label = _local(path, key, asset)
            image = _imagery(path, data, by_address)
            if label is None or image is None:
                what = "label" if label is None else "imagery"
                strays.append(Stray(path, f"its {what} is not here"))
                continue
            name = path.relative_to(folder).with_suffix("").as_posix()
            yield _Labelled(name, image, label, asset, data.get("properties", {}))


def _imagery(path: Path, data: Mapping[str, Any], items: Mapping[Path, Mapping[str, Any]]) -> Path | None:
    """What shows the place of a label item: the item it names as its source, or itself."""
    for link in data.get("links", ()):
        if link.get("rel") == "source":
            told = resolve(link.get("href", ""), [str(path)])
            known = None if told is None else items.get(Path(told))
            return None if told is None or known is None else _source(Path(told), known)
    labels = {key for key, _ in _label_assets(data)}
    return _source(path, data) if set(data.get("assets", {})) - labels else None


def _source(path: Path, data: Mapping[str, Any]) -> Path:
    """What to open for an item: itself where its assets are here, the raster where it has but one, else its folder."""
    labels = {key for key, _ in _label_assets(data)}
    assets = {key: asset for key, asset in data.get("assets", {}).items() if key not in labels}
    here = [_local(path, key, asset) for key, asset in assets.items()]
    rasters = [one for one in here if one is not None and one.suffix.casefold() in RASTER_SUFFIXES]
    if len(rasters) == 1:
        return rasters[0]
    named = all(
        resolve(asset.get("href", ""), [str(path)]) == str(one)
        for asset, one in zip(assets.values(), here, strict=True)
    )
    return path if named else path.parent


def _local(path: Path, key: str, asset: Mapping[str, Any]) -> Path | None:
    """The file of an asset on this machine: where it says, or beside the item under its own name or its key."""
    href = str(asset.get("href", ""))
    told = resolve(href, [str(path)])
    name = PurePosixPath(urlparse(href).path)
    tries = [Path(told)] if told is not None and "://" not in told else []
    tries += [path.parent / name.name, path.parent / f"{key}{name.suffix}"]
    return next((one for one in tries if one.is_file()), None)


def _by_folders(folder: Path, strays: list[Stray]) -> Iterator[_Labelled]:
    """Label rasters `ID_*.tif` with the folders of imagery `ID`."""
    paths = visible(folder, RASTER_SUFFIXES)
    sources: dict[str, Path] = {path.parent.name: path.parent for path in paths if path.parent != folder}
    labels: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        one = next((name for name in _heads(path.stem) if name in sources and sources[name] != path.parent), None)
        if one is not None:
            labels[one].append(path)
    for name, source in sorted(sources.items()):
        # Of several rasters of a place, the one that calls itself so holds the classes; others number the fields.
        named = [path for path in labels[name] if PAIRS.get(path.stem.split("_")[-1].casefold()) == "mask"]
        if len(named) == 1:
            yield _Labelled(source.relative_to(folder).as_posix(), source, named[0], {}, {})
        elif source not in {path.parent for paths in labels.values() for path in paths}:
            strays.append(Stray(source, "imagery without label"))


def _heads(stem: str) -> Iterator[str]:
    """The beginnings of a name at its underscores, the longest first."""
    words = stem.split("_")
    for count in range(len(words) - 1, 0, -1):
        yield "_".join(words[:count])


def _told_classes(found: list[_Labelled]) -> Mapping[int, str] | None:
    """Names by number, as the classification extension or the label extension tells them."""
    told: dict[int, str] = {}
    for one in found:
        bands = one.asset.get("bands") or one.asset.get("raster:bands") or [{}]
        for entry in one.asset.get("classification:classes") or bands[0].get("classification:classes") or ():
            name = entry.get("name") or entry.get("title") or entry.get("description") or f"class {entry['value']}"
            if told.setdefault(int(entry["value"]), str(name)) != str(name):
                raise DataError(
                    f"{one.label}: {entry['value']} is {name!r} here and {told[int(entry['value'])]!r} elsewhere"
                )
    return told or None


def _of_vectors(folder: Path, found: list[_Labelled], strays: list[Stray], asked: Asked) -> Found:
    every, pairs = [], []
    for one in found:
        field = asked.label_field or next(iter(one.properties.get("label:properties") or ()), None)
        shapes = read_shapes(one.label, field, asked.buffer)
        if shapes is None:
            strays.append(Stray(one.label, "holds no shapes"))
            continue
        every.append(shapes)
        scene = open_scene(str(one.image), sensor=asked.sensor, bands=asked.bands)
        pairs.append((shapes, Place(one.image.relative_to(folder).with_suffix("").as_posix(), (one.image,), scene)))
    return burned.found_of(folder, every, pairs, strays, asked)
