"""The record: a STAC item that stands up to the standard, and a footprint that is right anywhere on the Earth."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

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
