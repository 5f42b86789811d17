"""What the metadata files of products say: Sentinel-2's MTD_MSI*.xml and Landsat's MTL. Text in, facts out."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from swath.errors import OpenError
from swath.scene.dates import Date, parse_date
from swath.sensors import Recognition, find_sensor, recognise

_S2_ORDER = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
"""Bands by the `band_id` of the metadata, counted from 0."""


@dataclass(frozen=True)
class Told:
    """What a metadata file says of its product.

    Attributes:
        sensor: sensor and level.
        date: when it was seen.
        storage: per band name, the fields of `Band` in which it is stored otherwise than the sensor's file says;
            the key `""` holds for every reflective band.
        how: one phrase for the scene's description.
    """

    sensor: Recognition | None = None
    date: Date | None = None
    storage: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    how: str | None = None


def sentinel2(text: str, source: str) -> Told:
    """MTD_MSIL1C.xml, MTD_MSIL2A.xml and their forerunners: `value = (number + offset) / quantification`.

    Sentinel-2 Products Specification Document, S2-PDGS-TAS-DI-PSD, issue 14.9, section 3.10.

    Args:
        text: the file's text.
        source: name for messages.

    Raises:
        OpenError: it is not such a file.
    """
    try:
        root = ElementTree.fromstring(text.encode())
    except ElementTree.ParseError as error:
        raise OpenError(f"{source}: not valid XML ({error}); the product is damaged, get it again") from error
    found: dict[str, list[ElementTree.Element]] = {}
    for element in root.iter():
        found.setdefault(element.tag.rpartition("}")[2].removeprefix("L2A_"), []).append(element)

    def first(*names: str) -> str | None:
        return next((found[name][0].text for name in names if name in found), None)

    level = "l2a" if "2A" in root.tag else "l1c"
    quantification = float(first("BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE") or 10000)
    baseline = first("PROCESSING_BASELINE")
    ids = {one.get("bandId"): str(one.get("physicalBand")) for one in found.get("Spectral_Information", [])}
    offsets: dict[str, float] = {}
    for element in found.get("BOA_ADD_OFFSET", found.get("RADIO_ADD_OFFSET", [])):
        number = element.get("band_id", "")
        name = ids.get(number) or _S2_ORDER[int(number)]
        offsets[_two_digits(name)] = float(element.text or 0)
    storage: dict[str, dict[str, Any]] = {
        name: {"scale": 1 / quantification, "offset": offsets.get(name, 0.0) / quantification} for name in _S2_ORDER
    }
    for name in ("AOT", "WVP"):
        if (value := first(f"{name}_QUANTIFICATION_VALUE")) is not None:
            storage[name] = {"scale": 1 / float(value)}
    started = first("DATATAKE_SENSING_START", "PRODUCT_START_TIME")
    added = ", ".join(f"{offset:g}" for offset in sorted(set(offsets.values()))) or "none"
    return Told(
        sensor=find_sensor(f"sentinel-2-{level}"),
        date=None if started is None else parse_date(started),
        storage=storage,
        how=f"processing baseline {baseline}, quantification {quantification:g}, offset {added}",
    )


def _two_digits(name: str) -> str:
    """`B1` as the metadata write it is `B01` in file names."""
    return re.sub(r"^B(\d)$", r"B0\1", name)


def landsat(text: str, source: str) -> Told:
    """MTL.txt and MTL.json of Collection 1 and 2.

    Level-2: reflectance and temperature by the MULT and ADD of the file. Level-1: top-of-atmosphere reflectance
    `(MULT * number + ADD) / sin(sun elevation)` where all three are there, radiance for thermal bands, else plain
    numbers. USGS, Landsat 8-9 Collection 2 Level 1 Data Format Control Book, LSDS-1822; Level 2 Science Product Guide,
    LSDS-1619.

    Args:
        text: the file's text.
        source: name for messages.

    Raises:
        OpenError: it is not such a file.
    """
    groups = _groups_json(text) if text.lstrip().startswith("{") else _groups_odl(text)
    flat: dict[str, str] = {}
    for values in reversed(list(groups.values())):
        # Level-2 files repeat the record of their Level-1 product behind their own.
        flat |= values
    product = flat.get("LANDSAT_PRODUCT_ID")
    if not groups or "DATE_ACQUIRED" not in flat:
        raise OpenError(f"{source}: not a Landsat MTL file (no DATE_ACQUIRED); the product is damaged, get it again")
    time = flat.get("SCENE_CENTER_TIME", "").strip('"')[:8]
    images = sorted(value for key, value in flat.items() if key.startswith("FILE_NAME_BAND"))
    sensor = recognise(product or "") or next((one for one in map(recognise, images) if one is not None), None)
    is_level_2 = "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS" in groups
    storage = _landsat_l2(groups) if is_level_2 else _landsat_l1(groups, flat)
    elevation = "" if is_level_2 else f", sun elevation {flat.get('SUN_ELEVATION', 'unknown')}"
    return Told(
        sensor=sensor,
        date=parse_date(f"{flat['DATE_ACQUIRED']}T{time}" if time else flat["DATE_ACQUIRED"]),
        storage=storage,
        how=f"coefficients of the MTL file{elevation}",
    )


def _landsat_l2(groups: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    reflectance = groups["LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"]
    temperature = groups.get("LEVEL2_SURFACE_TEMPERATURE_PARAMETERS", {})
    storage = {f"SR_B{number}": pair for number, pair in _pairs(reflectance, "REFLECTANCE").items()}
    return {**storage, **_pairs(temperature, "TEMPERATURE")}


def _landsat_l1(groups: Mapping[str, Mapping[str, str]], flat: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    rescaling = next((values for key, values in groups.items() if key.endswith("RADIOMETRIC_RESCALING")), {})
    storage = {f"B{name}": {**pair, "units": "radiance"} for name, pair in _pairs(rescaling, "RADIANCE").items()}
    thermal = {
        f"B{key.rpartition('_BAND_')[2]}" for values in groups.values() for key in values if "K1_CONSTANT" in key
    }
    storage = {name: pair for name, pair in storage.items() if name in thermal}
    sun = math.sin(math.radians(float(flat.get("SUN_ELEVATION", "0"))))
    if sun > 0:
        for name, pair in _pairs(rescaling, "REFLECTANCE").items():
            scaled = {key: value / sun for key, value in pair.items()}
            storage[f"B{name}"] = {**scaled, "units": "reflectance"}
    return storage


def _pairs(values: Mapping[str, str], quantity: str) -> dict[str, dict[str, Any]]:
    """`scale` and `offset` by band from `QUANTITY_MULT_BAND_n` and `QUANTITY_ADD_BAND_n`."""
    start = f"{quantity}_MULT_BAND_"
    return {
        key.removeprefix(start): {"scale": float(value), "offset": float(values[key.replace("_MULT_", "_ADD_")])}
        for key, value in values.items()
        if key.startswith(start) and key.replace("_MULT_", "_ADD_") in values
    }


def _groups_odl(text: str) -> dict[str, dict[str, str]]:
    """Groups of the Object Description Language: `GROUP = NAME`, `KEY = VALUE`, `END_GROUP = NAME`."""
    groups: dict[str, dict[str, str]] = {}
    stack: list[str] = []
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition("="))
        if key == "GROUP":
            stack.append(value)
        elif key == "END_GROUP" and stack:
            stack.pop()
        elif value and stack:
            groups.setdefault(stack[-1], {})[key] = value.strip('"')
    return groups


def _groups_json(text: str) -> dict[str, dict[str, str]]:
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    inner: Any = next(iter(data.values()), {})
    pairs = inner.items() if isinstance(inner, dict) else ()
    return {
        group: {key: str(value) for key, value in values.items()} for group, values in pairs if isinstance(values, dict)
    }
