"""Forests are grown from labelled pixels in one go, and are models like any other."""

from __future__ import annotations

import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.windows import Window

import swath
from swath.errors import TrainError
from swath.train.recipe import Recipe, SetRecipe

from .making import SAID, tiles

SPLIT = {"val": ["tile_0_*"], "test": ["tile_3_*"]}


def test_a_forest_of_a_scene_is_a_model(own_data: Path, tmp_path: Path) -> None:
    folder = tiles(own_data, tmp_path / "set")
    said = {"network": "random-forest", "options": {"trees": 10, "most": 4000}, "accelerator": "cpu"}
    report = swath.train(folder, out=tmp_path / "mine.swath", **said, **SAID, **SPLIT)
    assert "at once" in report.ended
    assert report.skills[0].scores["iou"] > 0.9
    assert swath.evaluate(str(report.model), folder, open_with=SAID, gsd="native", worst=0)["iou"] > 0.9
    model = swath.load(str(report.model))
    scene = swath.open(own_data / "paris_2018.tif", **SAID)
    product = swath.predict(scene, model, out=tmp_path / "map.tif")
    values, _ = scene.read()
    plants = values[0, 3] > 1.5 * values[0, 2]
    assert (product.read()[0][0] == plants).mean() > 0.97
    again = swath.train(folder, out=tmp_path / "again.swath", **said, **SAID, **SPLIT)
    assert swath.load(str(again.model)).hash == model.hash


def test_a_forest_of_a_table_maps_a_series(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "samples"
    folder.mkdir()
    root = shared_data / "sits_modis_brazil/mod13q1_jp2"
    shutil.copy(root / "converted/samples_modis_ndvi.npz", folder)
    report = swath.train(
        folder,
        network="random-forest-series",
        options={"trees": 20},
        sensor="modis-13@values",
        gsd=231.7,
        out=tmp_path / "crops.swath",
        accelerator="cpu",
    )
    model = swath.load(str(report.model))
    assert model.card.takes == ("days",)
    scene = swath.open(*sorted((root / "raster/mod13q1").glob("*.jp2")), sensor="modis-13", bands=["NDVI"])
    points = pd.read_csv(root / "samples/samples_sinop_crop.csv")
    places = gpd.GeoSeries(gpd.points_from_xy(points.longitude, points.latitude), crs=4326).to_crs(
        scene.grid.crs.to_wkt()
    )
    columns, rows = (
        np.floor(one).astype(int) for one in (~scene.grid.affine) @ (places.x.to_numpy(), places.y.to_numpy())
    )
    window = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    product = swath.predict(scene.select(window=window), model)
    answers = product.read()[0][0, rows - rows.min(), columns - columns.min()]
    names = np.array([product.classes[int(one)] for one in answers])
    assert (names == points.label).mean() >= 0.65, "points that are no part of the samples"


def test_one_set_at_a_time(tmp_path: Path) -> None:
    both = Recipe(network="random-forest", sets=(SetRecipe(folder="a"), SetRecipe(folder="b")))
    with pytest.raises(TrainError, match="learns from one set"):
        swath.train(config=both, out=tmp_path / "a.swath")


def test_points_are_enough(shared_data: Path, tmp_path: Path) -> None:
    """291 points over a year of MODIS, cut into four places of which one is held out; all other pixels say nothing."""
    source = shared_data / "dtwsat_mod13q1"
    for path in sorted(source.glob("*.tif"))[::2]:
        with rasterio.open(path) as file:
            for row, top in enumerate((0, 14)):
                for column, left in enumerate((0, 19)):
                    window = Window(left, top, 18 if left else 19, 13 if top else 14)
                    place = {"transform": file.window_transform(window), "width": window.width, "height": window.height}
                    cut = tmp_path / "set" / f"part{row}{column}" / path.name
                    cut.parent.mkdir(parents=True, exist_ok=True)
                    with rasterio.open(cut, "w", **{**file.profile, **place}) as out:
                        out.write(file.read(window=window))
    shutil.copy(source / "samples.gpkg", tmp_path / "set")
    bands = [f"b{number}" for number in range(1, 8)]
    said = {"bands": bands, "buffer": 100.0, "label_field": "label", "task": "segmentation"}
    data = swath.data.open(tmp_path / "set", **said)
    assert (len(data), data.dates, data.layout) == (4, 12, "vectors")
    labelled = sum(sum(data.counts(item).values()) for item in data.items)
    assert 200 < labelled <= 291, "a pixel for each point, but where several lie in one"
    report = swath.train(
        tmp_path / "set",
        network="random-forest-series",
        options={"trees": 20, "begins": 244},
        val=["part00/*"],
        test=0,
        out=tmp_path / "points.swath",
        accelerator="cpu",
        **said,
    )
    assert 100 < int(report.ended.split()[2]) < labelled
    assert report.skills[0].scores["accuracy"] > 0.3, (
        "points of a class lie together, so that the held-out place is another one"
    )
