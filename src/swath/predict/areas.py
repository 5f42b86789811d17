"""How large the pixels of a grid are on the ground."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox


def cell_areas(grid: GeoBox) -> NDArray[np.float64] | None:
    """Area of a pixel in each row, m², `[h]`; None without a CRS of the Earth.

    On grids in degrees, and on Mercator's (whose metres are none on the ground), these are areas on the ellipsoid, of
    the row's middle pixel; elsewhere the CRS's own units are taken for metres of the ground, which they nearly are in
    projections made for mapping.
    """
    from pyproj import Transformer

    if grid.crs is None:
        return None
    proj, affine = grid.crs.proj, grid.affine
    method = proj.coordinate_operation.method_name if proj.coordinate_operation else ""
    mercator = "Mercator" in method and "Transverse" not in method and "Oblique" not in method
    rows, columns = grid.shape
    if proj.is_projected and not mercator:
        unit = float(proj.axis_info[0].unit_conversion_factor or 1.0)
        return np.full(rows, abs(affine.determinant) * unit**2)
    geodetic = proj.geodetic_crs
    if geodetic is None or geodetic.ellipsoid is None:
        return None
    x = columns // 2 + np.array([0.0, 1.0, 1.0, 0.0])
    y = np.arange(rows, dtype=float)[:, None] + np.array([0.0, 0.0, 1.0, 1.0])
    to_degrees = Transformer.from_crs(proj, geodetic, always_xy=True)
    longitudes, latitudes = to_degrees.transform(
        affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f
    )
    # Longitude and area from the equator span a plane of true areas, in which a pixel is the polygon of its corners.
    across = np.unwrap(np.radians(longitudes), axis=1)
    up = _from_equator(np.radians(latitudes), geodetic.ellipsoid.semi_major_metre, geodetic.ellipsoid.semi_minor_metre)
    # From the first corner: far from it, differences would be lost among the digits.
    across, up = across - across[:, :1], up - up[:, :1]
    twice = across * np.roll(up, -1, axis=1) - np.roll(across, -1, axis=1) * up
    return np.asarray(np.abs(twice.sum(axis=1)) / 2, dtype=np.float64)


def _from_equator(latitudes: NDArray[np.float64], a: float, b: float) -> NDArray[np.float64]:
    """Area in m² of a strip one radian wide between the equator and parallels (radians); Snyder (1987), eq. 3-12.

    Args:
        latitudes: geodetic, of an ellipsoid.
        a: its semi-major axis, m.
        b: its semi-minor axis, m.
    """
    sine, e = np.sin(latitudes), math.sqrt(1 - (b / a) ** 2)
    if e == 0:
        return np.asarray(a**2 * sine)
    return np.asarray(b**2 / 2 * (sine / (1 - (e * sine) ** 2) + np.arctanh(e * sine) / e))
