"""Names of scores, numbers and tables, as people read them."""

from __future__ import annotations

import math
from collections.abc import Sequence

WORDS = {
    "iou": "IoU",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "mean_iou": "mean IoU",
    "mean_f1": "mean F1",
    "mean_precision": "mean precision",
    "mean_recall": "mean recall",
    "ap": "average precision",
    "mean_ap": "mean average precision",
    "micro_ap": "average precision, micro",
    "accuracy": "overall accuracy",
    "kappa": "kappa",
    "ece": "calibration error",
    "purity": "purity",
    "ari": "adjusted Rand index",
    "nmi": "normalised mutual information",
    "sek": "separated kappa",
    "scd_score": "0.3 mIoU + 0.7 SeK",
    "fscd": "F1 of changed classes",
    "rmse": "RMSE",
    "mae": "MAE",
    "bias": "bias",
    "r2": "R2",
}


def name_of(score: str) -> str:
    """What a score is called, as `change: IoU` for `change/iou`."""
    before, _, last = score.rpartition("/")
    return f"{before}: {WORDS.get(last, last)}" if before else WORDS.get(last, last)


def number(value: float) -> str:
    """Three places, or four digits of what is larger."""
    if math.isnan(value):
        return "-"
    value = round(value, 3) + 0.0  # no minus before nothing
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of columns, each as wide as its longest word."""
    widths = [max(len(row[column]) for row in (titles, *rows)) for column in range(len(titles))]
    lines = ("  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)) for row in (titles, *rows))
    return [line.rstrip() for line in lines]
