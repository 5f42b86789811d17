"""Shapes as GeoParquet, GeoPackage, GeoJSON or FlatGeobuf, streamed: memory holds one frame at a time.

Frames become Arrow record batches, and one stream of batches feeds every format. GeoParquet follows version 1.1 of its
specification with a bounding box per row (https://geoparquet.org/releases/v1.1.0/); GeoJSON follows RFC 7946, which
knows only longitude and latitude on WGS 84 and cuts shapes at the date line.
"""

from __future__ import annotations

import itertools
import json
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swath.errors import WriteError
from swath.scene.write.atomic import atomic_path, write_error

if TYPE_CHECKING:
    import geopandas as gpd
    import pyarrow as pa

DRIVERS = {".parquet": "", ".gpkg": "GPKG", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf"}
"""Formats by suffix, with GDAL's driver; GeoParquet is written by pyarrow."""

_ROW_GROUP = 65_536  # rows that a reader of GeoParquet takes or skips together, by their bounding box


def shapes_suffix(path: str | os.PathLike[str]) -> str:
    """The suffix of a file of shapes, in small letters.

    Raises:
        WriteError: it is none of `DRIVERS`.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in DRIVERS:
        raise WriteError(f"{path}: the suffix of a file of shapes is one of {', '.join(DRIVERS)}; {suffix!r} is none")
    return suffix


def write_vectors(
    path: str | os.PathLike[str],
    frame: gpd.GeoDataFrame | Iterable[gpd.GeoDataFrame],
    *,
    layer: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write shapes with their attributes; the suffix of `path` says in which format.

    The index is not written. GeoJSON is written in longitude and latitude, as its standard asks, and names the CRS that
    the shapes came in as `source_crs` beside its features. In formats of GDAL a table has one kind of shape where the
    first frame has one; all are multiple (`MultiPolygon`) where some are, or where more frames may come. A first frame
    of mixed kinds or of none makes a table of any kind.

    Args:
        path: `.parquet`, `.gpkg`, `.geojson` or `.fgb`.
        frame: one frame, or frames of the same columns and CRS one by one; an empty frame makes an empty table.
        layer: name of the table in formats that name it; the file's stem when None.
        overwrite: replace what is there.

    Returns:
        The path.

    Raises:
        WriteError: the suffix is unknown, GeoJSON is asked for without a CRS, a frame differs from the first in
            columns, CRS or kind of shape, no frame comes at all, or the disk does not take it.
    """
    import geopandas as gpd
    import pyarrow as pa
    from pyogrio.errors import DataLayerError, DataSourceError

    path = Path(path)
    suffix = shapes_suffix(path)
    single = isinstance(frame, gpd.GeoDataFrame)
    with atomic_path(path, overwrite=overwrite) as temporary:
        table = _Table(iter([frame] if single else frame), path, typed=bool(DRIVERS[suffix]), single=single)
        try:
            if suffix == ".parquet":
                _write_parquet(temporary, table)
            else:
                _write_gdal(temporary, table, suffix, layer or path.stem)
        except (DataSourceError, DataLayerError, pa.ArrowException, RuntimeError) as error:
            raise table.failure or write_error(path, error) from error
    return path


class _Table:
    """Frames as a stream of Arrow batches of one schema, which the first frame sets."""

    def __init__(self, frames: Iterator[gpd.GeoDataFrame], path: Path, *, typed: bool, single: bool) -> None:
        first = next(frames, None)
        if first is None:
            raise WriteError(f"{path} cannot be written: no frame came; for an empty table, give one empty frame")
        self.path = path
        self.crs = first.crs
        self.geometry = str(first.geometry.name)
        self.kind = _kind(first, single) if typed else "Unknown"
        self.types: set[str] = set()
        self.boxes: list[Any] = []
        self.failure: BaseException | None = None
        self.schema = _plain(self._arrow(first).schema)
        self._frames = itertools.chain([first], frames)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows; an error in between is kept in `failure`, for GDAL reports only that there was one."""
        try:
            for number, frame in enumerate(self._frames):
                yield from self._next(number, frame).to_batches(max_chunksize=_ROW_GROUP)
        except BaseException as error:
            self.failure = error
            raise

    def _next(self, number: int, frame: gpd.GeoDataFrame) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        if frame.crs != self.crs:
            raise WriteError(
                f"{self.path} cannot be written: frame {number} is in {_crs_name(frame.crs)} and the first in "
                f"{_crs_name(self.crs)}: bring it there with frame.to_crs()"
            )
        try:
            table = self._arrow(frame).select(self.schema.names).cast(self.schema)
        except (KeyError, ValueError, pa.ArrowException) as error:
            raise WriteError(
                f"{self.path} cannot be written: the columns of frame {number} are not those of the first "
                f"({', '.join(self.schema.names)}): {error}"
            ) from error
        shapes = frame.geometry
        self.types |= set((shapes.geom_type + np.where(shapes.has_z, " Z", "")).dropna())
        self.boxes.append(shapes.total_bounds)
        return table

    def _arrow(self, frame: gpd.GeoDataFrame) -> pa.Table:
        import geopandas as gpd
        import pyarrow as pa

        shapes = frame.geometry
        if self.kind.startswith("Multi"):
            shapes = gpd.GeoSeries([_multiple(shape) for shape in shapes], shapes.index, shapes.crs)
        kind = self.kind.removesuffix(" Z")
        strange = set() if kind == "Unknown" else set(shapes.geom_type.dropna()) - {kind}
        if strange:
            raise WriteError(
                f"{self.path} cannot be written: its shapes are {kind} and a later frame has "
                f"{', '.join(sorted(strange))}: write each kind of shape to a file of its own"
            )
        frame = gpd.GeoDataFrame(frame.drop(columns=frame.geometry.name).assign(**{self.geometry: shapes}))
        frame = frame.set_geometry(self.geometry)
        return pa.table(frame.to_arrow(index=False, geometry_encoding="WKB"))


def _write_gdal(path: Path, table: _Table, suffix: str, layer: str) -> None:
    import pyarrow as pa
    import pyogrio

    options = {}
    if suffix == ".geojson":
        if table.crs is None:
            raise WriteError(
                f"{table.path} cannot be written: GeoJSON is in longitude and latitude, and the shapes have no CRS: "
                "give them theirs with frame.set_crs(), or write .gpkg or .parquet"
            )
        source = json.dumps({"source_crs": _crs_name(table.crs)})
        options = {"RFC7946": "YES", "WRITE_BBOX": "YES", "FOREIGN_MEMBERS_COLLECTION": source}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        pyogrio.write_arrow(
            pa.RecordBatchReader.from_batches(table.schema, table.batches()),
            path,
            layer=layer,
            driver=DRIVERS[suffix],
            geometry_name=table.geometry,
            geometry_type=table.kind,
            crs=None if table.crs is None else table.crs.to_wkt(),
            layer_options=options,
        )


def _write_parquet(path: Path, table: _Table) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    import shapely

    sides = ("xmin", "ymin", "xmax", "ymax")
    box = next(name for name in ("bbox", f"{table.geometry}_bbox") if name not in table.schema.names)
    schema = table.schema.append(pa.field(box, pa.struct([(side, pa.float64()) for side in sides])))
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in table.batches():
            bounds = shapely.bounds(shapely.from_wkb(batch.column(table.geometry).to_numpy(zero_copy_only=False)))
            corners = [pa.array(column, from_pandas=True) for column in bounds.T]
            nothing = pa.array(np.isnan(bounds).all(1))
            struct = pa.StructArray.from_arrays(corners, fields=list(schema.field(box).type), mask=nothing)
            writer.write_batch(pa.record_batch([*batch.columns, struct], schema=schema))
        column = {
            "encoding": "WKB",
            "geometry_types": sorted(table.types),
            "crs": None if table.crs is None else table.crs.to_json_dict(),
            "covering": {"bbox": {side: [box, side] for side in sides}},
        }
        boxes = np.array([b for b in table.boxes if not np.isnan(b).any()])
        if len(boxes):
            column["bbox"] = [*boxes[:, :2].min(0).tolist(), *boxes[:, 2:].max(0).tolist()]
        geo = {"version": "1.1.0", "primary_column": table.geometry, "columns": {table.geometry: column}}
        writer.add_key_value_metadata({"geo": json.dumps(geo)})


def _kind(frame: gpd.GeoDataFrame, single: bool) -> str:
    """GDAL's geometry type for a table whose first frame, or only one, is this."""
    found = set(frame.geometry.geom_type.dropna())
    plain = {kind.removeprefix("Multi") for kind in found}
    if len(plain) != 1 or not plain <= {"Point", "LineString", "Polygon"}:
        return "Unknown"
    kind = found.pop() if single and len(found) == 1 else f"Multi{plain.pop()}"
    return f"{kind} Z" if frame.geometry.has_z.any() else kind


def _multiple(shape: Any) -> Any:
    import shapely

    multiples: dict[str, Any] = {
        "Point": shapely.MultiPoint,
        "LineString": shapely.MultiLineString,
        "Polygon": shapely.MultiPolygon,
    }
    return multiples[shape.geom_type]([shape]) if shape is not None and shape.geom_type in multiples else shape


def _plain(schema: pa.Schema) -> pa.Schema:
    """The schema with types that every format knows: categories as their values, a column of nothing as text."""
    import pyarrow as pa

    fields = []
    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        fields.append(pa.field(field.name, pa.large_string() if pa.types.is_null(kind) else kind))
    return pa.schema(fields)


def _crs_name(crs: Any) -> str:
    return "no CRS" if crs is None else crs.to_string()
