"""Where on the Earth a grid lies: which way it faces, its footprint in degrees, its pixels in metres."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

Facing = Literal["north-up", "south-up", "mirrored", "rotated", "pixels"]
"""Where a grid's first row and column point; `pixels`: bare rows and columns, without any place."""

_EARTH_RADIUS = 6_378_137.0
_PER_SIDE = 64


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


def on_earth(grid: GeoBox) -> bool | None:
    """Whether the grid's CRS is of the Earth; None without a CRS that says."""
    body = None if grid.crs is None else grid.crs.proj.ellipsoid
    return None if body is None else abs(body.semi_major_metre / _EARTH_RADIUS - 1) < 0.01


def pixel_on_ground(grid: GeoBox) -> tuple[float, float] | None:
    """`(width, height)` in m of the pixel at the grid's centre, on the ellipsoid; None where it has no place.

    Unlike the units of a CRS these are true lengths: a degree and a Mercator metre shrink towards the poles.
    """
    from pyproj import Geod

    geographic = None if grid.crs is None else grid.crs.proj.geodetic_crs
    if grid.crs is None or geographic is None:
        return None
    row, column = grid.shape.y / 2, grid.shape.x / 2
    points = [(column - 0.5, row), (column + 0.5, row), (column, row - 0.5), (column, row + 0.5)]
    longitudes, latitudes = _transform(grid, points, geographic)
    if not np.isfinite([*longitudes, *latitudes]).all():
        return None
    geod = geographic.get_geod() or Geod(ellps="WGS84")
    _, _, lengths = geod.inv(longitudes[::2], latitudes[::2], longitudes[1::2], latitudes[1::2])
    width, height = (float(length) for length in lengths)
    return (width, height) if width > 0 and height > 0 else None


@dataclass(frozen=True)
class Footprint:
    """The outline of a grid in longitude and latitude (WGS 84).

    Attributes:
        ring: closed, its longitudes without jumps: beyond 180 where it crosses the date line.
        bounds: `(west, south, east, north)`; where it crosses the date line west is larger than east, as in RFC 7946.
        crosses_date_line: whether it does.
        holds_pole: whether a pole lies on the grid.
        is_whole: False where part of the grid lies beside the Earth's disk, as in views from geostationary orbit.
    """

    ring: tuple[tuple[float, float], ...]
    bounds: tuple[float, float, float, float]
    crosses_date_line: bool
    holds_pole: bool
    is_whole: bool


def footprint(grid: GeoBox) -> Footprint | None:
    """The grid's outline on the Earth; None without a CRS, on another body, or where no edge has a place."""
    if not on_earth(grid):
        return None
    height, width = grid.shape
    along = np.linspace(0, 1, _PER_SIDE, endpoint=False)
    edge = [(t, 0.0) for t in along] + [(1.0, t) for t in along] + [(1 - t, 1.0) for t in along]
    edge += [(0.0, 1 - t) for t in along]
    longitudes, latitudes = _transform(grid, [(x * width, y * height) for x, y in [*edge, edge[0]]], "EPSG:4326")
    is_whole = bool(np.isfinite([longitudes, latitudes]).all())
    if not is_whole:
        hull = _hull_of_seen(grid)
        if hull is None:
            return None
        longitudes, latitudes = hull
    latitudes = np.clip(latitudes, -90, 90)
    if not grid.crs or not grid.crs.geographic:
        longitudes = np.unwrap(longitudes, period=360)
    longitudes = longitudes - 360 * math.floor((longitudes.min() + 180) / 360)
    south, north = float(latitudes.min()), float(latitudes.max())
    poles = [pole for pole in (-90.0, 90.0) if _holds(grid, 0.0, pole)]
    south, north = min([south, *poles]), max([north, *poles])
    west, east = float(longitudes.min()), float(longitudes.max())
    if poles or east - west >= 360 - 1e-6:
        west, east = -180.0, 180.0
    crosses = east > 180 + 1e-9
    ring = tuple((float(x), float(y)) for x, y in zip(longitudes, latitudes, strict=True))
    bounds = (west, south, east - 360 if crosses else east, north)
    return Footprint(ring, bounds, crosses, bool(poles), is_whole)


def _hull_of_seen(grid: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Convex outline, in degrees, of those points of a grid that lie on the Earth's disk; None where none does."""
    from shapely import MultiPoint, Polygon

    steps = (np.arange(_PER_SIDE) + 0.5) / _PER_SIDE
    longitudes, latitudes = _transform(
        grid, [(x * grid.shape.x, y * grid.shape.y) for y in steps for x in steps], "EPSG:4326"
    )
    seen = np.isfinite(longitudes) & np.isfinite(latitudes)
    if not seen.any():
        return None
    longitudes, latitudes = longitudes[seen], latitudes[seen]
    middle = float(np.degrees(np.angle(np.exp(1j * np.radians(longitudes)).sum())))
    unrolled = middle + (longitudes - middle + 180) % 360 - 180
    hull = MultiPoint(np.column_stack([unrolled, latitudes])).convex_hull
    if not isinstance(hull, Polygon):
        return unrolled, latitudes
    ring = np.asarray(hull.exterior.coords)
    return ring[:, 0], ring[:, 1]


def _holds(grid: GeoBox, longitude: float, latitude: float) -> bool:
    """Whether a place lies on a projected grid that shows it as a point."""
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    if grid.crs is None or grid.crs.geographic:
        return False
    try:
        there = Transformer.from_crs("EPSG:4326", grid.crs.proj, always_xy=True)
        back = Transformer.from_crs(grid.crs.proj, "EPSG:4326", always_xy=True)
        x, y = there.transform(longitude, latitude)
        again = back.transform(x, y)[1]
    except ProjError:
        return False
    if not (math.isfinite(x) and math.isfinite(y) and abs(again - latitude) < 1e-6):
        return False
    column, row = ~grid.affine @ (x, y)
    return bool(0 < column < grid.shape.x and 0 < row < grid.shape.y)


def _transform(
    grid: GeoBox, points: list[tuple[float, float]], crs: object
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes and latitudes of points given as `(column, row)`; infinite where there are none."""
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    places = [grid.affine @ point for point in points]
    xs, ys = (np.array(axis, dtype=np.float64) for axis in zip(*places, strict=True))
    try:
        to_degrees = Transformer.from_crs(grid.crs.proj if grid.crs else None, crs, always_xy=True)
        longitudes, latitudes = to_degrees.transform(xs, ys)
    except ProjError:
        nowhere = np.full(len(points), np.inf)
        return nowhere, nowhere
    return np.asarray(longitudes), np.asarray(latitudes)
