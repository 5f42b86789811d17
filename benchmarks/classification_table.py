"""Networks for scene classification under one recipe, as Markdown tables: same places, augmentation, steps, seeds.

    python benchmarks/classification_table.py [--data FOLDER] [--networks NAME,...] [--sets NAME,...] [--steps N]
        [--batch N] [--lr RATE] [--seeds N] [--folder DIR] [-o TABLE.md]

The sets, their held-out blocks, crops and augmentation are those of `recipes/eurosat-rgb.yaml` and `recipes/ucm.yaml`.
Each network learns each set alone, from random weights, `--seeds` times; `timm:NAME` is an encoder of timm. It is
scored on images of blocks that it never saw; images of all seeds are pooled, and in brackets is the 95 % interval.
What is trained already in `--folder` is not trained again. The second table tells what a network costs: parameters,
multiply-adds of one image as the network sees it (of convolutions, matrix products and attention; scans are not
counted), and images per second on this processor in float32, in batches of 32.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

import swath
from stsun_table import cell, recipe_of_file, scored
from swath.errors import SwathError
from swath.models import load
from swath.models.calling import call_network
from swath.train.evaluate import Evaluation
from swath.train.evaluation.intervals import intervals
from swath.train.recipe import Recipe

ROOT = Path(__file__).parent.parent
NETWORKS = ("eurosat-rgb", "timm:resnet18", "lwganet-l0", "rsmamba-b")
SETS = ("eurosat-rgb", "ucm")
DRAWS = 2000
SHARED = ("data", "sets", "crop", "resize", "augment", "batch", "lr", "weight_decay", "warm_up", "smoothing")


def trained(name: str, recipe: Recipe, asked: argparse.Namespace, seed: int) -> Path:
    """The file of a network that learnt a set; trained now if it is not there."""
    network, _, encoder = name.partition(":")
    out = Path(asked.folder) / f"{name.replace(':', '-')}-{recipe.name}-{asked.steps}-{seed}.swath"
    if not out.is_file():
        out.parent.mkdir(parents=True, exist_ok=True)
        config: dict[str, Any] = {key: getattr(recipe, key) for key in SHARED if key in recipe.model_fields_set}
        config |= {"network": network, "options": {"encoder": encoder} if encoder else {}, "validations": 3}
        config |= {key: value for key in ("batch", "lr") if (value := getattr(asked, key)) is not None}
        swath.train(config=config, out=out, steps=asked.steps, seed=seed)
    return out


def row(name: str, recipe: Recipe, asked: argparse.Namespace) -> str:
    """Accuracy and F1 of a network on a set."""
    begun, found, one = time.perf_counter(), list[Evaluation](), recipe.sets[0]
    for seed in range(asked.seeds):
        out = trained(name, recipe, asked, seed)
        found.append(scored(str(out), one, recipe, out.with_suffix(".train") / f"{one.skill}.split.json"))
    scenes = [scene.metrics for evaluation in found for scene in evaluation.scenes]
    pooled = scenes[0].of_row(np.sum([scene.row() for scene in scenes], axis=0)).compute()
    bounds = intervals(scenes, DRAWS, 0)
    told = [cell(pooled, bounds, metric) for metric in ("accuracy", "mean_f1", "ece")]
    return f"| {name} | {recipe.name} | {' | '.join(told)} | {(time.perf_counter() - begun) / 60:.1f} |"


def cost(file: Path) -> tuple[float, float, float]:
    """Parameters, multiply-adds of an image, images per second."""
    model = load(str(file))
    given = model.card.inputs[0]
    side = given.resize or model.card.tile.size

    def run(images: int) -> float:
        x = torch.zeros(images, 1, len(given.bands), side, side)
        begun = time.perf_counter()
        call_network(model.network, model.card, [x], {})
        return time.perf_counter() - begun

    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            run(1)
        speed = 32 / min(run(32) for _ in range(3))
    return float(sum(weight.numel() for weight in model.network.parameters())), counter.get_total_flops() / 2, speed


def main() -> None:
    """Train what is missing, score, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="$SWATH_TEST_DATA/data", help="folder of the sets")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--sets", default=",".join(SETS), help="names of recipes")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=None, help="as in the recipe unless said")
    parser.add_argument("--lr", type=float, default=None, help="as in the recipe unless said")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--folder", default="classification_table")
    parser.add_argument("-o", "--out", type=Path, default=None)
    asked = parser.parse_args()
    recipes = [recipe_of_file(ROOT / "recipes" / f"{name}.yaml", asked.data) for name in asked.sets.split(",")]
    lines = ["| network | set | accuracy | mean F1 | calibration error | min |", f"|{' --- |' * 6}"]
    for recipe in recipes:
        for name in asked.networks.split(","):
            lines.append(row(name, recipe, asked))
            print(lines[-1], flush=True)
    lines += ["", "| network | set | parameters, M | GMAC | images/s |", f"|{' --- |' * 5}"]
    for recipe in recipes:
        for name in asked.networks.split(","):
            parameters, macs, speed = cost(trained(name, recipe, asked, 0))
            lines.append(f"| {name} | {recipe.name} | {parameters / 1e6:.2f} | {macs / 1e9:.3f} | {speed:.0f} |")
            print(lines[-1], flush=True)
    if asked.out is not None:
        asked.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except SwathError as error:
        raise SystemExit(f"error: {error}") from error
