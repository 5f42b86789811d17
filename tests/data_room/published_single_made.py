"""Sets with a label for each image in small: folders exactly as each is published, with pixels of real scenes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
import rasterio
from affine import Affine
from numpy.typing import NDArray

from swath.data.published.facts import published

from .published_made import Real

PARTS = ["train", "train", "train", "val", "test"]


def in_colours(name: str, numbers: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Positions of classes as the colours that the set has for them."""
    colours = [one.colour or "#000000" for one in published()[name].classes]
    table = np.array([[int(one[at : at + 2], 16) for at in (1, 3, 5)] for one in colours], dtype=np.uint8)
    return np.moveaxis(table[numbers], -1, 0)


def values(name: str, positions: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Positions of classes as the numbers that the set has for them."""
    return np.array([one.number for one in published()[name].classes], dtype=np.uint8)[positions]


def building(real: Real, number: int) -> NDArray[np.uint8]:
    """0 and 1."""
    return (real.land(number, 1) == 1).astype(np.uint8)


def bands(real: Real, number: int, count: int, date: int = 1) -> NDArray[np.uint16]:
    """Real bands, as often as are asked for."""
    return real.bands(number, date)[np.arange(count) % 4]


def of_classes(real: Real, folder: Path, name: str, suffix: str = ".jpg", **more: Any) -> None:
    """`CLASS/CLASS_1.jpg`, two of the first four classes."""
    for at, one in enumerate(published()[name].classes):
        told = one.told or one.name
        for number in range(2):
            real.write(folder / told / f"{told}_{number + 1}{suffix}", real.picture((at + number) % 16, 1), **more)


def eurosat(real: Real, folder: Path) -> None:
    inner = folder / "ds/images/remote_sensing/otherDatasets/sentinel_2/tif"
    for at, one in enumerate(published()["eurosat"].classes):
        for number in range(2):
            path = inner / f"{one.told or one.name}/{one.told or one.name}_{number + 1}.tif"
            real.write(path, bands(real, (at + number) % 16, 13), (at + number) % 16)
    (folder / "eurosat-train.txt").write_text("AnnualCrop_1.jpg\nForest_1.jpg\n")
    (folder / "eurosat-val.txt").write_text("AnnualCrop_2.jpg\n")
    (folder / "eurosat-test.txt").write_text("Forest_2.jpg\n")


def eurosat_rgb(real: Real, folder: Path) -> None:
    of_classes(real, folder / "2750", "eurosat-rgb")


def uc_merced(real: Real, folder: Path) -> None:
    for at, one in enumerate(published()["uc-merced"].classes):
        told = one.told or one.name
        for number in range(2):
            real.write(folder / "Images" / told / f"{told}{number:02d}.tif", real.picture((at + number) % 16, 1))


def resisc45(real: Real, folder: Path) -> None:
    for at, one in enumerate(published()["resisc45"].classes):
        told = one.told or one.name
        real.write(folder / "NWPU-RESISC45" / told / f"{told}_{at + 1:03d}.jpg", real.picture(at % 16, at % 2))


def firerisk(real: Real, folder: Path) -> None:
    for at, one in enumerate(published()["firerisk"].classes):
        for part in ("train", "val"):
            path = folder / "FireRisk" / part / str(one.told or one.name) / f"{at}_{part}.png"
            real.write(path, real.picture(at, int(part == "val")))


def loveda(real: Real, folder: Path) -> None:
    for number, part in enumerate(["Train", "Train", "Val", "Test"]):
        inner = folder / part / ("Urban", "Rural")[number % 2]
        real.write(inner / "images_png" / f"{number}.png", real.picture(number, 1))
        if part != "Test":
            mask = values("loveda", real.land(number, 1))
            mask[:4] = 0
            real.write(inner / "masks_png" / f"{number}.png", mask)


def landcover_ai(real: Real, folder: Path) -> None:
    lists: dict[str, list[str]] = {}
    for number, part in enumerate(PARTS):
        name = f"M-33-7-A-d-2-3_{number}"
        real.write(folder / "output" / f"{name}.jpg", real.picture(number, 1))
        real.write(folder / "output" / f"{name}_m.png", np.repeat(real.land(number, 1)[None], 3, axis=0))
        lists.setdefault(part, []).append(name)
    real.write(folder / "images/M-33-7-A-d-2-3.tif", real.picture(9, 1), 9)
    real.write(folder / "masks/M-33-7-A-d-2-3.tif", real.land(9, 1), 9)
    for part, names in lists.items():
        (folder / f"{part}.txt").write_text("\n".join(names))


def potsdam(real: Real, folder: Path) -> None:
    for number, tile in enumerate(["2_10", "3_11", "6_7", "2_13"]):
        image = np.concatenate([real.picture(number, 1), real.picture(number, 1)[:1]])
        real.write(folder / "4_Ortho_RGBIR" / f"top_potsdam_{tile}_RGBIR.tif", image, number)
        label = in_colours("potsdam", real.land(number, 1))
        label[:, :2] = 0
        real.write(folder / "5_Labels_all_noBoundary" / f"top_potsdam_{tile}_label_noBoundary.tif", label, number)


def vaihingen(real: Real, folder: Path) -> None:
    for number, area in enumerate(["1", "11", "13", "2"]):
        real.write(folder / "top" / f"top_mosaic_09cm_area{area}.tif", real.picture(number, 1))
        label = in_colours("vaihingen", real.land(number, 1))
        real.write(folder / "gts_for_participants" / f"top_mosaic_09cm_area{area}.tif", label)


def massachusetts_buildings(real: Real, folder: Path) -> None:
    for number, part in enumerate(PARTS):
        name = f"2257881{number}_15"
        real.write(folder / part / f"{name}.tiff", real.picture(number, 1))
        red = np.zeros((3, 64, 64), dtype=np.uint8)
        red[0] = building(real, number) * 255
        real.write(folder / f"{part}_labels" / f"{name}.tif", red)


def massachusetts_roads(real: Real, folder: Path) -> None:
    for number, part in enumerate(["train", "train", "train", "valid", "test"]):
        name = f"1007871{number}_15"
        real.write(folder / part / "sat" / f"{name}.tiff", real.picture(number, 1))
        real.write(folder / part / "map" / f"{name}.tif", building(real, number) * np.uint8(255))


def inria(real: Real, folder: Path) -> None:
    inner = folder / "AerialImageDataset"
    for number, name in enumerate(["austin1", "austin6", "tyrol-w1", "tyrol-w12", "vienna36"]):
        real.write(inner / "train/images" / f"{name}.tif", real.picture(number, 1), number)
        real.write(inner / "train/gt" / f"{name}.tif", building(real, number) * np.uint8(255), number)
    real.write(inner / "test/images/bellingham1.tif", real.picture(9, 1), 9)


def sen1floods11(real: Real, folder: Path) -> None:
    inner, lists = folder / "v1.1/data/flood_events/HandLabeled", folder / "v1.1/splits/flood_handlabeled"
    lists.mkdir(parents=True)
    parts = ["train", "train", "valid", "test", "bolivia"]
    for number, part in enumerate(parts):
        chip = f"{'Bolivia' if part == 'bolivia' else 'Sri-Lanka'}_10327{number}"
        real.write(inner / "S2Hand" / f"{chip}_S2Hand.tif", bands(real, number, 13), number)
        backscatter = (bands(real, number, 2) / 100 - 30).astype(np.float32)
        real.write(inner / "S1Hand" / f"{chip}_S1Hand.tif", backscatter, number)
        label = building(real, number).astype(np.int16)
        label[:3] = -1
        real.write(inner / "LabelHand" / f"{chip}_LabelHand.tif", label, number)
        with (lists / f"flood_{part}_data.csv").open("a") as file:
            file.write(f"{chip}_S1Hand.tif,{chip}_LabelHand.tif\n")


def hls_burn_scars(real: Real, folder: Path) -> None:
    for number, part in enumerate(["training", "training", "training", "validation"]):
        name = f"subsetted_512x512_HLS.S30.T10SEH.201819{number}.v1.4"
        image = (bands(real, number, 6) / 1e4).astype(np.float32)
        real.write(folder / part / f"{name}_merged.tif", image, number)
        label = building(real, number).astype(np.int16)
        label[:3] = -1
        real.write(folder / part / f"{name}.mask.tif", label, number)


def cloud_38(real: Real, folder: Path) -> None:
    inner = folder / "38-Cloud_training"
    for number in range(4):
        name = f"patch_{number + 1}_1_by_{number + 1}_LC08_L1TP_002053_20160520_20170324_01_T1.TIF"
        for at, colour in enumerate(("blue", "green", "red", "nir")):
            real.write(inner / f"train_{colour}" / f"{colour}_{name}", real.bands(number, 1)[at])
        real.write(inner / "train_gt" / f"gt_{name}", building(real, number) * np.uint8(255))
    real.write(folder / "38-Cloud_test/test_red" / f"red_{name}", real.bands(5, 1)[2])


def gid_15(real: Real, folder: Path) -> None:
    for number, part in enumerate(["train", "train", "val", "test"]):
        name = f"GF2_PMS1__L1A0000575{number}25-MSS1"
        real.write(folder / "gid-15/GID/img_dir" / part / f"{name}.tif", real.picture(number, 1))
        if part != "test":
            label = values("gid-15", real.land(number, 1))
            label[:5] = 0
            real.write(folder / "gid-15/GID/ann_dir" / part / f"{name}_15label.png", label)


def gid_5(real: Real, folder: Path) -> None:
    for number in range(4):
        name = f"GF2_PMS1__L1A0000575{number}25-MSS1"
        real.write(folder / "image_RGB" / f"{name}.tif", real.picture(number, 1))
        label = in_colours("gid-5", real.land(number, 1))
        label[:, :5] = 0
        real.write(folder / "label_5classes" / f"{name}_label.tif", label)


def isaid(real: Real, folder: Path) -> None:
    for number, part in enumerate(["train", "train", "train", "val"]):
        name = f"P{number:04d}"
        real.write(folder / part / "images" / f"{name}.png", real.picture(number, 1))
        label = in_colours("isaid", real.land(number, 1))
        real.write(folder / part / "Semantic_masks" / f"{name}_instance_color_RGB.png", label)


BANDS_12 = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"]
SIDES = {"B01": 16, "B05": 32, "B06": 32, "B07": 32, "B8A": 32, "B09": 16, "B11": 32, "B12": 32}
LABELS = [["Arable land", "Pastures"], ["Urban fabric"], ["Mixed forest", "Inland waters", "Pastures"], ["Pastures"]]


def bigearthnet_v2(real: Real, folder: Path) -> None:
    rows = []
    for number, part in enumerate(["train", "train", "validation", "test"]):
        scene = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
        patch = f"{scene}_26_{number}"
        for at, band in enumerate(BANDS_12):
            side = SIDES.get(band, 64)
            values = real.bands(number, 1)[at % 4].reshape(side, 64 // side, side, 64 // side).mean((1, 3))
            affine = real.grid.transform * Affine.translation(*real.tiles[number][::-1]) * Affine.scale(64 / side)
            path = folder / "BigEarthNet-S2" / scene / patch / f"{patch}_{band}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            more = {"driver": "GTiff", "crs": real.grid.crs, "transform": affine, "dtype": "uint16", "count": 1}
            with rasterio.open(path, "w", width=side, height=side, **more) as file:
                file.write(values.astype(np.uint16), 1)
        real.write(folder / "Reference_Maps" / scene / patch / f"{patch}_reference_map.tif", real.land(number, 1))
        rows.append({"patch_id": patch, "labels": LABELS[number], "split": part, "country": "Austria"})
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "metadata.parquet")


def so2sat_lcz42(real: Real, folder: Path) -> None:
    folder.mkdir()
    for part, numbers in (("training", [0, 1, 2]), ("validation", [3]), ("testing", [4])):
        with h5py.File(folder / f"{part}.h5", "w") as file:
            file["sen2"] = np.stack([np.moveaxis(bands(real, n, 10)[:, :32, :32], 0, -1) / 1e4 for n in numbers])
            file["sen1"] = np.zeros((len(numbers), 32, 32, 8))
            file["label"] = np.eye(17)[[3 * number for number in numbers]]


def kuro_siwo(real: Real, folder: Path) -> None:
    for number, event in enumerate(["130", "470", "514", "321"]):
        inner = folder / "data" / event / "01" / f"{number:032x}"
        for date, role in enumerate(("SL2", "SL1", "MS1")):
            for at, polarisation in enumerate(("VV", "VH")):
                values = (real.bands(number, min(date, 1))[at] / 1e5 + date).astype(np.float32)
                real.write(inner / f"{role}_I{polarisation}_{event}_01.tif", values, number)
        real.write(inner / f"MK0_MLU_{event}_01.tif", real.land(number, 1), number)
        real.write(inner / f"MK0_MNA_{event}_01.tif", np.ones((64, 64), dtype=np.uint8), number)


def agrifieldnet(real: Real, folder: Path) -> None:
    start = "ref_agrifieldnet_competition_v1"
    for number, one in enumerate(["001c1", "004fa", "005fe"]):
        for at, band in enumerate(BANDS_12):
            path = folder / "source" / f"{start}_source_{one}" / f"{start}_source_{one}_{band}_10m.tif"
            real.write(path, (real.bands(number, 1)[at % 4] / 16).clip(1, 255).astype(np.uint8), number)
        label = np.array([0, 1, 13, 36], dtype=np.uint8)[real.land(number, 1)]
        real.write(folder / "train_labels" / f"{start}_labels_train_{one}.tif", label, number)
        real.write(folder / "train_labels" / f"{start}_labels_train_{one}_field_ids.tif", label, number)


def gamus(real: Real, folder: Path) -> None:
    for number, part in enumerate(PARTS):
        for role, mark, values in (
            ("images", "IMG", np.moveaxis(real.picture(number, 1), 0, -1)),
            ("classes", "CLS", real.land(number, 1)),
            ("heights", "AGL", real.land(number, 1).astype(np.float32)),
        ):
            path = folder / role / part / f"JAX_{number}_{mark}.h5"
            path.parent.mkdir(parents=True, exist_ok=True)
            with h5py.File(path, "w") as file:
                file["data" if number else "image"] = values


def africa_fields(real: Real, folder: Path) -> None:
    for number in range(4):
        site = f"GH001234{number}"
        real.write(folder / "imagery" / f"{site}_2018-0{number + 1}.tif", real.bands(number, 1), number)
        label = np.minimum(real.land(number, 1), 2)
        real.write(folder / "labels" / f"{site}_12345{number}_2018-0{number + 1}.tif", label, number)


def cloudsen12(real: Real, folder: Path) -> None:
    for number in range(4):
        inner = folder / "high" / f"ROI_000{number}" / f"20200{number + 1}01T100000_20200{number + 1}01T100000_T33UUP"
        real.write(inner / "S2L1C.tif", bands(real, number, 13), number)
        real.write(inner / "S2L2A.tif", bands(real, number, 12), number)
        real.write(inner / "labels/manual_hq.tif", real.land(number, 1), number)
        real.write(inner / "labels/fmask.tif", real.land(number, 0), number)


def farmseg_vl(real: Real, folder: Path) -> None:
    for number, part in enumerate(PARTS):
        name = f"anhui_116.9_33.1_{number}"
        real.write(folder / part / "img" / f"{name}.png", real.picture(number, 1))
        real.write(folder / part / "lbl" / f"{name}.png", in_colours("farmseg-vl", building(real, number)))
        told = folder / part / "json" / f"{name}.json"
        told.parent.mkdir(parents=True, exist_ok=True)
        told.write_text(json.dumps({"img_description_eg": "Farmland in blocks beside a village."}))
