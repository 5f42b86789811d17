"""Classes of whole images: several at once, from radar and light side by side, and weights that come with Swath."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

import swath
import swath.data
from swath.models import Model, find
from swath.tasks import trained_task
from swath.train.cards import draft
from swath.train.recipe import recipe
from swath.train.sets import open_set

from .making import QUICK

NARROW: dict[str, Any] = {"encoder": "resnet10t", "options": {"channels": [8, 16, 16, 16]}}
SIDE = 64
BANDS = ["VV", "VH", "B02", "B04", "B08", "B11"]

BOTH = """
name: s1-s2
title: Sentinel-1 and Sentinel-2 side by side
kind: derived
default_level: stack
sources: [a stack of our own]
bands:
  - {name: VV, polarisation: VV, units: db, gsd: 10}
  - {name: VH, polarisation: VH, units: db, gsd: 10}
  - {name: B02, wavelength: [459, 492, 525], common_name: blue, gsd: 10}
  - {name: B04, wavelength: [649, 665, 680], common_name: red, gsd: 10}
  - {name: B08, wavelength: [780, 833, 886], common_name: nir, gsd: 10}
  - {name: B11, wavelength: [1569, 1610, 1660], common_name: swir16, gsd: 10}
levels:
  stack: {title: "power in dB, then reflectance", units: reflectance, scale: 0.0001}
"""


@pytest.fixture(scope="module")
def both(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Chips of radar and light of one flood by class, the file that says what their bands are, and the whole scene."""
    root = tmp_path_factory.mktemp("both")
    flood = shared_data / "sen1floods11"
    with (
        rasterio.open(flood / "S1" / "Spain_7370579_S1Hand.tif") as radar,
        rasterio.open(flood / "S2" / "Spain_7370579_S2Hand.tif") as light,
        rasterio.open(flood / "Labels" / "Spain_7370579_LabelHand.tif") as label,
    ):
        values = np.concatenate([radar.read(), light.read([2, 4, 8, 12]).astype(np.float32)])
        wet, profile = label.read(1) == 1, light.profile | {"count": 6, "dtype": "float32", "nodata": None}
        for row in range(0, 512, SIDE):
            for column in range(0, 512, SIDE):
                here = np.s_[row : row + SIDE, column : column + SIDE]
                name = "flooded" if wet[here].mean() > 0.25 else "dry"
                (root / "chips" / name).mkdir(parents=True, exist_ok=True)
                placed = {"transform": light.window_transform(Window(column, row, SIDE, SIDE))}
                size = {"width": SIDE, "height": SIDE}
                with rasterio.open(
                    root / "chips" / name / f"{row}_{column}.tif", "w", **profile | size | placed
                ) as out:
                    out.write(values[:, *here])
        with rasterio.open(root / "scene.tif", "w", **profile) as out:
            out.write(values)
    (root / "s1-s2.yaml").write_text(BOTH)
    return root / "chips", root / "s1-s2.yaml", root / "scene.tif"


