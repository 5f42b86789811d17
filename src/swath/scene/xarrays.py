"""What an xarray object says of itself: its grid, its layers by band and date, what each of them holds."""

from __future__ import annotations

import json
import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox
from pydantic import ValidationError

from swath.errors import OpenError
from swath.scene.dates import Date, parse_date
from swath.scene.reader import Stored
from swath.sensors import Band, limits

_TIME = ("time", "t", "date", "valid_time")
_BAND = ("band", "bands", "wavelength", "wavelengths", "variable")
_LEVEL = ("level", "pressure_level", "isobaricInhPa", "depth", "height")
"""Dims of which each step is a band of its own, called VARIABLE_LEVEL."""

_CENTRES = ("wavelength", "wavelengths", "center_wavelength", "centre_wavelength", "band_center")
_WIDTHS = ("fwhm", "full_width_half_max", "bandwidth")
BANDS_KEY = "swath_bands"
"""Attribute in which `to_xarray` tells all of its bands, as JSON."""
_UNEVEN = 0.1
"""Largest distance of a coordinate from its place on an even grid, in pixels: room for float32, not for gaps."""


@dataclass(frozen=True)
class Layer:
    """One band at one date."""

    date: Date | None
    stored: Stored
    band: Band | None
    array: xr.DataArray
    """Of which it is a part; its last dims are (y, x)."""
    where: Mapping[Hashable, int]
    """Its place along the dims before them."""


def grid_of(array: xr.DataArray, label: str) -> tuple[GeoBox, bool]:
    """The grid of an array, and whether its CRS was taken from the names of its coordinates.

    Args:
        array: an array with two spatial dims.
        label: name for messages.

    Raises:
        OpenError: none, or none that is even.
    """
    import odc.geo.xr  # noqa: F401  gives arrays their `.odc`
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    what = f"{label}: {array.name}" if array.name and str(array.name) != label else label
    sizes = " x ".join(str(size) for size in array.shape)
    with warnings.catch_warnings():
        # A grid mapping that points nowhere is no reason to warn: a missing CRS is said in the scene's description.
        warnings.simplefilter("ignore", UserWarning)
        try:
            dims = array.odc.spatial_dims
            grid = array.odc.geobox if dims else None
        except CRSError as error:
            raise OpenError(f"{what}: its CRS is not understood: {' '.join(str(error).split())[:160]}") from error
    curved = [
        str(key) for key, one in array.coords.items() if one.ndim == 2 and str(key)[:3].casefold() in ("lat", "lon")
    ]
    if dims is None or grid is None:
        if curved:
            raise OpenError(
                f"{what}: every pixel has a latitude and longitude of its own ({', '.join(curved)}), there is no grid; "
                "resample it to one first (pyresample, gdalwarp -geoloc)"
            )
        raise OpenError(
            f"{what}: {sizes} numbers without a place (no coordinates along x and y); give its values and a grid: "
            "Scene.from_array(values, grid)"
        )
    for dim in dims:
        _check_even(array[dim], what)
    if grid.crs is not None:
        return grid, False
    mapping = [one.attrs for key, one in array.coords.items() if "grid_mapping_name" in one.attrs]
    if mapping:
        return GeoBox(grid.shape, grid.affine, CRS.from_cf(mapping[0])), False
    if all(str(array[dim].attrs.get("units", dim)).casefold().startswith(("degree", "lat", "lon")) for dim in dims):
        return GeoBox(grid.shape, grid.affine, "EPSG:4326"), True
    return grid, False


def _check_even(coordinate: xr.DataArray, what: str) -> None:
    values = np.asarray(coordinate.values, dtype=np.float64)
    if len(values) < 3:
        return
    even = np.linspace(values[0], values[-1], len(values))
    step = abs(even[1] - even[0])
    worst = int(np.argmax(np.abs(values - even)))
    if step == 0 or abs(values - even)[worst] > _UNEVEN * step:
        raise OpenError(
            f"{what}: coordinate {coordinate.name} is not evenly spaced ({values[worst]:g} where {even[worst]:g} would "
            f"be even), so it is no grid; interpolate it first: data.interp({coordinate.name}=evenly_spaced_values)"
        )


def layers_of(
    array: xr.DataArray, grid: GeoBox, several: bool, attrs: Mapping[Hashable, Any], label: str
) -> Iterator[Layer]:
    """The planes of a variable, each with what is known of it.

    Args:
        array: dims of space, and of time, bands or levels.
        grid: where it lies.
        several: whether it is one of several variables, so that its name is part of its bands' names.
        attrs: attributes of the object that it is part of.
        label: name for messages.

    Raises:
        OpenError: a dim is neither space, time nor band.
    """
    y, x = array.odc.spatial_dims
    others = [dim for dim in array.dims if dim not in (y, x)]
    time = next((dim for dim in others if dim in _TIME or array[dim].dtype.kind == "M"), None)
    axes = [dim for dim in others if dim != time and (dim in _BAND or dim in _LEVEL)]
    for dim in others:
        if dim != time and dim not in axes and array.sizes[dim] > 1:
            raise OpenError(
                f"{label}: {array.name or 'the array'} has a dim {dim!r} of {array.sizes[dim]} that is neither "
                f"space, time nor band; rename it, or pick one: data.isel({dim}=0)"
            )
    array = array.isel({dim: 0 for dim in others if dim != time and dim not in axes}).transpose(
        *([] if time is None else [time]), *axes, y, x
    )
    told = _told_bands(attrs if BANDS_KEY in attrs else array.attrs)
    dates = _dates(array, time)
    for index in np.ndindex(*(array.sizes[dim] for dim in axes)):
        where: dict[Hashable, int] = dict(zip(axes, index, strict=True))
        stored = _stored(array, where, several)
        band = told.get(stored.description or "")
        for t, date in enumerate(dates):
            yield Layer(date, stored, band, array, where if time is None else {time: t, **where})


