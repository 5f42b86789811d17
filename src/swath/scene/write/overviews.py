"""Overviews: the raster in halves, each layer as its kind asks.

GDAL makes overviews too. But its mode resampling (3.10) turns NaN and negative nodata into class 0, an answer nobody
gave, and it takes one rule for a file, where a map of classes with its confidence needs two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from swath.scene.gdal import open_raster
from swath.scene.write.layer import Kind, Layer, Storage
from swath.scene.write.pieces import Piece, save_block
from swath.scene.write.vrt import VirtualBand, sources_of, write_vrt

_SIDE = 1024  # pixels of a window that becomes one block of the next level
_BYTES = 32 * 2**20  # of one window: rasters of many bands are halved a few bands at a time


def make_overviews(
    base: Path, grid: GeoBox, layers: Sequence[Layer], storage: Storage, *, block: int, threads: int
) -> list[Path]:
    """Halve a virtual raster until one block holds all of it.

    Args:
        base: the raster at its full size; levels are put beside it.
        grid: where its pixels lie.
        layers: one per band.
        storage: type and nodata of the file.
        block: side of the product's blocks, in pixels.
        threads: how many windows are halved at once.

    Returns:
        A virtual raster for each level, finest first.
    """
    levels: list[Path] = []
    finer, (height, width) = base, grid.shape
    while max(height, width) > block:
        height, width = -(-height // 2), -(-width // 2)
        folder = base.with_name(f"{base.stem}.{2 ** (len(levels) + 1)}")
        folder.mkdir()
        pieces = _halve_all(finer, folder, (height, width), layers, storage, threads)
        finer = folder.with_name(folder.name + ".vrt")
        bands = [VirtualBand(layer, sources_of(pieces, band)) for band, layer in enumerate(layers, 1)]
        write_vrt(finer, GeoBox((height, width), grid.affine, None), storage, bands)
        levels.append(finer)
    return levels


def _halve_all(
    finer: Path, folder: Path, shape: tuple[int, int], layers: Sequence[Layer], storage: Storage, threads: int
) -> list[Piece]:
    def save(values: NDArray[Any], piece: Piece) -> Piece:
        chosen = [layers[band - 1].kind for band in piece.bands]
        halves = np.stack([halve(v, kind, storage) for v, kind in zip(values, chosen, strict=True)])
        save_block(piece.path, halves)
        return piece

    waiting: deque[Future[Piece]] = deque()
    pieces: list[Piece] = []
    with open_raster(finer) as dataset, ThreadPoolExecutor(threads) as pool:
        for piece in _plan(folder, shape, len(layers), np.dtype(storage.dtype).itemsize):
            (top, bottom), (left, right) = piece.rows, piece.columns
            right, bottom = min(2 * right, dataset.width), min(2 * bottom, dataset.height)
            window = Window.from_slices((2 * top, bottom), (2 * left, right))
            waiting.append(pool.submit(save, dataset.read(list(piece.bands), window=window), piece))
            if len(waiting) > threads:
                pieces.append(waiting.popleft().result())
        pieces += [future.result() for future in waiting]
    return pieces


def _plan(folder: Path, shape: tuple[int, int], bands: int, itemsize: int) -> Iterator[Piece]:
    """The blocks of one level: of rows, then columns, then as many bands as memory allows."""
    side, step = _SIDE // 2, max(1, _BYTES // (_SIDE * _SIDE * itemsize))
    for top in range(0, shape[0], side):
        for left in range(0, shape[1], side):
            for first in range(1, bands + 1, step):
                rows, columns = (top, min(top + side, shape[0])), (left, min(left + side, shape[1]))
                yield Piece.at(folder, rows, columns, range(first, min(first + step, bands + 1)))


def halve(stored: NDArray[Any], kind: Kind, storage: Storage) -> NDArray[Any]:
    """One number for each 2 x 2 numbers, of those that are valid.

    Args:
        stored: numbers as the file stores them, `[h, w]`.
        kind: continuous numbers are averaged; of classes the most frequent is taken, the first among equals; of flags
            the upper left.
        storage: what is nodata.

    Returns:
        Numbers of the same type, `[ceil(h / 2), ceil(w / 2)]`; nodata where none of the four is valid.
    """
    padding = [(0, size % 2) for size in stored.shape]
    quads = _quads(np.pad(stored, padding, mode="edge"))
    valid = _quads(np.pad(storage.valid(stored), padding))
    if kind == "categorical":
        chosen = _most_frequent(quads, valid)
    elif kind == "flags" or stored.dtype.name in ("int64", "uint64"):  # whose average no floating point holds
        chosen = quads[0]
        valid = valid[:1]
    else:
        chosen = _average(quads, valid, storage)
    nothing = np.nan if storage.nodata is None and stored.dtype.kind in "fc" else storage.nodata
    if nothing is None:
        return chosen
    halved: NDArray[Any] = np.where(valid.any(0), chosen, np.asarray(nothing, stored.dtype))
    return halved


def _quads(values: NDArray[Any]) -> NDArray[Any]:
    return np.stack([values[0::2, 0::2], values[0::2, 1::2], values[1::2, 0::2], values[1::2, 1::2]])


def _most_frequent(quads: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    chosen: NDArray[Any] = quads[0].copy()
    highest = np.zeros(quads.shape[1:], np.uint8)
    for value, ok in zip(quads, valid, strict=True):
        count = ((quads == value) & valid).sum(0, dtype=np.uint8) * ok
        better = count > highest
        chosen[better], highest[better] = value[better], count[better]
    return chosen


def _average(quads: NDArray[Any], valid: NDArray[np.bool_], storage: Storage) -> NDArray[Any]:
    wide = np.result_type(quads.dtype, np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        total = np.where(valid, quads, 0).sum(0, dtype=wide)
        mean = total / np.maximum(valid.sum(0, dtype=np.uint8), 1)
        rounded: NDArray[Any] = (np.rint(mean) if quads.dtype.kind in "iu" else mean).astype(quads.dtype)
    if storage.nodata is not None:
        # Where valid numbers happen to average to nodata, one of them stands for all.
        first = np.take_along_axis(quads, valid.argmax(0)[None], 0)[0]
        rounded = np.where(storage.valid(rounded), rounded, first)
    return rounded
