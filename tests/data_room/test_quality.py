"""Weights of labels: by item, by polygon, by pixel, by series; moved with their pixels; counted in losses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import torch

import swath
from swath.data import Augment
from swath.errors import DataError
from swath.tasks import losses
from tests.train.making import SAID, SIDE, tiles

from .published_made import Real
from .published_single_made import africa_fields


@pytest.fixture
def folder(own_data: Path, tmp_path: Path) -> Path:
    return tiles(own_data, tmp_path / "set")


def test_weights_of_items_come_from_a_table(folder: Path) -> None:
    names = sorted(path.stem for path in (folder / "images").glob("*.tif"))
    frame = pd.DataFrame({"name": names[:3], "Class": [1, 2, 4], "weight": [1.0, 0.5, 0.25]})
    frame.to_csv(folder / "catalog.csv", index=False)
    for said in (
        {"quality": "catalog.csv:weight"},
        {"quality": "catalog.csv:Class", "grades": {"1": 1, "2": 0.5, "4": 0.25}},
    ):
        data = swath.data.open(folder, task="segmentation", **said, **SAID)
        weights = [data.sample(data[name], np.s_[0:8, 0:8]).weight for name in names[:4]]
        assert [float(one.mean()) for one in weights if one is not None] == [1.0, 0.5, 0.25, 1.0]
    with pytest.raises(DataError, match="grades has no '2'"):
        swath.data.open(folder, task="segmentation", quality="catalog.csv:Class", grades={"1": 1}, **SAID)
    other = pd.DataFrame({"name": ["elsewhere"], "weight": [1.0]})
    other.to_csv(folder / "other.csv", index=False)
    with pytest.raises(DataError, match=r"names no item \(16 there\); it has 'elsewhere'"):
        swath.data.open(folder, task="segmentation", quality="other.csv:weight", **SAID)
    with pytest.raises(DataError, match="say which column"):
        swath.data.open(folder, task="segmentation", quality="catalog.csv", **SAID)


def test_a_site_has_the_weight_of_all_its_labels(own_data: Path, tmp_path: Path) -> None:
    """As the catalogue of African fields has it: a row per label, named by the site alone."""
    africa_fields(Real(own_data), tmp_path / "africa-fields")
    sites = [f"GH001234{number}" for number in (0, 1, 1, 2, 2)]
    frame = pd.DataFrame({"name": sites, "Class": ["1", "4", "4", "2", "4"], "assignment_id": range(5)})
    frame.to_csv(tmp_path / "catalog.csv", index=False)
    grades = {"1": 1, "2": 0.75, "4": 0.25}
    data = swath.data.open(tmp_path / "africa-fields", quality=f"{tmp_path / 'catalog.csv'}:Class", grades=grades)
    weights = [data.sample(data.items[at], np.s_[0:8, 0:8]).weight for at in (0, 1, 3)]
    assert [float(one.mean()) for one in weights if one is not None] == [1.0, 0.25, 1.0]
    with pytest.raises(DataError, match="'gh0012342' has several weights"):
        data.sample(data.items[2])


def test_weights_of_pixels_come_from_rasters_and_polygons(folder: Path, tmp_path: Path) -> None:
    first = sorted((folder / "masks").glob("*.tif"))[0]
    with rasterio.open(first) as mask:
        wanted = np.where(mask.read(1) > 0, 0.25, 2).astype(np.float32)
        wanted[:5] = 1.5
        (tmp_path / "weights").mkdir()
        profile = {**mask.profile, "dtype": "float32"}
        box = shapely.box(*mask.bounds)
        half = shapely.box(box.bounds[0], box.bounds[1], box.centroid.x, box.bounds[3])
        gpd.GeoDataFrame({"trust": [0.5]}, geometry=[half], crs=mask.crs).to_file(tmp_path / "trust.gpkg")
    with rasterio.open(tmp_path / "weights" / first.name, "w", **profile) as out:
        out.write(wanted, 1)
    data = swath.data.open(folder, task="segmentation", quality=str(tmp_path / "weights"), **SAID)
    sample = data.sample(data[first.stem], np.s_[10:40, 20:70])
    assert sample.weight is not None
    np.testing.assert_array_equal(sample.weight[:, : SIDE - 20], wanted[10:40, 20:])
    moved = Augment(scale=0, brightness=0, contrast=0, gamma=0, colour=0)(
        data.sample(data[first.stem]), np.random.default_rng(3)
    )
    assert moved.weight is not None
    assert isinstance(moved.target, np.ndarray)
    assert not np.array_equal(moved.weight, wanted)
    np.testing.assert_array_equal(moved.weight[moved.weight != 1.5] == 0.25, moved.target[moved.weight != 1.5] == 1)
    data = swath.data.open(folder, task="segmentation", quality=f"{tmp_path / 'trust.gpkg'}:trust", **SAID)
    weight = data.sample(data[first.stem]).weight
    assert weight is not None
    assert weight[:, : SIDE // 2 - 1].max() == 0.5
    assert weight[:, SIDE // 2 + 1 :].min() == 1


@pytest.mark.parametrize("loss", [losses.of_classes, losses.of_binary])
def test_a_label_without_trust_is_as_none(loss: Callable[..., torch.Tensor]) -> None:
    torch.manual_seed(0)
    channels = 3 if loss is losses.of_classes else 1
    logits, targets = torch.randn(2, channels, 8, 8), torch.randint(0, max(2, channels), (2, 8, 8))
    trust = torch.ones(2, 8, 8)
    assert torch.allclose(loss(logits, targets, trust=trust), loss(logits, targets))
    trust[:, :3] = 0
    without = targets.clone()
    without[:, :3] = -1
    assert torch.allclose(loss(logits, targets, trust=trust), loss(logits, without), atol=1e-6)
    assert torch.allclose(loss(logits, targets, trust=2 * trust), loss(logits, without), atol=1e-6)
    weights = torch.rand(max(2, channels)) + 0.5
    assert torch.allclose(loss(logits, targets, weights, 0.1, trust), loss(logits, without, weights, 0.1), atol=1e-6)


def test_what_is_not_trusted_is_not_learnt(folder: Path, tmp_path: Path) -> None:
    """Half of the places are labelled the wrong way round and weigh nothing."""
    names = sorted(path.stem for path in (folder / "masks").glob("*.tif"))
    wrong = [name for name in names if name[-1] in "02" and not name.startswith("tile_3")]
    for name in wrong:
        with rasterio.open(folder / "masks" / f"{name}.tif") as mask:
            pixels, profile = mask.read(), mask.profile
        with rasterio.open(folder / "masks" / f"{name}.tif", "w", **profile) as out:
            out.write(1 - pixels)
    pd.DataFrame({"name": wrong, "weight": 0.0}).to_csv(folder / "trust.csv", index=False)
    said = {"network": "random-forest", "options": {"trees": 10, "most": 5000}, "accelerator": "cpu"}
    parts = {"val": ["tile_3_[01]"], "test": ["tile_3_[23]"]}
    scores = [
        swath.train(folder, task="segmentation", out=tmp_path / f"{at}.swath", **said, **more, **SAID, **parts)
        .skills[0]
        .scores["iou"]
        for at, more in enumerate([{}, {"quality": "trust.csv:weight"}])
    ]
    assert scores[1] > 0.9 > scores[0]


def test_weights_of_series_are_a_column_of_their_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"label": rng.choice(["maize", "rice"], 40), "NDVI_2020-01-01": rng.random(40)})
    frame["NDVI_2020-02-01"] = rng.random(40)
    frame["trust"] = np.where(frame.label == "maize", "sure", "guessed")
    frame.to_csv(tmp_path / "samples.csv", index=False)
    said = {"quality": "samples.csv:trust", "grades": {"sure": 1.0, "guessed": 0.25}}
    data = swath.data.open(tmp_path, **said)
    for item in data.items:
        sample = data.sample(item)
        assert sample.weight is not None
        assert isinstance(sample.target, np.ndarray)
        known = sample.target >= 0
        np.testing.assert_array_equal(sample.weight[known], np.where(sample.target[known] == 0, 1, 0.25))
    other = swath.data.open(tmp_path, quality="samples.csv:trusted")
    with pytest.raises(DataError, match="has no column 'trusted'"):
        other.sample(other.items[0])
