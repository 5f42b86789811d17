"""Classifiers that come with Swath: small, scored on blocks unseen, and maps of whole scenes that make sense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import swath
from swath.models import find, registry

SHIPPED = [name for name in ("eurosat-rgb", "ucm") if find(name).weights is not None]
SENSOR = "sentinel-2-l1c@pre-04.00"
BANDS = ["B02", "B03", "B04", "B08"]
SIDE = 64
MOST_BYTES = 6_000_000


@pytest.mark.parametrize("name", SHIPPED)
def test_it_is_small_and_its_card_says_how_far_to_trust_it(name: str) -> None:
    file = find(name).weights
    assert file is not None
    assert file.stat().st_size <= MOST_BYTES
    card = registry.card_of(name)
    accuracy = next(one for one in card.scores if one.metric == "accuracy")
    assert accuracy.interval is not None
    assert accuracy.interval[0] < accuracy.value < accuracy.interval[1]
    assert accuracy.data.endswith("test")
    assert any("blocks of consecutive numbers" in note for note in card.notes)
    assert card.tile.size == {"eurosat-rgb": 64, "ucm": 256}[name]
    assert len(card.output.classes) == {"eurosat-rgb": 10, "ucm": 21}[name]


def test_a_whole_scene_becomes_a_coarse_map(shared_data: Path) -> None:
    """Pisa from Sentinel-2: where the town is said to be, less grows than where fields are."""
    scene = swath.open(shared_data / "oscd_s2_4band" / "pisa_t1.tif", sensor=SENSOR, bands=BANDS)
    product = swath.predict(scene, "eurosat-rgb", gsd="native", precision="float32", device="cpu")
    height, width = scene.shape[2:]
    assert product.shape == (-(-height // SIDE), -(-width // SIDE))
    rows, columns = height // SIDE, width // SIDE
    said = product.read()[0][0][:rows, :columns]
    value = {name: number for number, name in product.classes.items()}
    red, infrared = (
        scene.read()[0][0, band, : rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE).mean(axis=(1, 3))
        for band in (2, 3)
    )
    grows = (infrared - red) / (infrared + red)
    town = np.isin(said, [value["Residential"], value["Industrial"]])
    fields = np.isin(said, [value["AnnualCrop"], value["PermanentCrop"]])
    assert town.sum() > 10
    assert fields.sum() > 10
    assert np.median(grows[town]) < np.median(grows[fields]) - 0.1
    assert not (said == value["SeaLake"]).any(), "there is no sea in this scene"
