"""`Pieces`: a raster in the making, as a folder of finished blocks.

Each block that is written becomes a small GeoTIFF of its own, renamed into place when it is whole. A run may be killed
at any instant: the blocks that are there are right, and nothing else needs repair. Threads and processes write side by
side without a lock, and memory holds no more than the blocks in flight.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from swath.errors import WriteError
from swath.scene.gdal import open_raster
from swath.scene.write.atomic import remove, sync, write_error, writing

BLOCK = 512
"""Side in pixels of the squares that a block is stored in."""

_NOTE = "note"
_JOB = "job.json"
_counter = itertools.count()


@dataclass(frozen=True)
class Statistics:
    """Count, extremes, mean and squared deviations of the valid numbers of one band; two of them add up exactly.

    The sum is that of Chan, Golub and LeVeque (1983, doi:10.1080/00031305.1983.10483115), stable for any count.
    """

    count: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    mean: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, values: NDArray[Any]) -> Self:
        """Statistics of a one-dimensional array of valid numbers; infinite ones are left out."""
        values = values[np.isfinite(values)]
        if values.size == 0 or values.dtype.kind == "c":
            return cls()
        if values.dtype == np.uint8:  # maps: counting is many times faster than summing
            counts = np.bincount(values.ravel(), minlength=256)
            seen = np.flatnonzero(counts)
            mean = float(counts @ np.arange(256)) / values.size
            squares = float(counts[seen] @ np.square(seen - mean))
            return cls(values.size, float(seen[0]), float(seen[-1]), mean, squares)
        mean = float(values.mean(dtype=np.float64))
        squares = float(np.square(values - np.float64(mean)).sum())
        return cls(values.size, float(values.min()), float(values.max()), mean, squares)

    def __add__(self, other: Statistics) -> Statistics:
        count = self.count + other.count
        if count == 0:
            return self
        step = other.mean - self.mean
        return Statistics(
            count,
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
            self.mean + step * other.count / count,
            self.squares + other.squares + step * step * self.count * other.count / count,
        )

    def tags(self, pixels: int) -> dict[str, str]:
        """GDAL's names for them, for a band of `pixels` pixels; nothing when none is valid."""
        if self.count == 0:
            return {}
        return {
            "STATISTICS_MINIMUM": repr(self.minimum),
            "STATISTICS_MAXIMUM": repr(self.maximum),
            "STATISTICS_MEAN": repr(self.mean),
            "STATISTICS_STDDEV": repr(math.sqrt(self.squares / self.count)),
            "STATISTICS_VALID_PERCENT": f"{100 * self.count / pixels:.4g}",
        }


@dataclass(frozen=True)
class Piece:
    """One finished block: where it lies and which bands (from 1, neighbours) it holds."""

    path: Path
    rows: tuple[int, int]
    columns: tuple[int, int]
    bands: range

    @classmethod
    def at(cls, folder: Path, rows: tuple[int, int], columns: tuple[int, int], bands: range) -> Self:
        """A piece whose file name says all of it, so that a listing of the folder is the journal."""
        ends = (rows, columns, (bands[0], bands[-1]))
        name = "_".join(f"{first}-{last}" for first, last in ends)
        return cls(folder / f"{name}.tif", rows, columns, bands)

    @classmethod
    def parse(cls, path: Path) -> Self:
        """The piece that a file name tells of."""
        rows, columns, (first, last) = ([int(end) for end in part.split("-")] for part in path.stem.split("_"))
        return cls(path, (rows[0], rows[1]), (columns[0], columns[1]), range(first, last + 1))


def neighbours(bands: Iterable[int]) -> list[range]:
    """Bands in any order as ranges without gaps, as pieces hold them."""
    ranges: list[range] = []
    for band in sorted(bands):
        if ranges and band == ranges[-1].stop:
            ranges[-1] = range(ranges[-1].start, band + 1)
        else:
            ranges.append(range(band, band + 1))
    return ranges


