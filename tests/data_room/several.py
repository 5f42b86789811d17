"""Folders of places that several sensors saw, cut from real pixels: floods in Spain, a field in Togo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window

SENSORS = {"s2": "sentinel-2-l1c@pre-04.00", "s1": "sentinel-1-db"}
SIDE = 32


def floods(folder: Path, shared_data: Path, count: int = 6) -> Path:
    """`s2/` at 10 m, `s1/` at 20 m, `labels/`: tiles of Sen1Floods11 in which land and water meet."""
    parts = {"s2": ("S2", 1), "s1": ("S1", 2), "labels": ("Labels", 1)}
    for part, (source, coarser) in parts.items():
        (folder / part).mkdir(parents=True)
        with rasterio.open(next((shared_data / "sen1floods11" / source).glob("*.tif"))) as file:
            for at, window in enumerate(_shores(shared_data, count)):
                side = SIDE // coarser
                values = file.read(window=window, out_shape=(file.count, side, side), resampling=Resampling.average)
                transform = file.window_transform(window) * rasterio.Affine.scale(coarser)
                _write(folder / part / f"tile_{at}.tif", values, transform, file)
    return folder


def _shores(shared_data: Path, count: int) -> list[Window]:
    with rasterio.open(next((shared_data / "sen1floods11/Labels").glob("*.tif"))) as file:
        label = file.read(1)
    rows, columns = (side // SIDE for side in label.shape)
    share = (label[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE) == 1).mean(axis=(1, 3))
    best = np.argsort(np.abs(share - 0.5), axis=None)[:count]
    return [Window(int(at % columns) * SIDE, int(at // columns) * SIDE, SIDE, SIDE) for at in sorted(best)]


def togo(folder: Path, shared_data: Path) -> Path:
    """`images/` and `masks/`: the quarters of 12 dates of Sentinel-1, Sentinel-2 and ERA5 in one file each.

    What is labelled is which ground lies higher, so that there is something to tell.
    """
    with rasterio.open(next((shared_data / "togo_s1s2era5_24m").glob("*.tif"))) as file:
        height = file.read(list(file.descriptions).index("elevation") + 1)
        for at in range(4):
            window = Window(8 * (at % 2), 8 * (at // 2), 8, 8)
            rows, columns = window.toslices()
            name, transform = f"field_{at}_2019-02-06_2020-02-01.tif", file.window_transform(window)
            _write(folder / "images" / name, file.read(window=window), transform, file)
            label = (height > np.median(height))[rows, columns]
            _write(folder / "masks" / name, label[None].astype(np.uint8), transform, None, file.crs)
    return folder


def _write(path: Path, values: NDArray[Any], transform: Any, like: Any, crs: Any = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "width": values.shape[2], "height": values.shape[1], "transform": transform}
    of = {"crs": crs} if like is None else {"crs": like.crs, "nodata": like.nodata}
    with rasterio.open(path, "w", count=len(values), dtype=values.dtype, **of, **profile) as file:
        file.write(values)
        if like is not None:
            file.descriptions = like.descriptions
