"""Cards of networks to be trained, made from the labels and images that they learn from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from swath.errors import TrainError
from swath.models.card import Card, Dataset, Score, Task
from swath.models.gives import ClassLabel, Layer, Output
from swath.models.needs import CardBand, DatesRule, GsdRule, Input, InputSensor, TileRule
from swath.scene.words import many
from swath.train.recipe import Recipe
from swath.train.sets import LabelledSet

_NO_MAP = "learnt from images alone and makes no map; train from it: swath train LABELS --from FILE -o MINE.swath"


def draft(one: LabelledSet, recipe: Recipe) -> Card:
    """What a network for this set needs and gives; how dates reach it is settled once the network is there.

    Raises:
        TrainError: the set has neither classes nor values.
    """
    data, said, known = one.dataset, one.recipe, one.dataset.published
    gsd = _gsd(one)
    given = Input(
        bands=tuple(map(CardBand.of, data.bands, one.statistics.bands)),
        dates=DatesRule(min=data.dates, max=data.dates),
        gsd=None if gsd is None else GsdRule.around(gsd, said.gsd_factor),
        sensors=data.sensors,
        stack=tuple(
            InputSensor(name=own.name, sensor=own.sensor, bands=own.bands, gsd=own.gsd, resampling=own.said)
            for own in data.stacked
        ),
        resize=recipe.resize,
    )
    task: Any = data.task
    output = _output(task, one)
    return Card(
        name=one.skill,
        title=recipe.title,
        task=task,
        inputs=(given, *_apart(one, gsd), *_map(one, given)),
        output=output,
        tile=TileRule(size=_side(one, recipe)) if output.per_tile else TileRule(),
        trained_on=(
            Dataset(
                name=f"{data.name} {data.hash[:12]}",
                licence=said.licence or (known.licence if known else None),
                source=said.source or (known.source if known else None),
            ),
        ),
        licence=recipe.licence,
        recipe=recipe.to_yaml(portable=True),
        notes=(*said.notes, *((_NO_MAP,) if task == "pretraining" else ()), f"split {one.split.how}: {_sizes(one)}"),
    )


def _apart(one: LabelledSet, gsd: float | None) -> Iterator[Input]:
    """The inputs of sensors that are kept apart; their pixels are told by those of the images, which are `gsd` m."""
    data, factor = one.dataset, one.recipe.gsd_factor
    own = zip(data.first_beside.items(), data.ratios, one.statistics.beside, strict=True)
    for (name, scene), ratio, statistics in own:
        counts = [len(data.beside(item)[name].dates) for item in (*one.train, *one.val)]
        yield Input(
            name=name,
            bands=tuple(map(CardBand.of, scene.bands, statistics)),
            dates=DatesRule(min=min(counts), max=max(counts)),
            gsd=None if gsd is None else GsdRule.around(gsd / float(ratio), factor),
            sensors=tuple(found.name for found in scene.sensors),
        )


def _map(one: LabelledSet, image: Input) -> tuple[Input, ...]:
    """The input for a map of the first date, where the set has some."""
    classes = one.dataset.before_classes
    if not classes:
        return ()
    band = CardBand(name="class", units="dn")
    return (Input(name="map", bands=(band,), gsd=image.gsd, fill=-1.0, classes=classes),)


def _output(task: Task, one: LabelledSet) -> Output:
    labels = tuple(_coloured(label, one) for label in one.dataset.classes)
    if task == "regression":
        values = one.statistics.values
        if values is None:
            raise TrainError(f"{one.dataset.name}: the labels are not values; say task='segmentation'")
        return Output(kind="values", layers=(Layer(name="value", units="1", mean=values.mean, std=values.std),))
    if task == "pretraining":
        return Output(kind="values", layers=(Layer(name="error", units="1"),))
    if task == "classification":
        several = isinstance(one.dataset.sample(one.train[0], np.s_[0:1, 0:1]).target, np.ndarray)
        return Output(kind="labels", classes=labels, activation="sigmoid" if several else "softmax")
    if task == "semantic-change":
        return Output(kind="semantic-change", classes=labels)
    return Output(kind="binary" if len(labels) == 2 else "classes", classes=labels)


def _coloured(label: ClassLabel, one: LabelledSet) -> ClassLabel:
    colour = one.recipe.colours.get(label.name, label.colour)
    return ClassLabel(value=label.value, name=label.name, colour=colour)


def _gsd(one: LabelledSet) -> float | None:
    """The middle of the items' pixel sizes in m; None where nothing tells them."""
    found = sorted(size for item in one.train if (size := one.dataset.gsd(item)) is not None)
    return found[len(found) // 2] if found else None


def _side(one: LabelledSet, recipe: Recipe) -> int:
    """Side in px of the crops that are learnt from: no larger than the largest image."""
    return min(recipe.crop, max(max(one.dataset.shape(item)) for item in one.train))


def _sizes(one: LabelledSet) -> str:
    parts = one.split
    return f"{len(parts.train)} train, {len(parts.val)} val, {len(parts.test)} test"


def scored(card: Card, scores: Mapping[str, float], places: int) -> Card:
    """The card with its scores on the validation part; those of single classes are left to `swath.evaluate`.

    A threshold among them becomes the one that maps are made with.
    """
    data = f"{card.trained_on[0].name.split()[0]}, validation part ({many(places, 'place')})" if card.trained_on else ""
    kept = [
        Score(metric=metric, value=round(value, 4), data=data)
        for metric, value in scores.items()
        if math.isfinite(value)
        and "/" not in metric.removeprefix("change/").removeprefix("classes/")
        and metric != "threshold"
    ]
    output = card.output
    if "threshold" in scores:
        output = output.model_copy(update={"threshold": scores["threshold"]})
    return card.with_(scores=tuple(kept), output=output)
