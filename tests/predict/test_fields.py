"""Fields vote: against votes counted by hand; narrow fields, fields beyond the map; scores of fields."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import torch
from odc.geo.geobox import GeoBox
from tests.train.making import SAID, SIDE, plants, tiles
from torch import Tensor, nn

import swath
from swath.errors import OpenError, PredictError
from swath.predict import fields as module
from swath.predict.fields import by_field
from swath.predict.product import Product


class Greener(nn.Module):
    """Says plants where infrared exceeds red by half."""

    def forward(self, image: Tensor) -> Tensor:
        return (image[:, 3:4] - 1.5 * image[:, 2:3]) * 100


@pytest.fixture(scope="module")
def product(own_data: Path) -> Product:
    scene = swath.open(own_data / "paris_2018.tif", **SAID)
    model = swath.Model.wrap(Greener(), task="segmentation", like=scene, classes=["other", "plants"])
    return swath.predict(scene, model, precision="float32")


def squares(grid: GeoBox, pixels: list[tuple[int, int, int, int]]) -> gpd.GeoDataFrame:
    """Rectangles of pixels `row, column, height, width`, a little smaller than these."""
    made = []
    for row, column, height, width in pixels:
        x0, y0 = grid.affine @ (column + 0.1, row + 0.1)
        x1, y1 = grid.affine @ (column + width - 0.1, row + height - 0.1)
        made.append(shapely.box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
    return gpd.GeoDataFrame({"plot": range(len(made))}, geometry=made, crs=grid.crs.to_wkt())


def test_pixels_vote(product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [(3, 5, 21, 31), (60, 100, 9, 5), (200, 30, 1, 1), (251, 249, 30, 30), (120, 60, 39, 41), (400, 5, 5, 5)]
    frame = squares(product.grid, places)
    frame.to_crs(3857).to_file(tmp_path / "fields.gpkg")
    found = by_field(product, tmp_path / "fields.gpkg")
    assert found["plot"].tolist() == [0, 1, 2, 3, 4], "the last lies beyond the map"
    (answers,), (sure,) = product.read()[0], product.read(key="confidence")[0][:1]
    for (row, column, height, width), field in zip(places[:-1], found.itertuples(), strict=True):
        mine = np.s_[row : row + height, column : column + width]
        counts = np.bincount(answers[mine].ravel(), minlength=2)
        assert field.pixels == counts.sum()
        assert field.votes == pytest.approx(counts.max() / counts.sum())
        assert counts[["other", "plants"].index(field.name)] == counts.max()
        assert counts.min() < counts.max(), "of equally many votes the surer ones decide"
        assert field.confidence == pytest.approx(sure[mine][answers[mine] == counts.argmax()].mean(), abs=0.02)
    monkeypatch.setattr(module, "_SIDE", 37)
    again = by_field(product, frame)
    for key in ("class", "votes", "pixels"):
        np.testing.assert_array_equal(again[key], found[key], "whatever the windows")


def test_a_field_narrower_than_a_pixel_has_a_class(product: Product) -> None:
    x, y = product.grid.affine @ (31.9, 44.5)
    narrow = gpd.GeoDataFrame(geometry=[shapely.Point(x, y).buffer(1e-6)], crs=product.grid.crs.to_wkt())
    found = by_field(product, narrow)
    assert found["pixels"].tolist() == [1]
    assert found["class"][0] == product.read()[0][0, 44, 31]


def test_errors_say_what_to_do(product: Product, tmp_path: Path) -> None:
    frame = squares(product.grid, [(0, 0, 9, 9)])
    with pytest.raises(OpenError, match="tells no CRS"):
        by_field(product, frame.set_crs(None, allow_override=True))
    with pytest.raises(PredictError, match="no polygon lies on the map"):
        by_field(product, frame.set_geometry(frame.translate(50)))
    with pytest.raises(OpenError, match="cannot be read as polygons"):
        by_field(product, tmp_path / "none.gpkg")


def test_fields_are_scored_once_each(own_data: Path, tmp_path: Path) -> None:
    """Labels are what most pixels of a field show: single pixels differ from them, and fields never do."""
    folder = tiles(own_data, tmp_path / "set")
    cells = [(8 * row, 8 * column, 8, 8) for row in range(32) for column in range(32)]
    with rasterio.open(own_data / "paris_2018.tif") as whole:
        grid = swath.open(own_data / "paris_2018.tif", **SAID).grid
        squares(grid, cells).to_file(tmp_path / "fields.gpkg")
        most = plants(whole.read()).reshape(32, 8, 32, 8).mean((1, 3))
    labels = np.kron(np.where(most == 0.5, 255, most > 0.5), np.ones((8, 8))).astype(np.uint8)
    for path in sorted((folder / "masks").glob("*.tif")):
        row, column = (int(part) * SIDE for part in path.stem.split("_")[1:])
        with rasterio.open(path) as mask:
            profile = mask.profile
        with rasterio.open(path, "w", **profile) as out:
            out.write(labels[None, row : row + SIDE, column : column + SIDE])
    model = swath.Model.wrap(
        Greener(), task="segmentation", like=swath.open(own_data / "paris_2018.tif", **SAID), classes=["0", "1"]
    )
    said = {"open_with": {**SAID, "ignore": 255}, "split": "all", "worst": 0, "bootstrap": 0}
    found = swath.evaluate(model, folder, fields=tmp_path / "fields.gpkg", **said)
    assert found["accuracy"] < 0.95
    assert found.fields is not None
    assert found.fields.compute()["accuracy"] == 1
    counted = int((most != 0.5).sum())
    assert found.field_titles()[0] == f"by field ({counted:,})"
    assert f"by field ({counted:,})" in found.describe()
    assert swath.evaluate(model, folder, **said).field_rows() == []


def test_numbers_of_fields_lie_beside_labels(shared_data: Path) -> None:
    bands = [f"B{number:02d}" for number in range(1, 10)] + ["B8A", "B11", "B12"]
    bands = [*bands[:8], "B8A", "B09", "B11", "B12"]
    data = swath.data.open(shared_data / "agrifieldnet", bands=bands)
    some = data.subset([item.name for item in data.items[:2]])
    classes = [label.name for label in some.classes]
    torch.manual_seed(0)
    network = nn.Conv2d(12, len(classes), 1)
    model = swath.Model.wrap(network, task="segmentation", like=some.scene(some.items[0]), classes=classes)
    found = swath.evaluate(model, some, split="all", fields="raster_labels=field_ids", worst=0, bootstrap=0)
    wanted = 0
    for item in some.items:
        assert item.label is not None
        (mask,) = item.label.files
        with rasterio.open(mask) as one, rasterio.open(str(mask).replace("raster_labels", "field_ids")) as ids:
            wanted += len(np.unique(ids.read(1)[(one.read(1) > 0) & (ids.read(1) > 0)]))
    assert found.fields is not None
    assert wanted > 2
    assert found.field_titles()[0] == f"by field ({wanted})"
