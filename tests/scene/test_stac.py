"""STAC items of the large catalogues, written in their layout over small real rasters, and the items of WorldCover."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio

import swath
from swath.errors import OpenError, SensorError
from swath.scene.scene import Scene

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
WINDOW = rasterio.windows.Window(40, 60, 64, 48)
SHAPE = (48, 64)

S2 = {  # key, name, common name, centre and width in um: https://earth-search.aws.element84.com/v1/collections/sentinel-2-l2a
    "blue": ("B02", "blue", 0.49, 0.098),
    "green": ("B03", "green", 0.56, 0.045),
    "red": ("B04", "red", 0.665, 0.038),
    "nir": ("B08", "nir", 0.842, 0.145),
}


@pytest.fixture
def pixels(shared_data: Path) -> np.ndarray:
    """`[B02 B03 B04 B08, y, x]`: a real piece of Sentinel-2."""
    with rasterio.open(shared_data / "oscd_s2_4band" / "bordeaux_t1.tif") as dataset:
        return dataset.read(window=WINDOW)


@pytest.fixture
def write(shared_data: Path) -> Callable[..., None]:
    def write(path: Path, values: np.ndarray, shrink: int = 1) -> None:
        with rasterio.open(shared_data / "oscd_s2_4band" / "bordeaux_t1.tif") as source:
            profile = {"crs": source.crs, "transform": source.window_transform(WINDOW)}
        values = np.atleast_3d(values) if values.ndim == 3 else values[None]
        values = values[:, ::shrink, ::shrink]
        profile["transform"] = profile["transform"] @ rasterio.Affine.scale(shrink)
        count, height, width = values.shape
        path.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(
            path, "w", driver="GTiff", count=count, height=height, width=width, dtype=values.dtype, **profile
        ) as dataset:
            dataset.write(values)

    return write


def item(name: str, collection: str, properties: dict[str, Any], assets: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": collection,
        "geometry": {"type": "Point", "coordinates": [0.0, 44.8]},
        "bbox": [0.0, 44.8, 0.0, 44.8],
        "properties": properties,
        "links": [],
        "assets": assets,
    }


def earth_search(
    folder: Path, write: Callable[..., None], pixels: np.ndarray, *, applied: bool, baseline: str = "05.09"
) -> Path:
    stored = pixels if applied or baseline < "04" else pixels + 1000
    offset = 0 if baseline < "04" else -0.1
    assets: dict[str, Any] = {}
    for i, (key, (name, common, centre, width)) in enumerate(S2.items()):
        write(folder / f"{name}.tif", stored[i].astype(np.uint16))
        band = {"name": key, "common_name": common, "center_wavelength": centre, "full_width_half_max": width}
        raster = {"nodata": 0, "data_type": "uint16", "bits_per_sample": 15, "spatial_resolution": 10, "scale": 0.0001}
        asset = {"href": f"./{name}.tif", "type": COG, "roles": ["data", "reflectance"], "eo:bands": [band]}
        assets[key] = {**asset, "raster:bands": [{**raster, "offset": offset}]}
        assets[f"{key}-jp2"] = {**assets[key], "href": f"s3://sentinel-s2-l2a/tiles/{name}.jp2", "type": "image/jp2"}
    assets = {key: asset for key, asset in assets.items() if not key.endswith("-jp2")}
    scl = np.full(SHAPE, 6, np.uint8)
    write(folder / "SCL.tif", scl, shrink=2)
    assets["scl"] = {
        "href": "./SCL.tif",
        "type": COG,
        "roles": ["data", "reflectance"],
        "raster:bands": [{"nodata": 0, "data_type": "uint8", "spatial_resolution": 20}],
    }
    rgb = [{"name": key, "common_name": key} for key in ("red", "green", "blue")]
    assets["visual"] = {"href": "./TCI.tif", "type": COG, "roles": ["visual"], "eo:bands": rgb}
    assets["thumbnail"] = {"href": "https://example.com/preview.jpg", "type": "image/jpeg", "roles": ["thumbnail"]}
    assets["granule_metadata"] = {"href": "./metadata.xml", "type": "application/xml", "roles": ["metadata"]}
    properties = {
        "datetime": "2023-06-25T10:56:25.123000Z",
        "platform": "sentinel-2b",
        "s2:processing_baseline": baseline,
        "earthsearch:boa_offset_applied": applied,
    }
    path = folder / "S2B_30TXQ_20230625_0_L2A.json"
    path.write_text(json.dumps(item(path.stem, "sentinel-2-l2a", properties, assets)))
    return path


def test_earth_search_with_the_offset_in_its_pixels(
    tmp_path: Path, write: Callable[..., None], pixels: np.ndarray
) -> None:
    scene = swath.open(earth_search(tmp_path, write, pixels, applied=True))
    assert [band.name for band in scene.bands] == ["B02", "B03", "B04", "B08", "SCL"]
    assert scene.shape == (1, 5, *SHAPE)
    assert scene.dates[0] == np.datetime64("2023-06-25T10:56:25")
    values, valid = scene.read(bands=["blue", "green", "red", "nir"])
    np.testing.assert_allclose(values[0], pixels * 1e-4, atol=1e-6)
    assert valid.all()
    assert any("boa_offset_applied is true" in note and "not applied again" in note for note in scene.notes)
    assert any("passed over visual, thumbnail, granule_metadata" in note for note in scene.notes)
    assert any("warped from" in note and "nearest" in note for note in scene.notes)
    assert scene.bands[4].kind == "categorical"
    assert (scene.read(bands="SCL")[0] == 6).all()
    assert scene.sensor is not None
    assert scene.sensor.name == "sentinel-2-l2a"


def test_earth_search_with_the_offset_still_to_be_applied(
    tmp_path: Path, write: Callable[..., None], pixels: np.ndarray
) -> None:
    path = earth_search(tmp_path, write, pixels, applied=False)
    scene = swath.open(path)
    np.testing.assert_allclose(scene.read(bands=["blue", "nir"])[0][0], pixels[[0, 3]] * 1e-4, atol=1e-6)
    assert any("boa_offset_applied is false" in note for note in scene.notes)
    told = swath.open(path, sensor="sentinel-2-l2a@pre-04.00", bands=["blue"])
    np.testing.assert_allclose(told.read()[0][0, 0], (pixels[0] + 1000.0) * 1e-4, atol=1e-6)


def test_earth_search_before_the_offset(tmp_path: Path, write: Callable[..., None], pixels: np.ndarray) -> None:
    scene = swath.open(earth_search(tmp_path, write, pixels, applied=False, baseline="02.14"))
    np.testing.assert_allclose(scene.read(bands="red")[0][0, 0], pixels[2] * 1e-4, atol=1e-6)
    assert not any("boa_offset" in note for note in scene.notes)


def test_the_copies_as_jp2_are_passed_over(tmp_path: Path, write: Callable[..., None], pixels: np.ndarray) -> None:
    path = earth_search(tmp_path, write, pixels, applied=True)
    data = json.loads(path.read_text())
    write(tmp_path / "jp2.tif", (pixels[0] + 1000).astype(np.uint16))
    data["assets"]["blue-jp2"] = {**data["assets"]["blue"], "href": "./jp2.tif", "type": "image/jp2"}
    path.write_text(json.dumps(data))
    scene = swath.open(path)
    assert any("passed over blue-jp2, whose bands are in other assets" in note for note in scene.notes)
    np.testing.assert_allclose(scene.read(bands="blue")[0][0, 0], pixels[0] * 1e-4, atol=1e-6)


def planetary_computer(folder: Path, write: Callable[..., None], pixels: np.ndarray, baseline: str) -> dict[str, Any]:
    """Items say nothing of scale and offset: https://planetarycomputer.microsoft.com/dataset/sentinel-2-l2a."""
    stored = pixels + 1000 if baseline >= "04" else pixels
    assets: dict[str, Any] = {}
    for i, (name, common, centre, width) in enumerate(S2.values()):
        write(folder / f"{name}_10m.tif", stored[i].astype(np.uint16))
        band = {"name": name, "common_name": common, "center_wavelength": centre, "full_width_half_max": width}
        asset = {"href": str(folder / f"{name}_10m.tif"), "type": COG, "roles": ["data"], "gsd": 10.0}
        assets[name] = {**asset, "eo:bands": [band]}
    write(folder / "TCI_10m.tif", np.zeros((3, *SHAPE), np.uint8))
    assets["visual"] = {"href": str(folder / "TCI_10m.tif"), "type": COG, "roles": ["data"], "gsd": 10.0}
    assets["preview"] = {"href": "https://example.com/preview.tif", "type": COG, "roles": ["thumbnail"]}
    assets["safe-manifest"] = {"href": "https://example.com/manifest.safe", "type": "application/xml"}
    properties = {"datetime": "2019-06-25T10:56:21.024000Z", "s2:processing_baseline": baseline}
    return item("S2A_MSIL2A_20190625T105621_R094_T30TXQ_20201006T035120", "sentinel-2-l2a", properties, assets)


