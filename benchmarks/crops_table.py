"""What series of Sentinel-2 and methods on single pixels are worth for crops and land use, each place held out in turn.

    python benchmarks/crops_table.py slovenia DATA/eolearn_s2_slovenia --methods composite,series,tempcnn,ltae
    python benchmarks/crops_table.py agrifieldnet DATA/agrifieldnet

`slovenia`: NDVI of 1 km² on 47 dates with gaps where clouds were, land use as polygons. The square is cut into 16
blocks of 25 px; a quarter of it (4 blocks) is held out at a time, two of the next quarter choose the weights, the
rest is learnt from; the counts of all four are added up. `composite` is a random forest on the medians of the four
seasons, `series` the same on all dates, gaps filled. `agrifieldnet`: one composite of 12 bands per place, fields of 13
crops, one forest with every crop as often as it occurs and one with crops weighed alike; the test part is split off by
place.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from rasterio.windows import Window, transform

import swath
from swath.data import IGNORE
from swath.models.series._forest import Forest
from swath.tasks.metrics import ClassMetrics
from swath.train.at_once import gathered
from swath.train.begin import begin
from swath.train.cards import draft
from swath.train.evaluate import pooled_of
from swath.train.evaluation.fields import Fields
from swath.train.learner import Skill
from swath.train.recipe import Recipe, SetRecipe
from swath.train.sets import open_set

BLOCK, SIDE = 25, 4
LABELS = {"label_field": "LULC_NAME"}
SEASONS = ["winter", "spring", "summer", "autumn"]
METHODS: dict[str, tuple[str, str, list[str], dict[str, Any]]] = {
    "composite": ("seasons", "random-forest", SEASONS, {}),
    "series": ("series", "random-forest-series", ["NDVI"], {}),
    "tempcnn": ("series", "tempcnn", ["NDVI"], {"options": {"width": 32, "dense": 64}}),
    "ltae": ("series", "ltae", ["NDVI"], {"options": {"width": 64, "inner": 64, "heads": 8, "decoder": [32]}}),
}
SCORES = ("accuracy", "kappa", "mean_f1")
BANDS = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"]


def cut(source: Path, out: Path) -> None:
    """Blocks of dated NDVI, and of medians of seasons, each with the polygons."""
    with (
        rasterio.open(source / "converted/NDVI_68dates.tif") as ndvi,
        rasterio.open(source / "converted/VALID_68dates.tif") as valid,
    ):
        dates = [np.datetime64(text.partition("#")[0]) for text in ndvi.descriptions]
        values = np.where(valid.read() > 0, ndvi.read(), np.nan).astype(np.float32)
        profile = ndvi.profile | {"nodata": np.nan, "dtype": "float32"}
    kept = [at for at, date in enumerate(dates) if np.isfinite(values[at]).mean() >= 0.05 and date not in dates[:at]]
    season = np.array([(dates[at].astype("datetime64[M]").astype(int) + 1) % 12 // 3 for at in kept])
    medians = np.stack([np.nanmedian(values[kept][season == one], axis=0) for one in range(4)])
    layers = {
        "series/{}/NDVI.tif": (values[kept], [str(dates[at]) for at in kept]),
        "seasons/{}/seasons.tif": (medians, SEASONS),
    }
    for name, (pixels, bands) in layers.items():
        for row in range(SIDE):
            for column in range(SIDE):
                bottom = pixels.shape[1] if row == SIDE - 1 else (row + 1) * BLOCK
                window = Window(column * BLOCK, row * BLOCK, BLOCK, bottom - row * BLOCK)
                part = pixels[:, row * BLOCK : bottom, column * BLOCK : (column + 1) * BLOCK]
                path = out / name.format(f"b{row}{column}")
                path.parent.mkdir(parents=True, exist_ok=True)
                said = {"height": part.shape[1], "width": BLOCK, "count": len(part)}
                place = {"transform": transform(window, profile["transform"])}
                with rasterio.open(path, "w", **(profile | said | place)) as file:
                    file.write(part)
                    file.descriptions = bands
    shapes = gpd.read_file(source / "TestEOPatch/vector_timeless/LULC.gpkg")
    for kind in ("series", "seasons"):
        shapes.to_file(out / kind / "lulc.gpkg")


def folds() -> list[tuple[list[str], list[str]]]:
    """Blocks to test on and to choose weights by, for each quarter."""
    quarters = [
        [f"b{2 * down + row}{2 * across + column}/*" for row in (0, 1) for column in (0, 1)]
        for down in (0, 1)
        for across in (0, 1)
    ]
    return [(quarter, quarters[(at + 1) % 4][:3:2]) for at, quarter in enumerate(quarters)]


def slovenia(source: Path, methods: list[str], steps: int) -> None:
    """The table of the first set."""
    print(
        "| method | accuracy | kappa | mean IoU | F1 of each class | minutes |\n| --- | --- | --- | --- | --- | --- |"
    )
    with tempfile.TemporaryDirectory() as folder:
        cut(source, Path(folder))
        for method in methods:
            kind, network, bands, more = METHODS[method]
            said = {"config": {"augment": None}, "accelerator": "cpu", "reach": False, **LABELS, **more}
            if not network.startswith("random"):
                said |= {"steps": steps, "crop": 16, "validations": 5}
            begun, counted = time.perf_counter(), []
            for test, val in folds():
                out = Path(folder) / f"{method}.swath"
                swath.train(
                    Path(folder) / kind, task="segmentation", network=network, bands=bands, val=val, test=test, out=out,
                    overwrite=True, **said,
                )  # fmt: skip
                asked = {"open_with": LABELS | {"bands": bands}, "worst": 0, "bootstrap": 0}
                counted.append(swath.evaluate(out, Path(folder) / kind, **asked).metrics)
            print(row(method, pooled_of(counted), (time.perf_counter() - begun) / 60), flush=True)


def row(method: str, metrics: Any, minutes: float) -> str:
    """A line of the table."""
    found = metrics.compute()
    assert isinstance(metrics, ClassMetrics)
    labelled: NDArray[np.int64] = metrics.confusion.labelled
    classes = ", ".join(
        f"{name} {found[f'f1/{name}']:.2f} ({count:,} px)" for name, count in zip(metrics.names, labelled, strict=True)
    )
    scores = " | ".join(f"{found[key]:.3f}" for key in ("accuracy", "kappa", "mean_iou"))
    return f"| {method} | {scores} | {classes} | {minutes:.1f} |"


def agrifieldnet(source: Path) -> None:
    """The table of the second set: pixels, and fields by vote; only labelled pixels are asked, each by itself."""
    of_set = SetRecipe(folder=str(source), task="segmentation", bands=tuple(BANDS), val=0.1, test=0.3)
    recipe = Recipe(network="random-forest", sets=(of_set,))
    one = open_set(of_set, None, 0)
    fields = Fields("raster_labels=field_ids")
    scores = "accuracy | kappa | mean F1"
    print(f"| crops weigh | {scores}, by pixel | {scores}, by field |\n| --- {'| --- ' * 6}|")
    for weights in ("none", "inverse"):
        recipe = recipe.with_(class_weights=weights)
        skill = Skill.of(one, begin(recipe, [draft(one, recipe)]), recipe)
        forest = skill.model.network
        assert isinstance(forest, Forest)
        learnt = gathered(skill, forest, 0)
        forest.learn(learnt.numbers, learnt.labels, learnt.weights, 0)
        by_pixel, by_field = (skill.task.metrics(skill.card) for _ in range(2))
        for name in one.split.test:
            item = one.dataset[name]
            sample, grid = one.dataset.sample(item), one.dataset.scene(item).grid
            targets = skill.task.targets([sample])
            known = targets[0] != IGNORE
            outputs = np.full((len(skill.card.output.classes), *known.shape), np.nan, np.float32)
            numbers = skill.answer(forest.numbers, [sample], torch.device("cpu"))
            with torch.inference_mode():
                outputs[:, known.numpy()] = forest.votes(numbers[known.ravel()]).numpy().T
            by_pixel.update(torch.from_numpy(outputs[None]), targets)
            voted = fields.of(item, grid)
            voted.add(np.s_[0 : known.shape[0], 0 : known.shape[1]], outputs, targets[0].numpy())
            voted.count(by_field)
        told = [f"{found[key]:.3f}" for found in (by_pixel.compute(), by_field.compute()) for key in SCORES]
        print(f"| {weights} | {' | '.join(told)} |", flush=True)
        for kind, metrics in (("pixels", by_pixel), ("fields", by_field)):
            assert isinstance(metrics, ClassMetrics)
            counts, found = metrics.confusion.labelled, metrics.compute()
            most = counts.max() / counts.sum()
            told = [
                f"{name} {found[f'f1/{name}']:.2f} ({count:,})"
                for name, count in zip(metrics.names, counts, strict=True)
            ]
            print(
                f"  {weights}, {kind}: {', '.join(told)}; always the commonest would be right on {most:.3f}", flush=True
            )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=["slovenia", "agrifieldnet"])
    parser.add_argument("source", type=Path)
    parser.add_argument("--methods", default="composite,series")
    parser.add_argument("--steps", type=int, default=300, help="of training per quarter, of networks")
    told = parser.parse_args()
    if told.which == "slovenia":
        slovenia(told.source, told.methods.split(","), told.steps)
    else:
        agrifieldnet(told.source)


if __name__ == "__main__":
    main()
