"""What a network gives: classes, values, embeddings; and how far it sees."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

from pydantic import Field, model_validator

from swath.models.frozen import Frozen

Kind = Literal["classes", "binary", "labels", "semantic-change", "values", "embedding", "boxes"]

_ACTIVATIONS: dict[Kind, Literal["softmax", "sigmoid", "none"]] = {
    "classes": "softmax",
    "labels": "softmax",
    "semantic-change": "softmax",
    "binary": "sigmoid",
    "boxes": "sigmoid",
}


class ClassLabel(Frozen):
    """A class: the number written in maps, its name and colour."""

    value: int = Field(ge=0, le=65535)
    name: str = Field(min_length=1)
    colour: str | None = Field(default=None, pattern=r"^#[0-9a-f]{6}$")


class Layer(Frozen):
    """One layer of real values that a network gives: `value = output * std + mean`, in `units`."""

    name: str
    units: str
    mean: float = 0.0
    std: float = Field(default=1.0, gt=0)


class Output(Frozen):
    """What the network gives in eval mode.

    | kind | tensor | channels |
    | --- | --- | --- |
    | `classes` | logits `[B, K, H, W]` | one per class |
    | `binary` | logit `[B, 1, H, W]` | of the second of the two classes |
    | `labels` | logits `[B, K]` | one per class, one answer per tile |
    | `semantic-change` | logits `[B, 1, H, W]`, `[B, K, H, W]`, `[B, K, H, W]` | change, before, after |
    | `values` | `[B, N, H, W]`, or `[B, N]` where `scale` is None | one per layer |
    | `embedding` | `[B, D, h, w]`, or `[B, D]` where `scale` is None | `dimensions` |
    | `boxes` | the detection task's own | one per class |
    """

    kind: Kind
    classes: tuple[ClassLabel, ...] = ()
    """In the order of the network's channels."""
    layers: tuple[Layer, ...] = ()
    """Of kind `values`."""
    dimensions: int | None = Field(default=None, ge=1)
    """Of kind `embedding`."""
    ignore_value: int | None = None
    """Number in training labels that meant "not labelled"."""
    scale: Fraction | None = Field(default=Fraction(1), gt=0)
    """Output pixels per input pixel along an axis: 2 is finer, 1/8 coarser; None: one answer per tile."""
    activation: Literal["softmax", "sigmoid", "none"] = "none"
    """What turns logits into probabilities."""
    threshold: float | None = Field(default=None, gt=0, lt=1)
    """Probability above which a sigmoid says yes."""

    @model_validator(mode="before")
    @classmethod
    def _defaults_by_kind(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        defaults: dict[str, Any] = {"activation": _ACTIVATIONS.get(data.get("kind", "values"), "none")}
        if data.get("kind") == "labels":
            defaults["scale"] = None
        if data.get("activation", defaults["activation"]) == "sigmoid":
            defaults["threshold"] = 0.5
        return {**defaults, **data}

    def _agree(self) -> None:
        wants = {"values": "layers", "embedding": "dimensions"}.get(self.kind, "classes")
        for key in ("classes", "layers", "dimensions"):
            if bool(getattr(self, key)) != (key == wants):
                raise ValueError(f"an output of kind {self.kind!r} needs {wants}, and only that; look at {key}")
        if self.kind == "binary" and len(self.classes) != 2:
            raise ValueError(f"a binary output needs two classes (no, yes); found {len(self.classes)}")
        for key in ("value", "name"):
            found = [getattr(label, key) for label in self.classes]
            if len(set(found)) != len(found):
                raise ValueError(f"the {key}s of the classes are not unique: {found}")
        if self.ignore_value in [label.value for label in self.classes]:
            raise ValueError(f"ignore_value {self.ignore_value} is also the value of a class")
        if (self.scale is None) != (self.kind == "labels") and self.kind not in ("values", "embedding"):
            raise ValueError(f"scale {self.scale} does not go with an output of kind {self.kind!r}")
        if self.activation == "softmax" and self.threshold is not None:
            raise ValueError("threshold goes with activation 'sigmoid' only")

    @property
    def channels(self) -> int:
        """Number of the network's output channels (of the class logits, for `semantic-change`)."""
        return 1 if self.kind == "binary" else self.dimensions or len(self.classes) or len(self.layers)

    @property
    def asked(self) -> tuple[str, ...]:
        """Names of the classes, or layers, that have a channel: of two classes in one channel the second."""
        names = tuple(one.name for one in self.classes or self.layers)
        return names[1:] if self.kind == "binary" else names

    @property
    def per_tile(self) -> bool:
        """Whether there is one answer per tile and not one per pixel."""
        return self.scale is None


class ReceptiveField(Frozen):
    """How far a network sees, in pixels of its (first) input; measured by `swath.models.field`."""

    radius: int | None = Field(default=None, ge=0)
    """An answer depends on no pixel farther than this, along either axis, from those it covers. None: on all."""
    halo: int | None = Field(default=None, ge=0)
    """What a core needs around it that begins and ends at multiples of the stride, to be exact; a multiple itself."""
    effective_radius: int | None = Field(default=None, ge=0)
    """As `halo`, when the output may move by less than `bound` of its spread."""
    bound: float | None = Field(default=None, ge=0)
    """Largest movement measured, over the distance between the 1st and 99th percentile of the output."""
    stride: int = Field(default=1, ge=1)
    """Shifting the input by this many pixels shifts the output with it."""
    reason: str | None = None
    """Why there is no radius."""

    def _agree(self) -> None:
        if (self.effective_radius is None) != (self.bound is None):
            raise ValueError("effective_radius and bound go together")
        if (self.radius is None) != (self.halo is None):
            raise ValueError("radius and halo go together")
        for key in ("halo", "effective_radius"):
            if (getattr(self, key) or 0) % self.stride:
                raise ValueError(f"{key} {getattr(self, key)} is not a multiple of the stride, {self.stride}")
        if self.effective_radius is not None and (self.halo is None or self.effective_radius > self.halo):
            raise ValueError(f"effective_radius {self.effective_radius} exceeds the halo, {self.halo}")
