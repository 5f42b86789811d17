"""Make of a trained classifier the file that is shipped: scored on blocks that it has never seen.

    swath train recipes/eurosat-rgb.yaml -o eurosat-rgb.swath
    python benchmarks/ship_land_use.py eurosat-rgb.swath src/swath/models/classify/weights/eurosat-rgb.swath

The scores, with their intervals over images, take the place of those on the card that training chose the weights by.
Colours of classes are those of `recipes/NAME.yaml`, in which all else must be what the weights were trained by.
`eurosat-rgb` gets a second skill, the same weights for reflectance: EuroSAT's pictures show reflectance from 0 to
`STRETCH` as 0 to 255, so that scenes of Sentinel-2 need not be made into pictures first.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from stsun_table import ROOT, check_recipe, recipe_of, recipe_of_file, scored
from swath.models.card import Card
from swath.models.model import Model
from swath.models.needs import CardBand, MeanStd
from swath.sensors import find_sensor

STRETCH = 0.275
SENSOR = "sentinel-2-l1c@pre-04.00"
BANDS = ("B04", "B03", "B02")
_KEPT = ("mean_f1", "accuracy", "kappa", "ece")


def in_reflectance(card: Card) -> Card:
    """The same card for the bands of Sentinel-2 that its pictures were made of."""
    given = card.inputs[0]
    bands = []
    for shown, band in zip(given.bands, map(find_sensor(SENSOR).band, BANDS), strict=True):
        norm = shown.normalisation
        assert isinstance(norm, MeanStd)
        told = MeanStd(mean=norm.mean * STRETCH / 255, std=norm.std * STRETCH / 255)
        bands.append(CardBand.of(band, told, clip=(0.0, STRETCH)))
    note = f"bands of reflectance from 0 to {STRETCH:g} stand for pictures from 0 to 255; scored on pictures alone"
    name = f"{card.name}-reflectance"
    return card.with_(
        name=name,
        inputs=(given.model_copy(update={"bands": tuple(bands), "sensors": (find_sensor(SENSOR).name,)}),),
        notes=(*card.notes, note),
    )


def main() -> None:
    """Score, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=Path)
    parser.add_argument("shipped", type=Path)
    parser.add_argument("--data", default="$SWATH_TEST_DATA/data", help="folder of the sets")
    asked = parser.parse_args()
    recipe, model = recipe_of(asked.trained, asked.data), Model.load(asked.trained)
    now = recipe_of_file(ROOT / "recipes" / f"{recipe.name}.yaml", asked.data)
    colours = now.sets[0].colours
    coloured = recipe.sets[0].model_copy(update={"colours": colours})
    check_recipe(asked.trained, recipe.model_copy(update={"sets": (coloured,)}), now)
    split = asked.trained.with_suffix(".train") / f"{model.card.name}.split.json"
    found = scored(str(asked.trained), recipe.sets[0], recipe, split)
    print(found.describe(), flush=True)
    classes = tuple(
        one.model_copy(update={"colour": colours.get(one.name, one.colour)}) for one in model.card.output.classes
    )
    card = model.card.with_(
        output=model.card.output.model_copy(update={"classes": classes}),
        recipe=now.to_yaml(portable=True),
        scores=tuple(one for one in found.scores() if one.metric in _KEPT),
    )
    others = (in_reflectance(card),) if recipe.name == "eurosat-rgb" else ()
    asked.shipped.parent.mkdir(parents=True, exist_ok=True)
    replace(model, card=card, others=others).save(asked.shipped)
    print(f"{asked.shipped}  {asked.shipped.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
