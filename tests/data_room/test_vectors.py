"""Shapes over rasters, burned by windows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.features import rasterize

import swath.data
from swath.data import IGNORE, shapes
from swath.errors import DataError

BOADELLA = "eotdl_boadella_eurosat/eotdl/tests/unit/curation/stac/test_data/sentinel_2"

SETS: dict[str, tuple[str, dict[str, Any], tuple[int, ...], list[str]]] = {
    "denmark": ("fields_denmark_s2", {"label_field": "Afgroede"}, (1, 3, 413, 452), []),
    "buildings": (
        "osm_buildings_wv3",
        {"label_field": "building", "classes": ["background", "building"]},
        (1, 1, 900, 900),
        ["background", "building"],
    ),
    "rstoolbox": (
        "rstoolbox_s2_landsat",
        {"sensor": "sentinel-2-l2a@values"},
        (1, 12, 237, 247),
        ["dryout", "forest", "village", "water"],
    ),
    "slovenia": (
        "eolearn_s2_slovenia",
        {"sensor": "sentinel-2-l1c@values", "label_field": "LULC_NAME"},
        (5, 13, 101, 100),
        ["artificial surface", "cultivated land", "forest", "grassland", "schrubland"],
    ),
    "belize": ("landsat7_belize_two_dates", {}, (2, 8, 250, 250), ["barren", "forest", "herbaceous", "urban", "water"]),
    "boadella": (BOADELLA, {"sensor": "sentinel-2-l2a@pre-04.00"}, (1, 12, 377, 380), ["water"]),
}


@pytest.mark.parametrize("name", SETS)
def test_real_sets(name: str, shared_data: Path) -> None:
    folder, told, shape, names = SETS[name]
    data = swath.data.open(shared_data / folder, **told, blocks=False)
    assert (data.layout, data.task, len(data)) == ("vectors", "segmentation", 1)
    assert not names or [one.name for one in data.classes] == names
    (item,) = data.items
    sample = data.sample(item)
    assert sample.image.shape == shape
    target = sample.target
    assert isinstance(target, np.ndarray)
    assert target.shape == shape[2:]
    values, times = np.unique(target[target != IGNORE], return_counts=True)
    assert dict(zip(values.tolist(), times.tolist(), strict=True)) == dict(data.counts(item))
    # Windows, also beyond the edge, hold what the whole holds there.
    height, width = target.shape
    for y, x in ((0, 0), (height // 3, width // 4), (height - 40, width - 30)):
        part = data.sample(item, np.s_[y : y + 64, x : x + 64]).target
        assert isinstance(part, np.ndarray)
        whole = target[y : y + 64, x : x + 64]
        np.testing.assert_array_equal(part[: whole.shape[0], : whole.shape[1]], whole)
        assert (part[whole.shape[0] :] == IGNORE).all()
        assert (part[:, whole.shape[1] :] == IGNORE).all()


def test_slovenia_is_burned_as_its_maker_did(shared_data: Path) -> None:
    data = swath.data.open(shared_data / SETS["slovenia"][0], **SETS["slovenia"][1])
    target = data.sample(data.items[0]).target
    with rasterio.open(shared_data / "eolearn_s2_slovenia/converted/LULC.tif") as dataset:
        theirs = dataset.read(1)
    numbers = {"artificial surface": 8, "cultivated land": 1, "forest": 2, "grassland": 3, "schrubland": 4}
    table = np.array([numbers[one.name] for one in data.classes] + [0])
    assert (table[target] == theirs).mean() > 0.995
    assert {stray.path.name for stray in data.strays} == {
        "DEM.tif",
        "LULC.tif",
        "NDVI_68dates.tif",
        "VALID_68dates.tif",
    }


def test_belize_agrees_with_its_raster_and_says_where_its_columns_differ(shared_data: Path) -> None:
    data = swath.data.open(shared_data / "landsat7_belize_two_dates")
    target = data.sample(data.items[0]).target
    with rasterio.open(shared_data / "landsat7_belize_two_dates/training_data.gtif") as dataset:
        theirs = dataset.read(1)
    assert isinstance(target, np.ndarray)
    np.testing.assert_array_equal(target != IGNORE, theirs > 0)
    assert any("'id' contradicts 'class' for 2 shapes" in note for note in data.notes)
    assert [stray.path.name for stray in data.strays] == ["training_data.gtif"]


def test_what_is_not_told_is_asked_for(shared_data: Path) -> None:
    with pytest.raises(DataError, match=r"say label_field=.*AfgKode \(37 values\), Afgroede \(37 values\)"):
        swath.data.open(shared_data / "fields_denmark_s2")
    with pytest.raises(DataError, match=r"7 bands \(lsat.tif\), 12 bands \(sen2.tif\); say sensor="):
        swath.data.open(shared_data / "rstoolbox_s2_landsat")
    with pytest.raises(DataError, match="no column 'crop'"):
        swath.data.open(shared_data / "fields_denmark_s2", label_field="crop")
    lone = swath.data.open(shared_data / "osm_buildings_wv3", label_field="building")
    assert any("'yes' is the only class" in note for note in lone.notes)


def test_boadella_goes_by_names(shared_data: Path) -> None:
    data = swath.data.open(shared_data / BOADELLA)
    assert {stray.path.name for stray in data.strays} == {
        "Boadella_2020-01-28.tif",
        "Boadella_2020-02-02_labels.geojson",
    }


@pytest.fixture
def denmark(shared_data: Path, tmp_path: Path) -> tuple[Path, gpd.GeoDataFrame]:
    """The Danish image in a folder of its own, and its fields in the image's CRS."""
    shutil.copy(shared_data / "fields_denmark_s2/RGB_small.tif", tmp_path / "image.tif")
    frame = pyogrio.read_dataframe(shared_data / "fields_denmark_s2/marker2016_small.shp", columns=["Afgroede"])
    return tmp_path, frame.dropna()


