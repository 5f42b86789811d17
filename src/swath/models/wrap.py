"""A model from any network: its card is made from a scene like those it is for."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal, Protocol

from torch import nn

from swath.errors import CardError
from swath.models.calling import answer_shape, tile_rule, tile_side
from swath.models.card import Card, Task
from swath.models.gives import ClassLabel, Layer, Output
from swath.models.model import Model
from swath.models.needs import CardBand, DatesRule, GsdRule, Input, Normalisation, TileRule
from swath.scene.words import many
from swath.sensors import Band, Recognition


class SceneLike(Protocol):
    """What is looked at in a scene."""

    @property
    def bands(self) -> tuple[Band, ...]:
        """What each band holds."""

    @property
    def dates(self) -> tuple[Any, ...]:
        """One per time."""

    @property
    def gsd(self) -> float | None:
        """Size of a pixel on the ground in m."""

    @property
    def sensors(self) -> tuple[Recognition, ...]:
        """What was recognised."""


def wrap(
    network: nn.Module,
    *,
    task: Task,
    like: SceneLike,
    classes: Sequence[str | ClassLabel] = (),
    layers: Sequence[Layer] = (),
    normalisation: Normalisation | Sequence[Normalisation | None] | None = None,
    gsd: float | GsdRule | Literal["scene"] | None = "scene",
    dates: DatesRule | None = None,
    output: Output | None = None,
    tile: TileRule | None = None,
    fill: float = 0.0,
    name: str = "own",
    **about: Any,
) -> Model:
    """A model from any network; see `Model.wrap`, which is this."""
    network.eval()
    given = Input(
        bands=tuple(map(CardBand.of, like.bands, _per_band(normalisation, len(like.bands)))),
        dates=dates or _dates(task, len(like.dates)),
        gsd=_gsd(gsd, like),
        fill=fill,
        sensors=tuple(sensor.name for sensor in like.sensors),
    )
    # What the network gives is seen by running it; until then the card says no more than that it gives something.
    draft = Card(name=name, task="embedding", inputs=(given,), output=Output(kind="embedding", dimensions=1), **about)
    tile = tile or tile_rule(network, draft)
    draft = draft.with_(tile=tile)
    if output is None:
        output = _output(task, answer_shape(network, draft), tile_side(draft), classes, layers)
    model = Model(network, draft.with_(task=task, output=output))
    model.check()
    return model


def _per_band(
    normalisation: Normalisation | Sequence[Normalisation | None] | None, count: int
) -> Sequence[Normalisation | None]:
    if normalisation is None or isinstance(normalisation, Normalisation):
        return [normalisation] * count
    if len(normalisation) != count:
        raise CardError(
            f"normalisation= has {many(len(normalisation), 'entry')} for {many(count, 'band')}; give one "
            "for each, or one for all"
        )
    return normalisation


def _dates(task: Task, count: int) -> DatesRule:
    pair = count == 2 and task in ("change", "semantic-change")
    return DatesRule(min=count, max=count, given="arguments" if pair else "axis")


def _gsd(gsd: float | GsdRule | str | None, like: SceneLike) -> GsdRule | None:
    if gsd is None or isinstance(gsd, GsdRule):
        return gsd
    if isinstance(gsd, str):
        if gsd != "scene":
            raise CardError(f"gsd={gsd!r} is not known; say metres, a GsdRule, None, or 'scene'")
        return None if like.gsd is None else GsdRule.around(like.gsd)
    return GsdRule.around(gsd)


def _output(
    task: Task, shape: tuple[int, ...], side: int, classes: Sequence[str | ClassLabel], layers: Sequence[Layer]
) -> Output:
    """What an answer of that shape to a tile of that side means for the task."""
    channels = shape[1]
    scale = Fraction(shape[2], side) if len(shape) == 4 else None
    if task == "embedding":
        return Output(kind="embedding", dimensions=channels, scale=scale)
    if task == "regression":
        if len(layers) != channels:
            raise CardError(
                f"the network gives {many(channels, 'layer')}; name them: layers=[Layer(name=..., units=...), ...]"
            )
        return Output(kind="values", layers=tuple(layers), scale=scale)
    if task in ("detection", "semantic-change"):
        raise CardError(f"what a network for {task} gives cannot be seen from its shape; say output=")
    if not classes and task == "change":
        classes = ("no change", "change")
    labels = tuple(
        label if isinstance(label, ClassLabel) else ClassLabel(value=value, name=label)
        for value, label in enumerate(classes)
    )
    binary = task != "classification" and channels == 1 and len(labels) == 2
    if not binary and len(labels) != channels:
        raise CardError(
            f"the network gives {many(channels, 'channel')} and {many(len(labels), 'class')} named; say classes= to fit"
        )
    if task == "classification":
        return Output(kind="labels", classes=labels)
    return Output(kind="binary" if binary else "classes", classes=labels, scale=scale)
