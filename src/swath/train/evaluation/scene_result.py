"""`SceneResult`: what was counted in one scene of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from swath.tasks.metrics import Metrics
from swath.tasks.paper_scores import PaperMetrics


@dataclass(frozen=True, eq=False)
class SceneResult:
    """One scene.

    Attributes:
        name: of the item.
        place: scenes of one place share it, and are drawn together for the intervals.
        metrics: its counts.
        labelled: pixels (images) with a label that were seen.
        answered: those of them with an answer.
        scores: of this scene alone.
        fields: its fields, each counted once; None where they were not asked for.
        paper: scores of the set's paper; None where none is known.
    """

    name: str
    place: str
    metrics: Metrics
    labelled: int
    answered: int
    scores: Mapping[str, float] = field(default_factory=dict)
    fields: Metrics | None = None
    paper: PaperMetrics | None = None
