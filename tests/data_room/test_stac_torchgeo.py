"""STAC items with labels, and datasets that speak as those of torchgeo do."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from PIL import Image
from rasterio.crs import CRS

import swath.data
from swath.data import IGNORE, Boxes
from swath.errors import DataError
from tests.data_room.real import SHIPS, ships_upright, trees

S2 = "sentinel-2-l2a@values"


def test_agrifieldnet(shared_data: Path) -> None:
    folder = shared_data / "agrifieldnet"
    data = swath.data.open(folder, sensor=S2, layout="stac_labels")
    assert (data.task, len(data)) == ("segmentation", 64)
    assert [one.value for one in data.classes] == [1, 2, 3, 4, 5, 6, 8, 9, 13, 14, 15, 16, 36]
    sample = data.sample(data["source/02248"])
    assert sample.image.shape == (1, 12, 256, 256)
    with rasterio.open(folder / "labels/02248_raster_labels.tif") as dataset:
        stored = dataset.read(1)
    values = np.array([one.value for one in data.classes] + [0])
    np.testing.assert_array_equal(values[sample.target], stored)
    named = swath.data.open(
        folder,
        sensor=S2,
        layout="stac_labels",
        classes={number: f"crop {number}" for number in values[:-1].tolist()},
        ignore=0,
    )
    assert named.classes[0].name == "crop 1"
    published = swath.data.open(folder)  # the set is known, with its crops by name
    assert (published.layout, len(published), published.classes[-1].name) == ("agrifieldnet", 64, "rice")
    np.testing.assert_array_equal(published.sample(published["02248"]).target, sample.target)


def test_label_items_without_their_files_are_told(tmp_path: Path) -> None:
    item = {"type": "Feature", "stac_version": "1.0.0", "id": "x", "properties": {"label:type": "raster"}, "links": []}
    assets = {"labels": {"href": "gone.tif", "roles": ["labels"]}}
    (tmp_path / "item.json").write_text(json.dumps({**item, "assets": assets}))
    with pytest.raises(DataError, match=r"no label of its STAC items can be used; item\.json: its label is not here"):
        swath.data.open(tmp_path)


def catalogue(folder: Path, shared_data: Path, *, vector: bool, own: bool) -> None:
    """One place of agrifieldnet with a proper label item; the label is its raster, or a box of one crop."""
    source = shared_data / "agrifieldnet"
    for band in ("B02", "B03", "B04", "B08"):
        (folder / f"{band}.tif").symlink_to(source / f"source/02248/{band}.tif")
    with rasterio.open(source / "source/02248/B02.tif") as dataset:
        left, top = dataset.transform * (0, 0)
        crs = dataset.crs
    base = {"type": "Feature", "stac_version": "1.0.0", "geometry": None, "links": [], "bbox": [0, 0, 1, 1]}
    bands = {
        band: {"href": f"./{band}.tif", "type": "image/tiff", "roles": ["data"], "eo:bands": [{"name": band}]}
        for band in ("B02", "B03", "B04", "B08")
    }
    properties: dict[str, Any] = {"datetime": "2022-03-01T00:00:00Z"}
    if vector:
        import geopandas as gpd
        import shapely

        box = shapely.box(left, top - 500, left + 1000, top)
        gpd.GeoDataFrame({"crop": ["wheat"], "id": [5]}, geometry=[box], crs=crs).to_file(folder / "labels.geojson")
        labels = {"labels": {"href": "./labels.geojson", "type": "application/geo+json", "roles": ["labels-vector"]}}
        told = {**properties, "label:type": "vector", "label:properties": ["crop"]}
    else:
        (folder / "truth.tif").symlink_to(source / "labels/02248_raster_labels.tif")
        classes = [
            {"value": 14, "name": "gram"},
            {"value": 15, "name": "sugar"},
            {"value": 16, "name": "rice"},
            {"value": 36, "name": "rice, later"},
        ]
        classes += [{"value": value, "name": f"crop {value}"} for value in range(1, 14)]
        asset = {"href": "./truth.tif", "type": "image/tiff", "roles": ["labels"], "classification:classes": classes}
        labels = {"truth": asset}
        told = {**properties, "label:type": "raster"}
    if own:
        (folder / "item.json").write_text(
            json.dumps({**base, "id": "a", "properties": told, "assets": {**bands, **labels}})
        )
        return
    (folder / "image.json").write_text(json.dumps({**base, "id": "a", "properties": properties, "assets": bands}))
    link = [{"rel": "source", "href": "./image.json"}]
    item = {**base, "id": "b", "properties": told, "assets": labels, "links": link}
    (folder / "label.json").write_text(json.dumps(item))


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("vector", [False, True])
def test_label_items(shared_data: Path, tmp_path: Path, vector: bool, own: bool) -> None:
    catalogue(tmp_path, shared_data, vector=vector, own=own)
    data = swath.data.open(tmp_path, layout="stac_labels")
    assert len(data) == 1
    assert [band.name for band in data.bands] == ["B02", "B03", "B04", "B08"]
    target = data.sample(data.items[0]).target
    assert isinstance(target, np.ndarray)
    if vector:
        assert [one.name for one in data.classes] == ["wheat"]
        assert (target[:50, :100] == 0).all()
        assert (target == 0).sum() == 50 * 100
    else:
        with rasterio.open(tmp_path / "truth.tif") as dataset:
            stored = dataset.read(1)
        values = np.array([one.value for one in data.classes] + [0])
        np.testing.assert_array_equal(values[target], stored)
        assert {one.value: one.name for one in data.classes}[14] == "gram"


class Numbered:
    """What torchgeo's datasets without a place are to a caller: samples by number."""

    def __init__(self, samples: list[dict[str, Any]], classes: list[str] | None = None) -> None:
        self._samples = samples
        if classes is not None:
            self.classes = classes

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._samples[index]