@pytest.mark.parametrize("baseline", ["02.12", "05.00"])
def test_planetary_computer_by_the_baseline(
    tmp_path: Path, write: Callable[..., None], pixels: np.ndarray, baseline: str
) -> None:
    """An image of 2019 may have been processed again since: the baseline decides, not the date."""
    data = planetary_computer(tmp_path, write, pixels, baseline)
    for source in (data, pystac.Item.from_dict(data)):
        scene = swath.open(source)
        assert [band.name for band in scene.bands] == ["B02", "B03", "B04", "B08"]
        np.testing.assert_allclose(scene.read()[0][0], pixels * 1e-4, atol=1e-6)


def test_without_a_baseline_the_caller_is_asked(tmp_path: Path, write: Callable[..., None], pixels: np.ndarray) -> None:
    data = planetary_computer(tmp_path, write, pixels, "05.00")
    del data["properties"]["s2:processing_baseline"]
    with pytest.raises(SensorError, match=r"sensor='sentinel-2-l2a@04.00'"):
        swath.open(data)
    scene = swath.open(data, sensor="sentinel-2-l2a@04.00")
    np.testing.assert_allclose(scene.read()[0][0], pixels * 1e-4, atol=1e-6)


def landsat(folder: Path, write: Callable[..., None], pixels: np.ndarray) -> Path:
    """https://planetarycomputer.microsoft.com/dataset/landsat-c2-l2."""
    stem = "LC08_L2SP_200029_20230625_20230706_02_T1"
    assets: dict[str, Any] = {}
    for i, (key, number) in enumerate({"blue": 2, "green": 3, "red": 4, "nir08": 5}.items()):
        write(folder / f"{stem}_SR_B{number}.TIF", (pixels[i] + 8000).astype(np.uint16))
        centre = {"blue": 0.48, "green": 0.56, "red": 0.65, "nir08": 0.86}[key]
        assets[key] = {
            "href": f"./{stem}_SR_B{number}.TIF",
            "type": COG,
            "roles": ["data"],
            "eo:bands": [{"name": f"OLI_B{number}", "common_name": key, "center_wavelength": centre}],
            "raster:bands": [{"nodata": 0, "data_type": "uint16", "scale": 2.75e-05, "offset": -0.2}],
        }
    write(folder / f"{stem}_ST_B10.TIF", np.full(SHAPE, 44000, np.uint16))
    thermal = {"nodata": 0, "data_type": "uint16", "unit": "kelvin", "scale": 0.00341802, "offset": 149.0}
    assets["lwir11"] = {
        "href": f"./{stem}_ST_B10.TIF",
        "type": COG,
        "roles": ["data", "temperature"],
        "gsd": 100,
        "eo:bands": [{"name": "TIRS_B10", "common_name": "lwir11", "center_wavelength": 10.9}],
        "raster:bands": [thermal],
    }
    write(folder / f"{stem}_ST_CDIST.TIF", np.full(SHAPE, 120, np.int16))
    distance = [{"nodata": -9999, "data_type": "int16", "unit": "kilometer", "scale": 0.01}]
    assets["cdist"] = {"href": f"./{stem}_ST_CDIST.TIF", "type": COG, "roles": ["data"], "raster:bands": distance}
    write(folder / f"{stem}_QA_PIXEL.TIF", np.full(SHAPE, 21824, np.uint16))
    assets["qa_pixel"] = {
        "href": f"./{stem}_QA_PIXEL.TIF",
        "type": COG,
        "roles": ["cloud", "cloud-shadow", "snow-ice", "water-mask"],
        "raster:bands": [{"nodata": 1, "data_type": "uint16", "unit": "bit index"}],
        "classification:bitfields": [{"name": "fill", "offset": 0, "length": 1, "classes": []}],
    }
    assets["rendered_preview"] = {"href": "https://example.com/p.png", "type": "image/png", "roles": ["overview"]}
    path = folder / "item with a name.json"
    properties = {"datetime": "2023-06-25T10:42:00.5Z", "platform": "landsat-8", "instruments": ["oli", "tirs"]}
    path.write_text(json.dumps(item("LC08_L2SP_200029_20230625_02_T1", "landsat-c2-l2", properties, assets)))
    return path


