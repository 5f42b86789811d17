"""Shapes of a product as frames with attributes, one by one, on the product's grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.predict.vectors.regions import Window, windows
from swath.predict.vectors.whole import SIDE, Shapes

if TYPE_CHECKING:
    import geopandas as gpd

_ROWS = 5_000
"""Of a frame, more or less: enough that writing one costs little."""


def area_frames(
    found: Iterator[Shapes],
    grid: GeoBox,
    told: Mapping[str, Mapping[int, Any]],
    *,
    in_metres: bool,
    confidence: float | None,
) -> Iterator[gpd.GeoDataFrame]:
    """Polygons with what is told of their numbers, `area_m2` (`area_px` without a CRS), and `confidence`.

    Args:
        found: polygons in pixels.
        grid: where they lie.
        told: columns, such as `class` and `name`, each with what stands in it by number.
        in_metres: whether areas are in m².
        confidence: what the mean number per pixel is multiplied by; None: there is none.
    """
    waiting: list[Shapes] = []
    for shapes in found:
        waiting.append(shapes)
        if sum(len(one) for one in waiting) >= _ROWS:
            yield _area_frame(waiting, grid, told, in_metres, confidence)
            waiting = []
    yield _area_frame(waiting, grid, told, in_metres, confidence)


def _area_frame(
    shapes: list[Shapes],
    grid: GeoBox,
    told: Mapping[str, Mapping[int, Any]],
    in_metres: bool,
    confidence: float | None,
) -> gpd.GeoDataFrame:
    numbers = np.concatenate([np.empty(0, np.int32), *(one.classes for one in shapes)])
    columns: dict[str, Any] = {}
    for name, values in told.items():
        # A map may hold numbers that have no name.
        found = [values.get(n, n if name == "class" else str(n) if name == "name" else None) for n in numbers.tolist()]
        columns[name] = np.array(found, dtype=np.int32 if name == "class" else object)
    columns["area_m2" if in_metres else "area_px"] = np.concatenate([np.empty(0), *(one.areas for one in shapes)])
    if confidence is not None:
        columns["confidence"] = np.concatenate([np.empty(0), *(one.means for one in shapes)]) * confidence
    polygons = np.concatenate([np.empty(0, object), *(one.polygons for one in shapes)])
    return frame(columns, polygons, grid)


def pixel_frames(
    read: Callable[[Window], tuple[Mapping[str, NDArray[Any]], NDArray[np.bool_]]], grid: GeoBox, *, points: bool
) -> Iterator[gpd.GeoDataFrame]:
    """Every pixel that has an answer, as its box or its middle: for maps whose pixels are tiles of a scene.

    Args:
        read: columns `[h, w]` each, and where there is an answer, of a window.
        grid: where the pixels lie.
        points: middles instead of boxes.
    """
    shape = (int(grid.shape.y), int(grid.shape.x))
    for window in windows(shape, SIDE // 4):
        columns, valid = read(window)
        rows, places = np.nonzero(valid)
        x, y = places + float(window[1].start), rows + float(window[0].start)
        shapes = shapely.points(x + 0.5, y + 0.5) if points else shapely.box(x, y, x + 1, y + 1)
        yield frame({name: values[valid] for name, values in columns.items()}, np.asarray(shapes, dtype=object), grid)


def frame(columns: Mapping[str, Any], shapes: NDArray[np.object_], grid: GeoBox) -> gpd.GeoDataFrame:
    """A frame of shapes given in pixels, on a grid; outer rings run against the clock, as RFC 7946 asks."""
    import geopandas as gpd

    a, b, c, d, e, f = grid.affine[:6]

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points[:, 0], points[:, 1]
        return np.column_stack([a * x + b * y + c, d * x + e * y + f])

    placed = shapely.orient_polygons(shapely.transform(shapes, place)) if len(shapes) else shapes
    crs = None if grid.crs is None else grid.crs.to_wkt()
    return gpd.GeoDataFrame(dict(columns), geometry=gpd.GeoSeries(placed, crs=crs))
