"""A real network, from a file, through the engine: saved, verified, made again, opened as shapes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch

import swath.predict
from swath.errors import PredictError
from swath.models import Card, CardBand, ClassLabel, Input, Output
from swath.models.header import read_header
from swath.models.model import Model
from swath.predict.product import Product
from swath.predict.verify import again, verify
from swath.scene.write.record import record_path

from .toys import CLASSES, oscd


@pytest.fixture(scope="module")
def folder(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a weight file, and a product that was made with it."""
    home = tmp_path_factory.mktemp("home")
    scene = oscd(shared_data).select(window=np.s_[100:300, 50:270])
    bands = tuple(CardBand.of(band) for band in scene.bands)
    classes = tuple(ClassLabel(value=10 * i, name=name) for i, name in enumerate(CLASSES, 1))
    card = Card(
        name="land-cover",
        task="segmentation",
        inputs=(Input(bands=bands),),
        output=Output(kind="classes", classes=classes),
    )
    torch.manual_seed(3)
    options = {"decoder_channels": [16, 16, 8, 8, 8]}
    Model.build("unet", card=card, encoder="resnet18", decoder_options=options).save(home / "land.swath", "float16")
    product = swath.predict.predict(scene, home / "land.swath", stitch="blend", tile=96, precision="float32")
    product.save(home / "cover.tif")
    return home


def test_verified_and_made_again_from_its_record_alone(folder: Path, tmp_path: Path) -> None:
    found = verify(folder / "cover.tif", 0.3, seed=1)
    assert found.ok, str(found)
    assert found.plan == ()
    assert set(found.same) == {"class", "confidence/confidence", "confidence/disagreement"}
    again(folder / "cover.tif", tmp_path / "again.tif")
    for key in ("", ".confidence"):
        with rasterio.open(folder / f"cover{key}.tif") as old, rasterio.open(tmp_path / f"again{key}.tif") as new:
            np.testing.assert_array_equal(old.read(), new.read())
    told = [
        json.loads(record_path(one).read_text())["properties"] for one in (folder / "cover.tif", tmp_path / "again.tif")
    ]
    for key in ("swath:options", "swath:plan", "swath:task"):
        assert told[0][key] == told[1][key]
    weights = told[1]["swath:model"]
    assert (tmp_path / weights["source"]).resolve() == folder / "land.swath"
    assert (weights["hash"], weights["stored"]) == (read_header(folder / "land.swath").hash, "float16")


def test_its_shapes_cover_what_was_seen(folder: Path) -> None:
    product = Product.open(folder / "cover.tif")
    frame = product.to_geopandas(min_area=2_000, simplify=15)
    assert set(frame["name"]) <= set(CLASSES)
    assert frame["area_m2"].min() >= 2_000
    assert frame["area_m2"].sum() == pytest.approx(sum(product.areas().values()) * 1e4)


def test_other_weights_under_the_same_name_are_refused(folder: Path, tmp_path: Path) -> None:
    model = Model.load(folder / "land.swath")
    with torch.no_grad():
        next(model.network.parameters())[0] += 0.01
    path = tmp_path / "moved"
    path.mkdir()
    for one in folder.iterdir():
        if one.is_file():
            (path / one.name).write_bytes(one.read_bytes())
    told = json.loads(record_path(folder / "cover.tif").read_text())
    for one in told["properties"]["swath:inputs"]:
        one["href"] = str((folder / one["href"]).resolve())
    sources = told["properties"]["swath:scene"]["open"]["sources"]
    told["properties"]["swath:scene"]["open"]["sources"] = [str((folder / one).resolve()) for one in sources]
    record_path(path / "cover.tif").write_text(json.dumps(told))
    model.save(path / "land.swath")
    with pytest.raises(PredictError, match="weights of land-cover are not those"):
        verify(path / "cover.tif")


def test_answers_for_tiles_come_out_as_boxes(shared_data: Path, tmp_path: Path) -> None:
    scene = oscd(shared_data).select(window=np.s_[0:256, 0:320])
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 2))
    model = Model.wrap(network, task="classification", like=scene, classes=["town", "fields"])
    product = swath.predict.predict(scene, model, tile=64)
    assert product.is_of_tiles
    boxes = product.to_geopandas()
    assert len(boxes) == 20
    assert set(boxes["name"]) <= {"town", "fields"}
    assert boxes["confidence"].between(0.5, 1).all()
    left, bottom, right, top = scene.grid.boundingbox.bbox
    np.testing.assert_allclose(boxes.total_bounds, [left, bottom, right, top])
    saved = Product.open(product.save(tmp_path / "tiles.tif"))
    assert saved.is_of_tiles
    assert len(saved.to_geopandas(shapes="points")) == 20
