"""What GDAL says of a file's bands, as plain facts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rasterio.enums import ColorInterp, MaskFlags

from swath.scene.reader import Stored
from swath.sensors import limits


def mask_mode(flags: Sequence[MaskFlags]) -> str:
    """Whether a band's validity is in a `mask` (or alpha), or told by its `values` alone."""
    return "mask" if MaskFlags.per_dataset in flags or MaskFlags.alpha in flags else "values"


def _palette(dataset: Any, i: int) -> dict[int, tuple[int, int, int, int]]:
    """Colours of the `i`-th band; none where GDAL tells of a palette that it does not keep, as of a second band."""
    try:
        found: dict[int, tuple[int, int, int, int]] = dataset.colormap(i + 1)
    except ValueError:
        return {}
    return found


def stored_band(dataset: Any, i: int) -> Stored:
    """The `i`-th band of a rasterio dataset, counted from 0; wavelengths in nm."""
    tags = dataset.tags(i + 1)
    interpretation = dataset.colorinterp[i]
    colours = None
    if interpretation == ColorInterp.palette:
        colours = {
            value: f"#{r:02x}{g:02x}{b:02x}" for value, (r, g, b, a) in _palette(dataset, i).items() if a or r or g or b
        }
        if all(colour == f"#{value:02x}{value:02x}{value:02x}" for value, colour in colours.items()):
            # A ramp of greys is a picture, however the file calls it.
            colours, interpretation = None, ColorInterp.gray
    return Stored(
        dtype=str(dataset.dtypes[i]),
        description=dataset.descriptions[i] or None,
        nodata=dataset.nodatavals[i],
        scale=float(dataset.scales[i]),
        offset=float(dataset.offsets[i]),
        units=dataset.units[i] or None,
        interpretation=interpretation.name,
        wavelength=_wavelength(tags, dataset.tags(i + 1, ns="IMAGERY")),
        classes=_class_names(tags),
        colours=colours,
        tags=tags,
    )


def _class_names(tags: Mapping[str, str]) -> dict[int, str] | None:
    """Class names in a band's tags: a table in JSON as Swath writes it, or `class_3 = water` as some producers do."""
    if tags.get("kind") == "categorical" and "classes" in tags:
        return {int(value): name for value, name in json.loads(tags["classes"]).items()}
    found = {
        int(key[6:]): value for key, value in tags.items() if key.lower().startswith("class_") and key[6:].isdigit()
    }
    return found or None


def _wavelength(*spaces: Mapping[str, str]) -> tuple[float, float, float] | None:
    """Centre and width from a band's metadata: GDAL's IMAGERY domain counts in um, ENVI headers say which unit."""
    tags = {key.casefold(): value for space in spaces for key, value in space.items()}
    try:
        if "central_wavelength_um" in tags:
            centre, width, factor = float(tags["central_wavelength_um"]), float(tags.get("fwhm_um", 0)), 1000.0
        elif "wavelength" in tags:
            units = tags.get("wavelength_units", "").casefold()
            factor = {"nanometers": 1.0, "nm": 1.0, "micrometers": 1000.0, "um": 1000.0}.get(units, 0.0)
            centre, width = float(tags["wavelength"]), float(tags.get("fwhm", 0))
        else:
            return None
    except ValueError:
        return None
    if factor == 0 or centre <= 0:
        return None
    return limits(centre * factor, width * factor)


def file_tags(dataset: Any) -> dict[str, str]:
    """The file's metadata, those of other domains included that say when and how it was taken."""
    merged = dict(dataset.tags())
    for space in ("IMAGERY", "EXIF", "PRODUCT_METADATA"):
        merged |= dataset.tags(ns=space)
    return merged


def crs_of(dataset: Any) -> str | None:
    """The CRS as an EPSG code where it is exactly one, else as WKT."""
    if dataset.crs is None:
        return None
    code = dataset.crs.to_epsg(confidence_threshold=100) if dataset.crs.is_epsg_code else None
    return f"EPSG:{code}" if code else str(dataset.crs.to_wkt())
