"""Folders of places that several sensors saw, cut from real pixels: floods in Spain, a field in Togo, land, trees."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
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


def land(folder: Path, shared_data: Path) -> Path:
    """`s2/` at 10 m, `dem/` at 30 m, and `land.gpkg` with the uses of land: four places in Slovenia."""
    source = shared_data / "eolearn_s2_slovenia"
    for part, name, coarser in (("s2", "S2_L1C_13band_2015-07-11.tif", 1), ("dem", "DEM.tif", 3)):
        with rasterio.open(source / "converted" / name) as file:
            for at, place in enumerate(("nw", "ne", "sw", "se")):
                window = Window(48 * (at % 2), 48 * (at // 2), 48, 48)
                side = 48 // coarser
                values = file.read(window=window, out_shape=(file.count, side, side), resampling=Resampling.average)
                transform = file.window_transform(window) * rasterio.Affine.scale(coarser)
                _write(folder / part / f"{place}.tif", values, transform, file)
    shutil.copy(source / "TestEOPatch/vector_timeless/LULC.gpkg", folder / "land.gpkg")
    return folder


def shores_by_class(folder: Path, shared_data: Path) -> tuple[Path, dict[str, str]]:
    """The `s2/` and `s1/` of `floods`, and of each tile whether it is rather `wet` or `dry`."""
    floods(folder, shared_data)
    share = {}
    for path in sorted((folder / "labels").glob("*.tif")):
        with rasterio.open(path) as file:
            share[path.stem] = float((file.read(1) == 1).mean())
    shutil.rmtree(folder / "labels")
    middle = np.median([*share.values()])
    return folder, {name: "wet" if one > middle else "dry" for name, one in share.items()}


def into_folders(folder: Path, told: dict[str, str], how: str = "{sensor}/{told}/{name}.tif") -> Path:
    """The files of `shores_by_class` where `how` says."""
    for name, label in told.items():
        for sensor in SENSORS:
            path = folder / how.format(sensor=sensor, told=label, name=name)
            path.parent.mkdir(parents=True, exist_ok=True)
            (folder / sensor / f"{name}.tif").rename(path)
    return folder


TREES = "Abies_alba_1_1005_WEFL_NLF"
"""The one real place of TreeSatAI Time-Series that there is."""


def trees(folder: Path, shared_data: Path, count: int = 4) -> Path:
    """TreeSatAI Time-Series as published: the real place, and more made of it by turning, each with dates of its own.

    What grows there beside firs is made up.
    """
    source = shared_data / "treesat_multimodal" / TREES
    labels: dict[str, list[list[Any]]] = {}
    (folder / "sentinel-ts").mkdir(parents=True)
    for at in range(count):
        name = TREES if at == 0 else f"Fagus_sylvatica_{at}_{200 + at}_WEFL_NLF"
        with rasterio.open(source.with_suffix(".tif")) as file:
            values = np.rot90(file.read(), at, axes=(1, 2))
            transform = file.transform * rasterio.Affine.translation(1000 * at, 0)
            _write(folder / "aerial" / f"{name}.tif", values, transform, file)
        with (
            h5py.File(source.with_suffix(".h5")) as whole,
            h5py.File(folder / "sentinel-ts" / f"{name}_2020.h5", "w") as part,
        ):
            for key in whole:
                own = whole[key][...] if at == 0 else whole[key][at::count]
                part[key] = np.rot90(own, at, axes=(2, 3)) if own.ndim == 4 else own
        labels[f"{name}.tif"] = [["Abies", 0.9], ["Picea", 0.06]] if at % 2 == 0 else [["Fagus", 0.6], ["Quercus", 0.3]]
    (folder / "labels").mkdir()
    (folder / "labels/TreeSatBA_v9_60m_multi_labels.json").write_text(json.dumps(labels))
    (folder / "split").mkdir()
    names = [*labels]
    for part, own in {"train": names[:-2], "val": names[-2:-1], "test": names[-1:]}.items():
        (folder / "split" / f"{part}_filenames.lst").write_text("".join(f"{name}\n" for name in own))
    return folder