def test_radar_and_light_are_one_sample(both: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """As for Local Climate Zones: the bands of both sensors in one image, one class for it."""
    chips, sensor, whole = both
    said = {**QUICK, "network": "timm", "options": NARROW, "crop": SIDE, "batch": 8, "steps": 150, "average": 0.8}
    report = swath.train(
        chips, task="classification", sensor=str(sensor), bands=BANDS, out=tmp_path / "zones.swath", **said
    )
    model = swath.load(str(report.model))
    bands = model.card.inputs[0].bands
    assert [band.polarisation for band in bands[:2]] == ["VV", "VH"]
    assert [band.units for band in bands] == ["db", "db", *["reflectance"] * 4]
    assert model.card.tile.size == SIDE, "an answer is of as much ground as it was learnt from"
    scene = swath.open(whole, sensor=str(sensor), bands=BANDS)
    product = swath.predict(scene, model, precision="float32", device="cpu")
    assert product.shape == (512 // SIDE, 512 // SIDE)
    found = swath.evaluate(
        model, swath.data.open(chips, task="classification", sensor=str(sensor), bands=BANDS), split="all", worst=0
    )
    assert found["accuracy"] > 0.65, "a flood is dark to the radar"


def test_first_weights_are_made_for_the_bands_of_a_set(both: tuple[Path, Path, Path], tmp_path: Path) -> None:
    from safetensors.torch import save_file

    chips, sensor, _ = both
    theirs = find("timm").build(classes=5, **NARROW)
    save_file(
        {key: tensor.contiguous() for key, tensor in theirs.state_dict().items()}, tmp_path / "theirs.safetensors"
    )
    options = {**NARROW, "encoder_weights": str(tmp_path / "theirs.safetensors")}
    said = {**QUICK, "network": "timm", "options": options, "crop": SIDE, "batch": 2, "steps": 1, "lr": 1e-9}
    report = swath.train(
        chips, task="classification", sensor=str(sensor), bands=BANDS, out=tmp_path / "mine.swath", **said
    )
    red, _, blue = theirs.state_dict()["conv1.0.weight"].unbind(1)
    first = swath.load(str(report.model)).network.state_dict()["conv1.0.weight"]
    # Blue lies at 492 nm here, within 3 % of the way to green; what is beyond red, radar too, takes red's filter.
    torch.testing.assert_close(first[:, 3], red * 3 / 6, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(first[:, 0], red * 3 / 6, atol=1e-5, rtol=1e-3)
    assert (first[:, 2] - blue * 3 / 6).abs().mean() < (first[:, 2] - red * 3 / 6).abs().mean() / 5


@dataclass(frozen=True)
class Several:
    """Which classes hold for an image, 0 or 1 each."""

    holds: tuple[int, ...]
    files: tuple[Path, ...] = ()

    def read(self, grid: Any, window: Any) -> NDArray[np.float32]:
        return np.array(self.holds, np.float32)

    def counts(self, grid: Any) -> dict[int, int]:
        return {position: 1 for position, one in enumerate(self.holds) if one}


def test_several_classes_may_hold_at_once(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scenes"
    for name in ("Forest", "River", "SeaLake"):
        (folder / name).mkdir(parents=True)
        for image in sorted((shared_data / "eurosat_rgb" / name).glob("*.jpg"))[:8]:
            shutil.copy(image, folder / name / image.name)
    made = recipe({"network": "timm", "options": NARROW, "sets": [{"folder": str(folder), "gsd": 10.0}], "crop": 64})
    one = open_set(made.sets[0], None, 0)
    # River has both: forest along it, and water.
    holds = {"Forest": (1, 0, 0), "River": (1, 1, 0), "SeaLake": (0, 1, 1)}
    items = tuple(replace(item, label=Several(holds[item.name.partition("/")[0]])) for item in one.dataset.items)
    several = replace(one, dataset=replace(one.dataset, items=items))
    card = draft(several, made)
    assert card.output.activation == "sigmoid"
    assert draft(one, made).output.activation == "softmax"
    torch.manual_seed(0)
    model = Model.build("timm", card=card, **NARROW)
    task = trained_task(card)
    samples = [several.dataset.sample(item) for item in several.dataset.items]
    x = model.normalise(np.stack([one.image for one in samples]), np.stack([one.valid for one in samples]))[:, 0]
    targets = task.targets(samples)
    assert targets.shape == (24, 3)
    learner = torch.optim.AdamW(model.network.parameters(), lr=0.01)
    model.network.train()
    for _ in range(25):
        loss = task.loss(model.network(x), targets)
        learner.zero_grad()
        loss.backward()
        learner.step()
    model.network.eval()
    metrics = task.metrics(card)
    with torch.inference_mode():
        metrics.update(task.activate(model.network(x)), targets)
    assert metrics.compute()["mean_f1"] > 0.8
