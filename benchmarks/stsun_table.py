"""How the joint network compares with a U-Net trained on each set alone, as a Markdown table.

    python benchmarks/stsun_table.py JOINT.swath [--data FOLDER] [--only SKILL,...] [-o TABLE.md]

The recipe is the one in the file itself. For each of its sets a network of `recipes/unet-r18-baseline.yaml` is trained,
unless an earlier call left it in `JOINT.baselines/`: on the same places, with the same crops and augmentation, for
as many crops as the joint network got of that set. Both are evaluated on the places that neither has seen; in brackets
is the 95 % interval over places (of fewer than five, over scenes), and the last column has that of the difference.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml

import swath
from swath.models.model import Model
from swath.models.registry import cards_of
from swath.train.batches import Draw
from swath.train.compose import compose
from swath.train.evaluate import Evaluation, evaluate
from swath.train.evaluation.intervals import by_place, draws, units
from swath.train.recipe import Recipe, SetRecipe, read_fields
from swath.train.sets import located

ROOT = Path(__file__).parent.parent
BASELINE = ROOT / "recipes" / "unet-r18-baseline.yaml"
DRAWS = 2000


def recipe_of(joint: Path, data: str) -> Recipe:
    """The recipe that a model was made by."""
    fields = yaml.safe_load(cards_of(joint)[0].recipe or "")
    return compose(None, fields, {"data": data})


def recipe_of_file(path: Path, data: str) -> Recipe:
    """The recipe that a file holds."""
    return compose(None, path, {"data": data})


def check_recipe(trained: Path, recipe: Recipe, now: Recipe) -> None:
    """See that a model was trained by what its recipe says now, where `recipe` is that of the model, adapted.

    Raises:
        SystemExit: it was not.
    """
    if now != recipe:
        raise SystemExit(f"recipes/{recipe.name}.yaml is not what {trained} was trained by; train it again")


def steps_of(joint: Path) -> int:
    """Steps that the joint run made."""
    with joint.with_suffix(".train").joinpath("curves.csv").open(encoding="utf-8") as file:
        return int(float(list(csv.DictReader(file))[-1]["step"]))


def crops_of(recipe: Recipe, steps: int) -> list[int]:
    """Crops that each set got in the joint run."""
    batch = tuple(one.batch or recipe.batch for one in recipe.sets)
    draw = Draw((), tuple(one.weight for one in recipe.sets), (), batch, recipe.seed)
    visits = [draw.set_of(number) for number in range(steps * recipe.accumulate)]
    return [visits.count(position) * crops for position, crops in enumerate(batch)]


def baseline(recipe: Recipe, one: SetRecipe, crops: int, folder: Path) -> Path:
    """The network trained on one set alone; trained now if it is not there yet."""
    out = folder / f"unet-r18-{one.skill}.swath"
    if not out.is_file():
        shared = (
            "data",
            "batch",
            "crop",
            "rare",
            "augment",
            "seed",
            "validations",
            "precision",
            "threshold",
            "warm_up",
            "last_rate",
        )
        said = {key: getattr(recipe, key) for key in shared if key in recipe.model_fields_set}
        said |= {key: own for key in ("batch", "augment") if (own := getattr(one, key)) is not None}
        folder.mkdir(exist_ok=True)
        config = {**read_fields(BASELINE), "sets": [one]}
        report = swath.train(config=config, out=out, steps=max(1, crops // (one.batch or recipe.batch)), **said)
        print(report.describe(), flush=True)
    return out


def scored(model: Model | str, one: SetRecipe, recipe: Recipe, split: Path) -> Evaluation:
    """A model on the test part of a set."""
    keys = ("layout", "classes", "label_field", "ignore", "sensor", "bands", "gsd", "coregister")
    told = {key: getattr(one, key) for key in keys if getattr(one, key) is not None}
    folder = located(one.folder, recipe.data)
    return evaluate(model, folder, split="test", split_file=split, task=one.task, open_with=told, worst=0)


def difference(joint: Evaluation, alone: Evaluation, metric: str, seed: int = 0) -> tuple[float, float] | None:
    """95 % interval of `joint - alone` over the same draws of places, or of scenes; None for a single one."""
    others = {one.name: one for one in alone.scenes}
    pairs = [(one.metrics, others[one.name].metrics) for one in joint.scenes]
    places = units([one.place for one in joint.scenes])
    rows = [by_place(np.stack([pair[k].row() for pair in pairs]), places) for k in (0, 1)]
    if len(rows[0]) < 2:
        return None
    found = []
    for drawn in draws(len(rows[0]), DRAWS, seed):
        ours, theirs = (pairs[0][k].of_row(drawn @ rows[k]).compute()[metric] for k in (0, 1))
        found.append(ours - theirs)
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return float(low), float(high)


def cell(pooled: Mapping[str, float], bounds: Mapping[str, tuple[float, float]], metric: str) -> str:
    """A score and its interval, if there is one: a single place has none."""
    low, high = bounds.get(metric, (float("nan"), float("nan")))
    return f"{pooled[metric]:.3f}" + ("" if np.isnan(low) else f" ({low:.3f} to {high:.3f})")


def main() -> None:
    """Train what is missing, evaluate, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("joint", type=Path)
    parser.add_argument("--data", default="$SWATH_TEST_DATA/data", help="folder of the sets")
    parser.add_argument("--only", default=None, help="skills, comma-separated")
    parser.add_argument("-o", "--out", type=Path, default=None)
    asked = parser.parse_args()
    recipe = recipe_of(asked.joint, asked.data)
    crops = crops_of(recipe, steps_of(asked.joint))
    lines = [
        "| set | test scenes in places | score | joint | alone | joint - alone |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one, count in zip(recipe.sets, crops, strict=True):
        if asked.only is not None and one.skill not in asked.only.split(","):
            continue
        split = asked.joint.with_suffix(".train") / f"{one.skill}.split.json"
        alone = baseline(recipe, one, count, asked.joint.with_suffix(".baselines"))
        ours = scored(f"{asked.joint}:{one.skill}", one, recipe, split)
        theirs = scored(str(alone), one, recipe, split)
        for metric in dict.fromkeys((ours.scenes[0].metrics.headline, "f1" if "f1" in ours.pooled else "accuracy")):
            gain = f"{ours.pooled[metric] - theirs.pooled[metric]:+.3f}"
            if (limits := difference(ours, theirs, metric)) is not None:
                gain += f" ({limits[0]:+.3f} to {limits[1]:+.3f})"
            told = [
                ours.card.name,
                f"{len(ours.scenes)} in {ours.places}",
                metric,
                cell(ours.pooled, ours.intervals, metric),
                cell(theirs.pooled, theirs.intervals, metric),
                gain,
            ]
            lines.append(f"| {' | '.join(told)} |")
            print(lines[-1], flush=True)
    text = "\n".join(lines)
    print(f"\n{text}")
    if asked.out is not None:
        asked.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