def test_landsat_of_the_planetary_computer(tmp_path: Path, write: Callable[..., None], pixels: np.ndarray) -> None:
    scene = swath.open(landsat(tmp_path, write, pixels))
    assert [band.name for band in scene.bands] == ["SR_B2", "SR_B3", "SR_B4", "SR_B5", "ST_B10", "cdist", "QA_PIXEL"]
    np.testing.assert_allclose(scene.read(bands="red")[0][0, 0], (pixels[2] + 8000) * 2.75e-5 - 0.2, atol=1e-6)
    thermal = scene[["ST_B10"]]
    assert thermal.bands[0].units == "kelvin"
    np.testing.assert_allclose(thermal.read()[0], 44000 * 0.00341802 + 149, rtol=1e-6)
    assert scene["cdist"].bands[0].units == "dn"
    np.testing.assert_allclose(scene.read(bands="cdist")[0], 1.2, rtol=1e-6)
    assert scene["QA_PIXEL"].bands[0].kind == "flags"


def test_bands_as_stac_1_1_has_them(tmp_path: Path, write: Callable[..., None], pixels: np.ndarray) -> None:
    write(tmp_path / "stack.tif", pixels.astype(np.uint16))
    bands = [
        {"name": name, "eo:common_name": common, "eo:center_wavelength": centre, "eo:full_width_half_max": width}
        for name, common, centre, width in S2.values()
    ]
    asset = {"href": "stack.tif", "type": COG, "roles": ["data", "reflectance"], "bands": bands, "gsd": 12.5}
    asset |= {"raster:scale": 0.0001, "raster:offset": -0.05, "nodata": 0}
    data = item("a-drone-of-ours", "ours", {"datetime": "2024-02-01T00:00:00Z"}, {"stack": asset})
    data["stac_version"] = "1.1.0"
    (tmp_path / "item.json").write_text(json.dumps(data))
    scene = swath.open(tmp_path / "item.json")
    assert [band.common_name for band in scene.bands] == ["blue", "green", "red", "nir"]
    assert scene.bands[2].wavelength == pytest.approx((646, 665, 684))
    assert {(band.units, band.gsd) for band in scene.bands} == {("reflectance", 12.5)}
    np.testing.assert_allclose(scene.read()[0][0], pixels * 1e-4 - 0.05, atol=1e-6)
    assert scene.sensor is None


