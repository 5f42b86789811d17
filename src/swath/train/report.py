"""`TrainReport`: what a run came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from swath.scene.words import many


@dataclass(frozen=True)
class SkillReport:
    """What was learnt from one set.

    Attributes:
        skill: name of the card.
        task: what it is for.
        train: places learnt from.
        val: places validated on.
        test: places never looked at.
        scores: of the kept weights on the validation part.
        headline: the score that matters most.
    """

    skill: str
    task: str
    train: int
    val: int
    test: int
    scores: dict[str, float]
    headline: str


@dataclass(frozen=True)
class TrainReport:
    """What a run came to.

    Attributes:
        model: the file; `swath predict` and `swath evaluate` take it.
        folder: curves, splits, recipe.
        skills: one per set.
        steps: that were made.
        best_step: whose weights were kept.
        seconds: it took.
        rate: millions of pixels learnt from per second, validation left out.
        precision: it ran in.
        parameters: of the network.
        ended: why.
        notes: how weights were loaded, and what inspection found; what was left out is warned of before.
    """

    model: Path
    folder: Path
    skills: tuple[SkillReport, ...]
    steps: int
    best_step: int
    seconds: float
    rate: float
    precision: str
    parameters: int
    ended: str
    notes: tuple[str, ...] = ()

    def describe(self) -> str:
        """The report as text for people."""
        here = Path.cwd()
        model = self.model.relative_to(here) if self.model.is_relative_to(here) else self.model
        lines = [
            f"{model}: {self.parameters / 1e6:.1f} M parameters, {many(self.steps, 'step')} in "
            f"{self.seconds / 60:.1f} min "
            f"({self.rate:.2f} Mpx/s, {self.precision}); {self.ended}; kept: step {self.best_step}"
        ]
        for one in self.skills:
            shown = {one.headline: one.scores[one.headline], **one.scores}
            told = ", ".join(f"{key} {value:.3f}" for key, value in shown.items() if "/" not in key or key in _WHOLE)
            lines.append(f"  {one.skill} ({one.task}), {one.train} train, {one.val} val, {one.test} test")
            lines.append(f"    on val: {told}")
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)


_WHOLE = ("change/iou", "change/f1", "classes/mean_iou", "sek")
