"""Make of a trained model the file that is shipped: each skill scored on places that it has never seen.

    swath train recipes/stsun-tiny.yaml -o stsun-tiny.swath
    python benchmarks/ship.py stsun-tiny.swath src/swath/models/stsun/weights/stsun-tiny.swath [--data FOLDER]

The scores, with their intervals over places, take the place of those on the cards that training chose the weights by.
Title, licence and how weights are stored are those of `recipes/NAME.yaml`, in which all else must be what the weights
were trained by; it is the stored weights that are scored.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from stsun_table import ROOT, check_recipe, recipe_of, recipe_of_file, scored
from swath.models.model import Model

_KEPT = ("iou", "f1", "precision", "recall", "mean_iou", "mean_f1", "accuracy", "kappa", "ece")


def main() -> None:
    """Score, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=Path)
    parser.add_argument("shipped", type=Path)
    parser.add_argument("--data", default="$SWATH_TEST_DATA/data", help="folder of the sets")
    asked = parser.parse_args()
    recipe, model = recipe_of(asked.trained, asked.data), Model.load(asked.trained)
    now = recipe_of_file(ROOT / "recipes" / f"{recipe.name}.yaml", asked.data)
    words = {"title": now.title, "licence": now.licence}
    with TemporaryDirectory() as folder:
        model = Model.load(model.save(Path(folder) / asked.trained.name, dtype=now.stored))
    check_recipe(asked.trained, recipe.model_copy(update={**words, "stored": now.stored}), now)
    cards = []
    for one, card in zip(recipe.sets, model.cards, strict=True):
        split = asked.trained.with_suffix(".train") / f"{card.name}.split.json"
        found = scored(model.skill(card.name), one, recipe, split)
        print(found.describe(), flush=True)
        scores = [one for one in found.scores() if one.metric in _KEPT or one.metric.startswith("iou/")]
        cards.append(card.with_(scores=tuple(scores), recipe=now.to_yaml(portable=True), **words))
    asked.shipped.parent.mkdir(parents=True, exist_ok=True)
    replace(model, card=cards[0], others=tuple(cards[1:])).save(asked.shipped)
    print(f"{asked.shipped}  {asked.shipped.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
