"""Where on the Earth a grid or a shape lies, in longitude and latitude, whatever crosses the date line or holds a pole.

The result follows RFC 7946: WGS 84, outer rings against the clock, cut at the date line (3.1.9), and a bounding box
whose west is greater than its east when it spans that line (5.2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry

_STEPS = 64  # points on each side of a grid: an edge that is straight in its CRS is a curve on the globe
_SAME = 1e-9  # degrees below which a corner is no corner: 0.1 mm


def footprint(where: GeoBox | Geometry) -> Any | None:
    """The outline in longitude and latitude.

    Args:
        where: A grid, or a polygon or multipolygon with its CRS.

    Returns:
        A shapely Polygon or MultiPolygon; None when there is no CRS, or one that is not of the Earth.
    """
    import shapely

    if where.crs is None:
        return None
    to_lonlat = _transformer(where.crs)
    if to_lonlat is None:
        return None
    parts = [_on_globe(to_lonlat(ring)) for ring in _rings(where)]
    whole = shapely.union_all([part for part in parts if part is not None])
    if whole.is_empty:
        return None
    polygons = [p for p in shapely.get_parts(whole) if p.geom_type == "Polygon"]
    return shapely.orient_polygons(polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons))


def bounding_box(outline: Any) -> list[float]:
    """West, south, east, north of a footprint; west is greater than east when it spans the date line."""
    import shapely

    west, south, east, north = outline.bounds
    parts = shapely.get_parts(outline)
    if west == -180 and east == 180 and len(parts) > 1:
        # The widest stretch of longitudes that no part touches is what the box leaves out.
        spans = sorted((part.bounds[0], part.bounds[2]) for part in parts)
        reach, gap, edges = spans[0][1], 0.0, (west, east)
        for left, right in spans[1:]:
            if left - reach > gap:
                gap, edges = left - reach, (left, reach)
            reach = max(reach, right)
        west, east = edges
    return [west, south, east, north]


def _rings(where: GeoBox | Geometry) -> list[NDArray[np.float64]]:
    """Outer rings in the CRS of `where`, with points close enough to bend, `[N, 2]` each."""
    import shapely

    if isinstance(where, GeoBox):
        height, width = where.shape
        t = np.linspace(0, 1, _STEPS + 1)[:-1]
        x = np.concatenate([t, np.ones_like(t), 1 - t, np.zeros_like(t)]) * width
        y = np.concatenate([np.zeros_like(t), t, np.ones_like(t), 1 - t]) * height
        a, b, c, d, e, f = where.affine[:6]
        ring = np.stack([a * x + b * y + c, d * x + e * y + f], 1)
        return [np.concatenate([ring, ring[:1]])]
    shape = shapely.force_2d(where.geom)
    step = max(shape.bounds[2] - shape.bounds[0], shape.bounds[3] - shape.bounds[1]) / _STEPS
    polygons = shapely.get_parts(shapely.segmentize(shape, step) if step > 0 else shape)
    return [np.asarray(p.exterior.coords) for p in polygons if p.geom_type == "Polygon" and not p.is_empty]


def _transformer(crs: Any) -> Any | None:
    """Rings of `crs` to rings of WGS 84; None when it is of another body, or of none."""
    import pyproj
    from pyproj.exceptions import ProjError

    try:
        there = pyproj.Transformer.from_crs(pyproj.CRS.from_wkt(crs.to_wkt()), "OGC:CRS84", always_xy=True)
    except ProjError:
        return None

    def transform(ring: NDArray[np.float64]) -> NDArray[np.float64]:
        points: NDArray[np.float64] = np.stack(there.transform(ring[:, 0], ring[:, 1]), 1)
        return points[np.isfinite(points).all(1)]  # corners of a world map may lie off the Earth

    return transform


def _on_globe(ring: NDArray[np.float64]) -> Any | None:
    """A ring of longitudes and latitudes as shapes within -180..180, -90..90."""
    import shapely
    import shapely.affinity

    if len(ring) < 4:
        return None
    # Unwrapped, a step over the date line is as small as any other.
    lon, lat = np.unwrap(ring[:, 0], period=360), ring[:, 1]
    turns = round((lon[-1] - lon[0]) / 360)
    if turns:
        # The ring goes around a pole, which is the one nearer to it: down or up to it and back along its edge.
        pole = 90.0 if lat.mean() > 0 else -90.0
        lon, lat = np.concatenate([lon, lon[[-1, 0]]]), np.concatenate([lat, [pole, pole]])
    shape = shapely.make_valid(shapely.Polygon(np.stack([lon, lat], 1)))
    first, last = int(np.floor((lon.min() + 180) / 360)), int(np.ceil((lon.max() - 180) / 360))
    worlds = range(first, max(first, last) + 1)
    cut = []
    for world in worlds:
        here = shapely.intersection(shape, shapely.box(360 * world - 180, -90, 360 * world + 180, 90))
        cut.append(shapely.affinity.translate(here, xoff=-360 * world))
    return shapely.simplify(shapely.union_all(cut), _SAME)
