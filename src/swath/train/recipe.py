"""`Recipe`: all that a training run is told, by keyword arguments of `swath.train` or by a YAML file as in `recipes/`.

Sets are listed where there are several; a folder that is named beside the recipe is a single set.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from swath.data.augment import Augment
from swath.errors import CardError, TrainError
from swath.models.card import Task
from swath.models.frozen import Frozen
from swath.models.header import Stored

Part = float | tuple[str, ...]
"""A share of the places, or patterns of the names of items, as `paris*`."""


class SetRecipe(Frozen):
    """One labelled set, and the skill that is learnt from it."""

    folder: str
    """Where it lies; a relative name is looked for in `data=`, else in the working folder."""
    skill: str | None = Field(default=None, pattern=r"^[a-zA-Z][a-zA-Z0-9_.-]+[a-zA-Z0-9]$")
    """Name of the card that is made; None: the name of the folder."""
    task: Task | None = None
    """None: what the folder's layout says."""
    layout: str | None = None
    """As `swath.data.open`."""
    classes: tuple[str, ...] | dict[int, str] | None = None
    """Names in the order of their values, or `{value: name}`."""
    colours: dict[str, str] = Field(default_factory=dict)
    """Of classes by name, `#rrggbb`; those of maps that the model makes."""
    label_field: str | None = None
    """Column of a table or vector file that holds the class."""
    ignore: int | tuple[int, ...] | None = None
    """Values of masks that mean "not labelled"."""
    buffer: float | None = Field(default=None, gt=0)
    """Metres by which lines and points of vector files are widened to areas; None: they are left out."""
    quality: str | None = None
    """What says how far each label is trusted, see `swath.data.quality`; it counts in the loss."""
    grades: dict[str, float] = Field(default_factory=dict)
    """Weights of the words that `quality` holds."""
    sensor: str | dict[str, str] | None = None
    """As `swath.open`; where several sensors saw each place, by the names that their files are told by."""
    bands: tuple[str | int | float, ...] | dict[str, tuple[str | int | float, ...]] | None = None
    """Likewise."""
    dates: Literal["numbered"] | None = None
    """`numbered`: the layers of each image are numbered by date."""
    gsd: float | None = Field(default=None, gt=0)
    """Pixel size on the ground in m, where the images do not say it."""
    gsd_factor: float = Field(default=2.0, ge=1)
    """The card allows scenes from `gsd / gsd_factor` to `gsd * gsd_factor`."""
    apart: tuple[str, ...] = ()
    """Sensors that keep their own grid and dates and become further inputs, see `swath.data.apart`."""
    coregister: bool = False
    """Whether the dates of a place are laid over its first, where their offset can be told."""
    batch: int | None = Field(default=None, gt=0)
    """Crops per batch and device; None: the recipe's. Small images are learnt from in larger batches."""
    augment: Augment | None = None
    """How its crops are turned, scaled and changed in colour; None: as the recipe says."""
    weight: float = Field(default=1.0, gt=0)
    """How often a batch comes from this set, relative to the others."""
    split: str | None = None
    """File of a split that is taken as it is; None: it is made, by place."""
    val: Part = 0.15
    """What is kept for choosing the best weights: a share, or names."""
    test: Part = 0.15
    """What training never sees: a share, or names."""
    licence: str | None = None
    """SPDX name of the licence of the labels; goes onto the card."""
    source: str | None = None
    """Address or paper; goes onto the card."""
    notes: tuple[str, ...] = ()
    """What is known of it and should be known of the weights; goes onto the card."""


