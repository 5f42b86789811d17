"""Products: lazy until looked at, saved with all that belongs to them, opened again, moved, drawn, and verified."""

from __future__ import annotations

import gc
import json
import tempfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pystac
import pytest
import rasterio
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

import swath
from swath.errors import GridError, OpenError, PredictError, WriteError
from swath.predict.areas import cell_areas
from swath.predict.kept import Kept
from swath.predict.product import Product
from swath.scene.write import Layer, write_cog
from swath.scene.write.record import record_path

from .stand_in import FakeModel, FakeRun, fake_predict


@pytest.fixture
def scene(shared_data: Path) -> swath.Scene:
    """Pisa on two dates, four bands, on a grid in degrees; cut so that tests are quick."""
    folder = shared_data / "oscd_s2_4band"
    whole = swath.open(
        folder / "pisa_t1.tif",
        folder / "pisa_t2.tif",
        sensor="sentinel-2-l1c@pre-04.00",
        bands=["B02", "B03", "B04", "B08"],
        dates=["2016-02-01", "2018-01-30"],
    )
    return whole.select(window=np.s_[40:300, 60:360])


@pytest.fixture
def product(scene: swath.Scene) -> Product:
    return fake_predict(scene, FakeModel(), probabilities=True)


def run_of(product: Product) -> FakeRun:
    run = product._kept.run
    assert isinstance(run, FakeRun)
    return run


def test_nothing_is_made_before_it_is_asked_for(product: Product) -> None:
    assert "not made yet" in repr(product)
    assert "not made yet" in product._repr_html_()
    assert (product.classes, product.shape) == ({0: "same", 1: "changed"}, (260, 300))
    assert run_of(product).done == []
    classes, valid = product.read(np.s_[10:50, 20:90])
    assert (classes.shape, classes.dtype, valid.all()) == ((1, 40, 70), np.uint8, True)
    assert run_of(product).done == ["read"]


def test_a_window_is_cut_from_the_whole(product: Product, tmp_path: Path) -> None:
    parts = product.stored(np.s_[33:170, 100:290])
    product.save(tmp_path / "change.tif")
    for key, part in parts.items():
        np.testing.assert_array_equal(part, product.stored()[key][:, 33:170, 100:290])


def test_saved_files_and_record(product: Product, scene: swath.Scene, tmp_path: Path) -> None:
    path = product.save(tmp_path / "change.tif")
    names = {one.name for one in tmp_path.iterdir() if not one.name.endswith(".aux.xml")}
    assert names == {"change.tif", "change.confidence.tif", "change.probabilities.tif", "change.tif.stac.json"}
    assert run_of(product).done == ["execute"]
    with rasterio.open(path) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.colormap(1)[1] == (0xD5, 0x5E, 0x00, 255)
        changed = (dataset.read(1) == 1).mean()
    assert 0.005 < changed < 0.5
    item = pystac.Item.from_file(record_path(path))
    assert set(item.assets) == {"data", "confidence", "probabilities"}
    classes = item.assets["data"].extra_fields["bands"][0]["classification:classes"]
    assert [one["title"] for one in classes] == ["same", "changed"]
    told = item.properties
    assert told["start_datetime"] == "2016-02-01T00:00:00Z"
    assert told["swath:task"] == "change"
    assert told["swath:model"]["hash"] == FakeModel().hash
    assert told["swath:model"]["card"]["name"] == "difference"
    assert told["swath:options"] == {"probabilities": True}
    assert told["swath:plan"]["radius"] == 0
    assert told["swath:run"] == {"blocks": 9}
    assert set(told["processing:software"]) == {"swath", "torch", "gdal", "numpy", "python"}
    assert [one["dates"] for one in told["swath:inputs"]] == [["2016-02-01"], ["2018-01-30"]]
    assert all(len(one["sha256"]) == 64 for one in told["swath:inputs"])
    here = (tmp_path / told["swath:inputs"][0]["href"]).resolve()
    assert here.name == "pisa_t1.tif"
    assert here.is_file()
    assert str(tmp_path) not in record_path(path).read_text()
    assert told["swath:scene"]["select"]["window"] == [[40, 300], [60, 360]]


def test_opened_again_it_is_the_same(product: Product, tmp_path: Path) -> None:
    path = product.save(tmp_path / "change.tif")
    found = Product.open(path)
    assert found.files.keys() == product.files.keys()
    assert found.classes == product.classes
    assert found.areas() == product.areas()
    for key in product.files:
        for one, other in zip(found.read(None, key), product.read(None, key), strict=True):
            np.testing.assert_array_equal(one, other)
    assert found.scene is not None
    assert found.scene.shape == (2, 4, 260, 300)
    assert str(path) in repr(found)


