"""Folders of places of which one sensor keeps its own grid and dates, cut from real pixels."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.windows import Window

from tests.train.making import BANDS, SENSOR, plants, tiles

from .several import TREES

SAID: dict[str, Any] = {
    "apart": ["s2"],
    "sensor": {"image": SENSOR, "s2": SENSOR},
    "bands": BANDS,
}
"""What is said of `pairs_and_series`."""
COARSER = 4
DAYS = ("2015-08-20", "2016-06-10", "2018-08-15")


def pairs_and_series(own_data: Path, folder: Path, *, classes: bool = False, fewer: str = "tile_0_0") -> Path:
    """`A/`, `B/`, `label/` of Paris at 10 m, 64 x 64 pixels; `s2/NAME_DATE.tif`, red and infrared at 40 m on 3 days.

    With `classes` there are `labelA/` and `labelB/` instead, plants or none. The day between is the mean of the others;
    the place `fewer` lacks it.
    """
    tiles(own_data, folder, changed=True)
    for path in sorted((folder / "A").glob("*.tif")):
        with rasterio.open(path) as file, rasterio.open(folder / "B" / path.name) as other:
            before, after = (coarse(one.read([3, 4])) for one in (file, other))
            for day, values in zip(DAYS, (before, (before + after) // 2, after), strict=True):
                if path.stem != fewer or day != DAYS[1]:
                    target = folder / "s2" / f"{path.stem}_{day}.tif"
                    write(target, values, file.transform * Affine.scale(COARSER), file.crs, ("B04", "B08"))
            if classes:
                for part, one in (("labelA", file), ("labelB", other)):
                    write(folder / part / path.name, plants(one.read())[None], file.transform, file.crs)
    if classes:
        shutil.rmtree(folder / "label")
    return folder


def coarse(values: NDArray[Any], by: int = COARSER) -> NDArray[np.uint16]:
    """Means of `by` x `by` pixels of `[C, H, W]`."""
    count, height, width = values.shape
    blocks = values.reshape(count, height // by, by, width // by, by)
    return np.asarray(blocks.mean(axis=(2, 4)).round(), dtype=np.uint16)


def write(path: Path, values: NDArray[Any], transform: Affine, crs: Any, names: tuple[str, ...] = ()) -> None:
    """A GeoTIFF of `[C, H, W]`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = values.shape
    about = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": values.dtype}
    with rasterio.open(path, "w", crs=crs, transform=transform, **about) as file:
        file.write(values)
        if names:
            file.descriptions = names


def photo_and_series(folder: Path, shared_data: Path, dates: int = 5) -> Path:
    """`aerial/` at 0.2 m, `s2/NAME_DATE.tif` at 10 m and `labels/`: a place of TreeSatAI Time-Series, in four parts.

    What is labelled is where the photograph is darker than its median.
    """
    source = shared_data / "treesat_multimodal" / TREES
    with rasterio.open(source.with_suffix(".tif")) as file, h5py.File(source.with_suffix(".h5")) as series:
        photo, at, crs = file.read(), file.transform, file.crs
        seen, days = series["sen-2-data"][:], [_day(one) for one in series["sen-2-products"][:]]
        clear = np.argsort(series["sen-2-masks"][:].mean(axis=(1, 2, 3)), kind="stable")[:dates]
        for part in range(4):
            row, column = divmod(part, 2)
            window = Window(150 * column, 150 * row, 150, 150)
            own = photo[:, window.row_off : window.row_off + 150, window.col_off : window.col_off + 150]
            corner = at * Affine.translation(window.col_off, window.row_off)
            write(folder / "aerial" / f"part_{part}.tif", own, corner, crs)
            dark = (own.mean(axis=0) < np.median(photo.mean(axis=0))).astype(np.uint8)
            write(folder / "labels" / f"part_{part}.tif", dark[None], corner, crs)
            for one in sorted(clear):
                transform = at * Affine.scale(50)
                write(folder / "s2" / f"part_{part}_{days[one]}.tif", seen[one].astype(np.uint16), transform, crs)
    return folder


def _day(product: Any) -> str:
    name = product.decode() if isinstance(product, bytes) else str(product)
    stamp = name.split("_")[2][:8]
    return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:]}"
