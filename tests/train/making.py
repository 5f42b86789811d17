"""A folder of real pixels to learn from: the Paris of tests/data in tiles, labelled by what they themselves show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

SENSOR = "sentinel-2-l1c@pre-04.00"
BANDS = ["B02", "B03", "B04", "B08"]
SIDE = 64
SAID: dict[str, Any] = {"sensor": SENSOR, "bands": BANDS}
QUICK: dict[str, Any] = {
    "network": "stsun-nano",
    "crop": 32,
    "batch": 2,
    "precision": "float32",
    "validations": 2,
    "accelerator": "cpu",
    "reach": False,
}
"""A run of a second or two, the same each time."""


def plants(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """1 where near infrared exceeds red by half, so that there is something to learn."""
    red, infrared = pixels[2].astype(float), pixels[3].astype(float)
    return (infrared > 1.5 * red).astype(np.uint8)


def tiles(own_data: Path, folder: Path, *, changed: bool = False, bands: int = 4) -> Path:
    """`images/` and `masks/` of 16 tiles with their place; with `changed` pairs in `A/`, `B/`, `label/`."""
    parts = ("A", "B", "label") if changed else ("images", "masks")
    for part in parts:
        (folder / part).mkdir(parents=True)
    with rasterio.open(own_data / "paris_2015.tif") as before, rasterio.open(own_data / "paris_2018.tif") as after:
        for row in range(4):
            for column in range(4):
                name = f"tile_{row}_{column}.tif"
                window = Window(column * SIDE, row * SIDE, SIDE, SIDE)
                new, old = after.read(window=window), before.read(window=window)
                profile = {
                    "driver": "GTiff",
                    "width": SIDE,
                    "height": SIDE,
                    "crs": after.crs,
                    "transform": after.window_transform(window),
                }
                if changed:
                    _write(folder / "A" / name, old, profile)
                    _write(folder / "B" / name, new, profile)
                    _write(folder / "label" / name, (plants(new) != plants(old))[None].astype(np.uint8), profile)
                else:
                    _write(folder / "images" / name, new[:bands], profile)
                    _write(folder / "masks" / name, plants(new)[None], profile)
    return folder


def relabel(folder: Path, change: Any) -> None:
    """Write every mask again as `change(name, mask)` says."""
    for path in sorted((folder / "masks").glob("*.tif")):
        with rasterio.open(path) as source:
            mask, profile = source.read(), source.profile
        _write(path, change(path.stem, mask).astype(np.uint8), profile)


def _write(path: Path, pixels: NDArray[Any], profile: dict[str, Any]) -> None:
    shape = {**profile, "count": len(pixels), "dtype": pixels.dtype.name}
    with rasterio.open(path, "w", **shape) as out:
        out.write(pixels)
