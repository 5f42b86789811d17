"""What the assets of a STAC item say of their bands, checked against the sensor that the item is known to be from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swath.scene.dates import Date
from swath.scene.identify import COMMON_NAMES
from swath.scene.naming import fitted, units_of
from swath.scene.raster import RasterReader
from swath.scene.reader import Stored
from swath.sensors import Band, Recognition, limits, recognise

_SLACK_NM = 15.0
"""Catalogues round centre wavelengths to two digits of a um."""


@dataclass(frozen=True)
class Entry:
    """One band as an asset describes it, whichever STAC version it is written in."""

    name: str | None = None
    common_name: str | None = None
    centre: float | None = None
    """nm."""
    width: float | None = None
    """nm, full at half of the maximum."""
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    units: str | None = None
    gsd: float | None = None
    classes: Mapping[int, str] | None = None
    colours: Mapping[int, str] | None = None
    is_flags: bool = False


def entries_of(asset: Mapping[str, Any], count: int, alphas: int) -> list[Entry]:
    """What an asset says of each band of its file, as STAC 1.1 (`bands`) or 1.0 (`eo:bands`, `raster:bands`) has it.

    Args:
        asset: the asset's JSON.
        count: bands of the file.
        alphas: how many of them are transparency.

    Returns:
        One entry per stored band, empty ones where the asset describes none or another number of bands.
    """
    if "bands" in asset:
        raw = [{**asset, **band} for band in asset["bands"]]
    else:
        eo, raster = asset.get("eo:bands", []), asset.get("raster:bands", [])
        length = max(len(eo), len(raster))
        own = {key: value for key, value in asset.items() if key not in ("name", "description")}
        raw = [
            {**own, **(dict(raster[i]) if i < len(raster) else {}), **(dict(eo[i]) if i < len(eo) else {})}
            for i in range(length)
        ]
        if len(eo) not in (0, length) or len(raster) not in (0, length):
            raw = []
    if len(raw) + alphas == count:
        raw += [{}] * alphas
    if len(raw) != count:
        raw = [dict(asset) if count == 1 else {}] * count
    return [_entry(one) for one in raw]


def _entry(raw: Mapping[str, Any]) -> Entry:
    def first(*keys: str) -> Any:
        return next((raw[key] for key in keys if raw.get(key) is not None), None)

    centre, width = (
        first("eo:center_wavelength", "center_wavelength"),
        first("eo:full_width_half_max", "full_width_half_max"),
    )
    nodata = first("nodata")
    listed = raw.get("classification:classes") or []
    classes = {
        int(one["value"]): str(one.get("title") or one.get("description") or one.get("name") or one["value"])
        for one in listed
    }
    hints = {int(one["value"]): one.get("color_hint") or one.get("color-hint") for one in listed}
    gsd = first("raster:spatial_resolution", "spatial_resolution", "gsd")
    return Entry(
        name=first("name"),
        common_name=first("eo:common_name", "common_name"),
        centre=None if centre is None else float(centre) * 1000,
        width=None if width is None else float(width) * 1000,
        scale=_number(first("raster:scale", "scale")),
        offset=_number(first("raster:offset", "offset")),
        nodata=_number(nodata),
        units=first("unit"),
        gsd=_number(gsd),
        classes=classes or None,
        colours={number: f"#{str(hint).lstrip('#').lower()}" for number, hint in hints.items() if hint} or None,
        is_flags=bool(raw.get("classification:bitfields")) or first("unit") == "bit index",
    )


def _number(value: Any) -> float | None:
    """A number as STAC writes it: `nan`, `inf` and `-inf` are text."""
    return None if value is None else float(value)


def make_bands(
    entries: Sequence[Entry],
    key: str,
    asset: Mapping[str, Any],
    reader: RasterReader,
    sensor: Recognition | None,
    date: Date | None,
    notes: list[str],
) -> tuple[Band | None, ...]:
    """The bands of an asset: the sensor's where they are known, with the storage that the item states.

    Args:
        entries: one per stored band.
        key: name of the asset.
        asset: the asset's JSON.
        reader: its file.
        sensor: what the item is known to be from.
        date: when it was seen, for sensors whose storage has changed.
        notes: what is odd is added here.

    Raises:
        OpenError: numbers are of another type than the sensor's scale is for.
        SensorError: nothing tells how the sensor's numbers are stored.
    """
    result: list[Band | None] = []
    many = len([one for one in reader.stored if one.interpretation != "alpha"]) > 1
    for i, (entry, stored) in enumerate(zip(entries, reader.stored, strict=True)):
        if stored.interpretation == "alpha":
            result.append(None)
            continue
        base = None if sensor is None else _known(entry, key, reader.path, sensor, many)
        if base is not None and not _agrees(base, entry):
            notes.append(
                f"{reader.name}: the item gives {entry.centre:g} nm for {entry.name or key}, {base.name} of the "
                f"sensor is at {base.centre:g} nm; taken as the item says"
            )
            base = None
        if base is None:
            result.append(_described(entry, f"{key}_{i + 1}" if many else key, asset, stored))
        else:
            assert sensor is not None
            result.append(_stored_as(base, entry, stored, sensor, date, reader.name))
    return tuple(result)


def _known(entry: Entry, key: str, path: str, sensor: Recognition, many: bool) -> Band | None:
    """The sensor's band that an entry means: by name, key, file name, common name, or wavelength, in this order."""
    named = recognise(path)
    told = named.facts.get("band") if named is not None and named.sensor.name == sensor.sensor.name else None
    for name in (entry.name, None if many else key, None if many else told):
        found = [band for band in sensor.bands if name is not None and band.answers_to(str(name))]
        if found:
            return found[0]
    common = [band for band in sensor.bands if entry.common_name is not None and band.common_name == entry.common_name]
    if len(common) == 1:
        return common[0]
    near = [
        (abs(band.centre - entry.centre), band.name, band)
        for band in sensor.bands
        if entry.centre is not None and band.centre is not None and abs(band.centre - entry.centre) <= _SLACK_NM
    ]
    return min(near)[2] if near else None