def test_any_crs_gives_the_same_pixels(denmark: tuple[Path, gpd.GeoDataFrame]) -> None:
    folder, frame = denmark
    grids = {}
    for crs in ("EPSG:32632", "EPSG:4326", "EPSG:3035"):
        frame.to_crs(crs).to_file(folder / "fields.gpkg")
        data = swath.data.open(folder)
        target = data.sample(data.items[0]).target
        assert isinstance(target, np.ndarray)
        grids[crs] = target
    assert (grids["EPSG:4326"] == grids["EPSG:32632"]).mean() > 0.999
    assert (grids["EPSG:3035"] == grids["EPSG:32632"]).mean() > 0.999
    with rasterio.open(folder / "image.tif") as dataset:
        names = sorted(set(frame["Afgroede"]))
        ordered = frame.iloc[np.argsort(-frame.area)]
        pairs = [(shape, names.index(name)) for shape, name in zip(ordered.geometry, ordered["Afgroede"], strict=True)]
        whole = rasterize(pairs, dataset.shape, fill=IGNORE, transform=dataset.transform, dtype="int32")
    np.testing.assert_array_equal(grids["EPSG:32632"], whole)


def test_trouble_is_mended_and_said(denmark: tuple[Path, gpd.GeoDataFrame]) -> None:
    folder, frame = denmark
    left, bottom, right, top = frame.total_bounds
    bow = shapely.Polygon([(left, bottom), (left + 300, bottom + 300), (left + 300, bottom), (left, bottom + 300)])
    far = shapely.box(left - 9000, bottom, left - 8000, bottom + 500)
    line = shapely.LineString([(left, top), (right, bottom)])
    extra = gpd.GeoDataFrame(
        {"Afgroede": ["Vinterhvede", "Vinterhvede", "vej", "Vinterhveede", None]},
        geometry=[bow, far, line, shapely.box(left, bottom, left + 5000, bottom + 400), far],
        crs=frame.crs,
    )
    gpd.GeoDataFrame(pd.concat([frame, extra])).to_file(folder / "fields.fgb", SPATIAL_INDEX="NO")
    data = swath.data.open(folder)
    said = " | ".join(data.notes)
    for expected in (
        "1 self-crossing shape;",
        "1 of 278 shapes outside all images",
        "1 of 279 shapes as lines or points",
        "1 of 280 shapes without Afgroede",
        "'Vinterhvede' (17)",
        "; the smaller shape counts",
    ):
        assert expected in said
    assert "vej" not in [one.name for one in data.classes]
    wide = swath.data.open(folder, buffer=30)
    assert "vej" in [one.name for one in wide.classes]
    road = [one.name for one in wide.classes].index("vej")
    pixels = wide.counts(wide.items[0])[road]
    length = line.intersection(shapely.box(*frame.total_bounds)).length
    assert 0.3 * length * 60 / 100 < pixels < 1.1 * length * 60 / 100  # most of it lies under smaller fields
    report = swath.data.inspect(data).describe()
    assert "1 self-crossing shape:" in report


