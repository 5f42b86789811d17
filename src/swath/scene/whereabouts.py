"""Where a grid lies in its CRS and on the Earth: which way it faces, its pixels in metres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

if TYPE_CHECKING:
    from odc.geo.crs import CRS

Facing = Literal["north-up", "south-up", "mirrored", "rotated", "pixels"]
"""Where a grid's first row and column point; `pixels`: bare rows and columns, without any place."""

_EARTH_RADIUS = 6_378_137.0


def facing(grid: GeoBox) -> Facing:
    """Which way a grid faces in the plane of its CRS."""
    affine = grid.affine
    if grid.crs is None and affine.is_identity:
        return "pixels"
    if abs(affine.b) + abs(affine.d) > 1e-6 * (abs(affine.a) + abs(affine.e)):
        return "rotated"
    if affine.a < 0:
        return "mirrored"
    return "south-up" if affine.e > 0 else "north-up"


def on_earth(crs: CRS | None) -> bool | None:
    """Whether a CRS is of the Earth; None without one that says."""
    body = None if crs is None else crs.proj.ellipsoid
    return None if body is None else abs(body.semi_major_metre / _EARTH_RADIUS - 1) < 0.01


def transformed(crs: CRS | None, points: NDArray[np.float64], to: Any = "OGC:CRS84") -> NDArray[np.float64]:
    """Points of one CRS in another, longitude or easting first; infinite where there are none.

    Args:
        crs: CRS of the points.
        points: `[N, 2]`, in units of `crs`.
        to: what pyproj takes for a CRS; WGS 84 in degrees unless said.

    Returns:
        `[N, 2]` in units of `to`.
    """
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    try:
        there = Transformer.from_crs(None if crs is None else crs.proj, to, always_xy=True)
    except ProjError:
        return np.full(points.shape, np.inf)
    return np.stack(there.transform(points[:, 0], points[:, 1]), 1)


def pixel_on_ground(grid: GeoBox) -> tuple[float, float] | None:
    """`(width, height)` in m of the pixel at the grid's centre, on the ellipsoid; None where it has no place.

    Unlike the units of a CRS these are true lengths: a degree and a Mercator metre shrink towards the poles.
    """
    from pyproj import Geod

    geographic = None if grid.crs is None else grid.crs.proj.geodetic_crs
    if geographic is None:
        return None
    row, column = grid.shape.y / 2, grid.shape.x / 2
    middles = [(column - 0.5, row), (column + 0.5, row), (column, row - 0.5), (column, row + 0.5)]
    points = transformed(grid.crs, np.array([grid.affine @ middle for middle in middles]), geographic)
    if not np.isfinite(points).all():
        return None
    geod = geographic.get_geod() or Geod(ellps="WGS84")
    _, _, (width, height) = geod.inv(*points[::2].T, *points[1::2].T)
    return (float(width), float(height)) if width > 0 and height > 0 else None
