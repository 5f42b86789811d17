"""From what the caller points at to sources: files, globs, folders, products, catalogues, xarray objects, arrays."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from swath.errors import OpenError
from swath.scene.arrays import ArrayReader
from swath.scene.dates import date_in_name, date_in_tags, dates_of_names, parse_date
from swath.scene.everywhere import is_everywhere, sources_of_table
from swath.scene.raster import RasterReader
from swath.scene.series_table import SUFFIXES as TABLES
from swath.scene.series_table import is_table, read_table
from swath.scene.source import Source
from swath.scene.words import many
from swath.sensors import Recognition, recognise

RASTER_SUFFIXES = frozenset(
    [
        ".tif",
        ".tiff",
        ".gtif",
        ".gtiff",
        ".jp2",
        ".j2k",
        ".vrt",
        ".img",
        ".png",
        ".jpg",
        ".jpeg",
        ".webp",
        ".bmp",
        ".bil",
        ".bip",
        ".bsq",
        ".ntf",
        ".nitf",
        ".grb",
        ".grb2",
        ".asc",
    ]
)
"""What is taken from a folder; a single file is opened whatever it is called."""

_XARRAY_SUFFIXES = frozenset([".nc", ".nc4", ".cdf", ".h5", ".hdf5", ".he5", ".hdf"])
_LABEL_WORDS = re.compile(
    r"(^|[_\-. ])(mask|label|labels|gt|thumbnail|preview|quicklook|browse)([_\-. ]|$)", re.IGNORECASE
)


def gather(
    source: Any, *, place: str | None = None, complex_as: str | None = None, declared: Recognition | None = None
) -> list[Source]:
    """All sources behind one argument of `swath.open`, in a stable order.

    Args:
        source: a path, URL, glob, folder, product, STAC object, xarray object, or `(values, grid)`.
        place: `warp` or `pixels`, for files that have no grid of their own.
        complex_as: `amplitude` or `intensity`, for complex numbers.
        declared: the sensor that the caller named, for sources that tell how each of their bands is stored.

    Raises:
        OpenError: nothing there, or nothing that can be opened.
    """
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], GeoBox):
        return _from_array(np.asarray(source[0]), source[1])
    if isinstance(source, np.ndarray):
        raise OpenError(
            "an array needs a place: give (array, grid) with an odc.geo GeoBox, or Scene.from_array(array, grid)"
        )
    if not isinstance(source, str | Path):
        module = type(source).__module__.partition(".")[0]
        if module == "xarray":
            from swath.scene.exchange import sources_of_xarray

            return sources_of_xarray(source)
        if module in ("pystac", "pystac_client") or (isinstance(source, Mapping) and "stac_version" in source):
            from swath.scene.stac import sources_of_stac

            return sources_of_stac(source, place=place, complex_as=complex_as, declared=declared)
        raise OpenError(
            f"cannot open a {type(source).__name__}; give paths, URLs, STAC or xarray objects, or (array, grid)"
        )
    text = os.fspath(source)
    if "://" not in text and not os.path.exists(text) and glob.has_magic(text):
        found = sorted(glob.glob(text, recursive=True))
        if not found:
            raise OpenError(f"{text}: no file matches")
        return [one for path in found for one in gather(path, place=place, complex_as=complex_as, declared=declared)]
    return _from_path(text, place, complex_as, declared)


def _from_path(text: str, place: str | None, complex_as: str | None, declared: Recognition | None) -> list[Source]:
    from swath.scene.products import open_product

    path = Path(text)
    suffix = path.suffix.casefold()
    if (found := open_product(text, place=place, complex_as=complex_as, declared=declared)) is not None:
        return found
    if suffix == ".json" or suffix == ".geojson":
        from swath.scene.stac import read_stac

        return read_stac(text, place=place, complex_as=complex_as, declared=declared)
    if suffix == ".zarr" or suffix in _XARRAY_SUFFIXES:
        from swath.scene.exchange import sources_of_file

        if suffix == ".zarr" or "://" not in text:
            found = sources_of_file(text)
            if found is not None:
                return found
    if suffix in TABLES and path.is_file() and is_table(path):
        return read_table(path).sources(text)
    if is_everywhere(path):
        return sources_of_table(path)
    if path.is_dir():
        return _from_folder(path, place, complex_as)
    return [from_raster(text, place=place, complex_as=complex_as)]


def _from_folder(folder: Path, place: str | None, complex_as: str | None) -> list[Source]:
    """Every raster in a folder, other things passed over; sidecars, labels and previews are not imagery."""
    rasters = [
        path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix.casefold() in RASTER_SUFFIXES
    ]
    images = [path for path in rasters if not _LABEL_WORDS.search(path.stem)]
    if not images:
        inner = sorted({path.parent for path in folder.rglob("*") if path.suffix.casefold() in RASTER_SUFFIXES})
        hint = f"; rasters lie in {', '.join(str(one) for one in inner[:4])}" if inner else ""
        raise OpenError(f"{folder}: the folder holds no raster that can be taken as imagery{hint}")
    passed = sorted({path.name for path in rasters} - {path.name for path in images})
    sources = [from_raster(str(path), place=place, complex_as=complex_as) for path in images]
    if passed:
        note = f"{folder}: passed over {many(len(passed), 'file')} named as labels or previews: {', '.join(passed[:4])}"
        sources[0] = replace(sources[0], notes=(*sources[0].notes, note))
    return sources


def from_raster(
    path: str,
    *,
    place: str | None = None,
    complex_as: str | None = None,
    sensor: Recognition | None = None,
    label: str | None = None,
) -> Source:
    """A raster file as a source: its reader, and what its name and tags say.

    Args:
        path: a path or URL, or one of GDAL's own names.
        place: `warp` or `pixels`, for a file that has no grid of its own.
        complex_as: `amplitude` or `intensity`, for complex numbers.
        sensor: what it is known to be from; None: recognised by its marks.
        label: a short name for people; None: the file's.

    Raises:
        OpenError: see `RasterReader`.
    """
    reader = RasterReader(path, place=place, complex_as=complex_as)
    notes = []
    if reader.warps:
        notes.append(f"{path}: has no grid of its own; warped to one through its control points or RPCs")
    found = sensor or recognise(path, reader.tags)
    return Source(
        reader=reader,
        label=label or Path(path).stem,
        sensor=found,
        date=_date_of(path, reader.tags, found),
        band_dates=tuple(dates_of_names(one.description for one in reader.stored) or ()) or None,
        only=found.facts.get("band") if found else None,
        notes=tuple(notes),
    )


def _date_of(path: str, tags: Mapping[str, str], sensor: Recognition | None) -> np.datetime64 | None:
    """The date by the product's own pattern, then by the tags, then by any date in the name."""
    if sensor is not None and (told := sensor.facts.get("date")):
        return parse_date(told)
    return date_in_tags(tags) or date_in_name(Path(path).name)


def _from_array(values: Any, grid: GeoBox) -> list[Source]:
    if values.dtype.kind not in "iufb":
        raise OpenError(f"an array of {values.dtype} holds no pixels; give integers, floats or booleans")
    if values.ndim == 2:
        values = values[None]
    if values.ndim == 3:
        return [Source(ArrayReader(values, grid), "array")]
    if values.ndim == 4:
        return [Source(ArrayReader(one, grid, name=f"array[{i}]"), str(i + 1)) for i, one in enumerate(values)]
    raise OpenError(f"an array is [y, x], [band, y, x] or [time, band, y, x]; found {values.ndim} axes")
