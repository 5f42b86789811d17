"""`Card`: what a network needs and gives, so that a scene can be matched against it and nothing is guessed.

A card is data: frozen, read and written as JSON (`Card.read`, `Card.to_json`), as a STAC item of the Machine Learning
Model extension (`Card.to_stac`, `Card.from_stac`), and kept inside the weight file. No torch here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import Field

from swath.errors import CardError
from swath.models.frozen import Frozen
from swath.models.gives import ClassLabel, Kind, Layer, Output, ReceptiveField
from swath.models.needs import CardBand, DatesRule, GsdRule, Input, MeanStd, MinMax, Normalisation, TileRule

if TYPE_CHECKING:
    import pystac

__all__ = [
    "TASKS",
    "Card",
    "CardBand",
    "ClassLabel",
    "Dataset",
    "DatesRule",
    "GsdRule",
    "Input",
    "Kind",
    "Layer",
    "MeanStd",
    "MinMax",
    "Normalisation",
    "Output",
    "ReceptiveField",
    "Score",
    "Task",
    "TileRule",
]

Task = Literal[
    "classification", "segmentation", "change", "semantic-change", "detection", "regression", "embedding", "pretraining"
]
"""`pretraining` learns from images alone: what comes out of it is a beginning for networks of other tasks."""
TASKS: tuple[str, ...] = get_args(Task)

_KINDS: dict[str, tuple[Kind, ...]] = {
    "classification": ("labels",),
    "segmentation": ("classes", "binary"),
    "change": ("binary", "classes"),
    "semantic-change": ("semantic-change",),
    "detection": ("boxes",),
    "regression": ("values",),
    "embedding": ("embedding",),
    "pretraining": ("values",),
}


class Dataset(Frozen):
    """Data that a network was trained on."""

    name: str
    licence: str | None = None
    source: str | None = None


class Score(Frozen):
    """A result that was measured: `metric` on `data`, with its interval where there is one."""

    metric: str
    value: float
    data: str
    interval: tuple[float, float] | None = None


class Card(Frozen):
    """What a network needs and gives.

    Raises:
        CardError: a field is wrong; the message names it.
    """

    name: str = Field(pattern=r"^[a-zA-Z][a-zA-Z0-9_.-]+[a-zA-Z0-9]$")
    title: str = ""
    version: str = "1"
    architecture: str | None = None
    """The network's common name in the literature."""
    task: Task
    inputs: tuple[Input, ...]
    output: Output
    takes: tuple[Literal["wavelengths", "days", "gsd", "task", "classes"], ...] = ()
    """What the network is given besides, by keyword: centre wavelengths in nm `[C]`, days `[T]`, GSD in m; the task and
    the names of the classes that have a channel, which the card itself says."""
    field: ReceptiveField | None = None
    """None: not measured yet."""
    tile: TileRule = TileRule()
    licence: str | None = None
    """SPDX name of the weights' licence."""
    source: tuple[str, ...] = ()
    """Papers (DOI, arXiv) and addresses."""
    trained_on: tuple[Dataset, ...] = ()
    scores: tuple[Score, ...] = ()
    recipe: str | None = None
    """What makes these weights again."""
    notes: tuple[str, ...] = ()

    def _agree(self) -> None:
        if self.output.kind not in _KINDS[self.task]:
            allowed = " or ".join(repr(kind) for kind in _KINDS[self.task])
            raise ValueError(f"task {self.task!r} needs an output of kind {allowed}; found {self.output.kind!r}")
        names = [given.name for given in self.inputs]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"inputs must be one or more, with unique names; found {', '.join(names) or 'none'}")
        if not self.output.per_tile and any(given.resize for given in self.inputs):
            raise ValueError("resize goes with one answer per tile; pixels of an answer must stay where they are")

    @property
    def further(self) -> tuple[Input, ...]:
        """Inputs of imagery after the first: of sensors that keep their own grid and dates."""
        return tuple(given for given in self.inputs[1:] if not given.classes)

    @property
    def told(self) -> tuple[str, ...]:
        """All that the network is given by keyword: what it takes, and the days of inputs."""
        return (*self.takes, *(given.dates.days for given in self.inputs if given.dates.days))

    @property
    def sensors(self) -> tuple[str, ...]:
        """Sensors of all inputs, without repeats."""
        return tuple(dict.fromkeys(name for given in self.inputs for name in given.sensors))

    def with_(self, **changes: Any) -> Card:
        """A copy with fields changed, validated again."""
        own = {key: getattr(self, key) for key in self.model_fields_set}
        return Card(**{**own, **changes})

    @classmethod
    def read(cls, path: str | Path) -> Card:
        """Read a card from a JSON file, or from a STAC item that holds one.

        Raises:
            CardError: the file cannot be read, or a field is wrong.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CardError(f"{path}: cannot read the card: {error}") from error
        return cls.parse(text, str(path))

    def to_json(self) -> str:
        """JSON text; `Card.parse` gives the same card again."""
        return self.model_dump_json(indent=2)

    def to_stac(self, weights: str | None = None) -> pystac.Item:
        """A STAC item of the Machine Learning Model extension, with the address of the weight file as its asset."""
        from swath.models.stac import to_item

        return to_item(self, weights)

    @classmethod
    def from_stac(cls, item: pystac.Item) -> Card:
        """The card inside a STAC item that `to_stac` made.

        Raises:
            CardError: the item holds no card.
        """
        from swath.models.stac import from_item

        return from_item(item)

    def describe(self) -> str:
        """The card as text for people."""
        from swath.models.words import describe

        return describe(self)
