"""Networks for change under one recipe, as Markdown tables: same places, crops, augmentation, seen pixels, seeds.

    python benchmarks/change_table.py [--data FOLDER] [--networks NAME,...] [--sets NAME,...] [--steps N] [--crop PX]
        [--batch N] [--lr RATE] [--seeds N] [--folder DIR] [-o TABLE.md]
    python benchmarks/change_table.py --set FOLDER,LAYOUT ...      a set of one's own, in a published layout

The sets are the ones of `recipes/stsun-tiny-nc.yaml` that are labelled for change, with its places held out. Each
network is trained on each set alone, from random weights, `--seeds` times, and scored on whole scenes that it never
saw; scenes of all seeds are pooled, and in brackets is the 95 % interval over them. What is trained already in
`--folder` is not trained again. The second table tells what a network costs: parameters; multiply-adds of a pair of
256 x 256 px (of convolutions, matrix products and attention; scans are not counted); megapixels of one date per second
on this processor in float32 and in bfloat16; and how far memory rises for a pair of `--large` px.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
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
from swath.train.recipe import Recipe, SetRecipe

ROOT = Path(__file__).parent.parent
NETWORKS = ("unet", "fc-ef", "fc-siam-conc", "fc-siam-diff", "stsun-tiny")
DRAWS = 2000


def trained(name: str, one: SetRecipe, recipe: Recipe, asked: argparse.Namespace, seed: int) -> Path:
    """The file of a network that learnt a set; trained now if it is not there."""
    out = Path(asked.folder) / f"{name}-{one.skill}-{asked.steps}x{asked.batch}x{asked.crop}-{seed}.swath"
    if not out.is_file():
        out.parent.mkdir(parents=True, exist_ok=True)
        said: dict[str, Any] = {"batch": asked.batch, "crop": asked.crop, "lr": asked.lr, "seed": seed, "reach": False}
        config = {"network": name, "sets": [one], "augment": recipe.augment, "data": recipe.data, "validations": 3}
        swath.train(config=config, out=out, steps=asked.steps, **said)
    return out


def row(name: str, one: SetRecipe, recipe: Recipe, asked: argparse.Namespace) -> str:
    """F1 and IoU of a network on a set."""
    begun, found = time.perf_counter(), list[Evaluation]()
    for seed in range(asked.seeds):
        out = trained(name, one, recipe, asked, seed)
        split = out.with_suffix(".train") / f"{one.skill}.split.json"
        found.append(scored(str(out), one, recipe, split))
    scenes = [scene.metrics for evaluation in found for scene in evaluation.scenes]
    pooled = scenes[0].of_row(np.sum([scene.row() for scene in scenes], axis=0)).compute()
    bounds = intervals(scenes, DRAWS, 0)
    told = [cell(pooled, bounds, metric) for metric in ("f1", "iou", "precision", "recall")]
    return f"| {name} | {one.skill} | {' | '.join(told)} | {(time.perf_counter() - begun) / 60:.1f} |"


def cost(file: Path, large: int) -> dict[str, float]:
    """What a trained network costs; in a process of its own, so that its memory is its own."""
    said = [sys.executable, __file__, "--cost", str(file), "--large", str(large)]
    done = subprocess.run(said, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(file: Path, large: int) -> dict[str, float]:
    """The numbers of `cost`, made in this process."""
    model = load(str(file))
    network, card = model.network.eval(), model.card
    bands = len(card.inputs[0].bands)
    about = {
        "wavelengths": torch.linspace(490.0, 665.0, bands),
        "days": torch.tensor([0.0, 365.0]),
        "gsd": 1.0,
    }

    def run(side: int) -> float:
        x = torch.zeros(1, 2, bands, side, side)
        begun = time.perf_counter()
        call_network(network, card, [x], about)
        return time.perf_counter() - begun

    found = {"parameters": float(sum(weight.numel() for weight in network.parameters()))}
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            run(256)
        found["multiply-adds"] = counter.get_total_flops() / 2
        found["float32"] = 512**2 / 1e6 / min(run(512) for _ in range(3))
        with torch.autocast("cpu", torch.bfloat16):
            found["bfloat16"] = 512**2 / 1e6 / min(run(512) for _ in range(3))
        before = _peak()
        run(large)
        found["memory"] = _peak() - before
    return found


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def chosen(asked: argparse.Namespace) -> tuple[Recipe, list[SetRecipe]]:
    """The recipe whose sets are learnt, and these."""
    recipe = recipe_of_file(ROOT / "recipes" / "stsun-tiny-nc.yaml", asked.data)
    if asked.set is not None:
        folder, _, layout = asked.set.partition(",")
        one = SetRecipe(folder=str(Path(folder).resolve()), layout=layout or None, task="change", skill="own")
        return recipe, [one]
    sets = [one for one in recipe.sets if one.task == "change"]
    return recipe, [one for one in sets if asked.sets is None or one.skill in asked.sets.split(",")]


def main() -> None:
    """Train what is missing, score, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="$SWATH_TEST_DATA/data", help="folder of the sets")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--sets", default=None, help="skills of the recipe, comma-separated; all unless said")
    parser.add_argument("--set", default=None, help="FOLDER or FOLDER,LAYOUT of one's own")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--folder", default="change_table")
    parser.add_argument("--large", type=int, default=1024)
    parser.add_argument("--cost", default=None, help=argparse.SUPPRESS)
    parser.add_argument("-o", "--out", type=Path, default=None)
    asked = parser.parse_args()
    if asked.cost is not None:
        print(json.dumps(measured(Path(asked.cost), asked.large)))
        return
    recipe, sets = chosen(asked)
    lines = ["| network | set | F1 | IoU | precision | recall | min |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for one in sets:
        for name in asked.networks.split(","):
            lines.append(row(name, one, recipe, asked))
            print(lines[-1], flush=True)
    lines += [
        "",
        "| network | parameters, M | GMAC | Mpx/s float32 | Mpx/s bfloat16 | MB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in asked.networks.split(","):
        found = cost(trained(name, sets[0], recipe, asked, 0), asked.large)
        told = [f"{found['parameters'] / 1e6:.2f}", f"{found['multiply-adds'] / 1e9:.1f}"]
        told += [f"{found[key]:.2f}" for key in ("float32", "bfloat16")] + [f"{found['memory']:.0f}"]
        lines.append(f"| {name} | {' | '.join(told)} |")
        print(lines[-1], flush=True)
    if asked.out is not None:
        asked.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except SwathError as error:
        raise SystemExit(f"error: {error}") from error
