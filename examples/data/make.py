"""Cut the imagery of the examples out of the sets that README.md names: `make.py FOLDER`.

Pixels are copied; nothing is resampled. Aerial imagery is stored as JPEG, which keeps it small.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.crs import CRS
from rasterio.features import shapes
from rasterio.windows import Window
from shapely.geometry import shape

HERE = Path(__file__).resolve().parent
ZOOM, COLUMNS, ROWS = 20, range(619226, 619230), range(523266, 523268)
TILE = 256
EQUATOR = 2 * np.pi * 6378137.0
"""Of the sphere of web maps (EPSG:3857), m."""


def nantes(folder: Path) -> None:
    """The islands of the Loire within OSCD's Nantes, on both dates."""
    window = Window(60, 40, 360, 360)
    for source, name in (("nantes_t1.tif", "before"), ("nantes_t2.tif", "after")):
        with rasterio.open(folder / source) as one:
            place = {"crs": one.crs, "transform": one.window_transform(window)}
            kept = {"compress": "deflate", "predictor": 2, "zlevel": 9}
            write(HERE / f"nantes_{name}.tif", one.read(window=window), one.descriptions, **place, **kept)


def kampala(folder: Path) -> None:
    """Eight tiles of a web map, whose numbers say where they lie, joined."""
    side = EQUATOR / 2**ZOOM
    rows = [[f"OAM-{x}-{y}-{ZOOM}.png" for x in COLUMNS] for y in ROWS]
    pixels = np.concatenate([np.concatenate([rgb(folder / name) for name in row], axis=2) for row in rows], axis=1)
    corner = (COLUMNS[0] * side - EQUATOR / 2, EQUATOR / 2 - ROWS[0] * side)
    place = Affine(side / TILE, 0, corner[0], 0, -side / TILE, corner[1])
    write(HERE / "kampala.tif", pixels, ("red", "green", "blue"), crs=CRS.from_epsg(3857), transform=place, **JPEG)


def kampala_labels(folder: Path) -> None:
    """The tiles around those eight with their masks; and the buildings within the eight as polygons."""
    for part in ("images", "masks"):
        (HERE / "kampala_tiles" / part).mkdir(parents=True, exist_ok=True)
    for x in range(619224, 619230):
        for y in range(523264, 523268):
            if x in COLUMNS and y in ROWS:
                continue
            name = f"OAM-{x}-{y}-{ZOOM}"
            tile = Image.open(folder / "images" / f"{name}.png").convert("RGB")
            tile.save(HERE / "kampala_tiles" / "images" / f"{name}.jpg", quality=90)
            mask = Image.open(folder / "masks" / f"{name}.png").convert("L")
            mask.save(HERE / "kampala_tiles" / "masks" / f"{name}.png", optimize=True)
    rows = [[folder / "masks" / f"OAM-{x}-{y}-{ZOOM}.png" for x in COLUMNS] for y in ROWS]
    mask = np.block([[np.asarray(Image.open(path).convert("L")) for path in row] for row in rows])
    with rasterio.open(HERE / "kampala.tif") as scene:
        place, crs = scene.transform, scene.crs
    found = shapes(mask, mask > 127, transform=place)
    outlines = [shape(geometry).simplify(place.a, preserve_topology=True) for geometry, _ in found]
    frame = gpd.GeoDataFrame({"kind": ["building"] * len(outlines)}, geometry=outlines, crs=crs)
    frame[frame.area > 4].to_file(HERE / "kampala_buildings.gpkg", layer="buildings")


def dubai(folder: Path) -> None:
    """Six parts of the set's second image, which touch without overlap, joined; nothing says where they lie."""
    rows = [[rgb(folder / f"Tile_2_image_part_{n:03d}.jpg") for n in row] for row in ((1, 2, 3), (4, 5, 6))]
    # Widths of parts differ by a pixel from row to row; both rows are cut to the narrower.
    joined = [np.concatenate(row, axis=2) for row in rows]
    width = min(row.shape[2] for row in joined)
    pixels = np.concatenate([row[..., :width] for row in joined], axis=1)
    write(HERE / "dubai.tif", pixels, ("red", "green", "blue"), **JPEG)


JPEG = {
    "compress": "jpeg",
    "jpeg_quality": 90,
    "photometric": "ycbcr",
    "tiled": True,
    "blockxsize": 512,
    "blockysize": 512,
}


def rgb(path: Path) -> NDArray[np.uint8]:
    """`[3, y, x]`."""
    return np.moveaxis(np.asarray(Image.open(path).convert("RGB")), -1, 0)


def write(path: Path, pixels: NDArray[Any], names: tuple[str, ...], **options: Any) -> None:
    """A GeoTIFF with named bands."""
    count, height, width = pixels.shape
    with rasterio.open(
        path, "w", driver="GTiff", dtype=pixels.dtype, count=count, height=height, width=width, **options
    ) as one:
        one.write(pixels)
        one.descriptions = names


if __name__ == "__main__":
    sets = Path(sys.argv[1])
    nantes(sets / "oscd_s2_4band")
    kampala(sets / "hotosm_buildings" / "images")
    kampala_labels(sets / "hotosm_buildings")
    dubai(sets / "dubai_landcover" / "images")