class Recipe(Frozen):
    """A training run."""

    name: str = Field(default="own", pattern=r"^[a-zA-Z][a-zA-Z0-9_.-]+[a-zA-Z0-9]$")
    """What the weights are called."""
    title: str = ""
    """Words for people; goes onto the cards."""
    licence: str | None = None
    """SPDX name of the licence of the weights; goes onto the cards."""
    sets: tuple[SetRecipe, ...]
    """One or several; a batch holds crops of one of them."""
    data: str | None = None
    """Folder that relative folders of sets lie in; variables such as `$SWATH_TEST_DATA` are filled in."""

    network: str = "unet"
    """Registered name."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the network's builder; what the data say (bands, classes) need not be said."""
    start: str | None = None
    """Model whose weights are the beginning: a registered name or a `.swath` file. It says the network too."""
    start_share: float = Field(default=0.0, ge=0, lt=1)
    """Share of the weights of `start` in those that are validated and kept (arXiv:2109.01903): what it knew is
    forgotten less. Layers that are new have none."""
    freeze_encoder: bool = False
    """Whether the encoder keeps the weights of `start`."""
    freeze_norms: bool = False
    """Whether norms go on with what they expected in `start`, instead of what each batch has. For small batches;
    norms that are new learn theirs."""

    steps: int | None = Field(default=None, gt=0)
    """Budget in steps of the optimiser."""
    epochs: float | None = Field(default=None, gt=0)
    """Budget in passes over the training pixels."""
    minutes: float | None = Field(default=None, gt=0)
    """Budget in time. Of several budgets the first that is used up ends the run; of none, `steps` is 600."""
    batch: int = Field(default=8, gt=0)
    """Crops per batch and device."""
    accumulate: int = Field(default=1, gt=0)
    """Batches per step."""
    crop: int = Field(default=256, ge=16)
    """Side of a crop in px; less for sets whose images are smaller."""
    resize: int | None = Field(default=None, ge=16)
    """Of networks with one answer per tile: side in px that crops are brought to, here and ever after; None: they stay
    as they are."""
    rare: float = Field(default=0.5, ge=0, le=1)
    """How strongly crops are sought where rare classes are, see `swath.data.Crops`."""
    augment: Augment | None = Augment()
    """How crops are turned, scaled and changed in colour, see `swath.data.Augment`; None: not at all."""
    mix: float = Field(default=0.0, ge=0, le=1)
    """How often images of a batch are pasted into one another, of classification (CutMix, arXiv:1905.04899)."""

    lr: float = Field(default=1e-3, gt=0)
    """Highest learning rate of AdamW (arXiv:1711.05101)."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Of matrices and filters; not of norms and biases."""
    warm_up: float = Field(default=0.05, ge=0, lt=1)
    """Share of the budget in which the rate rises from nothing."""
    last_rate: float = Field(default=0.01, ge=0, le=1)
    """Where the cosine (arXiv:1608.03983) ends, relative to `lr`."""
    clip: float = Field(default=1.0, gt=0)
    """Largest norm of the gradients."""
    average: float = Field(default=0.998, ge=0, lt=1)
    """Decay per step of the mean of weights (EMA) that is validated and kept; 0: no mean."""
    class_weights: Literal["none", "inverse", "effective"] = "none"
    """Whether rare classes weigh more in the cross entropy; see `swath.tasks.weighting`."""
    smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Of labels."""
    threshold: Literal["half", "best"] = "half"
    """Probability from which on a yes is said, of skills with two classes: one half, or one of the best F1 on the
    validation part (see `swath.tasks.threshold`), which goes onto the card. Rare classes gain by it."""

    validations: int = Field(default=20, gt=0)
    """How often the budget is interrupted to validate."""
    validation_pixels: int = Field(default=4_000_000, gt=0)
    """Most pixels of a set that are looked at each time."""
    metric: str | None = None
    """By which the best weights are chosen; None: the first that the task reports. Of several skills the mean."""
    patience: int | None = Field(default=None, gt=0)
    """Validations without a better result after which the run ends; None: it does not."""

    stored: Stored = "float32"
    """How the file keeps weights: `float16` makes it about half as large, and the weights that are validated are then
    those of the file. See `swath.models.half`."""
    reach: bool = True
    """Whether to find out in the end how far the network sees, which else the first prediction does."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """`auto`: bfloat16 mixed with float32 where the device has instructions for it."""
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    """Where to train."""
    devices: int | Literal["auto"] = 1
    """How many; `auto`: all."""
    strategy: str = "auto"
    """How several work together, as Lightning names it; `auto`: data-parallel."""
    seed: int = 0
    """Of everything random: weights, crops, splits."""

    def _agree(self) -> None:
        if not self.sets:
            raise ValueError("sets: name one labelled folder or several")
        names = [one.skill or Path(one.folder).name for one in self.sets]
        if len(set(names)) != len(names):
            raise ValueError(f"sets: skills must have names of their own; found {', '.join(names)}")
        if self.start_share and self.start is None:
            raise ValueError("start_share: it is of the weights that the run begins with; say start=")
        if self.freeze_norms and self.start is None:
            raise ValueError("freeze_norms: norms of random weights expect nothing yet; say start=")

    def with_(self, **changes: Any) -> Recipe:
        """A copy with fields changed, validated again.

        Raises:
            TrainError: a field is wrong.
        """
        return recipe({**{key: getattr(self, key) for key in self.model_fields_set}, **changes})

    def to_yaml(self, *, portable: bool = False) -> str:
        """Text that `read_recipe` gives the same recipe for; without what was left to its default.

        Args:
            portable: leave out where the data lie on this machine.
        """
        found = self.model_dump(mode="json", exclude_unset=True, exclude={"data"} if portable else None)
        return yaml.safe_dump(found, sort_keys=False, allow_unicode=True)


def recipe(fields: Mapping[str, Any], source: str = "recipe") -> Recipe:
    """A recipe from its fields.

    Raises:
        TrainError: a field is wrong; the message names it.
    """
    try:
        return Recipe.model_validate(dict(fields))
    except CardError as error:
        raise TrainError(f"{source}: {str(error).removeprefix('Recipe: ')}") from error


def read_fields(path: str | Path) -> dict[str, Any]:
    """The fields in a YAML file.

    Raises:
        TrainError: it cannot be read, or holds no fields.
    """
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise TrainError(f"{path}: cannot read the recipe: {error}") from error
    except yaml.YAMLError as error:
        raise TrainError(f"{path} is not YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(found, dict):
        raise TrainError(f"{path} holds no fields; a recipe has lines such as `network: unet`")
    return found


def read_recipe(path: str | Path) -> Recipe:
    """A recipe from a YAML file.

    Raises:
        TrainError: it cannot be read, or a field is wrong.
    """
    return recipe(read_fields(path), str(path))
