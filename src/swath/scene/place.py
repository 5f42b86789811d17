"""Places: bounds and geometries as windows and masks of a grid, pixel sizes on the ground."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.geom import BoundingBox, Geometry, box
from shapely.geometry import shape as shapely_shape
from shapely.geometry.base import BaseGeometry

from swath.errors import GridError
from swath.scene.reader import Roi
from swath.scene.whereabouts import pixel_on_ground


def roi_of_bounds(grid: GeoBox, bounds: tuple[float, float, float, float], crs: Any = None) -> Roi:
    """The smallest window of whole pixels that holds what of the bounds lies on the grid.

    Args:
        grid: the grid.
        bounds: `(left, bottom, right, top)`.
        crs: CRS of the bounds; None: the grid's.

    Raises:
        GridError: empty bounds, or none of it lies on the grid.
    """
    left, bottom, right, top = bounds
    if not (right > left and top > bottom):
        raise GridError(f"bounds are (left, bottom, right, top) with left < right and bottom < top; found {bounds}")
    if crs is not None:
        if grid.crs is None:
            raise GridError("the scene has no CRS, so bounds in another one cannot be placed on it")
        area = box(left, bottom, right, top, crs).to_crs(grid.crs, resolution=max(right - left, top - bottom) / 50)
        left, bottom, right, top = area.boundingbox
    to_pixels = ~grid.affine
    corners = [to_pixels @ corner for corner in ((left, top), (right, top), (left, bottom), (right, bottom))]
    height, width = grid.shape
    # A bound on a pixel's edge must not take the next pixel because of the last digit.
    noise = 1e-6
    x0, x1 = (
        max(0, math.floor(min(x for x, _ in corners) + noise)),
        min(width, math.ceil(max(x for x, _ in corners) - noise)),
    )
    y0, y1 = (
        max(0, math.floor(min(y for _, y in corners) + noise)),
        min(height, math.ceil(max(y for _, y in corners) - noise)),
    )
    if x1 <= x0 or y1 <= y0:
        covers = tuple(round(value, 6) for value in BoundingBox(*grid.boundingbox.bbox))
        raise GridError(
            f"bounds {tuple(bounds)} do not touch the scene, which covers {covers} in its CRS; "
            "say crs= if they are in another"
        )
    return slice(y0, y1), slice(x0, x1)


def geometry_on(grid: GeoBox, geometry: Any, crs: Any = None) -> BaseGeometry:
    """A geometry in the grid's CRS.

    Args:
        grid: the grid.
        geometry: of shapely or odc-geo, or a GeoJSON mapping.
        crs: its CRS; None: its own, else the grid's.

    Raises:
        GridError: it is empty, or cannot be reprojected.
    """
    shape: BaseGeometry
    if isinstance(geometry, Geometry):
        crs, shape = crs or geometry.crs, geometry.geom
    elif isinstance(geometry, Mapping):
        shape = shapely_shape(geometry.get("geometry", geometry))
    elif isinstance(geometry, BaseGeometry):
        shape = geometry
    else:
        raise GridError(f"a geometry is a shapely object or a GeoJSON mapping; found {type(geometry).__name__}")
    if shape.is_empty:
        raise GridError("the geometry is empty")
    if crs is None:
        return shape
    if grid.crs is None:
        raise GridError("the scene has no CRS, so a geometry in another one cannot be placed on it")
    shape = Geometry(shape, crs).to_crs(grid.crs).geom
    return shape


def inside_outline(outline: BaseGeometry, grid: GeoBox) -> NDArray[np.bool_]:
    """`[y, x]`: whether each pixel's centre lies within a geometry of the grid's CRS."""
    from rasterio.features import geometry_mask

    return np.asarray(geometry_mask([outline], tuple(grid.shape), grid.affine, invert=True))


def ground_resolution(grid: GeoBox) -> float | None:
    """Size of a pixel on the ground in m: the root of its area; None without a CRS.

    Projected units are taken as they are, but for those of Mercator maps, which are no metres on the ground: their
    pixels are measured on the ellipsoid at the grid's centre, as degrees are.
    """
    crs = grid.crs
    if crs is None:
        return None
    proj = crs.proj
    method = proj.coordinate_operation.method_name if proj.coordinate_operation else ""
    if crs.projected and ("Mercator" not in method or "Transverse" in method):
        return float(abs(grid.affine.determinant) ** 0.5) * float(proj.axis_info[0].unit_conversion_factor or 1.0)
    size = pixel_on_ground(grid)
    return None if size is None else math.sqrt(size[0] * size[1])
