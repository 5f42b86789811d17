"""The record: a STAC item that stands up to the standard, and a footprint that is right anywhere on the Earth."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension

from swath.errors import OpenError, WriteError
from swath.scene.write import Layer, read_record, record_path, write_cog, write_record, write_vectors
from swath.scene.write.footprint import bounding_box, footprint

GRID = GeoBox((120, 200), Affine(10, 0, 500000, 0, -10, 5000000), "EPSG:32632")
LAYERS = [
    Layer("class", "uint8", nodata=255, kind="categorical", classes={0: "open water", 1: "Forêt"},
          colours={0: "#0000ff", 1: "#00aa00"}, date="2020-06-01"),
    Layer("red", "float32", common_name="red", wavelength=(640, 665, 690), units="reflectance", scale=0.5, offset=1,
          description="surface reflectance"),
]  # fmt: skip


@pytest.fixture
def product(tmp_path: Path) -> Path:
    values = np.stack([np.arange(24000).reshape(120, 200) % 2, np.linspace(0, 1, 24000).reshape(120, 200)])
    return write_cog(tmp_path / "change.tif", GRID, values.astype("float32"), LAYERS)


def test_the_record_of_a_map(product: Path) -> None:
    when = [np.datetime64("2020-06-01T10:20:30"), datetime(2019, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))]
    path = write_record(
        product,
        grid=GRID,
        datetimes=when,
        assets={"names": product.with_name("change.tif.aux.xml")},
        properties={"swath:plan": {"stitch": "trim"}, "processing:software": {"swath": "1", "torch": "2"}},
        links=[{"rel": "derived_from", "href": "https://example.com/before.json", "type": "application/json"}],
    )
    assert path == record_path(product) == product.with_name("change.tif.stac.json")
    plain = json.loads(path.read_text())
    assert plain["type"] == "Feature"
    assert plain["stac_version"] == "1.1.0"
    assert plain["id"] == "change"
    assert {e.split("/")[3] for e in plain["stac_extensions"]} == {
        "projection", "raster", "eo", "classification", "file", "processing",
    }  # fmt: skip
    properties = plain["properties"]
    assert properties["datetime"] is None
    assert properties["start_datetime"] == "2019-05-01T10:00:00Z"
    assert properties["end_datetime"] == "2020-06-01T10:20:30Z"
    assert properties["proj:code"] == "EPSG:32632"
    assert properties["proj:shape"] == [120, 200]
    assert properties["proj:transform"] == [10, 0, 500000, 0, -10, 5000000]
    assert properties["proj:bbox"] == [500000, 4998800, 502000, 5000000]
    assert properties["swath:plan"] == {"stitch": "trim"}
    assert properties["processing:software"] == {"swath": "1", "torch": "2"}
    asset = plain["assets"]["data"]
    assert asset["href"] == "./change.tif"
    assert asset["type"] == pystac.MediaType.COG
    assert asset["roles"] == ["data"]
    assert asset["file:size"] == product.stat().st_size
    assert asset["file:checksum"] == "1220" + hashlib.sha256(product.read_bytes()).hexdigest()
    classes, red = asset["bands"]
    assert classes["name"] == "class"
    assert classes["nodata"] == "nan"  # the file's own: its two layers share one type
    assert classes["classification:classes"] == [
        {"value": 0, "name": "open_water", "title": "open water", "color_hint": "0000FF"},
        {"value": 1, "name": "for_t", "title": "Forêt", "color_hint": "00AA00"},
    ]
    assert classes["swath:date"] == "2020-06-01"
    assert red == {
        "name": "red", "description": "surface reflectance", "data_type": "float32", "nodata": "nan",
        "unit": "reflectance", "raster:scale": 0.5, "raster:offset": 1.0, "eo:common_name": "red",
        "eo:center_wavelength": 0.665, "eo:full_width_half_max": 0.05, "swath:kind": "continuous",
        "statistics": red["statistics"],
    }  # fmt: skip
    assert red["statistics"]["mean"] == pytest.approx(0.5, abs=1e-6)
    assert red["statistics"]["valid_percent"] == 100
    assert plain["assets"]["names"]["roles"] == ["metadata"]
    assert {(link["rel"], link["href"]) for link in plain["links"]} == {
        ("derived_from", "https://example.com/before.json")
    }


def test_pystac_reads_it(product: Path) -> None:
    write_record(product, grid=GRID, datetimes=[datetime(2020, 6, 1)])
    item = read_record(product)
    assert item.datetime == datetime(2020, 6, 1, tzinfo=UTC)
    assert item.assets["data"].get_absolute_href() == str(product)
    assert ProjectionExtension.ext(item).epsg == 32632
    assert FileExtension.ext(item.assets["data"]).size == product.stat().st_size
    assert read_record(record_path(product)).to_dict() == item.to_dict()
    assert item.bbox is not None
    assert shapely.box(*item.bbox).contains(shapely.geometry.shape(item.geometry).buffer(-1e-6))
    from_disk = pystac.Item.from_file(str(record_path(product)))
    assert from_disk.to_dict()["assets"] == item.to_dict()["assets"]


def test_without_dates_or_place(product: Path) -> None:
    before = datetime.now(UTC)
    write_record(product, grid=GeoBox(GRID.shape, GRID.affine, None))
    plain = json.loads(record_path(product).read_text())
    assert plain["geometry"] is None
    assert "bbox" not in plain
    assert plain["properties"]["swath:datetime_is"] == "created"
    assert abs(datetime.fromisoformat(plain["properties"]["datetime"]) - before) < timedelta(seconds=30)
    assert plain["properties"]["proj:code"] is None
    assert read_record(product).geometry is None


def test_the_record_of_shapes(product: Path, tmp_path: Path) -> None:
    import geopandas as gpd

    frame = gpd.GeoDataFrame(geometry=[shapely.box(500000, 4998800, 502000, 5000000)], crs=32632)
    path = write_vectors(tmp_path / "change.gpkg", frame)
    write_record(path, footprint=Geometry(frame.union_all(), "EPSG:32632"), datetimes=[datetime(2020, 1, 1)])
    write_record(product, grid=GRID)
    shapes, raster = read_record(path), read_record(product)
    assert shapes.assets["data"].media_type == "application/geopackage+sqlite3"
    same = [shapely.geometry.shape(item.geometry) for item in (shapes, raster)]
    assert shapely.hausdorff_distance(*same) < 1e-6
    assert "proj:shape" not in shapes.properties


def test_refusals(product: Path, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"gone.tif is not there; save it first"):
        write_record(tmp_path / "gone.tif", grid=GRID)
    with pytest.raises(OpenError, match="a record lies beside each product"):
        read_record(product)
    for text in ("{}", "[]", "{'half", ""):
        record_path(product).write_text(text)
        with pytest.raises(OpenError, match="is no STAC item"):
            read_record(product)


# --- footprints -----------------------------------------------------------------------------------------------------


def outline_of(affine: Affine, shape: tuple[int, int], crs: str | None) -> Any:
    outline = footprint(GeoBox(shape, affine, crs))
    if outline is not None:
        assert outline.is_valid
        assert shapely.box(-180, -90, 180, 90).contains(outline)
        for part in shapely.get_parts(outline):
            assert part.exterior.is_ccw
    return outline


def test_a_plain_grid_has_four_corners() -> None:
    outline = outline_of(Affine(0.5, 0, 10, 0, -0.5, 50), (20, 40), "EPSG:4326")
    assert len(outline.exterior.coords) == 5
    assert outline.equals(shapely.box(10, 40, 30, 50))
    assert bounding_box(outline) == [10, 40, 30, 50]


def test_the_edge_of_a_grid_is_a_curve() -> None:
    """A Lambert grid over Europe: with corners alone it would miss what bulges north."""
    outline = outline_of(Affine(1000, 0, 2500000, 0, -1000, 5500000), (4000, 5000), "EPSG:3035")
    corners = shapely.convex_hull(shapely.MultiPoint(shapely.get_coordinates(outline)[::64]))
    assert outline.area > corners.area
    from odc.geo.geom import point

    inside = point(5000000, 5499000, "EPSG:3035").to_crs("EPSG:4326")
    assert outline.contains(inside.geom)


@pytest.mark.parametrize(
    ("affine", "shape", "crs"),
    [
        (Affine(0.5, 0, 170, 0, -0.5, -10), (20, 40), "EPSG:4326"),
        (Affine(0.5, 0, -190, 0, -0.5, -10), (20, 40), "EPSG:4326"),
        (Affine(1000, 0, 100000, 0, -1000, 8900000), (1100, 200), "EPSG:32701"),
    ],
)
def test_the_date_line(affine: Affine, shape: tuple[int, int], crs: str) -> None:
    outline = outline_of(affine, shape, crs)
    assert outline.geom_type == "MultiPolygon"
    assert outline.bounds[0] == -180
    assert outline.bounds[2] == 180
    west, _, east, _ = bounding_box(outline)
    assert west > 160
    assert east < -160


def test_the_real_file_on_the_date_line(shared_data: Path) -> None:
    import rasterio

    with rasterio.open(shared_data / "odd_geotiffs/rio_tiler/cog_dateline.tif") as dataset:
        outline = outline_of(dataset.transform, dataset.shape, dataset.crs.to_wkt())
    assert outline.geom_type == "MultiPolygon"
    west, _, east, _ = bounding_box(outline)
    assert west > east


def test_the_poles() -> None:
    for crs, pole in (("EPSG:3413", 90), ("EPSG:3031", -90)):
        outline = outline_of(Affine(1000, 0, -1000000, 0, -1000, 1000000), (2000, 2000), crs)
        assert outline.bounds[0] == -180
        assert outline.bounds[2] == 180
        assert pole in (outline.bounds[1], outline.bounds[3])
        # A cap of 1000 km each way: it reaches the latitude of the edges' middles all around.
        for longitude in range(-175, 180, 10):
            assert outline.contains(shapely.Point(longitude, math.copysign(82, pole)))
            assert not outline.contains(shapely.Point(longitude, math.copysign(70, pole)))


def test_the_whole_world() -> None:
    for affine, crs in (
        (Affine(1, 0, -180, 0, -1, 90), "EPSG:4326"),
        (Affine(1, 0, 0, 0, -1, 90), "EPSG:4326"),
        (Affine(1, 0, -180, 0, 1, -90), "EPSG:4326"),
    ):
        outline = outline_of(affine, (180, 360), crs)
        assert outline.area == pytest.approx(360 * 180)
        assert bounding_box(outline) == [-180, -90, 180, 90]


def test_off_the_earth(shared_data: Path) -> None:
    import rasterio

    assert outline_of(Affine.identity(), (10, 10), None) is None
    with rasterio.open(shared_data / "odd_geotiffs/rio_tiler/cog_hirise_mars.tif") as dataset:
        assert outline_of(dataset.transform, dataset.shape, dataset.crs.to_wkt()) is None
    # A full disk seen from a geostationary satellite has corners in space.
    disk = "+proj=geos +h=35786023 +lon_0=-75 +sweep=x +ellps=GRS80"
    outline = outline_of(Affine(20000, 0, -5500000, 0, -20000, 5500000), (550, 550), disk)
    assert outline is None or outline.contains(shapely.Point(-75, 0))
