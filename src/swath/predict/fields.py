"""The class of each field, by the votes of its pixels.

    found = by_field(product, "fields.gpkg")  # a row per field: class, name, votes, confidence, pixels

A map of pixels is grainy; what grows on a field is one thing. Outlines come from elsewhere: a cadastre, declarations, a
model for fields.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.errors import OpenError, PredictError
from swath.predict.vectors.regions import Window, windows
from swath.scene.write import write_vectors
from swath.tasks.task import MAIN

if TYPE_CHECKING:
    import geopandas as gpd

    from swath.predict.product import Product

_SIDE = 2048
CONFIDENCE = "confidence"


def by_field(product: Product, fields: gpd.GeoDataFrame | str | os.PathLike[str]) -> gpd.GeoDataFrame:
    """Let the pixels of each field vote for its class.

    A pixel belongs to the field that its centre lies in; a field without such a pixel takes the one that a point inside
    of it lies in. Of equally many votes the surer ones count more.

    Args:
        product: a map of classes.
        fields: polygons, or their file.

    Returns:
        The fields with their own columns, in the map's CRS, and `class`, its `name`, `votes`: the share of the answered
        pixels that gave it, `confidence`: the mean of these pixels', and `pixels`: how many have an answer. Fields
        beyond the map are left out; without an answer, `class` is -1 and `name` is empty.

    Raises:
        PredictError: the map is not of one layer of classes, or no field lies on it.
        OpenError: the file cannot be read, or does not say where the fields lie.
    """
    layers = product.files[MAIN]
    if len(layers) != 1 or not layers[0].classes:
        raise PredictError(f"fields vote for classes, and the map has {', '.join(layer.name for layer in layers)}")
    frame = on_grid(fields, product.grid)
    values = np.array(sorted(layers[0].classes))
    votes = np.zeros((len(frame), len(values)))
    sure = np.zeros_like(votes)
    has_confidence = CONFIDENCE in product.files
    product.make()
    outlines = Outlines(np.asarray(frame.geometry.values, dtype=object), product.grid)
    for window in windows(product.shape, _SIDE):
        numbers = outlines.burned(window)
        if not numbers.any():
            continue
        answers, valid = (part[0] for part in product.read(window))
        inside = (numbers > 0) & valid & np.isin(answers, values)
        at = (numbers[inside] - 1, np.searchsorted(values, answers[inside]))
        np.add.at(votes, at, 1.0)
        weights = product.read(window, CONFIDENCE)[0][0][inside] if has_confidence else np.ones(inside.sum())
        np.add.at(sure, at, np.nan_to_num(weights))
    count = votes.sum(1)
    best = (votes + sure / (sure.sum(1, keepdims=True) + 1)).argmax(1)
    rows = np.arange(len(frame))
    with np.errstate(invalid="ignore", divide="ignore"):
        share, confidence = votes[rows, best] / count, sure[rows, best] / votes[rows, best]
    names = [layers[0].classes[int(value)] for value in values[best]]
    found = {
        "class": np.where(count > 0, values[best], -1),
        "name": [name if some else "" for name, some in zip(names, count > 0, strict=True)],
        "votes": np.where(count > 0, share, 0.0),
        **({CONFIDENCE: np.where(count > 0, confidence, 0.0)} if has_confidence else {}),
        "pixels": count.astype(np.int64),
    }
    kept = frame.drop(columns=[name for name in found if name in frame.columns])
    return kept.assign(**found)


def write_fields(
    product: Product, fields: str | os.PathLike[str], path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """`by_field`, written as shapes; the suffix of `path` says in which format.

    Raises:
        WriteError: the suffix is unknown, something is there already, or the disk takes no more.
    """
    return write_vectors(path, by_field(product, fields), overwrite=overwrite)


def on_grid(fields: gpd.GeoDataFrame | str | os.PathLike[str], grid: GeoBox) -> gpd.GeoDataFrame:
    """The polygons that touch a grid, in its CRS.

    Raises:
        PredictError: there are none.
        OpenError: they cannot be read, or do not say where they lie.
    """
    import geopandas as gpd

    frame = fields if isinstance(fields, gpd.GeoDataFrame) else _read(Path(fields))
    called = "the fields" if isinstance(fields, gpd.GeoDataFrame) else str(fields)
    if grid.crs is not None:
        if frame.crs is None:
            raise OpenError(f"{called}: tells no CRS, so that nobody knows where the fields lie; write it with one")
        frame = frame.to_crs(grid.crs.to_wkt())
    height, width = grid.shape
    corners = [grid.affine @ (float(x), float(y)) for x, y in ((0, 0), (width, 0), (width, height), (0, height))]
    is_area = frame.geometry.geom_type.isin(["Polygon", "MultiPolygon"])
    frame = frame[is_area & frame.intersects(shapely.Polygon(corners))]
    if not len(frame):
        raise PredictError(f"{called}: no polygon lies on the map; look at both in a GIS")
    return frame.reset_index(drop=True)


def _read(path: Path) -> gpd.GeoDataFrame:
    import geopandas as gpd
    from pyogrio.errors import DataSourceError

    try:
        return gpd.read_parquet(path) if path.suffix.casefold() == ".parquet" else gpd.read_file(path)
    except (DataSourceError, OSError, ValueError) as error:
        raise OpenError(f"{path}: cannot be read as polygons: {' '.join(str(error).split())[:200]}") from error


class Outlines:
    """Polygons on a grid, as numbers of pixels: from 1 on in their order, 0 for none; the later of two that overlap."""

    def __init__(self, shapes: NDArray[np.object_], grid: GeoBox) -> None:
        self._shapes, self._grid = shapes, grid
        self._tree = shapely.STRtree(shapes)
        x, y = shapely.get_coordinates(shapely.point_on_surface(shapes)).T
        columns, rows = (~grid.affine) @ (x, y)
        self._point = np.floor(np.stack([rows, columns], axis=1)).astype(np.int64)

    def burned(self, window: Window) -> NDArray[np.int32]:
        """Those of a window, `[h, w]`."""
        from rasterio.features import rasterize

        part = self._grid[window]
        top, left = window[0].start, window[1].start
        shape = (int(part.shape.y), int(part.shape.x))
        numbers = np.zeros(shape, dtype=np.int32)
        near = np.sort(self._tree.query(shapely.box(*part.boundingbox.bbox)))
        if not len(near):
            return numbers
        burnt = rasterize(
            [(self._shapes[at], int(at) + 1) for at in near], out=numbers, transform=part.affine, all_touched=False
        )
        # A field that is narrower than a pixel may hold no centre of one.
        for at in near[~np.isin(near + 1, burnt)]:
            row, column = self._point[at] - (top, left)
            inside = 0 <= row < shape[0] and 0 <= column < shape[1]
            if inside and self._is_small(int(at)) and burnt[row, column] == 0:
                burnt[row, column] = at + 1
        return np.asarray(burnt)

    def _is_small(self, at: int) -> bool:
        pixel = abs(self._grid.affine.determinant)
        return bool(shapely.area(self._shapes[at]) < 4 * pixel)
