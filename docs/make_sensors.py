"""Make `docs/sensors.md` from the sensor files, so that the page cannot drift from them.

`python docs/make_sensors.py` prints the page, `--write` saves it.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from swath.sensors import Band, Sensor, sensors

HEAD = """# Sensors

Made by `docs/make_sensors.py` from `src/swath/sensors/data`; do not edit by hand.

A sensor is written `NAME-LEVEL`, as in `swath.open("scene.tif", sensor="landsat-oli-l2")`; the bare name will do where
a level is marked *default* or is the only one. `NAME-LEVEL@values` says that numbers are in the band's units already.
A product is recognised by its published name, its tags or its STAC collection, and only where these prove sensor and
level; anything else is asked for, never guessed.

"""

TAIL = """
## A sensor of your own

Write a file like this one and give its path: `swath.open("flight.tif", sensor="hawk.yaml:reflectance")`.

```yaml
name: hawk
title: Hawk camera, 4 bands
kind: aerial
sources:
  - "Hawk data sheet 3.1 (2024), table 2; limits at half of the peak response"
bands:
  - {name: blue, common_name: blue, wavelength: [455, 475, 495], gsd: 0.1}
  - {name: green, common_name: green, wavelength: [540, 560, 580], gsd: 0.1}
  - {name: red, common_name: red, wavelength: [650, 668, 686], gsd: 0.1}
  - {name: nir, common_name: nir, wavelength: [820, 842, 864], gsd: 0.1, aliases: [infrared]}
  - {name: mask, kind: flags, units: flags, dtype: uint8}
levels:
  raw:
    title: digital numbers
    units: dn
    dtype: uint16
    bands: [blue, green, red, nir]
  reflectance:
    title: surface reflectance
    units: reflectance   # value = stored * scale + offset
    dtype: uint16        # a file of another type is not scaled without being told
    scale: 0.0001
    nodata: 0
```

* `bands` of a level is the order in its files; without it, all bands in the order above. A band with its own `units`,
  `scale` or `dtype` keeps them at every level; `changes: {nir: {gsd: 0.2}}` changes a band at one level.
* `wavelength` is `[min, centre, max]` in nm, `common_name` a name of the STAC eo extension; leave out what no source
  says.
* `kind` of a band is `continuous`, `categorical` (with `classes`) or `flags`; only the first is ever interpolated.
* To have a sensor known to everyone, put the file into `src/swath/sensors/data` with `marks`, the patterns of names,
  tags or STAC properties by which its products are known, add published names to the tests, and run
  `python docs/make_sensors.py --write`.
"""

KINDS = {
    "optical": "Optical",
    "thermal": "Thermal",
    "hyperspectral": "Hyperspectral",
    "sar": "Radar",
    "aerial": "Aerial and drone",
    "reanalysis": "Reanalysis",
    "derived": "Derived",
}
MANY = 24
"""A level with more bands is told by its number of bands and its ends."""


def page() -> str:
    """The whole page, in Markdown."""
    order = list(KINDS)
    known = sorted(sensors().values(), key=lambda one: (order.index(one.kind), one.title.casefold()))
    parts = [HEAD]
    for kind, members in groupby(known, key=lambda one: one.kind):
        parts.append(f"## {KINDS[kind]}\n\n| sensor | level | bands | units |\n| --- | --- | --- | --- |\n")
        parts += [row for sensor in members for row in _rows(sensor)]
        parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n" + TAIL


def _rows(sensor: Sensor) -> list[str]:
    rows = []
    for i, (key, level) in enumerate(sensor.levels.items()):
        bands = sensor.bands_of(key)
        units = ", ".join(dict.fromkeys(band.units for band in bands))
        default = ", *default*" if key == sensor.default_level and len(sensor.levels) > 1 else ""
        stored = "".join(f"; `@{name}`: {one.title}" for name, one in level.variants.items())
        who = f"`{sensor.name}` {sensor.title}" if i == 0 else ""
        rows.append(f"| {who} | `{key}` {level.title}{stored}{default} | {_told(bands)} | {units} |\n")
    return rows


def _told(bands: tuple[Band, ...]) -> str:
    if len(bands) > MANY:
        return f"{len(bands)}: {_band(bands[0])} ... {_band(bands[-1])}"
    return ", ".join(map(_band, bands))


def _band(band: Band) -> str:
    what = band.common_name if band.common_name and band.common_name != band.name.casefold() else ""
    light = band.light()
    inside = ", ".join(part for part in (what, light if light != band.name else "") if part)
    return f"{band.name} ({inside})" if inside else band.name


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        Path(__file__).with_name("sensors.md").write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
