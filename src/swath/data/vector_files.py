"""Shapes in vector files, with the class of each: read, repaired, brought onto the grid of an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data.files import visible
from swath.data.layouts import listing
from swath.errors import DataError
from swath.scene.words import many

if TYPE_CHECKING:
    import geopandas as gpd

SUFFIXES = (".geojson", ".gpkg", ".shp", ".fgb", ".parquet")
CLASS_FIELDS = frozenset(["class", "classes", "class_name", "classname", "label", "labels", "category"])
"""Names of columns that say themselves that they hold the class."""
_SLIPS = 0.2
"""Share of shapes up to which two columns that disagree are taken as meaning the same."""


def vector_files(folder: Path) -> list[Path]:
    """The vector files below a folder; tables in Parquet only where they bear shapes, or cannot be read."""
    return [path for path in visible(folder, SUFFIXES) if path.suffix.casefold() != ".parquet" or _is_geo(path)]


def _is_geo(path: Path) -> bool:
    import pyarrow
    import pyarrow.parquet

    try:
        return b"geo" in (pyarrow.parquet.read_schema(path).metadata or {})
    except (OSError, pyarrow.ArrowException):
        return True


@dataclass(frozen=True)
class Shapes:
    """The shapes of a vector file that bear a class.

    Attributes:
        path: the file.
        frame: their geometries, valid polygons, in the file's CRS.
        names: `[N]` class of each.
        notes: what was left out, mended or read into them, in sentences.
    """

    path: Path
    frame: gpd.GeoSeries
    names: NDArray[np.object_]
    notes: tuple[str, ...] = ()

    @property
    def geometries(self) -> NDArray[np.object_]:
        """The polygons, `[N]`."""
        return np.asarray(self.frame.values, dtype=object)

    def on(self, grid: GeoBox) -> tuple[NDArray[np.object_], NDArray[np.intp]]:
        """The shapes that touch a grid, in its CRS, and which they are."""
        series = self.frame
        if series.crs is not None and grid.crs is not None and series.crs != grid.crs.to_wkt():
            series = series.to_crs(grid.crs.to_wkt())
        shapes = np.asarray(series.values, dtype=object)
        corners = [grid.affine @ (float(x), float(y)) for x, y in _corners(*grid.shape)]
        which = np.flatnonzero(shapely.intersects(shapes, shapely.Polygon(corners)))
        return shapes[which], which


def _corners(height: int, width: int) -> Sequence[tuple[int, int]]:
    return (0, 0), (width, 0), (width, height), (0, height)


def read_shapes(path: Path, field: str | None, buffer: float | None) -> Shapes | None:
    """The shapes of a file that bear a class; None where it holds no shapes at all.

    Args:
        path: of a suffix in `SUFFIXES`.
        field: column that holds the class; None: the only one, or the one whose name says so.
        buffer: metres by which lines and points are widened to areas; None: they are left out.

    Raises:
        DataError: it cannot be read, or it cannot be told which column holds the class; the message lists them.
    """
    frame = _read(path, field)
    if frame is None or not len(frame):
        return None
    notes: list[str] = []
    column = _column(path, frame, field, notes)
    if column is None:
        names = np.full(len(frame), "object", dtype=object)
        notes.append(f"{path.name}: has no column of classes; all shapes are of class 'object'")
    else:
        names = np.array([_as_name(value) for value in frame[column]], dtype=object)
        notes += _contradictions(path, frame, column, names)
    series, names = _without(path, frame.geometry, names, names == "", f"without {column}; left out", notes)
    gone = np.asarray(series.isna() | series.is_empty)
    series, names = _without(path, series, names, gone, "without a shape; left out", notes)
    flat = np.asarray(series.geom_type.isin(["Point", "MultiPoint", "LineString", "MultiLineString", "LinearRing"]))
    if flat.any() and buffer is not None:
        notes.append(
            f"{path.name}: {many(int(flat.sum()), 'line or point', 'lines and points')}; widened by {buffer:g} m"
        )
        series = _widened(series, flat, buffer)
    elif flat.any():
        what = "as lines or points; left out: say buffer= (m) to widen them to areas"
        series, names = _without(path, series, names, flat, what, notes)
    broken = ~np.asarray(series.is_valid)
    if broken.any():
        notes.append(f"{path.name}: {many(int(broken.sum()), 'self-crossing shape')}; mended")
        series = series.copy()
        series[broken] = series[broken].make_valid()
    return Shapes(path, series.reset_index(drop=True), names, tuple(notes))


def _read(path: Path, field: str | None) -> gpd.GeoDataFrame | None:
    """The table of a file: of the only layer, or of the one that has the field."""
    import geopandas as gpd
    import pyogrio
    from pyogrio.errors import DataSourceError

    try:
        if path.suffix.casefold() == ".parquet":
            return gpd.read_parquet(path)
        layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
        if field is not None and len(layers) > 1:
            layers = [name for name in layers if field in pyogrio.read_info(path, layer=name)["fields"]]
        if len(layers) > 1:
            raise DataError(f"{path}: holds several layers ({listing(layers)}); say label_field= that one of them has")
        if not layers:
            return None
        frame: gpd.GeoDataFrame = pyogrio.read_dataframe(path, layer=layers[0])
        return frame
    except (DataSourceError, ValueError, OSError) as error:
        why = " ".join(str(error).split()).partition("; It might help")[0][:160]  # what follows is for programs
        raise DataError(f"{path}: cannot be read as shapes: {why}") from error


def _column(path: Path, frame: gpd.GeoDataFrame, field: str | None, notes: list[str]) -> str | None:
    """The column that holds the class; None where there is no column.

    Raises:
        DataError: it is not there, or cannot be told.
    """
    columns = [str(name) for name in frame.columns if name != frame.geometry.name]
    # A column of one value parts nothing: the others first.
    told = listing(
        told for _, told in sorted((_described(frame, name) for name in columns), key=lambda one: one[0] < 2)
    )
    if field is not None:
        if field not in columns:
            raise DataError(f"{path}: has no column {field!r}; it has {told or 'none'}")
        return field
    named = [name for name in columns if name.casefold() in CLASS_FIELDS]
    if len(columns) < 2 or len(named) == 1:
        if len(columns) > 1:
            notes.append(f"{path.name}: the class is taken from column {named[0]!r}")
        return next(iter(named or columns), None)
    raise DataError(f"{path}: say label_field=, the column that holds the class: {told}")


def _contradictions(path: Path, frame: gpd.GeoDataFrame, column: str, names: NDArray[np.object_]) -> list[str]:
    """A sentence for each other column that seems to number the classes, and does so differently for a few shapes."""
    notes = []
    for other in frame.columns:
        if other in (column, frame.geometry.name) or frame[other].dtype.kind not in "iu":
            continue
        together = Counter(zip(frame[other].tolist(), names.tolist(), strict=True))
        usual: dict[int, str] = {}
        for (number, name), _ in together.most_common():
            if number not in usual and name not in usual.values():
                usual[number] = name
        odd = sum(times for (number, name), times in together.items() if usual.get(number) != name)
        if 1 < len(usual) == len(set(names)) and 0 < odd <= _SLIPS * len(names):
            notes.append(
                f"{path.name}: column {other!r} contradicts {column!r} for {many(odd, 'shape')}; the latter is taken"
            )
    return notes


def _described(frame: gpd.GeoDataFrame, name: str) -> tuple[int, str]:
    """How many values a column has, and that in words."""
    times = len({_as_name(value) for value in frame[name]})
    return times, f"{name} ({many(times, 'value')})"


def _as_name(value: Any) -> str:
    """A value of a column as the name of a class; empty where there is none."""
    if isinstance(value, list | tuple | np.ndarray):
        return " + ".join(sorted(filter(None, map(_as_name, value))))
    if value is None or value != value:
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _without(
    path: Path, series: gpd.GeoSeries, names: NDArray[np.object_], gone: NDArray[np.bool_], why: str, notes: list[str]
) -> tuple[gpd.GeoSeries, NDArray[np.object_]]:
    if gone.any():
        notes.append(f"{path.name}: {int(gone.sum())} of {many(len(gone), 'shape')} {why}")
    return series[~gone], names[~gone]


def _widened(series: gpd.GeoSeries, flat: NDArray[np.bool_], metres: float) -> gpd.GeoSeries:
    """The series with some shapes widened by a distance on the ground."""
    crs = series.crs
    on_ground = series[flat] if crs is None else series[flat].to_crs(series[flat].estimate_utm_crs())
    wide = on_ground.buffer(metres)
    result = series.copy()
    result[flat] = wide if crs is None else wide.to_crs(crs)
    return result


def overlaps(shapes: NDArray[np.object_], names: NDArray[np.object_]) -> Counter[tuple[str, str]]:
    """How many pairs of shapes of two classes lie on one another."""
    tree = shapely.STRtree(shapes)
    first, second = tree.query(shapes, predicate="intersects")
    pairs = [(a, b) for a, b in zip(first.tolist(), second.tolist(), strict=True) if a < b and names[a] != names[b]]
    left, right = (shapes[[pair[at] for pair in pairs]] for at in (0, 1))
    common = shapely.area(shapely.intersection(left, right)) > 1e-6 * np.minimum(
        shapely.area(left), shapely.area(right)
    )
    return Counter(
        (min(names[a], names[b]), max(names[a], names[b]))
        for (a, b), is_one in zip(pairs, common, strict=True)
        if is_one
    )
