"""Shapes: the same shapes, attributes and places come back from every format, whole or in a stream."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from swath.errors import WriteError
from swath.scene.write import write_vectors

FORMATS = [".parquet", ".gpkg", ".geojson", ".fgb"]


def read(path: Path) -> gpd.GeoDataFrame:
    frame = gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path)
    return frame.drop(columns=[c for c in ("bbox",) if c in frame])


@pytest.fixture
def fields(shared_data: Path) -> gpd.GeoDataFrame:
    """Real field parcels of Denmark, with text and dates."""
    frame = gpd.read_file(shared_data / "fields_denmark_s2/marker2016_small.shp")
    assert len(frame) > 50
    assert frame.crs is not None
    return frame


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("parts", [0, 1, 3])
def test_real_parcels(fields: gpd.GeoDataFrame, tmp_path: Path, suffix: str, parts: int) -> None:
    path = tmp_path / f"fields{suffix}"
    cut = np.linspace(0, len(fields), parts + 1).astype(int)
    frames = (fields[a:b] for a, b in pairwise(cut))
    assert write_vectors(path, frames if parts else fields) == path
    again, expected = read(path), fields
    if suffix == ".geojson":
        assert json.loads(path.read_text())["source_crs"] == fields.crs.to_string()
        expected = fields.to_crs(4326)
    assert again.crs == expected.crs
    assert len(again) == len(expected)
    if suffix == ".fgb":  # ordered by place
        again, expected = (
            f.assign(x=f.centroid.x, y=f.centroid.y).sort_values(["x", "y"], ignore_index=True)
            for f in (again, expected)
        )
    if suffix == ".geojson":
        # Seven decimals, 1 cm; GDAL mends a shape that touches itself when rounded to that.
        apart = shapely.hausdorff_distance(again.geometry.to_numpy(), expected.geometry.to_numpy())
        assert (apart < 1e-7).mean() > 0.99
        assert apart.max() < 1e-4
    else:
        assert all(got.equals(want) for got, want in zip(again.geometry, expected.geometry, strict=True))
    for column in fields.columns.drop("geometry"):
        assert list(again[column]) == list(expected[column])


@pytest.fixture
def mixture() -> gpd.GeoDataFrame:
    """Every kind of column that a product has; names with letters of many languages, nothing in places."""
    shapes = [shapely.box(0, 0, 10, 10), shapely.MultiPolygon([shapely.box(20, 20, 30, 30)]), None]
    return gpd.GeoDataFrame(
        {
            "class": pd.Categorical(["Wald & Wiese", "水", None]),
            "count": np.array([1, -2, 3], "int32"),
            "confidence": [0.25, np.nan, 1.0],
            "valid": [True, False, True],
            "date": pd.to_datetime(["2020-01-01", "2021-06-30", None]),
            "note": pd.Series([None, None, None], dtype=object),
        },
        geometry=gpd.GeoSeries(shapes).translate(500000, 5000000),
        crs=32632,
    )


@pytest.mark.parametrize("suffix", [".parquet", ".gpkg", ".geojson"])
def test_every_kind_of_column(mixture: gpd.GeoDataFrame, tmp_path: Path, suffix: str) -> None:
    path = write_vectors(tmp_path / f"x{suffix}", mixture)
    again = read(path)
    assert [None if pd.isna(v) else v for v in again["class"]] == ["Wald & Wiese", "水", None]
    assert list(again["count"]) == [1, -2, 3]
    np.testing.assert_array_equal(again["confidence"], [0.25, np.nan, 1])
    assert list(again["valid"].astype(bool)) == [True, False, True]
    assert list(pd.to_datetime(again["date"])[:2]) == list(mixture["date"][:2])
    assert again["note"].isna().all()
    kinds = [None if g is None else g.geom_type for g in again.geometry]
    assert kinds == (["Polygon", "MultiPolygon", None] if suffix == ".parquet" else ["MultiPolygon"] * 2 + [None])


@pytest.mark.parametrize("suffix", FORMATS)
def test_empty_frames_keep_their_columns(mixture: gpd.GeoDataFrame, tmp_path: Path, suffix: str) -> None:
    for name, frames in {"one": mixture[:0], "many": iter([mixture[:0], mixture[:0]])}.items():
        path = write_vectors(tmp_path / f"{name}{suffix}", frames)
        again = read(path)
        assert len(again) == 0
        if suffix != ".geojson":  # whose columns are those of its features
            assert set(mixture.columns) <= set(again.columns)
            assert again.crs == mixture.crs


def test_a_stream_that_begins_with_nothing(mixture: gpd.GeoDataFrame, tmp_path: Path) -> None:
    for suffix in (".parquet", ".gpkg"):
        path = write_vectors(tmp_path / f"x{suffix}", iter([mixture[:0], mixture[:2], mixture[:0]]))
        assert len(read(path)) == 2


def test_geoparquet_says_where_its_rows_lie(fields: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = write_vectors(tmp_path / "x.parquet", iter([fields[:20], fields[20:]]))
    file = pq.ParquetFile(path)
    assert file.num_row_groups == 2
    geo = json.loads(file.metadata.metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    column = geo["columns"][geo["primary_column"]]
    assert column["encoding"] == "WKB"
    assert column["geometry_types"] == sorted(set(fields.geom_type))
    np.testing.assert_array_equal(column["bbox"], fields.total_bounds)
    assert column["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    boxes = pd.DataFrame(file.read(["bbox"]).column(0).to_pylist())
    np.testing.assert_array_equal(boxes.to_numpy(), fields.bounds.to_numpy())
    few = gpd.read_parquet(path, bbox=tuple(fields.geometry.iloc[3].bounds))
    assert 0 < len(few) < len(fields)


def test_z_is_kept(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(geometry=[shapely.Point(1, 2, 3), shapely.Point(4, 5, 6)], crs=4326)
    for suffix in FORMATS:
        again = read(write_vectors(tmp_path / f"x{suffix}", frame))
        assert sorted(again.geometry.z) == [3, 6]
    geo = json.loads(pq.read_metadata(tmp_path / "x.parquet").metadata[b"geo"])
    assert geo["columns"]["geometry"]["geometry_types"] == ["Point Z"]
    assert pyogrio.read_info(tmp_path / "x.gpkg")["geometry_type"] == "Point Z"


def test_layers_are_named(fields: gpd.GeoDataFrame, tmp_path: Path) -> None:
    assert list(pyogrio.list_layers(write_vectors(tmp_path / "a.gpkg", fields))[:, 0]) == ["a"]
    assert list(pyogrio.list_layers(write_vectors(tmp_path / "b.gpkg", fields, layer="parcels"))[:, 0]) == ["parcels"]


def test_the_date_line(tmp_path: Path) -> None:
    """RFC 7946 3.1.9: a shape that crosses it is cut."""
    shape = shapely.box(400000, 8000000, 700000, 8100000)
    frame = gpd.GeoDataFrame(geometry=[shapely.affinity.translate(shape, -350000)], crs=32701)
    feature = json.loads(write_vectors(tmp_path / "x.geojson", frame).read_text())["features"][0]
    assert feature["geometry"]["type"] == "MultiPolygon"
    assert feature["bbox"][0] > 170
    assert feature["bbox"][2] < -170


def test_no_crs(mixture: gpd.GeoDataFrame, tmp_path: Path) -> None:
    bare = mixture.set_crs(None, allow_override=True)
    for suffix in (".parquet", ".gpkg", ".fgb"):
        assert read(write_vectors(tmp_path / f"x{suffix}", bare[:2])).crs is None
    with pytest.raises(WriteError, match=r"the shapes have no CRS: give them theirs with frame.set_crs\(\)"):
        write_vectors(tmp_path / "x.geojson", bare)
    assert not (tmp_path / "x.geojson").exists()


@pytest.mark.parametrize("suffix", FORMATS)
def test_frames_that_do_not_fit(mixture: gpd.GeoDataFrame, tmp_path: Path, suffix: str) -> None:
    first = mixture[:2]
    points = first.set_geometry(first.centroid)
    others = {
        "bring it there with frame.to_crs": first.to_crs(3857),
        "columns of frame 1 are not those of the first": first.drop(columns="count"),
        "columns of frame 1 are not those of the first .*: ": first.assign(count=["a", "b"]),
    }
    if suffix != ".parquet":
        others["write each kind of shape to a file of its own"] = points
    for message, other in others.items():
        with pytest.raises(WriteError, match=message):
            write_vectors(tmp_path / f"x{suffix}", iter([first, other]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_error_of_the_stream_comes_through(mixture: gpd.GeoDataFrame, tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"x{suffix}").write_text("old")

    def frames() -> Iterator[gpd.GeoDataFrame]:
        yield mixture[:2]
        raise ZeroDivisionError("in the model")

    with pytest.raises(ZeroDivisionError, match="in the model"):
        write_vectors(tmp_path / f"x{suffix}", frames(), overwrite=True)
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


def test_refusals(mixture: gpd.GeoDataFrame, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"one of .parquet, .gpkg, .geojson, .fgb; '.shp' is none"):
        write_vectors(tmp_path / "x.shp", mixture)
    with pytest.raises(WriteError, match="no frame came"):
        write_vectors(tmp_path / "x.gpkg", iter([]))
    write_vectors(tmp_path / "x.gpkg", mixture)
    with pytest.raises(WriteError, match="exists already"):
        write_vectors(tmp_path / "x.gpkg", mixture[:1])
    write_vectors(tmp_path / "x.gpkg", mixture[:1], overwrite=True)
    assert len(read(tmp_path / "x.gpkg")) == 1
    with pytest.raises(WriteError, match="the folder does not exist"):
        write_vectors(tmp_path / "absent/x.parquet", mixture)


def test_a_full_disk(tmp_path: Path) -> None:
    code = """
        import resource, signal, sys, geopandas as gpd, numpy as np
        from swath.errors import WriteError
        from swath.scene.write import write_vectors
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
        x, y = np.random.default_rng(0).random((2, 40_000))
        frame = gpd.GeoDataFrame({"x": x}, geometry=gpd.points_from_xy(x, y), crs=4326)
        for path in sys.argv[1:]:
            try:
                write_vectors(path, frame)
            except WriteError as error:
                print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), *(str(tmp_path / f"x{suffix}") for suffix in FORMATS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    said = done.stdout.splitlines()
    assert [f"x{suffix} cannot be written" in line for suffix, line in zip(FORMATS, said, strict=True)] == [True] * 4
    assert list(tmp_path.iterdir()) == []


def test_parquet_reads_back_as_it_was(mixture: gpd.GeoDataFrame, tmp_path: Path) -> None:
    plain = mixture.drop(columns=["note", "class"])
    again = gpd.read_parquet(write_vectors(tmp_path / "x.parquet", plain))
    assert_geodataframe_equal(again, plain, check_dtype=False)
    assert pa.types.is_timestamp(pq.read_schema(tmp_path / "x.parquet").field("date").type)
