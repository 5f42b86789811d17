"""STAC: items, search results, collections and catalogues as sources. Bands are what the catalogue says they are.

Bands are read as STAC 1.1 has them (`bands`) and as 1.0 had them (`eo:bands`, `raster:bands`):
https://github.com/radiantearth/stac-spec, https://github.com/stac-extensions/eo, https://github.com/stac-extensions/raster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlparse

from swath.errors import OpenError
from swath.scene.dates import Date, parse_date, period
from swath.scene.raster import RasterReader
from swath.scene.source import Source
from swath.scene.stac_bands import Entry, entries_of, make_bands
from swath.scene.stac_items import MISSING, Item, is_stac, items_in, load, resolve, self_href
from swath.scene.words import many
from swath.sensors import Band, Recognition, recognise

_RASTER_TYPES = ("image/tiff", "image/vnd.stac.geotiff", "image/jp2", "image/geotiff", "application/x-geotiff")
_PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp")
_RASTER_SUFFIXES = (".tif", ".tiff", ".jp2", ".vrt", ".img")
_NOT_IMAGERY = frozenset(["thumbnail", "overview", "visual", "metadata", "browse", "preview", "tilejson", "graphic"])
_NOT_IMAGERY |= {"labels", "labels-raster", "labels-vector", "labels-training"}
"""Roles, and keys, of assets that show the imagery, tell about it, or label it."""
_KEYS_NOT_IMAGERY = _NOT_IMAGERY | {"rendered_preview", "tci", "reduced_resolution_browse", "true_color"}


@dataclass(frozen=True)
class _Asset:
    """An asset that holds imagery, opened, with its bands told."""

    key: str
    reader: RasterReader
    bands: tuple[Band | None, ...]
    is_jp2: bool

    @property
    def names(self) -> set[str]:
        return {band.name for band in self.bands if band is not None}


def read_stac(
    path: str, *, place: str | None = None, complex_as: str | None = None, declared: Recognition | None = None
) -> list[Source]:
    """Sources in a JSON file or at a URL that holds an item, a search result, a collection or a catalogue.

    Args:
        path: the file or URL.
        place: `warp` or `pixels`, for imagery that has no grid of its own.
        complex_as: `amplitude` or `intensity`, for complex numbers.
        declared: the sensor that the caller named; a variant of it overrides what the items say of their numbers.

    Raises:
        OpenError: it cannot be read, is no STAC, or none of its imagery can be opened.
    """
    data = load(path)
    if not is_stac(data):
        kind = "GeoJSON without stac_version" if "features" in data or "geometry" in data else "JSON, but no STAC"
        raise OpenError(
            f"{path}: is {kind}, so it names no imagery; open the raster files themselves (shapes are "
            "labels or bounds, not a scene)"
        )
    return _sources(items_in(data, (path, *self_href(data))), path, place, complex_as, declared)


def sources_of_stac(
    obj: Any, *, place: str | None = None, complex_as: str | None = None, declared: Recognition | None = None
) -> list[Source]:
    """Sources in a pystac Item, ItemCollection, Collection or Catalog, a pystac-client search, or an item as a dict.

    Args:
        obj: the object.
        place: see `read_stac`.
        complex_as: see `read_stac`.
        declared: see `read_stac`.

    Raises:
        OpenError: none of its imagery can be opened.
    """
    if isinstance(obj, Mapping):
        return _sources(items_in(obj, self_href(obj)), str(obj.get("id", "STAC")), place, complex_as, declared)
    if hasattr(obj, "item_collection"):
        obj = obj.item_collection()
    found: Iterable[Any] = [obj] if hasattr(obj, "assets") and hasattr(obj, "properties") else ()
    if not found:
        found = obj.get_items(recursive=True) if hasattr(obj, "get_items") else obj
    items = (
        Item(item.to_dict(transform_hrefs=False), tuple(href for href in [item.get_self_href()] if href))
        for item in found
    )
    return _sources(items, str(getattr(obj, "id", None) or "STAC search result"), place, complex_as, declared)


def _sources(
    items: Iterable[Item], name: str, place: str | None, complex_as: str | None, declared: Recognition | None
) -> list[Source]:
    found: list[Source] = []
    failed: list[OpenError] = []
    for item in items:
        try:
            found += _of_item(item, place, complex_as, declared)
        except _NotHere as error:
            failed.append(error)
    if not found:
        raise failed[0] if failed else OpenError(f"{name}: holds no items")
    return [replace(found[0], notes=(*found[0].notes, *map(str, failed))), *found[1:]]


class _NotHere(OpenError):
    """An item whose imagery is not on this machine: no hindrance where others are."""


def _of_item(item: Item, place: str | None, complex_as: str | None, declared: Recognition | None) -> list[Source]:
    sensor = recognise(item.id, stac=item.properties)
    if declared is not None:
        facts = sensor.facts if sensor is not None and sensor.sensor.name == declared.sensor.name else {}
        sensor = replace(declared, facts={**facts, **declared.facts})
    # Who names a variant tells how the numbers are stored, and knows better than the catalogue.
    is_told = declared is not None and declared.variant is not None
    date = _date_of(item.properties)
    opened: list[_Asset] = []
    passed: list[str] = []
    missing: list[str] = []
    for key, asset in item.data.get("assets", {}).items():
        if not _holds_imagery(key, asset):
            passed.append(key)
            continue
        address = resolve(asset["href"], item.bases)
        if address is None:
            missing.append(f"{key} ({asset['href']})")
            continue
        reader = RasterReader(address, place=place, complex_as=complex_as)
        entries = entries_of(asset, len(reader.stored), sum(s.interpretation == "alpha" for s in reader.stored))
        is_jp2 = "jp2" in str(asset.get("type", "")) or address.casefold().endswith(".jp2")
        entries = [replace(one, scale=None, offset=None) if is_told else _once(one, item, is_jp2) for one in entries]
        bands = make_bands(entries, key, asset, reader, sensor, date, item.notes)
        opened.append(_Asset(key, reader, bands, is_jp2))
    if missing and opened:
        item.notes.append(f"{item.id}: {many(len(missing), 'asset')} {MISSING}: {', '.join(missing[:4])}")
    if not opened and missing:
        raise _NotHere(f"{item.id}: its imagery is {MISSING}: {', '.join(missing[:4])}")
    if not opened:
        raise OpenError(f"{item.id}: none of its assets is imagery: {', '.join(item.data.get('assets', {})) or 'none'}")
    kept, doubled = _without_doubles(opened)
    if passed:
        item.notes.append(f"{item.id}: passed over {', '.join(passed)}, which are pictures or metadata")
    if doubled:
        item.notes.append(
            f"{item.id}: passed over {', '.join(doubled)}, whose bands are in other assets, as fine or finer"
        )
    return [
        Source(
            reader=asset.reader,
            label=item.id,
            # Without a variant: the bands say how their numbers are stored.
            sensor=None if sensor is None else replace(sensor, variant=None),
            date=date,
            bands=asset.bands,
            notes=tuple(item.notes) if i == 0 else (),
        )
        for i, asset in enumerate(kept)
    ]


def _holds_imagery(key: str, asset: Mapping[str, Any]) -> bool:
    roles = {str(role).casefold() for role in asset.get("roles", ())}
    if roles & _NOT_IMAGERY or key.casefold() in _KEYS_NOT_IMAGERY or "href" not in asset:
        return False
    kind = str(asset.get("type", "")).casefold()
    if kind.startswith(_PICTURE_TYPES):
        return "data" in roles
    if kind:
        return kind.startswith(_RASTER_TYPES)
    return urlparse(str(asset["href"])).path.casefold().endswith(_RASTER_SUFFIXES)


def _once(entry: Entry, item: Item, is_jp2: bool) -> Entry:
    """The entry with an offset that will be applied exactly once.

    Earth Search takes the 1000 that processing baseline 04.00 adds out of the pixels of its COGs, says so in
    `earthsearch:boa_offset_applied`, and still writes the offset of -0.1 into `raster:bands`; the JP2 beside the COGs
    are as ESA made them (https://github.com/Element84/earth-search/issues/66, /issues/71).
    """
    applied = item.properties.get("earthsearch:boa_offset_applied", item.properties.get("sentinel:boa_offset_applied"))
    if applied is None or not entry.offset or is_jp2:
        return entry
    if applied:
        note = (
            f"{item.id}: boa_offset_applied is true: the offset of {entry.offset:g} that raster:bands names is in the "
            "pixels already and is not applied again"
        )
        entry = replace(entry, offset=0.0)
    else:
        note = (
            f"{item.id}: boa_offset_applied is false: the offset of {entry.offset:g} is applied. Some such "
            "items are wrong: if dark water comes out below 0, say sensor='sentinel-2-l2a@pre-04.00'"
        )
    if note not in item.notes:
        item.notes.append(note)
    return entry


def _without_doubles(assets: list[_Asset]) -> tuple[list[_Asset], list[str]]:
    """One asset per band: the finest; of equals a COG before a JP2, and the one that holds fewest bands."""

    def merit(asset: _Asset) -> tuple[float, bool, int]:
        return abs(asset.reader.grid.affine.determinant), asset.is_jp2, len(asset.names)

    kept: list[_Asset] = []
    taken: set[str] = set()
    for asset in sorted(assets, key=merit):
        if asset.names and not asset.names & taken:
            kept.append(asset)
            taken |= asset.names
    order = [asset for asset in assets if asset in kept]
    return order, [asset.key for asset in assets if asset not in kept]


def _date_of(properties: Mapping[str, Any]) -> Date | None:
    """When an item was seen: its instant, or its period, as a year or month where it is just that."""
    if properties.get("datetime"):
        return parse_date(properties["datetime"])
    if not properties.get("start_datetime"):
        return None
    return period(
        parse_date(properties["start_datetime"]),
        parse_date(properties.get("end_datetime") or properties["start_datetime"]),
    )