def picture(path: Path) -> torch.Tensor:
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float()


def test_boxes_masks_and_labels_of_samples(shared_data: Path) -> None:
    ships = [
        {
            "image": picture(shared_data / "inshore_ships" / f"{name}.jpg"),
            "bbox_xyxy": torch.from_numpy(ships_upright(shared_data, name)),
            "label": torch.zeros(len(ships_upright(shared_data, name)), dtype=torch.long),
        }
        for name in SHIPS
    ]
    data = swath.data.from_torchgeo(Numbered(ships, ["ship"]), bands=["red", "green", "blue"])
    assert (data.layout, data.task, len(data)) == ("torchgeo", "detection", 4)
    sample = data.sample(data.items[0], np.s_[0:300, 0:400])
    assert sample.image.shape == (1, 3, 300, 400)
    np.testing.assert_array_equal(sample.image[0], ships[0]["image"][:, :300, :400])
    whole = data.sample(data.items[0]).target
    assert isinstance(whole, Boxes)
    np.testing.assert_array_equal(whole.corners, ships_upright(shared_data, SHIPS[0]))
    again = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(again.sample(again.items[1]).image, data.sample(data.items[1]).image)

    crops = shared_data / "agrifieldnet"
    with rasterio.open(crops / "labels/02248_raster_labels.tif") as dataset:
        mask = torch.from_numpy(dataset.read(1).astype(np.int64))
    with rasterio.open(crops / "source/02248/B02.tif") as dataset:
        image = torch.from_numpy(dataset.read().astype(np.float32))
    names = [f"crop {number}" for number in range(37)]
    data = swath.data.from_torchgeo(Numbered([{"image": image, "mask": mask}], names), ignore=0)
    assert data.task == "segmentation"
    target = data.sample(data.items[0], np.s_[-5:256, 0:300]).target
    assert isinstance(target, np.ndarray)
    np.testing.assert_array_equal(target[5:, :256], np.where(mask == 0, IGNORE, mask))
    assert (target[:5] == IGNORE).all()
    with pytest.raises(DataError, match="does not name its classes"):
        swath.data.from_torchgeo(Numbered([{"image": image, "mask": mask}]))
    few = swath.data.from_torchgeo(Numbered([{"image": image, "mask": mask}], ["a", "b"]))
    with pytest.raises(DataError, match="2 classes named"):
        few.sample(few.items[0])

    chips = sorted((shared_data / "eurosat_rgb/Forest").glob("*.jpg"))[:3]
    named = [{"image": picture(path), "label": torch.tensor(1)} for path in chips]
    data = swath.data.from_torchgeo(Numbered(named, ["AnnualCrop", "Forest"]))
    assert (data.task, data.sample(data.items[2]).target, dict(data.counts(data.items[0]))) == (
        "classification",
        1,
        {1: 1},
    )
    pair = {"image": torch.stack([image, image]), "mask": mask > 0}
    with pytest.raises(DataError, match="say task='change' or task='segmentation'"):
        swath.data.from_torchgeo(Numbered([pair], ["no", "yes"]))
    change = swath.data.from_torchgeo(Numbered([pair]), task="change")
    assert change.sample(change.items[0]).image.shape == (2, 1, 256, 256)
    assert [one.name for one in change.classes] == ["unchanged", "changed"]
    with pytest.raises(DataError, match="there must be a mask, boxes"):
        swath.data.from_torchgeo(Numbered([{"image": image}], ["a"]))


