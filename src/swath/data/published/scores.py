"""`PaperScore`: a score by which the paper of a published set ranks, and what is needed to compute it."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Literal

from pydantic import Field, field_validator

from swath.models.frozen import Frozen

Kind = Literal[
    "accuracy",
    "kappa",
    "iou",
    "f1",
    "precision",
    "recall",
    "balanced_accuracy",
    "mean_iou",
    "mean_f1",
    "mean_precision",
    "mean_recall",
    "weighted_f1",
    "weighted_precision",
    "micro_f1",
    "micro_precision",
    "mean_ap",
    "micro_ap",
    "break_even",
    "log_loss",
    "xview2",
    "zone_likeness",
    "sek",
    "scd_score",
    "miou_sek",
    "scs",
]
"""Which score it is; `swath.tasks.paper_scores` says how each is computed."""


class PaperScore(Frozen):
    """A score that a paper tells of its set."""

    name: str
    """What the paper calls it, and of what it is."""
    kind: Kind | None = None
    """None: it is not computed."""
    why: str = ""
    """Why not."""
    classes: tuple[str, ...] = ()
    """Whose score it is, several of them taken for one; empty: of what is looked for."""
    without: tuple[str, ...] = ()
    """Classes that do not count in a mean."""
    part: Literal["", "change", "classes"] = ""
    """Of semantic change: whether change, or the classes at both dates."""
    within: int = Field(default=0, ge=0)
    """Pixels by which an answer may lie beside its label."""
    each: str | None = None
    """Pattern: it is the mean of scores of groups, and images are of one where it finds the same in their names."""

    @field_validator("each")
    @classmethod
    def _a_pattern(cls, each: str | None) -> str | None:
        if each is not None:
            re.compile(each)
        return each

    def check(self, names: Set[str]) -> None:
        """Raise ValueError where it names a class that the set has not."""
        if unknown := [one for one in (*self.classes, *self.without) if one not in names]:
            raise ValueError(f"scores: {unknown[0]!r} of {self.name} is no class")

    def _agree(self) -> None:
        if (self.kind is None) == (not self.why):
            raise ValueError(f"{self.name}: either kind says what it is, or why says why it is not computed")
