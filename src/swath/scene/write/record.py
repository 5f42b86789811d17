"""The record: a STAC item beside a product that says what it is and how it was made.

STAC 1.1.0 (https://github.com/radiantearth/stac-spec) with the extensions projection 2.0, raster 2.0, eo 2.0,
classification 2.0, file 2.1 and processing 1.2.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry

from swath.errors import OpenError, WriteError
from swath.scene.footprint import footprint as footprint_of
from swath.scene.write.atomic import atomic_path
from swath.scene.write.layer import Layer, read_layers, read_statistics

if TYPE_CHECKING:
    import pystac

_SCHEMAS = {
    "proj": "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "raster": "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "eo": "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "classification": "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
    "file": "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "processing": "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
}
_MEDIA_TYPES = {
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".tiff": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".parquet": "application/vnd.apache.parquet",
    ".gpkg": "application/geopackage+sqlite3",
    ".geojson": "application/geo+json",
    ".fgb": "application/vnd.flatgeobuf",
    ".zarr": "application/vnd+zarr",
    ".json": "application/json",
    ".png": "image/png",
    ".txt": "text/plain",
}


def record_path(product: str | os.PathLike[str]) -> Path:
    """Where the record of a product lies: beside it, under its whole name with `.stac.json` after it."""
    product = Path(product)
    return product.with_name(f"{product.name}.stac.json")


def write_record(
    product: str | os.PathLike[str],
    *,
    grid: GeoBox | None = None,
    footprint: Geometry | None = None,
    datetimes: Sequence[datetime | np.datetime64] = (),
    assets: Mapping[str, str | os.PathLike[str]] | None = None,
    properties: Mapping[str, Any] | None = None,
    links: Iterable[Mapping[str, Any]] = (),
) -> Path:
    """Write the record of a product that is there, replacing an older record.

    Files are described by what they hold: size, SHA-256, and for GeoTIFF the bands with type, nodata, units, scale,
    statistics, wavelengths and classes. Without dates the item's `datetime` is the time of making, and the property
    `swath:datetime_is` says so. Without a CRS of the Earth the item has no geometry.

    Args:
        product: the product; its asset is `data`.
        grid: where the pixels of a raster lie.
        footprint: where the shapes of a vector product lie, with CRS; the grid's outline when None.
        datetimes: dates of what is shown, in UTC where they name no zone.
        assets: further files by their key, in the product's folder or below it.
        properties: further properties; what is given here stands over what is found.
        links: further links, `{"rel": ..., "href": ...}`, such as to inputs (`derived_from`).

    Returns:
        The record's path.

    Raises:
        WriteError: a file is absent, or the disk does not take the record.
    """
    import pystac

    product = Path(product)
    where = grid if footprint is None else footprint
    place = None if where is None else footprint_of(where)
    made = datetime.now(UTC)
    found: dict[str, Any] = {"created": _iso(made), "processing:software": {"swath": version("swath")}}
    when = sorted(_utc(moment) for moment in datetimes)
    if not when:
        found["swath:datetime_is"] = "created"
    elif len(when) > 1:
        found |= {"start_datetime": _iso(when[0]), "end_datetime": _iso(when[-1])}
    if grid is not None:
        found |= _projection(grid)
    item = pystac.Item(
        id=product.stem,
        geometry=None if place is None else _rounded(place.outline),
        bbox=None if place is None else [round(v, 7) for v in place.bounds],
        datetime=made if not when else when[0] if len(when) == 1 else None,
        start_datetime=None,
        end_datetime=None,
        properties=found | dict(properties or {}),
    )
    for key, path in {"data": product, **{key: Path(p) for key, p in (assets or {}).items()}}.items():
        item.add_asset(key, _asset(product, path, "data" if path == product else "metadata"))
    for link in links:
        item.add_link(pystac.Link.from_dict(dict(link)))
    plain = item.to_dict(include_self_link=False, transform_hrefs=False)
    used = json.dumps([plain["properties"], plain["assets"]])
    plain["stac_extensions"] = [schema for prefix, schema in _SCHEMAS.items() if f'"{prefix}:' in used]
    with atomic_path(record_path(product), overwrite=True) as temporary:
        temporary.write_text(json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    return record_path(product)


def read_record(path: str | os.PathLike[str]) -> pystac.Item:
    """The record of a product, found beside it, or read from its own path.

    Raises:
        OpenError: there is none, or it is no STAC item.
    """
    import pystac

    path = Path(path)
    path = path if path.name.endswith(".json") else record_path(path)
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(plain, dict):
            raise TypeError("it is no JSON object")
        item = pystac.Item.from_dict(plain, preserve_dict=False)
    except FileNotFoundError as error:
        raise OpenError(f"{path} is not there: a record lies beside each product that swath saved") from error
    except (OSError, ValueError, TypeError, KeyError, pystac.STACError, pystac.STACTypeError) as error:
        raise OpenError(f"{path} is no STAC item that can be read: {error}") from error
    item.set_self_href(str(path.resolve()))
    return item


def _asset(product: Path, path: Path, role: str) -> pystac.Asset:
    import pystac

    if not path.exists():
        raise WriteError(f"The record of {product} cannot be written: {path} is not there; save it first")
    fields: dict[str, Any] = {}
    if path.is_file():
        digest, size = _sha256(path)
        fields = {"file:size": size, "file:checksum": "1220" + digest}  # multihash: SHA-256, 32 bytes
    if path.suffix.lower() in (".tif", ".tiff"):
        statistics = read_statistics(path)
        fields["bands"] = [_band(layer, s) for layer, s in zip(read_layers(path), statistics, strict=True)]
    href = Path(os.path.relpath(path, product.parent)).as_posix()
    media = _MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")
    return pystac.Asset(f"./{href}", media_type=media, roles=[role], extra_fields=fields)


def _band(layer: Layer, statistics: Mapping[str, float]) -> dict[str, Any]:
    nodata: float | str | None = layer.nodata
    if nodata is not None and not np.isfinite(nodata):
        nodata = {"nan": "nan", "inf": "inf", "-inf": "-inf"}[str(float(nodata))]
    band: dict[str, Any] = {
        "name": layer.name,
        "description": layer.description,
        "data_type": {"complex64": "cfloat32", "complex128": "cfloat64"}.get(layer.dtype, layer.dtype),
        "nodata": int(nodata) if isinstance(nodata, float) and nodata.is_integer() else nodata,
        "unit": layer.units,
        "statistics": dict(statistics) or None,
        "raster:scale": layer.scale if layer.scale != 1 else None,
        "raster:offset": layer.offset if layer.offset != 0 else None,
        "eo:common_name": layer.common_name,
        "swath:kind": layer.kind,
        "swath:date": layer.date,
    }
    if layer.wavelength is not None:
        low, centre, high = layer.wavelength
        band |= {"eo:center_wavelength": centre / 1000, "eo:full_width_half_max": (high - low) / 1000}
    values = sorted({*(layer.classes or {}), *(layer.colours or {})})
    if values and layer.kind == "categorical":
        band["classification:classes"] = [_class(layer, value) for value in values]
    return {key: value for key, value in band.items() if value is not None}


def _class(layer: Layer, value: int) -> dict[str, Any]:
    title = (layer.classes or {}).get(value, str(value))
    # The extension allows letters, digits, - and _ in names; the words for people are the title.
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in title.lower())
    entry: dict[str, Any] = {"value": value, "name": name, "title": title}
    if value in (layer.colours or {}):
        entry["color_hint"] = (layer.colours or {})[value].removeprefix("#").upper()
    return entry


def _projection(grid: GeoBox) -> dict[str, Any]:
    found: dict[str, Any] = {
        "proj:code": None,
        "proj:shape": list(grid.shape),
        "proj:transform": [float(v) for v in grid.affine[:6]],
        "proj:bbox": list(grid.boundingbox.bbox),
    }
    if grid.crs is not None:
        found["proj:code"] = None if grid.crs.epsg is None else f"EPSG:{grid.crs.epsg}"
        if grid.crs.epsg is None:
            found["proj:wkt2"] = grid.crs.to_wkt()
    return found


def _rounded(outline: Any) -> dict[str, Any]:
    """GeoJSON with seven decimals, 1 cm."""
    import shapely

    plain: dict[str, Any] = json.loads(shapely.to_geojson(shapely.transform(outline, lambda points: points.round(7))))
    return plain


def _sha256(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), os.fstat(file.fileno()).st_size


def _utc(moment: datetime | np.datetime64) -> datetime:
    if isinstance(moment, np.datetime64):
        microseconds = int(moment.astype("datetime64[us]").astype("int64"))
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds" if moment.microsecond == 0 else "microseconds").replace("+00:00", "Z")
