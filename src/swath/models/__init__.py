"""Networks, their weights and their cards."""

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
    Output,
    ReceptiveField,
    Score,
    TileRule,
)

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
    "MeanStd",
    "MinMax",
    "Output",
    "ReceptiveField",
    "Score",
    "TileRule",
]
