"""Intervals of scores by the bootstrap (Efron 1979, doi:10.1214/aos/1176344552): had other scenes been drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from swath.tasks.metrics import Metrics

FEW = 5
"""Below so many scenes an interval says little."""


def intervals(scenes: Sequence[Metrics], times: int, seed: int, share: float = 0.95) -> dict[str, tuple[float, float]]:
    """Percentile intervals of pooled scores, drawing as many scenes as there are, with replacement.

    Args:
        scenes: counts of each scene.
        times: how often scenes are drawn.
        seed: of the draws.
        share: part of the draws that lies inside.

    Returns:
        `(low, high)` by score; a draw in which a score does not exist does not count, and scores that exist in fewer
        than half of the draws have no interval. Nothing for fewer than two scenes.
    """
    if len(scenes) < 2 or times < 1:
        return {}
    rows = np.stack([one.row() for one in scenes])
    drawn = np.random.default_rng(seed).multinomial(len(scenes), np.full(len(scenes), 1 / len(scenes)), size=times)
    found = [scenes[0].of_row(row).compute() for row in drawn @ rows]
    return {name: limits for name in found[0] if (limits := _limits([one[name] for one in found], share)) is not None}


def _limits(values: Sequence[float], share: float) -> tuple[float, float] | None:
    drawn: NDArray[np.float64] = np.array(values)
    drawn = drawn[np.isfinite(drawn)]
    if 2 * len(drawn) < len(values):
        return None
    low, high = np.quantile(drawn, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)