class Placed:
    """What torchgeo's datasets with a place are to a caller: an index, and samples by slices of x, y and time."""

    def __init__(self, path: Path) -> None:
        import geopandas as gpd
        import pandas as pd
        import shapely

        self.path = path
        with rasterio.open(path) as dataset:
            self.crs: CRS = dataset.crs
            self.res = dataset.res
            box = shapely.box(*dataset.bounds)
        when = pd.IntervalIndex.from_tuples([(pd.Timestamp("2022-01-01"), pd.Timestamp("2022-02-01"))])
        self.index = gpd.GeoDataFrame(geometry=[box], index=when, crs=self.crs.to_wkt())
        self.classes = ["low", "high"]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, query: tuple[slice, slice, slice]) -> dict[str, Any]:
        x, y, _ = query
        with rasterio.open(self.path) as dataset:
            window = dataset.window(x.start, y.start, x.stop, y.stop).round_offsets().round_lengths()
            values = torch.from_numpy(dataset.read(window=window).astype(np.float32))
        return {"image": values, "mask": (values[0] > 100).long(), "crs": self.crs, "bounds": query}


def test_a_dataset_with_a_place_is_cut_into_chips(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swath.data.torchgeo.CHIP", 100)
    source = Placed(shared_data / "agrifieldnet/source/02248/B02.tif")
    data = swath.data.from_torchgeo(source)
    assert len(data) == 9
    assert {item.place for item in data.items} == {"00000"}
    with rasterio.open(source.path) as dataset:
        whole, affine = dataset.read(), dataset.transform
    for item in data.items:
        y, x = (int(word) for word in item.name.split("/")[1].split("-"))
        sample = data.sample(item)
        np.testing.assert_array_equal(sample.image[0], whole[:, y : y + 100, x : x + 100])
        np.testing.assert_array_equal(sample.target, whole[0, y : y + 100, x : x + 100] > 100)
        assert data.scene(item).grid.affine.almost_equals(affine * Affine.translation(x, y))


def test_trees_are_those_of_the_table(shared_data: Path) -> None:
    name, boxes = next(iter(trees(shared_data).items()))
    image = picture(shared_data / "neon_trees/images" / name)
    sample = {"image": image, "boxes": torch.from_numpy(boxes), "labels": torch.zeros(len(boxes), dtype=torch.long)}
    data = swath.data.from_torchgeo(Numbered([sample], ["Tree"]))
    found = data.sample(data.items[0]).target
    assert isinstance(found, Boxes)
    np.testing.assert_array_equal(found.corners, boxes)
