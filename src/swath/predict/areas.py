"""How large the pixels of a grid are on the ground, and the classes of a map."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.errors import GridError, PredictError
from swath.scene.reader import Roi
from swath.scene.write import Layer
from swath.tasks.pairs import is_of_pairs
from swath.tasks.task import MAIN

if TYPE_CHECKING:
    import pandas as pd

_HECTARE = 10_000.0


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


def class_areas(grid: GeoBox, layers: Sequence[Layer], blocks: Iterable[tuple[Roi, NDArray[Any]]]) -> dict[str, float]:
    """Area of each class in ha, by name.

    Args:
        grid: where the pixels lie.
        layers: of the map: one of class numbers, or one per class that says yes or no.
        blocks: windows of the map, and their numbers `[L, h, w]`.

    Raises:
        GridError: the grid has no CRS, so that pixels have no size.
        PredictError: the map has no classes.
    """
    cells = cell_areas(grid)
    if cells is None:
        raise GridError("the map has no CRS, so its pixels have no area; count them: product.read()")
    if not layers[0].classes:
        raise PredictError(f"the map shows {', '.join(layer.name for layer in layers)} and no classes")
    named = [
        (i, value, name if len(layers) == 1 else f"{layer.name}: {name}")
        for i, layer in enumerate(layers)
        for value, name in (layer.classes or {}).items()
    ]
    totals = dict.fromkeys((name for _, _, name in named), 0.0)
    for (rows, _), numbers in blocks:
        for i, value, name in named:
            totals[name] += float((numbers[i] == value).sum(axis=1) @ cells[rows]) / _HECTARE
    return totals


def class_transitions(
    grid: GeoBox, files: Mapping[str, Sequence[Layer]], blocks: Iterable[tuple[Roi, Mapping[str, NDArray[Any]]]]
) -> pd.DataFrame:
    """Area that went from one class to another, ha; see `Product.transitions`. Of several pairs, of each.

    Raises:
        GridError: the grid has no CRS, so that pixels have no size.
        PredictError: the map does not tell the classes at both dates.
    """
    import pandas as pd

    if not {"from", "to"} <= set(files):
        raise PredictError(
            "the map does not tell which class was there before and after; predict with task='semantic-change', "
            "which a segmentation model does too"
        )
    cells = cell_areas(grid)
    if cells is None:
        raise GridError("the map has no CRS, so its pixels have no area; count them: product.stored()")
    classes = dict(files["from"][0].classes or {})
    totals = np.zeros((len(files[MAIN]), len(classes), len(classes)))
    for (rows, _), numbers in blocks:
        for main, map_, before, to, total in zip(
            files[MAIN], numbers[MAIN], numbers["from"], numbers["to"], totals, strict=True
        ):
            after = np.where(map_ == max(main.classes or {1: ""}), to, before)
            for i, old in enumerate(classes):
                was = (map_ != main.nodata) & (before == old)
                for j, new in enumerate(classes):
                    total[i, j] += float((was & (after == new)).sum(axis=1) @ cells[rows]) / _HECTARE
    names = list(classes.values())
    index, columns = pd.Index(names, name="from"), pd.Index(names, name="to")
    tables = {layer.name: pd.DataFrame(total, index, columns) for layer, total in zip(files[MAIN], totals, strict=True)}
    return pd.concat(tables, names=["pair"]) if is_of_pairs(files) else next(iter(tables.values()))


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
