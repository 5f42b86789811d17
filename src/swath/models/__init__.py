"""Networks, their weights and their cards. What needs torch is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swath.models.card import (
    TASKS,
    Card,
    CardBand,
    ClassLabel,
    Dataset,
    DatesRule,
    GsdRule,
    Input,
    Layer,
    MeanStd,
    MinMax,
    Normalisation,
    Output,
    ReceptiveField,
    Score,
    TileRule,
)
from swath.models.registry import describe, find, load, load_official, names, register

if TYPE_CHECKING:
    from swath.models.fitted import fit
    from swath.models.model import Model
    from swath.models.strict import LoadReport, load_strict

__all__ = [
    "TASKS",
    "Card",
    "CardBand",
    "ClassLabel",
    "Dataset",
    "DatesRule",
    "GsdRule",
    "Input",
    "Layer",
    "LoadReport",
    "MeanStd",
    "MinMax",
    "Model",
    "Normalisation",
    "Output",
    "ReceptiveField",
    "Score",
    "TileRule",
    "describe",
    "find",
    "fit",
    "load",
    "load_official",
    "load_strict",
    "names",
    "register",
]


def __getattr__(name: str) -> Any:
    if name == "Model":
        from swath.models.model import Model

        return Model
    if name == "fit":
        from swath.models.fitted import fit

        return fit
    if name in ("LoadReport", "load_strict"):
        from swath.models import strict

        return getattr(strict, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
