"""`Course`: how far a run is, in plain numbers that a checkpoint keeps."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Course:
    """How far a run is.

    Attributes:
        step: of the optimiser, that are done.
        seconds: that it took, earlier sessions included.
        pixels: that were learnt from.
        learning: seconds of learning alone, without validation.
        validated: how often it was validated.
        best: the best score so far, made so that more is better; None before the first.
        best_step: when that was.
        stale: validations since.
        slowed: whether the learning rate was divided because the loss was no longer a number.
        rows: curves, one row per validation.
    """

    step: int = 0
    seconds: float = 0.0
    pixels: int = 0
    learning: float = 0.0
    validated: int = 0
    best: float | None = None
    best_step: int = 0
    stale: int = 0
    slowed: bool = False
    rows: list[dict[str, float]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Millions of pixels learnt from per second."""
        return self.pixels / 1e6 / self.learning if self.learning > 0 else 0.0

    @property
    def best_row(self) -> dict[str, float]:
        """The curves' row of the best weights; empty before the first validation."""
        return next((row for row in self.rows if row["step"] == self.best_step), {})

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return asdict(self)

    def take(self, found: dict[str, Any]) -> None:
        """Become what `to_dict` told."""
        for key, value in found.items():
            setattr(self, key, value)
