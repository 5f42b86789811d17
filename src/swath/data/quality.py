"""How far labels are to be trusted: a weight for each, which counts in losses.

Where several people drew the labels of some places, or a reviewer graded them, some are better than others. `quality=`
names what says so; all else weighs 1:

| `quality=` | weight |
| --- | --- |
| `FOLDER` | rasters of weights, named like images or masks and of their size |
| `TABLE.csv:COLUMN` | of whole items: `name` (or the first column) is item, image or mask, or how its name begins |
| `SHAPES.gpkg:COLUMN` | of the pixels in each polygon |
| `SERIES.csv:COLUMN` | of each series, where the labels are a table of series |

Columns hold numbers from 0 on, or words or classes of agreement that `grades` gives a weight each, as `{"1": 1}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data.files import visible
from swath.data.item import Item
from swath.errors import DataError
from swath.scene.gather import RASTER_SUFFIXES
from swath.scene.raster import RasterReader
from swath.scene.reader import Roi, common_roi, roi_of, roi_shape, shifted
from swath.scene.series_table import is_table, read_table

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

_SHAPES = (".gpkg", ".geojson", ".shp", ".fgb", ".parquet")


@dataclass(frozen=True, eq=False)
class Quality:
    """Weights of labels.

    Attributes:
        source: a folder or a file.
        column: of the file.
        grades: weight of each word that the column holds; empty: it holds weights.
    """

    source: Path
    column: str | None = None
    grades: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, told: str, root: Path, grades: Mapping[str, float] | None = None) -> Quality:
        """What `quality=` means; a relative name lies in the labelled folder, or in the working folder.

        Raises:
            DataError: it is not there, or a column is lacking.
        """
        name, colon, column = told.rpartition(":")
        name, column = (name, column) if colon and len(name) > 1 else (told, "")
        path = root / name if (root / name).exists() else Path(name)
        if not path.exists():
            raise DataError(f"quality={told!r}: {path} is not there; name a folder of rasters or FILE:COLUMN")
        if path.is_file() and not column:
            raise DataError(f"quality={told!r}: say which column of it holds the weights, {name}:COLUMN")
        return cls(path, column or None, dict(grades or {}))

    def read(self, item: Item, grid: GeoBox, window: Roi) -> NDArray[np.float32]:
        """Weights of a window of an item's grid, `[h, w]`, 0 or more; 1 where nothing is said.

        Raises:
            DataError: a weight is negative or no number, or a raster has another size than its image.
        """
        weights = np.ones(roi_shape(window), dtype=np.float32)
        inside = common_roi(window, roi_of(None, grid))
        if inside is None:
            return weights
        there = shifted(inside, -window[0].start, -window[1].start)
        if self.source.is_dir():
            weights[there] = self._of_raster(item, grid, inside)
        elif self.source in item.images and is_table(self.source):
            weights[there] = self._of_series(item, inside)
        elif self.source.suffix.casefold() in _SHAPES:
            weights[there] = self._of_shapes(grid, inside)
        else:
            weights[there] = self._of_item(item)
        return weights

    def check(self, items: Sequence[Item]) -> None:
        """See that it says something of some item.

        Raises:
            DataError: it is a table or a folder that names none of them, or holds what is no weight.
        """
        if self.source.is_dir():
            there = set(self._rasters)
        elif self.source.suffix.casefold() in _SHAPES or any(self.source in item.images for item in items):
            return
        else:
            there = set(self._table)
        named = _names if self.source.is_dir() else _named
        if not any(one in there for item in items for one in named(item)):
            first, some = items[0], min(there, default="nothing")
            raise DataError(
                f"{self.source}: names no item ({len(items)} there); it has {some!r}, and they are called "
                f"like {first.name!r}, their images like {first.images[0].stem!r}; use such names"
            )

    def _weights(self, values: Any) -> NDArray[np.float32]:
        """Weights of what a column holds; 1 where it holds nothing."""
        made = np.ones(len(values), dtype=np.float32)
        for at, value in enumerate(values):
            if value is None or value != value:
                continue
            word = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
            told = self.grades.get(word, value if not self.grades else None)
            try:
                made[at] = float(told)  # type: ignore[arg-type]  # what is no number is refused
            except (TypeError, ValueError):
                what = f"grades has no {word!r}" if self.grades else "is no number; say grades={'WORD': WEIGHT, ...}"
                raise DataError(f"{self.source}: {self.column} holds {word!r}, and {what}") from None
        return self._checked(made)

    def _checked(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        if not (np.isfinite(weights).all() and (weights >= 0).all()):
            raise DataError(f"{self.source}: holds weights that are negative or no numbers; they go from 0 on")
        return weights

    @cached_property
    def _rasters(self) -> Mapping[str, Path]:
        return {path.stem.casefold(): path for path in visible(self.source, RASTER_SUFFIXES)}

    def _of_raster(self, item: Item, grid: GeoBox, window: Roi) -> NDArray[np.float32] | float:
        path = next((self._rasters[one] for one in _names(item) if one in self._rasters), None)
        if path is None:
            return 1.0
        reader = RasterReader(path)
        if item.window is not None:
            window = shifted(window, item.window.row_off, item.window.col_off)
        elif tuple(reader.grid.shape) != tuple(grid.shape):
            raise DataError(f"{path}: has another size than {item.images[0].name}; weights need one for each pixel")
        values, valid = reader.read(window, [0])
        return self._checked(np.where(valid[0], values[0], 1).astype(np.float32))

    @cached_property
    def _table(self) -> Mapping[str, Sequence[float]]:
        """Weights by item; several where rows have the same name."""
        import pandas as pd

        try:
            frame = pd.read_csv(self.source)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.source}: cannot be read as a table: {error}") from error
        column = self._found(frame)
        keys = frame["name" if "name" in frame.columns else frame.columns[0]].astype(str)
        found: dict[str, list[float]] = {}
        for key, weight in zip(keys, self._weights(frame[column].tolist()), strict=True):
            found.setdefault(Path(key).stem.casefold(), []).append(float(weight))
        return found

    def _of_item(self, item: Item) -> float:
        """The weight of all of an item; 1 where the table does not name it."""
        key = next((one for one in _named(item) if one in self._table), None)
        if key is None:
            return 1.0
        weights = sorted(set(self._table[key]))
        if len(weights) > 1:
            told = ", ".join(f"{one:g}" for one in weights)
            raise DataError(f"{self.source}: {key!r} has several weights ({told}); give {item.name} a name of its own")
        return weights[0]

    def _found(self, frame: pd.DataFrame | gpd.GeoDataFrame) -> str:
        if self.column not in frame.columns:
            names = ", ".join(map(str, frame.columns))
            raise DataError(f"{self.source}: has no column {self.column!r}; it has {names}")
        return str(self.column)

    @cached_property
    def _shapes(self) -> gpd.GeoDataFrame:
        """Polygons, with their weights as `weight`."""
        import geopandas as gpd
        from pyogrio.errors import DataSourceError

        try:
            frame = gpd.read_parquet(self.source) if self.source.suffix == ".parquet" else gpd.read_file(self.source)
        except (DataSourceError, OSError, ValueError) as error:
            raise DataError(f"{self.source}: cannot be read as polygons: {error}") from error
        return frame[["geometry"]].assign(weight=self._weights(frame[self._found(frame)].tolist()))

    def _of_shapes(self, grid: GeoBox, window: Roi) -> NDArray[np.float32]:
        from rasterio.features import rasterize

        part = grid[window]
        frame = self._shapes
        if frame.crs is not None and part.crs is not None:
            frame = frame.to_crs(part.crs.to_wkt())
        near = frame[frame.intersects(shapely.box(*part.boundingbox.bbox))]
        pairs = zip(near.geometry, near.weight.astype(float), strict=True)
        burnt: NDArray[np.float32] = np.ones((int(part.shape.y), int(part.shape.x)), dtype=np.float32)
        return np.asarray(rasterize(pairs, out=burnt, transform=part.affine)) if len(near) else burnt

    def _of_series(self, item: Item, window: Roi) -> NDArray[np.float32]:
        table = read_table(self.source)
        by_name = {name.casefold(): name for name in table.columns}
        if self.column is None or self.column.casefold() not in by_name:
            raise DataError(f"{self.source}: has no column {self.column!r}; it has {', '.join(table.columns)}")
        weights = np.append(self._weights(table.columns[by_name[self.column.casefold()]].tolist()), np.float32(1))
        if item.window is not None:
            window = shifted(window, item.window.row_off, item.window.col_off)
        return weights[table.lines[window]]


def _names(item: Item) -> list[str]:
    """What a table or a raster may call an item."""
    files = (*item.images, *(item.label.files if item.label is not None else ()))
    return [item.name.casefold(), Path(item.name).name.casefold(), *(path.stem.casefold() for path in files)]


def _named(item: Item) -> Iterator[str]:
    """The same, then the words that each begins with: a site of which there are several images or labels."""
    names = _names(item)
    yield from names
    for name in names:
        cuts = [at for at, letter in enumerate(name) if letter in "_-/"]
        yield from (name[:at] for at in reversed(cuts) if at)