def test_values_come_in_their_units_with_validity(product: Product) -> None:
    confidence, valid = product.read(np.s_[0:50, 0:50], "confidence")
    assert confidence.dtype == np.float32
    assert valid.all()
    assert 0.5 <= confidence.min() <= confidence.max() <= 1
    probabilities, _ = product.read(np.s_[0:50, 0:50], "probabilities")
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=0.005)
    with pytest.raises(PredictError, match=r"'certainty'.*'confidence'"):
        product.read(None, "certainty")
    with pytest.raises(GridError):
        product.read(np.s_[0:1000, 0:5])


def test_nothing_is_overwritten_unasked_or_misnamed(product: Product, tmp_path: Path) -> None:
    (tmp_path / "change.confidence.tif").write_bytes(b"mine")
    with pytest.raises(WriteError, match="exists already"):
        product.save(tmp_path / "change.tif")
    assert run_of(product).done == []
    assert sorted(one.name for one in tmp_path.iterdir()) == ["change.confidence.tif"]
    with pytest.raises(WriteError, match=r"\.tif"):
        product.save(tmp_path / "change.png")
    product.save(tmp_path / "change.tif", overwrite=True)
    assert product.path == tmp_path / "change.tif"
    with pytest.raises(OpenError, match="absent"):
        Product.open(tmp_path / "absent.tif")