def _agrees(band: Band, entry: Entry) -> bool:
    if entry.centre is None or band.wavelength is None:
        return True
    # A hundredth of the wavelength besides, since thermal centres are rounded to 0.1 um.
    slack = max(_SLACK_NM, 0.01 * band.wavelength[1])
    return band.wavelength[0] - slack <= entry.centre <= band.wavelength[2] + slack


def _stored_as(band: Band, entry: Entry, stored: Stored, sensor: Recognition, date: Date | None, source: str) -> Band:
    if entry.scale is not None or entry.offset is not None:
        scale, offset = entry.scale if entry.scale is not None else 1.0, entry.offset or 0.0
        band = band.with_(scale=scale, offset=offset, dtype=stored.dtype)
    else:
        settled = sensor.settled(date).band(band.name)
        band = fitted(settled, stored, False, sensor, source)
    changes: dict[str, Any] = {"gsd": entry.gsd or band.gsd}
    if entry.nodata is not None:
        changes["nodata"] = None if entry.nodata == stored.nodata else entry.nodata
    return band.with_(**changes)


def _described(entry: Entry, name: str, asset: Mapping[str, Any], stored: Stored) -> Band:
    """A band of which only the item knows."""
    categorical = entry.classes is not None or stored.classes is not None or stored.interpretation == "palette"
    scale = entry.scale if entry.scale is not None else stored.scale
    roles = asset.get("roles", ())
    units = units_of(entry.units) or units_of(stored.units)
    if units is None:
        is_reflectance = "reflectance" in roles and (entry.scale is not None or stored.dtype.startswith("float"))
        units = "flags" if entry.is_flags else "class" if categorical else "reflectance" if is_reflectance else "dn"
    classes = entry.classes or stored.classes
    colours = entry.colours or stored.colours
    common = (entry.common_name or "").casefold()
    return Band(
        name=entry.name or name,
        common_name=common if common in COMMON_NAMES else None,
        wavelength=None if not entry.centre else limits(entry.centre, entry.width or 0.0),
        gsd=entry.gsd,
        units=units,
        scale=scale,
        offset=entry.offset if entry.offset is not None else stored.offset,
        dtype=stored.dtype,
        nodata=None if entry.nodata == stored.nodata else entry.nodata,
        kind="flags" if entry.is_flags else "categorical" if categorical else "continuous",
        classes=dict(classes) if classes and not entry.is_flags else None,
        colours=dict(colours) if colours and not entry.is_flags else None,
    )
