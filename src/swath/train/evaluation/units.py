"""Units without names against labels: which models answer so, and how they are counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from swath.data import IGNORE, Dataset
from swath.errors import TrainError
from swath.models import registry
from swath.models.card import Card
from swath.models.gives import ClassLabel
from swath.models.model import Model
from swath.tasks.metrics import Metrics
from swath.tasks.metrics_of_units import NO_CLASS, UnitMetrics
from swath.tasks.segmentation import Segmentation
from swath.train.evaluation.classes import ClassMatch, check_names

_GREY = "#8c959f"


@dataclass(frozen=True)
class Units(Segmentation):
    """Segmentation into units that nobody named, held against labelled classes."""

    names: tuple[str, ...] = ()
    anew: bool = False
    """Whether they are found in each scene by itself."""

    def metrics(self, card: Card) -> UnitMetrics:
        """See `TrainedTask.metrics`."""
        return UnitMetrics.named(self.names, len(card.output.classes), anew=self.anew)


def units_of(
    model: Model, dataset: Dataset, said: Mapping[str, str | None] | None, *, anew: bool
) -> tuple[ClassMatch, Units] | None:
    """Which classes of the labels count, and the task; None where the model's classes have names, or get them.

    Args:
        model: what answers.
        dataset: what it is held against.
        said: name of a class in the labels -> a unit, or None for a class that is not to count.
        anew: whether the model is fitted to each scene.

    Raises:
        TrainError: there is no such class, or one is to be a unit that each scene has another one of.
    """
    named = not anew and any(name is not None for name in (said or {}).values())
    if named or dataset.task != "segmentation" or not gives_units(model):
        return None
    names = tuple(label.name for label in dataset.classes)
    return all_but_left_out(dataset, said), Units(model.card.output.activation, names, anew)


def gives_units(model: Model) -> bool:
    """Whether a model was fitted to a scene and its classes are such as nobody named."""
    from swath.models.unlabelled._fit import unit_name

    spec, names = model.spec, [label.name for label in model.card.output.classes]
    if spec is None or model.task != "segmentation" or names != [unit_name(at + 1) for at in range(len(names))]:
        return False
    return spec.name in registry.names() and registry.find(spec.name).fitted


def all_but_left_out(dataset: Dataset, said: Mapping[str, str | None] | None) -> ClassMatch:
    """All classes of the labels as they are, but those that are not to count.

    Raises:
        TrainError: a class is to be a unit, whose names mean nothing; or there is no such class.
    """
    said = dict(said or {})
    check_names(said, dataset.classes, dataset.name)
    if wrong := [name for name in said.values() if name is not None]:
        raise TrainError(
            f"match_classes= names {wrong[0]!r}, and units of a scene mean something else in the next: they are "
            "matched with classes by what they have in common; say only which classes are not to count"
        )
    positions = np.array(
        [IGNORE if label.name in said else at for at, label in enumerate(dataset.classes)], dtype=np.int64
    )
    left_out = f"as asked, pixels labelled {', '.join(said)} do not count"
    return ClassMatch(positions, (left_out,) if said else ())


def card_by_class(card: Card, classes: Sequence[ClassLabel]) -> Card:
    """The card with classes of the labels in place of units, for reports and pictures."""
    value = max(label.value for label in classes) + 1
    spare = ClassLabel(value=value, name=NO_CLASS, colour=_GREY)
    return card.with_(output=card.output.model_copy(update={"classes": (*classes, spare)}))


def about_units(every: Sequence[Metrics]) -> list[str]:
    """What a reader must know of the scores."""
    of_units = [one for one in every if isinstance(one, UnitMetrics)]
    if not of_units:
        return []
    counts = sorted({one.counts.shape[1] for one in of_units})
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    how = (
        "units in each scene, matched with the classes scene by scene"
        if of_units[0].anew
        else "units, the same in all scenes; pooled, they are matched with the classes once, and scenes by themselves"
    )
    return [f"{number} {how}; the matching is found on these labels, and no other would be right more often"]