def test_looked_at_first_it_is_made_once_and_leaves_nothing_behind(
    product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    areas = product.areas()
    assert "made, not saved" in repr(product)
    assert product.path is None
    product.save(tmp_path / "change.tif")
    assert Product.open(tmp_path / "change.tif").areas() == areas
    assert run_of(product).done == ["execute"]
    assert list((tmp_path / "temporary").iterdir())
    product._kept = Kept((), None, None)
    gc.collect()
    assert not list((tmp_path / "temporary").iterdir())


def test_areas_are_true_on_the_ellipsoid(product: Product) -> None:
    areas, cells = product.areas(), cell_areas(product.grid)
    assert cells is not None
    classes, _ = product.read()
    for value, name in product.classes.items():
        assert areas[name] == pytest.approx(((classes[0] == value) * cells[:, None]).sum() / 1e4)
    assert sum(areas.values()) == pytest.approx(cells.sum() * 300 / 1e4)
    # 10 m data: a pixel of this grid, which is in degrees, has about 100 m².
    assert 80 < cells[0] < 130


@pytest.mark.parametrize("suffix", ["gpkg", "parquet", "geojson"])
def test_shapes_of_a_product(product: Product, tmp_path: Path, suffix: str) -> None:
    path = product.vectors(tmp_path / f"change.{suffix}", classes="changed", min_area=300)
    frame = gpd.read_parquet(path) if suffix == "parquet" else gpd.read_file(path)
    assert len(frame) > 20
    assert set(frame["name"]) == {"changed"}
    assert frame["area_m2"].min() >= 300
    assert frame["confidence"].between(0, 1).all()
    assert frame.crs == "EPSG:4326"
    left, bottom, right, top = product.grid.boundingbox.bbox
    assert frame.within(shapely.box(left, bottom, right, top).buffer(1e-7)).all()
    # By the geodesic, whose edges leave the parallels a little; GeoJSON has seven decimals, a centimetre.
    geod = frame.crs.get_geod()
    measured = [abs(geod.geometry_area_perimeter(shape)[0]) for shape in frame.geometry]
    np.testing.assert_allclose(measured, frame["area_m2"], rtol=2e-3)
    told = json.loads(record_path(path).read_text())["properties"]
    assert told["swath:shapes"] == {"classes": "changed", "min_area": 300}
    assert told["swath:task"] == "change"


def test_shapes_do_not_depend_on_blocks_and_hold_every_pixel(product: Product) -> None:
    frames = [product.to_geopandas(block=block) for block in (64, 1024)]
    wkts = [sorted(shapely.normalize(frame.geometry.to_numpy()).tolist(), key=str) for frame in frames]
    assert all(one.equals(other) for one, other in zip(*wkts, strict=True))
    areas = product.areas()
    for name, group in frames[0].groupby("name"):
        assert group["area_m2"].sum() / 1e4 == pytest.approx(areas[str(name)])
    confidence, valid = product.read(None, "confidence")
    cells = product.read()[0]
    mean = confidence[0][valid[0] & (cells[0] == 1)].mean()
    changed = frames[0][frames[0]["name"] == "changed"]
    pixels = np.round(changed["area_m2"] / changed["area_m2"].min())
    assert np.average(changed["confidence"], weights=pixels) == pytest.approx(mean, abs=1e-3)


def test_simplified_shapes_share_their_borders(product: Product) -> None:
    frame = product.to_geopandas(simplify=20, block=128)
    assert shapely.coverage_is_valid(frame.geometry.to_numpy())
    exact = product.to_geopandas(block=128)
    assert frame.count_coordinates().sum() < 0.8 * exact.count_coordinates().sum()


def test_boxes_and_points_say_what_every_file_says(product: Product) -> None:
    boxes = product.to_geopandas(shapes="boxes", classes=[1])
    points = product.to_geopandas(shapes="points", classes=["changed"])
    classes, confidence = product.read()[0][0], product.read(None, "confidence")[0][0]
    assert len(boxes) == len(points) == (classes == 1).sum()
    assert boxes.contains(points.geometry).all()
    columns, rows = ~product.grid.affine @ (points.geometry.x.to_numpy(), points.geometry.y.to_numpy())
    at = rows.astype(int), columns.astype(int)
    np.testing.assert_array_equal(points["confidence"], confidence[at])
    assert {"change", "name", "confidence", "probabilities_same", "probabilities_changed"} < set(points.columns)
    assert set(points["name"]) == {"changed"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"classes": ["water"]}, "no class 'water'; the map has same, changed"),
        ({"classes": [7]}, "no class 7"),
        ({"shapes": "lines"}, "'areas', 'boxes' or 'points'"),
        ({"simplify": -1}, "not negative"),
        ({"shapes": "boxes", "min_area": 5}, "for areas"),
    ],
)
def test_shapes_that_cannot_be(product: Product, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(PredictError, match=words):
        product.vectors(tmp_path / "change.gpkg", **options)
    assert not list(tmp_path.iterdir())


def test_a_picture_of_the_map_over_the_scene(product: Product, tmp_path: Path) -> None:
    product.look(str(tmp_path / "change.png"), size=400)
    assert (tmp_path / "change.png").stat().st_size > 10_000
    opened = Product.open(product.save(tmp_path / "change.tif"))
    figure = opened.look(size=300)
    words = " ".join(text.get_text() for ax in figure.axes for text in ax.findobj(lambda one: hasattr(one, "get_text")))
    assert "changed" in words
    assert "100 %" not in words  # the share of change in the map, of which "same" is counted and not drawn
    assert "<img" in opened._repr_html_()


def test_as_xarray(product: Product) -> None:
    data = product.to_xarray()
    assert set(data) == {"change", "confidence", "probabilities_same", "probabilities_changed"}
    assert data.odc.geobox == product.grid
    np.testing.assert_array_equal(data["change"], product.read()[0][0])
    assert data["change"].attrs["flag_meanings"] == "same changed"
    assert data["confidence"].dtype == np.float32


def test_maps_of_values_and_maps_without_a_place(tmp_path: Path) -> None:
    grid = GeoBox((30, 40), Affine(10, 0, 6e5, 0, -10, 5e6), "EPSG:32631")
    heights = np.linspace(0, 30, 1200, dtype=np.float32).reshape(1, 30, 40)
    heights[0, :5] = np.nan
    write_cog(tmp_path / "height.tif", grid, heights, [Layer("height", "float32", nodata=np.nan, units="metre")])
    product = Product.open(tmp_path / "height.tif")
    values, valid = product.read()
    np.testing.assert_array_equal(values, heights)
    assert valid.sum() == 25 * 40
    assert len(product.to_geopandas()) == 25 * 40
    with pytest.raises(PredictError, match="no classes"):
        product.areas()
    with pytest.raises(PredictError, match="one layer of classes"):
        product.to_geopandas(shapes="areas")
    product.look(str(tmp_path / "height.png"))
    bare = GeoBox((30, 40), Affine.identity(), None)
    layer = Layer("class", "uint8", nodata=255, kind="categorical", classes={0: "a", 1: "b"})
    write_cog(tmp_path / "bare.tif", bare, (heights > 15).astype(np.uint8), [layer])
    nowhere = Product.open(tmp_path / "bare.tif")
    with pytest.raises(GridError, match="no CRS"):
        nowhere.areas()
    frame = nowhere.to_geopandas()
    assert frame.crs is None
    assert frame["area_px"].sum() == 1200
    assert "confidence" not in frame


def test_copied_elsewhere_the_record_still_leads_to_the_inputs(product: Product, tmp_path: Path) -> None:
    first = product.save(tmp_path / "change.tif")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    second = Product.open(first).save(tmp_path / "deep" / "er" / "copy.tif")
    told = json.loads(record_path(second).read_text())["properties"]
    before = json.loads(record_path(first).read_text())["properties"]
    assert told["start_datetime"] == before["start_datetime"]
    for one, other in zip(told["swath:inputs"], before["swath:inputs"], strict=True):
        assert (second.parent / one["href"]).resolve() == (first.parent / other["href"]).resolve()
    scene = Product.open(second).scene
    assert scene is not None
    np.testing.assert_array_equal(scene.read(np.s_[0:9, 0:9])[0], run_of(product).scene.read(np.s_[0:9, 0:9])[0])
