"""How large the pixels of a grid are on the ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox


def cell_areas(grid: GeoBox) -> NDArray[np.float64] | None:
    """Area of a pixel in each row, m², `[h]`; None without a CRS.

    On grids in degrees, and on Mercator's (whose metres are none on the ground), these are areas of the ellipsoid
    between the row's two parallels; elsewhere the CRS's own units are taken for metres of the ground, which they nearly
    are in projections made for mapping.
    """
    from pyproj import Transformer

    if grid.crs is None:
        return None
    proj = grid.crs.proj
    area = abs(grid.affine.determinant)
    method = proj.coordinate_operation.method_name if proj.coordinate_operation else ""
    mercator = "Mercator" in method and "Transverse" not in method and "Oblique" not in method
    rows, columns = grid.shape
    if proj.is_projected and not mercator:
        unit = proj.axis_info[0].unit_conversion_factor or 1.0
        return np.full(rows, area * unit**2)
    geodetic = proj.geodetic_crs
    if geodetic is None or geodetic.ellipsoid is None:
        return None
    edges, step = np.arange(rows + 1), 0.5
    if grid.affine.b or grid.affine.d:
        # Rows of a turned grid follow no parallel: each pixel is measured as one as high as it is wide, at its middle.
        edges, step = np.arange(rows) + 0.5, 0.0
    to_degrees = Transformer.from_crs(proj, geodetic, always_xy=True)
    middle = columns / 2
    west, south = to_degrees.transform(*(grid.affine @ (np.full(len(edges), middle), edges)))
    east, _ = to_degrees.transform(*(grid.affine @ (np.full(len(edges), middle + 1), edges)))
    latitudes = np.radians(south)
    if step:
        widths = np.radians(np.abs((east - west + 180) % 360 - 180))
        return np.abs(np.diff(_from_equator(latitudes, geodetic.ellipsoid))) * (widths[:-1] + widths[1:]) / 2
    side = np.radians(np.sqrt(area))
    ellipsoid = geodetic.ellipsoid
    return side * (_from_equator(latitudes + side / 2, ellipsoid) - _from_equator(latitudes - side / 2, ellipsoid))


def _from_equator(latitudes: NDArray[np.float64], ellipsoid: object) -> NDArray[np.float64]:
    """Area in m² between the equator and parallels (radians) of a strip one radian wide; Snyder (1987), eq. 3-12."""
    a = float(ellipsoid.semi_major_metre)  # type: ignore[attr-defined]  # pyproj's Ellipsoid is not exported
    b = float(ellipsoid.semi_minor_metre)  # type: ignore[attr-defined]
    sine = np.sin(latitudes)
    e = np.sqrt(1 - (b / a) ** 2)
    if e == 0:
        return np.asarray(a**2 * sine)
    return np.asarray(b**2 / 2 * (sine / (1 - (e * sine) ** 2) + np.arctanh(e * sine) / e))
