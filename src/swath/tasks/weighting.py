"""Weights of classes, so that a rare class counts as much as it matters and no more than is stable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from swath.errors import TrainError

Weighting = Literal["none", "inverse", "effective"]


def class_weights(
    counts: Sequence[int] | NDArray[np.int64], how: Weighting = "inverse", *, most: float = 10.0, beta: float = 0.9999
) -> NDArray[np.float32]:
    """Weights `[K]` of a loss, from how many pixels (or images) of each class there are.

    Args:
        counts: `[K]`, as in the training data.
        how: `inverse`: by 1 / share; `effective`: by 1 / effective number, (1 - beta^n) / (1 - beta) (Cui et al.,
            arXiv 1901.05555), which saturates for large n and is meant for counts of images or objects; `none`: all 1.
        most: the largest weight may be this many times the smallest.
        beta: of the effective number, 0 to 1 and less than 1.

    Returns:
        float32 whose mean over the pixels is 1, so that the loss keeps its size; a class that does not occur weighs as
        much as the rarest that does.

    Raises:
        TrainError: nothing is counted, or an argument is out of its range.
    """
    if how not in ("none", "inverse", "effective"):
        raise TrainError(f"class weights {how!r} are not known; say none, inverse or effective")
    if most < 1 or not 0 <= beta < 1:
        raise TrainError(f"most={most:g}, beta={beta:g}: most is 1 or more, beta from 0 to less than 1")
    number = np.asarray(counts, dtype=np.float64)
    if number.ndim != 1 or not number.sum() > 0 or (number < 0).any():
        raise TrainError("no class is labelled anywhere, so classes cannot be weighted; look at the labels")
    if how == "none":
        return np.ones(len(number), dtype=np.float32)
    present = number > 0
    amount = number if how == "inverse" else (1 - beta**number) / (1 - beta)
    raw = 1 / np.where(present, amount, amount[present].min())
    raw = np.minimum(raw, raw.min() * most)
    return np.asarray(raw / ((raw * number).sum() / number.sum()), dtype=np.float32)
