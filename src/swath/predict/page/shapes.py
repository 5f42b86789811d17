"""The largest shapes of a product, as outlines in the pixels of its picture."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.predict.page.pictures import clear_class
from swath.scene.whereabouts import transformed
from swath.tasks.task import MAIN

if TYPE_CHECKING:
    from swath.predict.product import Product

_SMOOTH = 0.4
"""Pixels of the picture by which outlines may be simplified: less than can be seen."""


@dataclass(frozen=True)
class Outline:
    """One shape.

    Attributes:
        value: its class number.
        area: m², pixels without a CRS.
        confidence: mean of its pixels, 0 to 1; None where there is none.
        path: of an SVG, in pixels of the picture.
        box: left, top, right, bottom in pixels of the picture.
        middle: longitude and latitude of a point inside it; None without a CRS.
    """

    value: int
    area: float
    confidence: float | None
    path: str
    box: tuple[float, float, float, float]
    middle: tuple[float, float] | None


@dataclass(frozen=True)
class Outlines:
    """The largest shapes, and how many there are of each class in all."""

    largest: tuple[Outline, ...]
    counts: dict[int, int]


def outlines_of(product: Product, grid: GeoBox, *, most: int, min_area: float) -> Outlines | None:
    """The largest shapes of the classes that are drawn; None where the product is no map of areas.

    Args:
        product: the map.
        grid: of the picture, in the map's CRS.
        most: how many.
        min_area: m² (pixels without a CRS): smaller ones join their neighbours.
    """
    layers = product.files[MAIN]
    if len(layers) != 1 or not layers[0].classes or product.is_of_tiles:
        return None
    wanted = [value for value in layers[0].classes if value != clear_class(layers[0])]
    kept: list[tuple[float, int, dict[str, Any]]] = []
    counts = dict.fromkeys(wanted, 0)
    for order, row in enumerate(_rows(product, wanted, min_area)):
        counts[row["class"]] += 1
        area = float(row["area_m2"] if "area_m2" in row else row["area_px"])
        # The order tells equal areas apart, since rows cannot be compared.
        heapq.heappush(kept, (area, -order, row))
        if len(kept) > most:
            heapq.heappop(kept)
    found = sorted(kept, key=lambda one: one[:2], reverse=True)
    return Outlines(tuple(_outline(area, row, grid) for area, _, row in found), counts)


def _rows(product: Product, wanted: list[int], min_area: float) -> Iterator[dict[str, Any]]:
    for frame in product.frames(shapes="areas", classes=wanted, min_area=min_area):
        columns = [name for name in frame.columns if name != "geometry"]
        for numbers, shape in zip(frame[columns].to_dict("records"), frame.geometry, strict=True):
            yield numbers | {"geometry": shape}


def _outline(area: float, row: dict[str, Any], grid: GeoBox) -> Outline:
    shape = row["geometry"]
    a, b, c, d, e, f = (~grid.affine)[:6]

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points[:, 0], points[:, 1]
        return np.column_stack([a * x + b * y + c, d * x + e * y + f])

    drawn = shapely.transform(shape, place)
    simple = shapely.simplify(drawn, _SMOOTH, preserve_topology=True)
    left, top, right, bottom = (round(float(one), 1) for one in drawn.bounds)
    inside = shapely.get_coordinates(shapely.point_on_surface(shape))
    middle = transformed(grid.crs, inside)[0] if grid.crs is not None else None
    sure = row.get("confidence")
    return Outline(
        value=int(row["class"]),
        area=area,
        confidence=None if sure is None else float(sure),
        path="".join(_ring(ring) for part in shapely.get_parts(simple) for ring in (part.exterior, *part.interiors)),
        box=(left, top, right, bottom),
        middle=None if middle is None or not np.isfinite(middle).all() else (float(middle[0]), float(middle[1])),
    )


def _ring(ring: Any) -> str:
    points = shapely.get_coordinates(ring)[:-1].round(1)
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points.tolist()) + "Z"
