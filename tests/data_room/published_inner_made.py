"""Sets whose images lie within files, in small: exactly as each is published, with pixels of real scenes."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from swath.data.published.facts import published

from .published_made import Real
from .published_single_made import PARTS, bands, gamus, so2sat_lcz42


def so2sat_lcz42_s1s2(real: Real, folder: Path) -> None:
    so2sat_lcz42(real, folder)
    for path in folder.glob("*.h5"):
        with h5py.File(path, "r+") as file:
            file["sen1"][...] = np.arange(8) - 3.0


def gamus_heights(real: Real, folder: Path) -> None:
    gamus(real, folder)


def crowns(real: Real, number: int) -> tuple[NDArray[np.uint8], list[dict[str, Any]]]:
    """Numbers of objects as colours, as COCO's panoptic masks have them, and the same as annotations."""
    ids = np.zeros((64, 64), dtype=np.int64)
    told = []
    for at, (y, x) in enumerate(((4, 8), (30, 20), (40, 44)), start=1):
        ids[y : y + 10, x : x + 12] = at * 300 + number
        ring = [x, y, x + 12, y, x + 12, y + 10, x, y + 10]
        box = {"bbox": [x, y, 12, 10], "area": 120, "iscrowd": 0, "segmentation": [ring]}
        told.append({"id": 10 * number + at, "image_id": number, "category_id": 1 + at % 2, **box})
    return np.stack([ids % 256, ids // 256 % 256, ids // 65536]).astype(np.uint8), told


CROWN_PARTS = ["train", "train", "train", "test"]


def oam_tcd(real: Real, folder: Path) -> None:
    for part in ("train", "test"):
        images, annotations = [], []
        for number in (number for number, one in enumerate(CROWN_PARTS) if one == part):
            name = f"5c15321f63d9810007f8b06{number}_{number}"
            real.write(folder / "holdout/images" / f"{name}.jpg", real.picture(number, 1))
            mask, told = crowns(real, number)
            real.write(folder / "holdout/masks" / f"{name}.png", mask)
            images.append({"id": number, "file_name": f"{name}.jpg", "width": 64, "height": 64})
            annotations += told
        classes = [{"id": 2, "name": "tree"}, {"id": 1, "name": "canopy"}]
        whole = {"images": images, "annotations": annotations, "categories": classes}
        (folder / "holdout" / f"{part}.json").write_text(json.dumps(whole))


def as_bytes(real: Real, values: NDArray[Any], number: int | None = None, driver: str = "GTiff") -> bytes:
    """A raster as the bytes of its file."""
    where = {}
    if number is not None:
        affine = real.grid.transform * Affine.translation(*real.tiles[number][::-1])
        where = {"crs": real.grid.crs, "transform": affine}
    count, height, width = values.shape
    shape = {"count": count, "height": height, "width": width, "dtype": values.dtype}
    with MemoryFile() as file:
        with file.open(driver=driver, **shape, **where) as made:
            made.write(values)
        return bytes(file.read())


def oam_tcd_tables(real: Real, folder: Path) -> None:
    """As on the hub: images as files in cells."""
    (folder / "data").mkdir(parents=True)
    for part in ("train", "test"):
        rows = []
        for number in (number for number, one in enumerate(CROWN_PARTS) if one == part):
            mask, told = crowns(real, number)
            y, x = real.tiles[number]
            west, north = real.grid.transform * (x, y)
            east, south = real.grid.transform * (x + 64, y + 64)
            image = {"bytes": as_bytes(real, real.picture(number, 1)), "path": f"{number}.tif"}
            more = {"crs": real.grid.crs.to_string(), "bounds": [west, south, east, north], "oam_id": "5c15321f"}
            mask_file = {"bytes": as_bytes(real, mask, driver="PNG"), "path": f"{number}.png"}
            objects = {"annotation": mask_file, "coco_annotations": json.dumps(told)}
            rows.append({"image_id": number, "image": image, **more, **objects})
        table = pyarrow.Table.from_pylist(rows)
        pyarrow.parquet.write_table(table, folder / "data" / f"{part}-00000-of-00001.parquet", row_group_size=2)


def tortilla(parts: list[tuple[dict[str, Any], bytes]], magic: bytes = b"#y") -> bytes:
    """Files one after another behind a head of 200 bytes, and the table of them at the end."""
    offset, rows = 200, []
    for told, content in parts:
        rows.append({**told, "tortilla:offset": offset, "tortilla:length": len(content)})
        offset += len(content)
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink, compression="zstd")
    table = sink.getvalue().to_pybytes()
    head = magic + offset.to_bytes(8, "little") + len(table).to_bytes(8, "little") + (1).to_bytes(8, "little")
    return head.ljust(200, b"\0") + b"".join(content for _, content in parts) + table


def cloudsen12_plus(real: Real, folder: Path) -> None:
    folder.mkdir(parents=True)
    samples = []
    for number, (part, kind) in enumerate(
        [("train", "high"), ("validation", "high"), ("train", "scribble"), ("test", "high")]
    ):
        label = real.land(number, 1)[None].copy()
        label[:, -3:] = 99
        inner = [
            (
                {"tortilla:id": "s2l1c", "tortilla:file_format": "GTiff"},
                as_bytes(real, bands(real, number, 13), number),
            ),
            ({"tortilla:id": "target", "tortilla:file_format": "GTiff"}, as_bytes(real, label, number)),
        ]
        told = {"tortilla:id": f"ROI_0000{number}__20200{number + 1}01T100000_20200{number + 1}01T100000_T33UUP"}
        told |= {"tortilla:file_format": "TORTILLA", "tortilla:data_split": part, "label_type": kind}
        samples.append((told, tortilla(inner)))
    for at, some in enumerate((samples[:3], samples[3:])):
        (folder / f"cloudsen12-l1c.000{at}.part.taco").write_bytes(tortilla(some, b"WX"))


def sen4agrinet(real: Real, folder: Path) -> None:
    (folder / "dataset/netcdf").mkdir(parents=True)
    (folder / "coco_files").mkdir()
    files: dict[str, list[dict[str, str]]] = {"train": [], "val": [], "test": []}
    whole = published()["sen4agrinet"]
    dates = ("2019-03-05", "2019-03-15", "2019-07-20")
    days = [(datetime.fromisoformat(date) - datetime(2019, 1, 1)).days for date in dates]
    for number, part in enumerate(PARTS[1:]):
        path = folder / "dataset/netcdf" / f"2019_31TCJ_patch_0{number}_14.nc"
        with h5netcdf.File(path, "w") as file:
            file.attrs["patch_year"] = "2019"
            for at, band in enumerate(str(one) for one in whole.bands):
                side = {"B02": 60, "B03": 60, "B04": 60, "B08": 60, "B01": 10, "B09": 10, "B10": 10}.get(band, 30)
                values = [real.bands(number, date)[at % 4, : 60 : 60 // side, : 60 : 60 // side] for date in (0, 0, 1)]
                values[1] = values[1] + 100
                group = file.create_group(band)
                group.dimensions = {"time": 3, "y": side, "x": side}
                group.create_variable(band, ("time", "y", "x"), data=np.stack(values))
                time = group.create_variable("time", ("time",), data=np.array(days))
                time.attrs["units"] = "days since 2019-01-01 00:00:00"
            codes = np.array([0, 110, 223, 770], dtype=np.uint32)[real.land(number, 1)[:60, :60]]
            numbers = np.arange(3600, dtype=np.uint32).reshape(60, 60) // 600
            for name, found in (("labels", codes), ("parcels", numbers)):
                group = file.create_group(name)
                group.dimensions = {"y": 60, "x": 60}
                group.create_variable(name, ("y", "x"), data=found)
        files[part].append({"file_name": path.name})
    for part, told in files.items():
        (folder / "coco_files" / f"scenario_1_coco_{part}.json").write_text(json.dumps({"images": told}))


def treesatai_ts(real: Real, folder: Path) -> None:
    files: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    shares = ([["Fagus", 0.7], ["Quercus", 0.2]], [["Picea", 0.93], ["Pinus", 0.07]], [["Cleared", 1.0]])
    for number, part in enumerate(PARTS):
        name = f"Fagus_sylvatica_{number}_{1000 + number}_WEFL_NLF"
        light = real.bands(number, 1)
        seen = light[[3, 1, 0, 2], :38, :38].repeat(8, axis=1).repeat(8, axis=2)
        path = folder / "aerial" / f"{name}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        placed = {"crs": "EPSG:25832", "transform": Affine(0.2, 0, 565_642 + 1000 * number, 0, -0.2, 5_770_980)}
        with rasterio.open(path, "w", driver="GTiff", width=304, height=304, count=4, dtype="uint8", **placed) as image:
            image.write(np.clip(seen / 16, 0, 255).astype(np.uint8))
        (folder / "sentinel-ts").mkdir(exist_ok=True)
        with h5py.File(folder / "sentinel-ts" / f"{name}_2018.h5", "w") as file:
            times = 3 + number
            file["sen-2-data"] = np.stack([light[np.arange(10) % 4, at : at + 6, :6] for at in range(times)]) * 1.0
            file["sen-2-masks"] = np.zeros((times, 2, 6, 6), np.float32)
            file["sen-2-products"] = [f"S2A_MSIL2A_2018010{at}T103421_N0206_R108_T32UNC_0" for at in range(times)]
            for orbit in ("asc", "des"):
                file[f"sen-1-{orbit}-data"] = light[None, :2, :6, :6].repeat(2, axis=0) / 10_000
                file[f"sen-1-{orbit}-products"] = [f"S1A_IW_GRDH_1SDV_2018010{at}T170841_0" for at in range(2)]
        files[part].append(f"{name}.tif")
    every = [name for own in files.values() for name in own]
    (folder / "labels").mkdir()
    told = {name: shares[at % 3] for at, name in enumerate(every)}
    (folder / "labels/TreeSatBA_v9_60m_multi_labels.json").write_text(json.dumps(told))
    (folder / "split").mkdir()
    for part, names in files.items():
        (folder / "split" / f"{part}_filenames.lst").write_text("\n".join(names) + "\n")