def _dates(array: xr.DataArray, time: Hashable | None) -> list[Date | None]:
    if time is not None and time not in array.coords:
        return [None] * array.sizes[time]
    names = [key for key in _TIME if key in array.coords and array[key].ndim == 0]
    if time is None and not names:
        return [None]
    values = np.atleast_1d(array[time if time is not None else names[0]].values)
    return [_date(value) for value in values]


def _date(value: Any) -> Date | None:
    """A date of a time coordinate: midnight means that only the day is known."""
    if isinstance(value, np.datetime64):
        if np.isnat(value):
            return None
        second: Date = value.astype("datetime64[s]")
        day: Date = value.astype("datetime64[D]")
        return day if day == second else second
    try:
        text = value.isoformat() if hasattr(value, "isoformat") else value.item() if hasattr(value, "item") else value
        return parse_date(text)
    except OpenError:
        return None


def _stored(array: xr.DataArray, where: Mapping[Hashable, int], several: bool) -> Stored:
    """What attributes and coordinates say of one band."""
    attrs = array.attrs
    scale, offset = float(attrs.get("scale_factor", 1.0)), float(attrs.get("add_offset", 0.0))
    encoding = array.encoding
    # What xarray unpacked is in its units now; where it only put NaN for the fill value, the numbers are as stored.
    unpacked = "scale_factor" in encoding or "add_offset" in encoding
    dtype = array.dtype if unpacked else np.dtype(encoding.get("dtype") or array.dtype)
    units = _along(array, where, ("units", "unit")) or attrs.get("units")
    nodata = next((attrs[key] for key in ("nodata", "_FillValue", "missing_value") if key in attrs), None)
    return Stored(
        dtype=dtype.name if dtype.kind in "iufb" else array.dtype.name,
        description=_name(array, where, several),
        nodata=None if nodata is None or array.dtype.kind == "b" else float(np.ravel(nodata)[0]),
        scale=scale,
        offset=offset,
        units=str(units) if units else None,
        wavelength=_wavelength(array, where),
        common_name=_along(array, where, ("common_name",)),
        classes=_classes(attrs),
        tags={str(key): str(value) for key, value in attrs.items() if key != BANDS_KEY},
    )


def _name(array: xr.DataArray, where: Mapping[Hashable, int], several: bool) -> str | None:
    """`LAI`, `red`, `t_850`; None where the band is only counted."""
    parts = [str(array.name)] if array.name is not None and (several or not where) else []
    for dim, i in where.items():
        if dim in _LEVEL and not parts and array.name is not None:
            parts.append(str(array.name))
        long = array.attrs.get("long_name")
        value = array[dim].values[i] if dim in array.coords else None
        if isinstance(long, list | tuple) and len(long) == array.sizes[dim] and (value is None or value == i + 1):
            parts.append(str(long[i]))
        elif value is not None and not (dim in _BAND and value in (i, i + 1) and not several):
            number = isinstance(value, np.number)
            parts.append(f"{value:g}nm" if number and dim in _CENTRES else f"{value:g}" if number else str(value))
        elif several:
            parts.append(str(i + 1))
    return "_".join(parts) or None


def _along(array: xr.DataArray, where: Mapping[Hashable, int], names: Sequence[str]) -> Any:
    """The value, for one band, of the first of these coordinates along the band dim; None where it is not told."""
    for name in names:
        if name in array.coords and set(array[name].dims) <= set(where):
            value = array[name].isel({dim: where[dim] for dim in array[name].dims}).values.item()
            if value not in (None, "") and value == value:
                return value
    return None


def _wavelength(array: xr.DataArray, where: Mapping[Hashable, int]) -> tuple[float, float, float] | None:
    centre, width = _along(array, where, _CENTRES), _along(array, where, _WIDTHS) or 0.0
    if not isinstance(centre, int | float) or centre <= 0:
        return None
    name = next(key for key in _CENTRES if key in array.coords)
    units = str(array[name].attrs.get("units", "")).casefold()
    # Without units, numbers below 100 are um: nothing that Swath knows looks at the vacuum ultraviolet.
    micro = units.startswith(("um", "µm", "μm", "micro")) or (not units and centre < 100)
    factor = 1000.0 if micro else 1.0
    return limits(centre * factor, width * factor)


def _classes(attrs: Mapping[Hashable, Any]) -> dict[int, str] | None:
    """CF `flag_values` and `flag_meanings`."""
    if "flag_values" not in attrs or "flag_meanings" not in attrs:
        return None
    values = attrs["flag_values"]
    numbers = values.replace(",", " ").split() if isinstance(values, str) else np.ravel(values)
    meanings = str(attrs["flag_meanings"]).split()
    if len(numbers) != len(meanings):
        return None
    return {int(number): meaning.replace("_", " ") for number, meaning in zip(numbers, meanings, strict=True)}


def _told_bands(attrs: Mapping[Hashable, Any]) -> dict[str, Band]:
    """The bands that `to_xarray` wrote, by name."""
    try:
        return {band.name: band for band in map(Band.model_validate, json.loads(attrs.get(BANDS_KEY, "[]")))}
    except (ValueError, ValidationError):
        return {}