class Pieces:
    """The folder of finished blocks of one raster.

    Args:
        folder: made when it is not there.
        job: what the raster is, as plain data; kept in the folder.
        resume: go on with the blocks that are there; otherwise they are removed.
        target: the product's final name, for messages.

    Raises:
        WriteError: the blocks that are there were made by another job, or the folder cannot be written.
    """

    def __init__(self, folder: Path, job: dict[str, Any], *, resume: bool, target: Path) -> None:
        self.folder = folder
        self._target = target
        self._fresh: list[Path] = []
        self._lock = threading.Lock()
        text = json.dumps(job, sort_keys=True)
        with writing(target):
            if not resume:
                remove(folder)
            folder.mkdir(exist_ok=True)
            known = folder / _JOB
            if not known.exists():
                try:
                    _put(known, text.encode())
                except OSError:
                    with contextlib.suppress(OSError):  # blocks that are there stay
                        folder.rmdir()
                    raise
            elif known.read_text() != text:
                raise WriteError(
                    f"{target} was begun with another grid, other layers or another plan, and cannot be gone on with: "
                    "pass resume=False to begin anew"
                )

    def at(self, rows: tuple[int, int], columns: tuple[int, int], bands: range) -> Piece:
        """The block of these rows, columns and bands; its file is there once it is written."""
        return Piece.at(self.folder, rows, columns, bands)

    def write(self, stored: NDArray[Any], valid: NDArray[np.bool_], piece: Piece) -> None:
        """Put one block into the folder, whole or not at all.

        Args:
            stored: numbers in the file's type, `[B, h, w]`.
            valid: which of them are answers, `[B, h, w]`.
            piece: as `at()` gave it.

        Raises:
            WriteError: the disk does not take it.
        """
        statistics = [vars(Statistics.of(band[ok])) for band, ok in zip(stored, valid, strict=True)]
        try:
            save_block(piece.path, stored, json.dumps(statistics))
        except (OSError, RasterioError) as error:
            raise write_error(self._target, error) from error
        with self._lock:
            self._fresh.append(piece.path)

    def flush(self) -> None:
        """Wait until every block written so far is on the disk, and would be there after a power failure."""
        with self._lock:
            fresh, self._fresh = self._fresh, []
        with writing(self._target):
            for path in fresh:
                sync(path)
            handle = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def all(self) -> list[Piece]:
        """All finished blocks, by rows, then columns, then bands."""
        found = (Piece.parse(path) for path in self.folder.glob("[0-9]*-*_*-*_*-*.tif"))
        return sorted(found, key=lambda piece: (piece.rows, piece.columns, piece.bands.start))

    def statistics(self, pieces: Iterable[Piece], bands: int) -> list[Statistics]:
        """Statistics of each band over all blocks, from what each block noted when it was written."""
        total = [Statistics()] * bands
        for piece in pieces:
            with open_raster(piece.path) as dataset:
                noted = json.loads(dataset.tags()[_NOTE])
            for band, values in zip(piece.bands, noted, strict=True):
                total[band - 1] += Statistics(**values)
        return total


def save_block(path: Path, stored: NDArray[Any], note: str = "") -> None:
    """Write a small GeoTIFF, whole or not at all; it is packed in memory, so that a full disk is reported as such.

    Args:
        path: where.
        stored: numbers, `[B, h, w]`.
        note: text to keep in it.
    """
    bands, height, width = stored.shape
    profile: dict[str, Any] = {
        "driver": "GTiff", "width": width, "height": height, "count": bands, "dtype": stored.dtype,
        "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "interleave": "band",
        "compress": "zstd", "zstd_level": 1,
        # Any transform but the identity, of which GDAL warns: the block's place is in its name.
        "transform": Affine.scale(2, -2),
    }  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**profile) as dataset:
            dataset.update_tags(**{_NOTE: note})
            dataset.write(stored)
        _put(path, memory.getbuffer())


def _put(path: Path, content: bytes | memoryview) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{next(_counter)}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
