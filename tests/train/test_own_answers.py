"""Networks for change with answers of their own, from labels to shapes: levels of damage, dates without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

import swath
from swath.predict.areas import cell_areas

from .making import BANDS, QUICK, SAID, SENSOR, SIDE

LEVELS = ["background", "no damage", "minor damage", "major damage", "destroyed"]
LAND = ["other", "green"]
SPLIT = {"val": ["tile_1_0"], "test": ["tile_1_1"]}
MAMBA: dict[str, Any] = {"width": 8, "depths": [1, 1, 1, 1], "hidden": 8}
BUILDING: dict[str, dict[str, Any]] = {
    "rsbuilding": {
        "width": 32,
        "depth": 2,
        "heads": 4,
        "whole": [1],
        "image_size": 64,
        "decoder_width": 32,
    },
    "rsbuilding-swin-t": {
        "width": 8,
        "depth": [2, 1, 1, 1],
        "heads": [1, 2, 4, 8],
        "window": 4,
        "decoder_width": 32,
    },
}


def ndvi(pixels: NDArray[Any]) -> NDArray[np.float64]:
    red, near = pixels[2:].astype(float)
    return (near - red) / (near + red)


@pytest.fixture(scope="module")
def folders(own_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`damage` with what was lost of the green in five levels; `land` with classes of the first or the second date."""
    root = tmp_path_factory.mktemp("own")
    with rasterio.open(own_data / "paris_2015.tif") as before, rasterio.open(own_data / "paris_2018.tif") as after:
        for row in range(2):
            for column in range(4):
                window = Window(column * SIDE, row * SIDE, SIDE, SIDE)
                old, new = before.read(window=window), after.read(window=window)
                lost = np.digitize(ndvi(old) - ndvi(new), [-0.1, 0.0, 0.05, 0.1])
                land = {"labelA": ndvi(old) > 0.3, "labelB": ndvi(new) > 0.3}
                labels = {"damage/label": lost, **{f"land/{role}": green for role, green in land.items()}}
                if column != 1:  # of the other columns each lacks a date
                    del labels["land/labelA" if column == 0 else "land/labelB"]
                pairs = {
                    f"{part}/{role}": pixels
                    for part in ("damage", "land")
                    for role, pixels in zip("AB", (old, new), strict=True)
                }
                where = {"crs": after.crs, "transform": after.window_transform(window), "width": SIDE, "height": SIDE}
                for path, pixels in (
                    pairs | {path: one[None].astype(np.uint8) for path, one in labels.items()}
                ).items():
                    (root / path).mkdir(parents=True, exist_ok=True)
                    shape = {**where, "count": len(pixels), "dtype": pixels.dtype.name}
                    with rasterio.open(root / path / f"tile_{row}_{column}.tif", "w", driver="GTiff", **shape) as out:
                        out.write(pixels)
    return root


@pytest.fixture(scope="module")
def scene(own_data: Path) -> swath.Scene:
    pair = (own_data / f"paris_{year}.tif" for year in (2015, 2018))
    return swath.open(*pair, sensor=SENSOR, bands=BANDS).select(window=np.s_[:96, :80])


def test_levels_of_damage_reach_the_shapes(folders: Path, scene: swath.Scene, tmp_path: Path) -> None:
    said = {**QUICK, **SAID, **SPLIT, "network": "mambabda", "options": MAMBA, "validations": 1}
    made = swath.train(folders / "damage", task="change", classes=LEVELS, out=tmp_path / "a.swath", steps=2, **said)
    model = swath.load(str(made.model))
    assert [one.name for one in model.card.output.classes] == LEVELS
    assert model.network.get_parameter("main_clf.weight").shape[0] == len(LEVELS)
    product = swath.predict(scene, model, precision="float32")
    areas = product.areas()
    assert list(areas) == LEVELS
    cells = cell_areas(scene.grid)
    assert cells is not None
    assert sum(areas.values()) == pytest.approx(cells.sum() * 80 / 1e4)
    shapes = gpd.read_file(product.vectors(tmp_path / "a.gpkg"))
    for number, name in enumerate(LEVELS):
        assert shapes[shapes["name"] == name]["area_m2"].sum() / 1e4 == pytest.approx(areas[name], rel=1e-6)
        assert set(shapes[shapes["name"] == name]["class"]) <= {number}


@pytest.mark.parametrize("network", BUILDING)
def test_dates_without_labels_are_learnt_around(
    folders: Path, scene: swath.Scene, tmp_path: Path, network: str
) -> None:
    said = {**QUICK, **SAID, **SPLIT, "network": network, "options": BUILDING[network], "validations": 1}
    made = swath.train(folders / "land", classes=LAND, out=tmp_path / "a.swath", steps=2, **said)
    card = swath.load(str(made.model)).card
    assert (card.task, [one.name for one in card.output.classes]) == ("semantic-change", LAND)
    assert any(note.startswith("RSBuilding: held against the code of the release") for note in card.notes)
    # In the tile that chooses the weights the second date alone is labelled: classes have scores, change has none.
    scores = {score.metric: score.value for score in card.scores}
    assert "classes/accuracy" in scores
    product = swath.predict(scene, str(made.model), precision="float32", threshold=0.2)
    table = product.transitions()
    shapes = gpd.read_file(product.vectors(tmp_path / "a.gpkg"))
    for old in LAND:
        for new in LAND:
            told = shapes[(shapes["from"] == old) & (shapes["to"] == new)]["area_m2"].sum() / 1e4
            if old != new:
                assert told == pytest.approx(table.loc[old, new], rel=1e-6)
    assert float(table.to_numpy().sum()) == pytest.approx(sum(product.areas().values()))
