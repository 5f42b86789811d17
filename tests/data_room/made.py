"""Labelled folders cut from the real scene beside the tests: labels are what its own values tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

SIDE = 64


def write(path: Path, values: NDArray[Any], like: Any = None, at: tuple[int, int] = (0, 0), **more: Any) -> Path:
    """`[band, y, x]` as a raster; where it lies in the file `like`, with that one's CRS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    where = {}
    if like is not None:
        where = {"crs": like.crs, "transform": like.transform @ rasterio.Affine.translation(at[1], at[0])}
    driver = {".png": "PNG", ".jpg": "JPEG"}.get(path.suffix, "GTiff")
    count, height, width = values.shape
    shape = {"count": count, "height": height, "width": width, "dtype": values.dtype}
    with rasterio.open(path, "w", driver=driver, **shape, **where, **more) as made:
        made.write(values)
    return path


def greenness(values: NDArray[Any]) -> NDArray[np.uint8]:
    """0 bare, 1 mixed, 2 green, by NDVI of B02, B03, B04, B08."""
    red, near = values[2].astype(float), values[3].astype(float)
    ndvi = (near - red) / (near + red)
    return np.digitize(ndvi, np.quantile(ndvi, [0.5, 0.8])).astype(np.uint8)


def pairs(
    folder: Path,
    own_data: Path,
    *,
    code: Callable[[NDArray[np.uint8]], NDArray[Any]] = lambda mask: mask[None],
    placed: bool = True,
    gap: int = 0,
    suffix: str = ".png",
) -> Path:
    """Sixteen tiles in `images/`, their masks in `masks/`; with `gap` pixels between them, so that none touch."""
    with rasterio.open(own_data / "paris_2018.tif") as scene:
        values = scene.read()
        mask = greenness(values)
        for row in range(4):
            for column in range(4):
                y, x = row * SIDE, column * SIDE
                part = np.s_[y : y + SIDE - gap, x : x + SIDE - gap]
                name = f"paris_{row}_{column}"
                like = scene if placed else None
                write(folder / "images" / f"{name}.tif", values[(slice(None), *part)], like, (y, x))
                write(folder / "masks" / f"{name}{suffix}", code(mask[part]))
    return folder


def change(folder: Path, own_data: Path) -> Path:
    """`a_t1.tif`, `a_t2.tif`, `a_mask.tif` in four quarters."""
    with rasterio.open(own_data / "paris_2015.tif") as one, rasterio.open(own_data / "paris_2018.tif") as two:
        first, second = one.read(), two.read()
        changed = (np.abs(first[2].astype(int) - second[2]) > 600).astype(np.uint8)
        for number, (y, x) in enumerate([(0, 0), (0, 128), (128, 0), (128, 128)]):
            part = np.s_[:, y : y + 128, x : x + 128]
            write(folder / f"q{number}_t1.tif", first[part], one, (y, x))
            write(folder / f"q{number}_t2.tif", second[part], two, (y, x))
            write(folder / f"q{number}_mask.tif", changed[None][part])
    return folder
