"""Semantic change from labels to scores: what is learnt, what the scores count, and a map that tells from and to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

import swath
from swath.data import IGNORE
from swath.train.report import TrainReport

from .making import BANDS, QUICK, SAID, SENSOR, SIDE

NAMES = ["bare", "mixed", "green"]
SPLIT = {"val": ["tile_0_*"], "test": ["tile_3_*"]}


@pytest.fixture(scope="module")
def folder(own_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen tiles of two dates in `A`, `B`, with the land of each by NDVI in `labelA`, `labelB`."""
    root = tmp_path_factory.mktemp("labels") / "land"
    for role, label, year in (("A", "labelA", 2015), ("B", "labelB", 2018)):
        (root / role).mkdir(parents=True)
        (root / label).mkdir()
        with rasterio.open(own_data / f"paris_{year}.tif") as scene:
            for row in range(4):
                for column in range(4):
                    window = Window(column * SIDE, row * SIDE, SIDE, SIDE)
                    values = scene.read(window=window)
                    where = {"crs": scene.crs, "transform": scene.window_transform(window)}
                    red, near = values[2:].astype(float)
                    land = np.digitize((near - red) / (near + red), [0.1, 0.3]).astype(np.uint8)
                    for part, pixels in ((role, values), (label, land[None])):
                        shape = {"count": len(pixels), "height": SIDE, "width": SIDE, "dtype": pixels.dtype.name}
                        path = root / part / f"tile_{row}_{column}.tif"
                        with rasterio.open(path, "w", driver="GTiff", **shape, **where) as out:
                            out.write(pixels)
    return root


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainReport:
    out = tmp_path_factory.mktemp("trained") / "land.swath"
    return swath.train(folder, out=out, steps=12, lr=3e-3, classes=NAMES, average=0.0, **QUICK, **SAID, **SPLIT)


def test_it_learns_both_dates(trained: TrainReport) -> None:
    card = swath.load(str(trained.model)).card
    assert (card.task, card.output.kind) == ("semantic-change", "semantic-change")
    assert [label.name for label in card.output.classes] == NAMES
    rows = (trained.folder / "curves.csv").read_text().splitlines()
    head = rows[0].split(",")
    losses = [float(row.split(",")[head.index("loss")]) for row in rows[1:]]
    assert losses[-1] < losses[0]
    scores = {score.metric: score.value for score in card.scores}
    assert scores["classes/accuracy"] > 1 / len(NAMES)


def test_scores_are_of_change_and_of_classes(trained: TrainReport, folder: Path) -> None:
    found = swath.evaluate(trained.model, folder, open_with={**SAID, "classes": NAMES}, bootstrap=20)
    assert len(found.scenes) == 4
    # Counted again, tile by tile, from the maps that `predict` writes.
    data = swath.data.open(folder, classes=NAMES, **SAID)
    right = total = 0
    for scene in found.scenes:
        item = data[scene.name]
        product = swath.predict(data.scene(item), str(trained.model), precision="float32")
        target = data.sample(item).target
        assert isinstance(target, np.ndarray)
        for key, labelled in (("from", target[1]), ("to", target[2])):
            answer = product.read(key=key)[0][0]
            right += int((answer == labelled)[labelled != IGNORE].sum())
            total += int((labelled != IGNORE).sum())
    assert found.pooled["classes/accuracy"] == pytest.approx(right / total, abs=1e-6)
    assert "change/iou" in found.intervals


def test_classes_in_another_order_score_the_same(trained: TrainReport, folder: Path) -> None:
    said = {**SAID, "classes": {2: "green", 0: "bare", 1: "mixed"}}
    options = {"bootstrap": 0, "worst": 0}
    one = swath.evaluate(trained.model, folder, open_with={**SAID, "classes": NAMES}, **options)
    other = swath.evaluate(trained.model, folder, open_with=said, **options)
    assert one.pooled == other.pooled
    same = {name: name for name in NAMES[:2]}
    without = swath.evaluate(trained.model, folder, open_with=said, match_classes={**same, "green": None}, **options)
    # A class that does not count leaves whether there is change as it was.
    assert without.pooled["change/iou"] == one.pooled["change/iou"]
    assert without.pooled["classes/accuracy"] != one.pooled["classes/accuracy"]


def test_a_map_tells_from_and_to(trained: TrainReport, own_data: Path, tmp_path: Path) -> None:
    scene = swath.open(*(str(own_data / f"paris_{year}.tif") for year in (2015, 2018)), sensor=SENSOR, bands=BANDS)
    product = swath.predict(scene, str(trained.model), out=tmp_path / "map.tif", precision="float32")
    assert {"", "from", "to"} <= set(product.files)
    assert set(np.unique(product.read(key="from")[0])) <= {0, 1, 2, 255}