def test_a_wavelength_that_contradicts_the_sensor_is_said(
    tmp_path: Path, write: Callable[..., None], pixels: np.ndarray
) -> None:
    data = planetary_computer(tmp_path, write, pixels, "02.12")
    data["assets"]["B04"]["eo:bands"][0]["center_wavelength"] = 1.61
    scene = swath.open(data)
    assert any("the item gives 1610 nm for B04" in note for note in scene.notes)
    assert scene.bands[2].centre == 1610


def test_search_results_collections_and_catalogues(
    tmp_path: Path, write: Callable[..., None], pixels: np.ndarray
) -> None:
    first = planetary_computer(tmp_path / "a", write, pixels, "02.12")
    second = planetary_computer(tmp_path / "b", write, pixels, "05.00")
    second["id"], second["properties"]["datetime"] = "S2B_MSIL2A_20230101T105621_R094_T30TXQ", "2023-01-01T10:56:21Z"
    found = {"type": "FeatureCollection", "features": [second, first]}
    (tmp_path / "found.json").write_text(json.dumps(found))
    collection = {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": "sentinel-2-l2a",
        "description": "two items",
        "license": "other",
        "extent": {"spatial": {"bbox": [[-1, 44, 1, 45]]}, "temporal": {"interval": [[None, None]]}},
        "links": [{"rel": "item", "href": "./a/item.json"}, {"rel": "item", "href": "./b/item.json"}],
    }
    catalog = {"type": "Catalog", "stac_version": "1.0.0", "id": "root", "description": "one collection"}
    catalog["links"] = [{"rel": "child", "href": "./collection.json"}]
    for name, content in {
        "a/item.json": first,
        "b/item.json": second,
        "collection.json": collection,
        "catalog.json": catalog,
    }.items():
        (tmp_path / name).write_text(json.dumps(content))
    sources = [
        tmp_path / "found.json",
        tmp_path / "collection.json",
        tmp_path / "catalog.json",
        pystac.ItemCollection.from_dict(found),
        pystac.Collection.from_file(str(tmp_path / "collection.json")),
        pystac.Catalog.from_file(str(tmp_path / "catalog.json")),
    ]
    for source in sources:
        scene = swath.open(source)
        assert [str(date) for date in scene.dates] == ["2019-06-25T10:56:21", "2023-01-01T10:56:21"]
        for values in scene.read()[0]:
            np.testing.assert_allclose(values, pixels * 1e-4, atol=1e-6)