def test_shapes_elsewhere_are_refused_with_both_places(denmark: tuple[Path, gpd.GeoDataFrame]) -> None:
    folder, frame = denmark
    frame.translate(200_000, 0).to_frame("geometry").assign(crop="a").to_file(folder / "fields.gpkg")
    with pytest.raises(DataError, match=r"no shape touches an image; look at their CRS: fields.gpkg covers"):
        swath.data.open(folder)


def test_several_images_share_one_file(shared_data: Path, tmp_path: Path) -> None:
    """The image cut into four, with gaps: each quarter gets its shapes, and holds what the whole holds there."""
    with rasterio.open(shared_data / "fields_denmark_s2/RGB_small.tif") as dataset:
        for row in (0, 1):
            for column in (0, 1):
                window = rasterio.windows.Window(column * 226, row * 206, 200, 190)
                profile = {
                    **dataset.profile,
                    "width": 200,
                    "height": 190,
                    "transform": dataset.window_transform(window),
                }
                with rasterio.open(tmp_path / f"{row}{column}.tif", "w", **profile) as out:
                    out.write(dataset.read(window=window))
    frame = pyogrio.read_dataframe(shared_data / "fields_denmark_s2/marker2016_small.shp", columns=["Afgroede"])
    frame.to_file(tmp_path / "fields.geojson")
    whole = swath.data.open(shared_data / "fields_denmark_s2", label_field="Afgroede")
    target = whole.sample(whole.items[0]).target
    data = swath.data.open(tmp_path)
    assert isinstance(target, np.ndarray)
    assert len(data) == 4
    names = [one.name for one in data.classes]
    table = np.array([names.index(one.name) if one.name in names else -9 for one in whole.classes] + [IGNORE])
    for item in data.items:
        row, column = (int(letter) for letter in item.name)
        part = data.sample(item).target
        there = table[target[row * 206 : row * 206 + 190, column * 226 : column * 226 + 200]]
        np.testing.assert_array_equal(part, there)


def test_a_huge_raster_is_never_burned_at_once(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = (shared_data / "worldcover_huge_cog").rglob("*_Map.tif")
    (tmp_path / "map.tif").symlink_to(source)
    with rasterio.open(source) as dataset:
        assert dataset.shape == (36000, 36000)
        left, top = dataset.transform * (0, 0)
        crs = dataset.crs
    places = [shapely.box(left + at, top - at - 0.1, left + at + 0.1, top - at) for at in (0.01, 1.5, 2.8)]
    gpd.GeoDataFrame({"kind": ["a", "b", "a"]}, geometry=places, crs=crs).to_file(tmp_path / "places.gpkg")
    data = swath.data.open(tmp_path, blocks=False)
    largest = 0
    real = shapes.burn

    def watched(*arguments: Any) -> Any:
        nonlocal largest
        largest = max(largest, int(np.prod(arguments[3])))
        return real(*arguments)

    monkeypatch.setattr(shapes, "burn", watched)
    assert data.counts(data.items[0]) == {0: 2 * 1200**2, 1: 1200**2}
    assert 0 < largest <= 2048**2
    part = data.sample(data.items[0], np.s_[18000:18100, 18000:18100]).target
    assert isinstance(part, np.ndarray)
    assert (part == 1).all()
