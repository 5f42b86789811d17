"""Intervals of scores by the bootstrap (Efron 1979, doi:10.1214/aos/1176344552): had other places been drawn.

Scenes of one place are drawn together: tiles of one town say the same, and drawn one by one they would promise more
than they know. Where there are fewer than `FEW` places, scenes are drawn, and the interval is about these places alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from swath.scene.words import many
from swath.tasks.metrics import ClassMetrics, Metrics

_M = TypeVar("_M", bound=Metrics)

FEW = 5
"""Of fewer, draws tell nothing."""


def intervals(
    scenes: Sequence[Metrics],
    times: int,
    seed: int,
    share: float = 0.95,
    places: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of pooled scores, drawing as many places as there are, with replacement.

    Args:
        scenes: counts of each scene.
        times: how often places are drawn.
        seed: of the draws.
        share: part of the draws that lies inside.
        places: of each scene; None: each is a place of its own.
        kinds: of each scene; places are drawn among those of their kind, so that every draw has as many of each. None:
            all are of one kind.

    Returns:
        `(low, high)` by score; a draw in which a score does not exist does not count, and scores that exist in fewer
        than half of the draws have no interval. Nothing for fewer than two places.
    """
    if not scenes or times < 1:
        return {}
    places = places if places is not None else [str(number) for number in range(len(scenes))]
    if len(set(places)) < 2:
        return {}
    rows = _rows_by_place(scenes, places)
    drawn = draws(rows.shape[0], times, seed, kinds and kinds_of(places, kinds))
    found = [scenes[0].of_row(one @ rows).compute() for one in drawn.astype(np.float64)]
    return {name: limits for name in found[0] if (limits := _limits([one[name] for one in found], share)) is not None}


def pooled_of(every: Sequence[_M]) -> _M:
    """What several have counted, together."""
    return every[0].of_row(reduce(np.add, (one.row() for one in every)))


def units(places: Sequence[str]) -> Sequence[str]:
    """What is drawn as one, by scene: its place; where these are fewer than `FEW`, the scene itself."""
    return places if len(set(places)) >= FEW else [f"scene {number}" for number in range(len(places))]


def draws(count: int, times: int, seed: int, kinds: Sequence[str] | None = None) -> NDArray[np.int64]:
    """How often each of `count` places is drawn, `[times, count]`; the rows sum to `count`, and so within each kind."""
    random, told = np.random.default_rng(seed), np.array(kinds or [""] * count)
    drawn = np.zeros((times, count), np.int64)
    for kind in dict.fromkeys(told.tolist()):
        those = np.flatnonzero(told == kind)
        drawn[:, those] = random.multinomial(len(those), np.full(len(those), 1 / len(those)), size=times)
    return drawn


def single_classes(scenes: Sequence[Metrics]) -> list[str] | None:
    """Classes of scenes that have one each: a draw without one of them would say nothing of how it is told apart."""
    labelled = [one.confusion.labelled for one in scenes if isinstance(one, ClassMetrics)]
    single = len(labelled) == len(scenes) and all((counts > 0).sum() == 1 for counts in labelled)
    return [str(counts.argmax()) for counts in labelled] if single else None


def kinds_of(places: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """Of each place, in the order of their first, all kinds that its scenes are of."""
    found: dict[str, set[str]] = {}
    for place, kind in zip(places, kinds, strict=True):
        found.setdefault(place, set()).add(kind)
    return ["+".join(sorted(one)) for one in found.values()]


def by_place(rows: NDArray[Any], places: Sequence[str]) -> NDArray[Any]:
    """What was counted in scenes, `[N, ...]`, added up by place, `[P, ...]`; places in the order of their first."""
    number = {place: at for at, place in enumerate(dict.fromkeys(places))}
    total = np.zeros((len(number), *rows.shape[1:]), rows.dtype)
    np.add.at(total, [number[place] for place in places], rows)
    return total


def _rows_by_place(scenes: Sequence[Metrics], places: Sequence[str]) -> Any:
    """Counts of each place, `[P, D]`, sparse: an image fills few of the bins that average precision needs."""
    from scipy import sparse

    number = {place: at for at, place in enumerate(dict.fromkeys(places))}
    rows = sparse.vstack([sparse.csr_array(one.row()[None]) for one in scenes], format="csr")
    which = ([number[place] for place in places], np.arange(len(scenes)))
    return sparse.csr_array((np.ones(len(scenes)), which), shape=(len(number), len(scenes))) @ rows


def about_draws(places: Sequence[str], placing: str) -> list[str]:
    """What must be said of intervals.

    Args:
        places: of the scenes, by name.
        placing: how they were told.
    """
    scenes, count = len(places), len(set(places))
    told = [f"places were told by {placing}"] if count < scenes else []
    if count >= FEW:
        return [f"intervals draw places and not scenes; {one}" for one in told]
    if count == scenes:
        said = "there is no interval" if count < 2 else "the intervals mean little"
    else:
        said = "intervals draw scenes, and hold for other scenes of the same place"
    return [f"{many(count, 'place')}: {said}; {FEW} or more would tell how far scores vary", *told]


def _limits(values: Sequence[float], share: float) -> tuple[float, float] | None:
    drawn: NDArray[np.float64] = np.array(values)
    drawn = drawn[np.isfinite(drawn)]
    if 2 * len(drawn) < len(values):
        return None
    low, high = np.quantile(drawn, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)
