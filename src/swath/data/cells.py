"""`Cell`: a raster that lies, as a file, in a cell of a Parquet table, as the datasets of the Hugging Face hub do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from swath.data.inside import Opening
from swath.errors import ReadError

_GROUPS = 4
"""Row groups that stay in memory: a table is read a group at a time, which often are a hundred images."""


@dataclass(frozen=True)
class Cell:
    """A raster in a cell; see `Inside`.

    Attributes:
        column: its name.
        row: from 0.
        crs: of the image, where it does not say its own; None: it has no place.
        bounds: west, south, east and north in that CRS.
    """

    column: str
    row: int
    crs: str | None = None
    bounds: tuple[float, float, float, float] | None = None

    def _read(self, path: Path) -> tuple[NDArray[Any], GeoBox]:
        from rasterio.errors import RasterioError
        from rasterio.io import MemoryFile

        from swath.scene.gdal import open_raster

        try:
            with MemoryFile(_bytes(path, self.column, self.row)) as file, open_raster(file.name) as image:
                values, crs, affine = image.read(), image.crs, image.transform
        except RasterioError as error:
            raise ReadError(f"{path}: row {self.row} of {self.column} is no image: {error}") from error
        shape = values.shape[1:]
        if crs is None and self.crs is not None and self.bounds is not None:
            return values, GeoBox.from_bbox(self.bounds, CRS(self.crs), shape=shape, tight=True)
        return values, GeoBox(shape, affine, None if crs is None else CRS(crs.to_wkt()))

    def opening(self, path: Path) -> Opening:
        """See `Inside.opening`."""
        return Opening((self._read(path),))

    def layers(self, path: Path) -> NDArray[Any]:
        """See `Inside.layers`."""
        return self._read(path)[0]


def columns(path: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a table, of some columns.

    Raises:
        ReadError: it cannot be read, or lacks a column.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path, columns=list(names)).to_pylist()
    except (OSError, pyarrow.ArrowException, KeyError) as error:
        raise ReadError(f"{path}: cannot be read as a table of {', '.join(names)}: {error}") from error
    if rows and (lacking := [name for name in names if name not in rows[0]]):
        raise ReadError(f"{path}: has no column {lacking[0]}; get the file again")
    return rows


def _bytes(path: Path, column: str, row: int) -> bytes:
    import pyarrow

    try:
        counts = _counts(path)
        group = 0
        while row >= counts[group]:
            row -= counts[group]
            group += 1
        found = _group(path, group, column)[row].as_py()
    except (OSError, IndexError, pyarrow.ArrowException) as error:
        raise ReadError(f"{path}: cannot be read: {error}") from error
    told = found.get("bytes") if isinstance(found, dict) else found
    if not isinstance(told, bytes):
        raise ReadError(f"{path}: row {row} of {column} holds no file; get the table again")
    return told


@lru_cache(maxsize=256)
def _counts(path: Path) -> tuple[int, ...]:
    """Rows of each group."""
    import pyarrow.parquet

    told = pyarrow.parquet.read_metadata(path)
    return tuple(told.row_group(at).num_rows for at in range(told.num_row_groups))


@lru_cache(maxsize=_GROUPS)
def _group(path: Path, group: int, column: str) -> Any:
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(path).read_row_group(group, columns=[column]).column(column)
