"""What tables of networks under one recipe share: each learns a set alone, is scored on unseen places, has its cost."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

import swath
from stsun_table import ROOT, cell, recipe_of_file, scored
from swath.errors import SwathError
from swath.models import load
from swath.models.calling import call_network
from swath.models.card import Task
from swath.train.evaluate import Evaluation
from swath.train.evaluation.intervals import intervals, single_classes, units
from swath.train.recipe import Recipe, SetRecipe

DRAWS = 2000
_SHARED = ("data", "crop", "resize", "augment", "batch", "lr", "weight_decay", "warm_up", "smoothing")


@dataclass(frozen=True)
class Lesson:
    """A set that each network learns, and the recipe that says how."""

    recipe: Recipe
    one: SetRecipe

    @property
    def name(self) -> str:
        """What the table calls it."""
        return self.one.skill or Path(self.one.folder).name


@dataclass(frozen=True)
class Table:
    """A comparison.

    Attributes:
        about: its docstring, which says how to call it.
        networks: registered names; `timm:NAME` is an encoder of timm.
        scores: metrics and what their columns are called.
        recipes: names of those whose sets are learnt, with their places held out.
        task: that the sets are labelled for.
        given: `batch`, `crop`, `lr` where they are not to be as in the recipes.
        more: sets that no recipe names; they are learnt as those of the first.
    """

    about: str
    networks: Sequence[str]
    scores: Mapping[str, str]
    recipes: Sequence[str]
    task: Task
    given: Mapping[str, Any] = field(default_factory=dict)
    more: Sequence[SetRecipe] = ()

    def main(self) -> None:
        """Train what is missing, score, print the tables."""
        parser = argparse.ArgumentParser(description=self.about, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--data", default="$SWATH_TEST_DATA/data", help="folder of the sets")
        parser.add_argument("--networks", default=",".join(self.networks))
        parser.add_argument("--sets", default=None, help="by their skills in the recipes; all unless said")
        parser.add_argument("--set", default=None, help="FOLDER or FOLDER,LAYOUT of one's own")
        parser.add_argument("--steps", type=int, default=600)
        parser.add_argument("--batch", type=int, default=self.given.get("batch"))
        parser.add_argument("--crop", type=int, default=self.given.get("crop"))
        parser.add_argument("--lr", type=float, default=self.given.get("lr"))
        parser.add_argument("--seeds", type=int, default=1)
        parser.add_argument("--folder", default=Path(sys.argv[0]).stem)
        parser.add_argument("--large", type=int, default=1024)
        parser.add_argument("--cost", default=None, help=argparse.SUPPRESS)
        parser.add_argument("-o", "--out", type=Path, default=None)
        asked = parser.parse_args()
        if asked.cost is not None:
            print(json.dumps(measured(Path(asked.cost), asked.large)))
            return
        try:
            lines = self.lines(asked)
        except SwathError as error:
            raise SystemExit(f"error: {error}") from error
        if asked.out is not None:
            asked.out.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def lessons(self, asked: argparse.Namespace) -> list[Lesson]:
        """The sets that are learnt."""
        recipes = [recipe_of_file(ROOT / "recipes" / f"{name}.yaml", asked.data) for name in self.recipes]
        if asked.set is not None:
            folder, _, layout = asked.set.partition(",")
            own = {"folder": str(Path(folder).resolve()), "layout": layout or None, "task": self.task, "skill": "own"}
            return [Lesson(recipes[0], SetRecipe.model_validate(own))]
        found = [Lesson(recipe, one) for recipe in recipes for one in recipe.sets if one.task == self.task]
        found += [Lesson(recipes[0], one) for one in self.more]
        return [one for one in found if asked.sets is None or one.name in asked.sets.split(",")]

    def lines(self, asked: argparse.Namespace) -> list[str]:
        """Both tables, printed as they come."""
        lessons, names = self.lessons(asked), asked.networks.split(",")
        made: list[str] = []

        def say(*cells: str) -> None:
            made.append(f"| {' | '.join(cells)} |" if cells else "")
            print(made[-1], flush=True)

        def head(*titles: str) -> None:
            say(*titles)
            say(*["---"] * len(titles))

        head("set", "network", *self.scores.values(), "min")
        for lesson in lessons:
            for name in names:
                begun = time.perf_counter()
                found = pooled(name, lesson, asked, self.scores)
                say(lesson.name, f"`{name}`", *found, f"{(time.perf_counter() - begun) / 60:.1f}")
        say()
        head("network", *self.costs(asked))
        for name in names:
            say(f"`{name}`", *self.cost(trained(name, lessons[0], asked, 0), asked))
        return made

    def costs(self, asked: argparse.Namespace) -> Sequence[str]:
        """Titles of what `cost` gives."""
        return "parameters, M", "GMAC", "Mpx/s float32", "Mpx/s bfloat16", f"MB at {asked.large} px"

    def cost(self, file: Path, asked: argparse.Namespace) -> Sequence[str]:
        """What a trained network costs; measured in a process of its own, so that its memory is its own."""
        said = [sys.executable, sys.argv[0], "--cost", str(file), "--large", str(asked.large)]
        done = subprocess.run(said, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        told = [f"{found['parameters'] / 1e6:.2f}", f"{found['multiply-adds'] / 1e9:.1f}"]
        return [*told, *(f"{found[key]:.2f}" for key in ("float32", "bfloat16")), f"{found['memory']:.0f}"]


def trained(name: str, lesson: Lesson, asked: argparse.Namespace, seed: int) -> Path:
    """The file of a network that learnt a set; trained now if it is not there."""
    said = {key: value for key in ("batch", "crop", "lr") if (value := getattr(asked, key)) is not None}
    told = "x".join(str(said[key]) for key in ("batch", "crop") if key in said)
    out = Path(asked.folder) / f"{name.replace(':', '-')}-{lesson.name}-{asked.steps}{told and 'x' + told}-{seed}.swath"
    if not out.is_file():
        out.parent.mkdir(parents=True, exist_ok=True)
        network, _, encoder = name.partition(":")
        config = {key: getattr(lesson.recipe, key) for key in _SHARED if key in lesson.recipe.model_fields_set}
        config |= {"network": network, "options": {"encoder": encoder} if encoder else {}, "sets": [lesson.one]}
        # A run that was killed leaves a model too, which must not count as trained.
        begun = out.with_stem(f"{out.stem}-begun")
        kept = {"validations": 3, "reach": False, "overwrite": True}
        swath.train(config=config | said, out=begun, steps=asked.steps, seed=seed, **kept)
        begun.with_suffix(".train").rename(out.with_suffix(".train"))
        begun.rename(out)
    return out


def pooled(name: str, lesson: Lesson, asked: argparse.Namespace, metrics: Mapping[str, str]) -> list[str]:
    """Scores of a network on a set, of all seeds together, with intervals."""
    found: list[Evaluation] = []
    for seed in range(asked.seeds):
        out = trained(name, lesson, asked, seed)
        split = out.with_suffix(".train") / f"{lesson.name}.split.json"
        found.append(scored(str(out), lesson.one, lesson.recipe, split))
    scenes = [scene.metrics for evaluation in found for scene in evaluation.scenes]
    places = [scene.place for evaluation in found for scene in evaluation.scenes]
    together = scenes[0].of_row(np.sum([scene.row() for scene in scenes], axis=0)).compute()
    bounds = intervals(scenes, DRAWS, 0, places=units(places), kinds=single_classes(scenes))
    # Of several classes, as levels of damage, there is a mean over them.
    return [cell(together, bounds, metric if metric in together else f"mean_{metric}") for metric in metrics]


def measured(file: Path, large: int) -> dict[str, float]:
    """Parameters, multiply-adds, speed and memory of a trained network, in this process."""
    model = load(str(file))
    network, card = model.network.eval(), model.card
    bands, dates = len(card.inputs[0].bands), card.inputs[0].dates.min
    days = torch.linspace(0.0, 365.0, dates)
    about = {"wavelengths": torch.linspace(490.0, 665.0, bands), "days": days, "gsd": 1.0}

    def run(side: int) -> float:
        x = torch.zeros(1, dates, bands, side, side)
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
    """Most memory that this process has held, MB.

    Where the system tells it of the process alone: what `resource` counts begins with what the parent held.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        held = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(held.split()[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
