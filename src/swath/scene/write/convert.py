"""From finished blocks to a Cloud Optimized GeoTIFF, in one stream.

The blocks are laid out as one virtual raster (`vrt.py`), overviews are made as the kind of each layer asks
(`overviews.py`), and GDAL's own COG driver writes the file (https://gdal.org/en/stable/drivers/raster/cog.html).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import rasterio.shutil
from odc.geo.geobox import GeoBox
from rasterio._err import CPLE_BaseError  # what rasterio.shutil raises; it has no public name
from rasterio.errors import RasterioError

from swath.errors import WriteError
from swath.scene.gdal import open_raster
from swath.scene.write.atomic import remove, write_error
from swath.scene.write.layer import Layer, Storage
from swath.scene.write.overviews import make_overviews
from swath.scene.write.pieces import Pieces
from swath.scene.write.vrt import VirtualBand, sources_of, write_vrt

COMPRESSIONS = ("deflate", "zstd", "lzw", "none")
"""Lossless all. Deflate is the default: every reader of TIFF has it, browsers and older GIS included."""

_FLAT = {
    "GDAL_CACHEMAX": 64 * 2**20,
    # Both keep something for each open file, and a product may have a hundred thousand blocks.
    "GDAL_MAX_DATASET_POOL_SIZE": 16,
    "VSI_CACHE": False,
}
_THREADS = min(8, os.cpu_count() or 1)  # each holds blocks of its own, so that more would not be flat memory


def make_cog(
    pieces: Pieces,
    grid: GeoBox,
    layers: Sequence[Layer],
    storage: Storage,
    *,
    tags: Mapping[str, str],
    block: int,
    compress: str,
) -> Path:
    """Make the product, and its `.aux.xml` when it has one, inside the folder of its blocks.

    Args:
        pieces: the finished blocks; what they leave out is nodata.
        grid: where the pixels lie.
        layers: one per band.
        storage: type and nodata of the file.
        tags: metadata of the file.
        block: side of the square blocks in pixels.
        compress: one of `COMPRESSIONS`.

    Returns:
        The path of the file made.

    Raises:
        WriteError: GDAL made something else than a Cloud Optimized GeoTIFF.
    """
    made = pieces.folder / "product.tif"
    for old in pieces.folder.glob("product.*"):
        remove(old)
    with rasterio.Env(**_FLAT, GDAL_PAM_ENABLED="YES"):
        source = _assemble(pieces, grid, layers, storage, tags, block)
        rasterio.shutil.copy(
            str(source), str(made), driver="COG", BLOCKSIZE=block, COMPRESS=compress.upper(),
            PREDICTOR="YES" if compress != "none" and _smooth(layers, storage) else "NO",
            OVERVIEWS="AUTO", NUM_THREADS=_THREADS, BIGTIFF="IF_SAFER",
        )  # fmt: skip
        with open_raster(made) as dataset:
            if dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") != "COG" or dataset.shape != tuple(grid.shape):
                raise WriteError("GDAL made no Cloud Optimized GeoTIFF: use the GDAL that Swath's constraints name")
    return made


@contextmanager
def gdal_errors(path: Path) -> Iterator[None]:
    """Say errors of GDAL and of the system inside the block as a `WriteError` about `path`."""
    try:
        yield
    except (RasterioError, CPLE_BaseError, OSError) as error:
        raise write_error(path, error) from error


def _smooth(layers: Sequence[Layer], storage: Storage) -> bool:
    """Whether differences of neighbours compress better than the numbers: not those of class numbers."""
    return np.dtype(storage.dtype).kind != "c" and any(layer.kind == "continuous" for layer in layers)


def _assemble(
    pieces: Pieces, grid: GeoBox, layers: Sequence[Layer], storage: Storage, tags: Mapping[str, str], block: int
) -> Path:
    """One virtual raster over all blocks, with overviews, that says all the product is to say."""
    path, finished, pixels = pieces.folder / "product.vrt", pieces.all(), grid.shape[0] * grid.shape[1]
    bands = [
        VirtualBand(layer, list(sources_of(finished, band)), statistics.tags(pixels))
        for band, (layer, statistics) in enumerate(
            zip(layers, pieces.statistics(finished, len(layers)), strict=True), 1
        )
    ]
    write_vrt(path, grid, storage, bands)
    overviews = make_overviews(path, grid, layers, storage, block=block, threads=_THREADS)
    software = {"TIFFTAG_SOFTWARE": f"swath {version('swath')}"}
    write_vrt(path, grid, storage, bands, tags=software | dict(tags), overviews=overviews)
    return path