def test_worldcover_items_with_real_pixels(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "worldcover_huge_cog" / "examples"
    name = "ESA_WorldCover_10m_2021_v200_N00E006"
    scene = swath.open(folder / name / f"{name}.json")
    assert scene.shape == (1, 1, 36000, 36000)
    assert [str(date) for date in scene.dates] == ["2021"]
    assert scene.bands[0].classes is not None
    assert (scene.bands[0].classes[10], scene.bands[0].kind) == ("Tree cover", "categorical")
    assert any("passed over input_quality" in note for note in scene.notes)
    data = json.loads((folder / name / f"{name}.json").read_text())
    local = next((shared_data / "worldcover_huge_cog").rglob("*_Map.tif"))
    data["assets"]["map"]["href"] = str(local)
    rewritten = swath.open(data)
    assert rewritten.grid == scene.grid
    window = np.s_[20000:20064, 20000:20064]
    with rasterio.open(local) as dataset:
        expected = dataset.read(1, window=rasterio.windows.Window.from_slices(*window))
    values, valid = rewritten.read(window)
    np.testing.assert_array_equal(valid[0, 0], expected != 0)
    np.testing.assert_array_equal(values[0, 0][valid[0, 0]], expected[expected != 0])


def test_a_collection_whose_imagery_is_elsewhere(shared_data: Path) -> None:
    whole = swath.open(shared_data / "worldcover_huge_cog" / "examples" / "collection.json")
    assert [str(date) for date in whole.dates] == ["2021"]
    assert any("2020_v100_N00E006: its imagery is not here" in note for note in whole.notes)
    with pytest.raises(OpenError, match=r"1,165 of its 1,165 items not here"):
        swath.open(shared_data / "agrifieldnet" / "labels_collection.json")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"type": "FeatureCollection", "features": []}', "GeoJSON without stac_version"),
        ('{"type": "Feature", "geometry": null, "properties": {}}', "GeoJSON without stac_version"),
        ('{"a": 1}', "JSON, but no STAC"),
        ("[1, 2]", "JSON, but no STAC"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_what_is_no_stac_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "x.geojson").write_text(content)
    with pytest.raises(OpenError, match=words):
        swath.open(tmp_path / "x.geojson")


def test_an_item_without_imagery_is_refused(tmp_path: Path) -> None:
    assets = {"thumbnail": {"href": "t.png", "type": "image/png", "roles": ["thumbnail"]}}
    with pytest.raises(OpenError, match="none of its assets is imagery: thumbnail"):
        swath.open(item("bare", "ours", {"datetime": "2024-01-01T00:00:00Z"}, assets))


def test_scenes_of_items_are_scenes(tmp_path: Path, write: Callable[..., None], pixels: np.ndarray) -> None:
    scene = swath.open(landsat(tmp_path, write, pixels), bands=["nir08", "red"])
    assert isinstance(scene, Scene)
    assert [band.name for band in scene.bands] == ["SR_B5", "SR_B4"]
    with pytest.raises(SensorError, match="no band 'swir16' in this scene"):
        swath.open(landsat(tmp_path, write, pixels), bands=["red", "swir16"])
