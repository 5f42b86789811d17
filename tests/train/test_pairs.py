"""Networks for change take the two dates as two arguments, learn by their own loss, and predict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import swath
from swath.models import names

from .making import QUICK, SAID, tiles

SPLIT: dict[str, Any] = {"val": ["tile_0_*"], "test": ["tile_3_*"]}


@pytest.fixture(scope="module")
def pairs(own_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiles(own_data, tmp_path_factory.mktemp("pairs") / "grown", changed=True)


@pytest.mark.parametrize("network", ["fc-ef", "sgsln-128"])
def test_a_network_for_pairs_is_trained(pairs: Path, own_data: Path, tmp_path: Path, network: str) -> None:
    assert network in names("change")
    said = {**QUICK, "network": network, "options": {}, "validations": 1, "steps": 1}
    report = swath.train(pairs, task="change", out=tmp_path / "mine.swath", **said, **SAID, **SPLIT)
    model = swath.load(str(report.model))
    assert model.spec is not None
    assert model.spec.config["in_channels"] == 4
    assert model.card.inputs[0].dates.given == "arguments"
    scene = swath.open(str(own_data / "paris_2015.tif"), str(own_data / "paris_2018.tif"), **SAID)
    assert swath.predict(scene, model, precision="float32").grid == scene.grid
