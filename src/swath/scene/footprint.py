"""Where on the Earth a grid or a shape lies, in longitude and latitude, whatever crosses the date line or holds a pole.

The result follows RFC 7946: WGS 84, outer rings against the clock, cut at the date line (3.1.9), and a bounding box
whose west is greater than its east when it spans that line (5.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry

from swath.scene.whereabouts import on_earth, transformed

if TYPE_CHECKING:
    from shapely import MultiPolygon, Polygon
    from shapely.geometry.base import BaseGeometry

_STEPS = 64
"""Points on each side of a grid: an edge that is straight in its CRS is a curve on the globe."""
_SAME = 1e-9
"""Degrees below which a corner is no corner: 0.1 mm."""


@dataclass(frozen=True)
class Footprint:
    """Where a grid or a shape lies on the globe.

    Attributes:
        outline: in degrees of longitude and latitude, within -180..180 and -90..90.
        bounds: `(west, south, east, north)` in degrees; west is greater than east where it spans the date line.
        holds_pole: whether a pole lies within it.
        is_whole: False where part of it lies beside the Earth's disk, as in views from geostationary orbit.
    """

    outline: Polygon | MultiPolygon
    bounds: tuple[float, float, float, float]
    holds_pole: bool
    is_whole: bool

    @property
    def crosses_date_line(self) -> bool:
        """Whether it lies on both sides of the date line, and not all around the globe."""
        return self.bounds[0] > self.bounds[2]


def footprint(where: GeoBox | Geometry) -> Footprint | None:
    """The outline in longitude and latitude.

    Args:
        where: a grid, or a polygon or multipolygon with its CRS.

    Returns:
        None without a CRS, on another body than the Earth, or where no edge has a place.
    """
    import shapely

    if not on_earth(where.crs):
        return None
    plane = [_border(where)] if isinstance(where, GeoBox) else _rings(where)
    rings = [transformed(where.crs, ring) for ring in plane]
    is_whole = all(bool(np.isfinite(ring).all()) for ring in rings)
    if not is_whole and isinstance(where, GeoBox):
        rings = list(_strips(where))
    placed = [_on_globe(ring) for ring in rings]
    whole = shapely.union_all([shape for shape, _ in placed])
    polygons = [part for part in shapely.get_parts(whole) if isinstance(part, shapely.Polygon) and not part.is_empty]
    if not polygons:
        return None
    outline = shapely.orient_polygons(polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons))
    return Footprint(outline, _bounds(outline), any(around for _, around in placed), is_whole)


def _bounds(outline: Polygon | MultiPolygon) -> tuple[float, float, float, float]:
    import shapely

    west, south, east, north = outline.bounds
    if west == -180 and east == 180:
        # The widest stretch of longitudes that no part touches is what the box leaves out.
        spans = sorted((part.bounds[0], part.bounds[2]) for part in shapely.get_parts(outline))
        reach, gap, edges = spans[0][1], 0.0, (west, east)
        for left, right in spans[1:]:
            if left - reach > gap:
                gap, edges = left - reach, (left, reach)
            reach = max(reach, right)
        west, east = edges
    return west, south, east, north


def _border(grid: GeoBox) -> NDArray[np.float64]:
    """The edge of a grid as a closed ring in its CRS, `[N, 2]`."""
    t = np.linspace(0, 1, _STEPS + 1)[:-1]
    zero, one = np.zeros_like(t), np.ones_like(t)
    return _in_plane(grid, np.concatenate([t, one, 1 - t, zero, [0]]), np.concatenate([zero, t, one, 1 - t, [0]]))


def _rings(shape: Geometry) -> list[NDArray[np.float64]]:
    """Outer rings of polygons in their CRS, with points close enough to bend, `[N, 2]` each."""
    import shapely

    flat = shapely.force_2d(shape.geom)
    step = max(flat.bounds[2] - flat.bounds[0], flat.bounds[3] - flat.bounds[1]) / _STEPS
    parts = shapely.get_parts(shapely.segmentize(flat, step) if step > 0 else flat)
    return [np.asarray(part.exterior.coords) for part in parts if isinstance(part, shapely.Polygon)]


def _strips(grid: GeoBox) -> Iterator[NDArray[np.float64]]:
    """What a grid shows of the Earth as rings in degrees: of each strip of rows, the stretches that have a place."""
    t = np.linspace(0, 1, _STEPS + 1)
    x, y = np.meshgrid(t, t)
    corners = transformed(grid.crs, _in_plane(grid, x.ravel(), y.ravel())).reshape(_STEPS + 1, _STEPS + 1, 2)
    for upper, lower in pairwise(corners):
        seen = np.isfinite([upper, lower]).all(axis=(0, 2))
        ends = np.flatnonzero(np.diff(seen, prepend=False, append=False)).reshape(-1, 2)
        for first, last in ends:
            yield np.concatenate([upper[first:last], lower[first:last][::-1], upper[first : first + 1]])


def _in_plane(grid: GeoBox, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of a grid, given as shares of its width and height, in its CRS, `[N, 2]`."""
    a, b, c, d, e, f = grid.affine[:6]
    column, row = x * grid.shape.x, y * grid.shape.y
    return np.stack([a * column + b * row + c, d * column + e * row + f], 1)


def _on_globe(ring: NDArray[np.float64]) -> tuple[BaseGeometry, bool]:
    """A closed ring of longitudes and latitudes within -180..180, -90..90; whether it goes around a pole."""
    import shapely
    import shapely.affinity

    ring = ring[np.isfinite(ring).all(1)]  # corners of a shape on a world map may lie off the Earth
    if len(ring) < 4:
        return shapely.Polygon(), False
    # Unwrapped, a step over the date line is as small as any other.
    lon, lat = np.unwrap(ring[:, 0], period=360), ring[:, 1]
    around = round((lon[-1] - lon[0]) / 360) != 0
    if around:
        # Down or up to the pole, which is the one nearer to the ring, and back along the edge of the map.
        pole = 90.0 if lat.mean() > 0 else -90.0
        lon, lat = np.concatenate([lon, lon[[-1, 0]]]), np.concatenate([lat, [pole, pole]])
    shape = shapely.make_valid(shapely.Polygon(np.stack([lon, lat], 1)))
    first, last = np.floor((lon.min() + 180 + _SAME) / 360), np.ceil((lon.max() - 180 - _SAME) / 360)
    cut = []
    for world in range(int(first), max(int(first), int(last)) + 1):
        here = shapely.intersection(shape, shapely.box(360 * world - 180, -90, 360 * world + 180, 90))
        cut.append(shapely.affinity.translate(here, xoff=-360 * world))
    return shapely.simplify(shapely.union_all(cut), _SAME), around
