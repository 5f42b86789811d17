"""Published sets in small: folders exactly as each is published, with pixels of the real scenes beside the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes

from .made import write

SIDE = 64
BANDS = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12"]
CITIES = {"abudhabi": "train", "paris": "train", "brasilia": "test"}
SECOND = np.array([[255, 255, 255], [0, 0, 255], [128, 128, 128], [0, 128, 0], [0, 255, 0], [128, 0, 0], [255, 0, 0]])


class Real:
    """Sixteen tiles of two dates, and what their own values tell of land and change."""

    def __init__(self, own_data: Path) -> None:
        self.grid = rasterio.open(own_data / "paris_2018.tif")
        with rasterio.open(own_data / "paris_2015.tif") as first:
            self.dates = (first.read(), self.grid.read())
        self.tiles = [(row * SIDE, column * SIDE) for row in range(4) for column in range(4)]

    def bands(self, number: int, date: int) -> NDArray[np.uint16]:
        """`[4, 64, 64]`: B02, B03, B04, B08."""
        y, x = self.tiles[number]
        return self.dates[date][:, y : y + SIDE, x : x + SIDE]

    def picture(self, number: int, date: int) -> NDArray[np.uint8]:
        """Red, green, blue as 8 bits."""
        return np.clip(self.bands(number, date)[2::-1] / 12, 0, 255).astype(np.uint8)

    def land(self, number: int, date: int) -> NDArray[np.uint8]:
        """0 to 3 by NDVI."""
        red, near = self.bands(number, date)[2:].astype(float)
        return np.digitize((near - red) / (near + red), [0.1, 0.25, 0.45]).astype(np.uint8)

    def change(self, number: int) -> NDArray[np.uint8]:
        """1 where the land is another by two steps or more."""
        first, last = (self.land(number, date).astype(int) for date in (0, 1))
        return (np.abs(first - last) >= 2).astype(np.uint8)

    def write(self, path: Path, values: NDArray[Any], number: int | None = None, **more: Any) -> None:
        """A raster; with the place of a tile where its number is given."""
        values = values if values.ndim == 3 else values[None]
        if number is None:
            write(path, values, **more)
        else:
            write(path, values, self.grid, self.tiles[number], **more)


PARTS = ["train", "train", "train", "val", "test"]


def pairs(real: Real, folder: Path, before: str, after: str, mask: str, *, suffix: str = ".png") -> None:
    """`PART/BEFORE/NAME`, `PART/AFTER/NAME`, `PART/MASK/NAME` with 0 and 255."""
    for number, part in enumerate(PARTS):
        for role, date in ((before, 0), (after, 1)):
            real.write(folder / part / role / f"{part}_{number}{suffix}", real.picture(number, date))
        real.write(folder / part / mask / f"{part}_{number}{suffix}", real.change(number) * np.uint8(255))


def levir_cd(real: Real, folder: Path) -> None:
    pairs(real, folder, "A", "B", "label")


levir_cd_plus = levir_cd


def sysu_cd(real: Real, folder: Path) -> None:
    pairs(real, folder, "time1", "time2", "label")


clcd = sysu_cd


def cdd(real: Real, folder: Path) -> None:
    pairs(real, folder / "subset", "A", "B", "OUT", suffix=".jpg")


def dsifn_cd(real: Real, folder: Path) -> None:
    for number, part in enumerate(PARTS):
        for date in (0, 1):
            real.write(folder / part / f"t{date + 1}" / f"{number}.jpg", real.picture(number, date))
        name = f"{number}{'.tif' if part == 'test' else '.png'}"
        real.write(folder / part / "mask" / name, real.change(number) * np.uint8(255))


def s2looking(real: Real, folder: Path) -> None:
    pairs(real, folder, "Image1", "Image2", "label")
    for path in sorted(folder.rglob("label/*.png")):
        mask = rasterio.open(path).read(1)
        for role, channel in (("label1", 0), ("label2", 2)):
            coloured = np.zeros((3, *mask.shape), dtype=np.uint8)
            coloured[channel] = mask
            real.write(path.parents[1] / role / path.name, coloured)


def whu_cd(real: Real, folder: Path) -> None:
    inner = folder / "1. The two-period image data"
    for number, part in enumerate(("train", "test")):
        for year, date in ((2012, 0), (2016, 1)):
            whole = inner / f"{year}/whole_image/{part}"
            real.write(whole / f"image/{year}_{part}.tif", real.picture(number, date), number)
            real.write(whole / f"label/{year}_{part}.tif", (real.land(number, date) > 1).astype(np.uint8), number)
            real.write(inner / f"{year}/splited_images/{part}/image/0.tif", real.picture(number, date))
        real.write(inner / f"change_label/{part}/change_label.tif", real.change(number), number)


def oscd(real: Real, folder: Path) -> None:
    images = folder / "Onera Satellite Change Detection dataset - Images"
    for number, (city, part) in enumerate(CITIES.items()):
        for date in (0, 1):
            for at, band in enumerate(BANDS):
                values = real.bands(number, date)[at % 4]
                real.write(images / f"{city}/imgs_{date + 1}_rect/{band}.tif", values)
            real.write(images / f"{city}/imgs_{date + 1}/S2A_{city}_B02.tif", real.bands(number, date)[0], number)
            real.write(images / f"{city}/pair/img{date + 1}.png", real.picture(number, date))
        (images / city / "dates.txt").write_text("date_1: 20160101\ndate_2: 20180101\n")
        labels = folder / f"Onera Satellite Change Detection dataset - {part.capitalize()} Labels" / city / "cm"
        four = np.repeat(real.change(number)[None] * np.uint8(255), 3, axis=0)
        real.write(labels / "cm.png", four)
        real.write(labels / f"{city}-cm.tif", real.change(number) + np.uint8(1))
    for part in ("train", "test"):
        cities = [city for city, where in CITIES.items() if where == part]
        (images / f"{part}.txt").write_text(",".join(cities))


def classes(real: Real, number: int, date: int) -> NDArray[np.uint8]:
    """0 where nothing changed, else 1 to 4."""
    return (real.change(number) * (real.land(number, date) + 1)).astype(np.uint8)


def second(real: Real, folder: Path) -> None:
    for number, part in enumerate(["train", "train", "train", "train", "test"]):
        for date in (0, 1):
            name = f"{number:05d}.png"
            real.write(folder / part / f"im{date + 1}" / name, real.picture(number, date))
            colours = SECOND[classes(real, number, date)].astype(np.uint8)
            real.write(folder / part / f"label{date + 1}" / name, np.moveaxis(colours, -1, 0))


PAIRS_OF_CLASSES = {(1, 2): 1, (1, 3): 2, (2, 1): 3, (2, 3): 4, (2, 4): 5, (3, 1): 6, (3, 2): 7, (4, 1): 8, (4, 2): 9}


def transitions(real: Real, number: int) -> NDArray[np.uint8]:
    """0 where nothing changed or from what to what the set does not number, else 1 to 9."""
    first, last = (classes(real, number, date) for date in (0, 1))
    found = np.zeros(first.shape, dtype=np.uint8)
    for (before, after), code in PAIRS_OF_CLASSES.items():
        found[(first == before) & (last == after)] = code
    return found


def landsat_scd(real: Real, folder: Path) -> None:
    for number in range(6):
        for name in (f"{number}.png", *((f"{number}_rotate90.png",) if number == 2 else ())):
            for role, date in (("A", 0), ("B", 1)):
                real.write(folder / role / name, real.picture(number, date))
            real.write(folder / "label" / name, transitions(real, number))


def hrscd(real: Real, folder: Path) -> None:
    for number in range(4):
        old, new = f"14-2005-04{number:02d}-6890-LA93.tif", f"14-2012-04{number:02d}-6890-LA93-0M50-E080.tif"
        real.write(folder / "images_2006/2006/D14" / old, real.picture(number, 0), number)
        real.write(folder / "images_2012/2012/D14" / new, real.picture(number, 1), number)
        for year, date in (("2006", 0), ("2012", 1)):
            real.write(folder / f"labels_land_cover_{year}/{year}/D14" / new, real.land(number, date), number)
        real.write(folder / "labels_change/change/D14" / new, real.change(number), number)


def fusu(real: Real, folder: Path) -> None:
    for number in range(4):
        for date in (0, 1):
            real.write(folder / f"im{date + 1}" / f"6_{number}.png", real.picture(number, date))
            real.write(folder / f"im{date + 1}_label" / f"6_{number}.png", real.land(number, date))
        real.write(folder / "A/8" / f"6_{number}_A_8.png", real.picture(number, 0))


LEVELS = ["no-damage", "minor-damage", "major-damage", "destroyed", "un-classified"]


def xbd(real: Real, folder: Path) -> None:
    parts = ["train", "train", "tier3", "hold", "test"]
    for number, part in enumerate(parts):
        name = f"palu-tsunami_{number:08d}"
        found = [shapely.geometry.shape(one) for one, value in shapes(real.land(number, 0)) if value == 2]
        for moment, date in (("pre", 0), ("post", 1)):
            real.write(folder / part / "images" / f"{name}_{moment}_disaster.png", real.picture(number, date))
            told = [
                {
                    "properties": {"feature_type": "building", "uid": f"{number}-{at}"}
                    | ({"subtype": LEVELS[at % 5]} if date else {}),
                    "wkt": outline.wkt,
                }
                for at, outline in enumerate(found)
            ]
            label = folder / part / "labels" / f"{name}_{moment}_disaster.json"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text(json.dumps({"features": {"lng_lat": [], "xy": told}, "metadata": {"disaster": "palu"}}))
        real.write(folder / part / "targets" / f"{name}_post_disaster_target.png", real.land(number, 1))


MONTHS = ["2018-01", "2018-02", "2018-03"]
PLACES = {"1311_3077_13": ("10N", "train"), "1417_3281_13": ("11N", "train"), "2065_3647_13": ("16N", "val")}
PLACES |= {"2624_4314_13": ("20S", "test")}


def land_of_month(real: Real, number: int, month: int) -> NDArray[np.uint8]:
    """0 to 3: of the first date for the first month, else of the second."""
    return real.land(number, min(month, 1))


def dynamicearthnet(real: Real, folder: Path) -> None:
    lines: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for number, (place, (zone, part)) in enumerate(PLACES.items()):
        fusion = f"{zone}-122W-40N-L3H-SR"
        for at, month in enumerate(MONTHS):
            for day in ("01", "05"):
                path = folder / f"planet.{zone}/{place}/PF-SR/{month}-{day}.tif"
                real.write(path, real.bands(number, min(at, 1)), number)
            land = land_of_month(real, number, at)
            bands = np.stack([(land == one) * 255 for one in range(7)]).astype(np.uint8)
            stem = f"{fusion}-{month.replace('-', '_')}_01.tif"
            label = f"labels/{place}_{zone}/Labels/Raster/{fusion}/{stem}"
            real.write(folder / label, bands, number)
            lines[part].append(f"/reprocess-cropped/UTM-24000/{zone}/{place}/PF-SR /{label} {month}")
    splits = folder / "dynnet_training_splits"
    splits.mkdir()
    for part, told in lines.items():
        (splits / f"{part}.txt").write_text("\n".join(told))
