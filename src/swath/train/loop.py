"""The loop: steps of the optimiser, validation at even shares of the budget, and what may end or upset it.

It runs on Lightning Fabric, which brings devices, strategies and precision; what happens when is written out here, so
that a run that was interrupted goes on exactly as if it had not been.
"""

from __future__ import annotations

import math
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from swath.errors import SwathWarning, TrainError
from swath.models.half import rounded
from swath.scene.words import many
from swath.train.average import Average
from swath.train.batches import Batch, Draw, read_ahead
from swath.train.budget import Budget, rate
from swath.train.course import Course
from swath.train.curves import write_events, write_table
from swath.train.files import RunFiles
from swath.train.interrupt import Asked, interruptible
from swath.train.learner import Skill, check_metric
from swath.train.progress import Moment, Tell
from swath.train.recipe import Recipe
from swath.train.settle import affordable, settle

if TYPE_CHECKING:
    from lightning.fabric import Fabric
    from lightning.fabric.wrappers import _FabricModule, _FabricOptimizer

_GO_ON = "and resume=True goes on from here"
_SLOWER = 0.1
"""What the learning rate is multiplied by, once, when the loss is no longer a number."""
_LONG = 0.999
"""Decay of a mean of weights from which on what norms expect is measured for it, not averaged along with it."""
_LATEST = 20
"""Steps whose mean loss is told."""


class Diverged(TrainError):
    """The loss is no longer a number."""


@dataclass(eq=False)
class Loop:
    """A run that is under way.

    Attributes:
        fabric: device, strategy and precision.
        network: as the fabric wraps it.
        optimizer: likewise.
        average: running mean of the weights.
        skills: what is learnt, in the order of the draw's sets.
        draw: which crops come when.
        recipe: what was told.
        budget: how long.
        course: how far it is.
        files: where curves and the checkpoint go.
        improved: called when the mean of the weights scores better than ever.
        tell: called after each step; None: nobody asks.
    """

    fabric: Fabric
    network: _FabricModule
    optimizer: _FabricOptimizer
    average: Average
    skills: Sequence[Skill]
    draw: Draw
    recipe: Recipe
    budget: Budget
    course: Course
    files: RunFiles
    improved: Callable[[], None]
    tell: Tell | None
    _losses: list[float] = field(default_factory=list)

    def run(self) -> str:
        """Learn until the budget is used up.

        Returns:
            Why it ended.

        Raises:
            TrainError: the recipe's metric is unknown; or it was interrupted, or the loss is no number even at a tenth
                of the learning rate, and the best weights so far are kept.
            SwathError: an item cannot be read.
        """
        check_metric(self.skills, self.recipe.metric)
        if self.course.step == 0:
            self.save()
        with interruptible() as asked:
            while True:
                try:
                    return self._until_used(asked)
                except Diverged as error:
                    if self.course.slowed:
                        raise TrainError(
                            f"{error} again, at a tenth of the learning rate{self._kept()}; a smaller lr= may help"
                        ) from error
                    at = self.course.step
                    self.load()
                    self.course.slowed = True
                    warnings.warn(
                        SwathWarning(
                            f"{error}; it goes on from step {self.course.step} with a tenth of the learning rate "
                            f"(was at {at})"
                        ),
                        stacklevel=2,
                    )

    def _until_used(self, asked: Asked) -> str:
        course, recipe = self.course, self.recipe
        begun = time.perf_counter() - course.seconds
        used = self.budget.used(course.step, course.seconds)
        latest: deque[float] = deque(maxlen=_LATEST)
        with closing(read_ahead(self.draw, course.step * recipe.accumulate)) as batches:
            while used < 1 or course.validated == 0:
                before = time.perf_counter()
                latest.append(self.step(batches, used))
                course.learning += time.perf_counter() - before
                course.seconds = time.perf_counter() - begun
                if self.tell is not None:
                    self.tell(Moment.of(course, self.budget, sum(latest) / len(latest)))
                used, stop = self._agreed(self.budget.used(course.step, course.seconds), asked.by)
                if math.floor(used * recipe.validations) > course.validated or used >= 1:
                    self.validate(math.floor(used * recipe.validations))
                    course.seconds = time.perf_counter() - begun
                    if recipe.patience is not None and course.stale >= recipe.patience:
                        return f"no better result in {many(course.stale, 'validation')}"
                if stop is not None:
                    if course.best is None:
                        self.validate(course.validated)
                    self.save()
                    raise TrainError(f"stopped by {stop} at step {course.step}{self._kept()}")
        return "the budget is used up"

    def step(self, batches: Iterator[Batch], used: float) -> float:
        """One step of the optimiser.

        Returns:
            The loss.

        Raises:
            Diverged: it, or the gradients, are no numbers; the weights are as before.
        """
        course, recipe, device = self.course, self.recipe, self.fabric.device
        lr = recipe.lr * rate(used, recipe.warm_up, recipe.last_rate) * (_SLOWER if course.slowed else 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.zero_grad(set_to_none=True)
        total: Tensor | float = 0.0
        for number, batch in enumerate(islice(batches, recipe.accumulate)):
            skill = self.skills[batch.of]
            with self.fabric.no_backward_sync(self.network, enabled=number + 1 < recipe.accumulate):
                loss = skill.loss(self.network, batch, device, recipe.smoothing) / recipe.accumulate
                self.fabric.backward(loss)
            total = total + loss.detach()
            height, width = batch.samples[0].image.shape[-2:]
            course.pixels += len(batch.samples) * height * width * self.fabric.world_size
        norm = self.fabric.clip_gradients(self.network, self.optimizer, max_norm=recipe.clip, error_if_nonfinite=False)
        value = float(total)
        if not math.isfinite(value) or norm is None or not math.isfinite(float(norm)):
            raise Diverged(f"the loss is no longer a number at step {course.step}")
        self.optimizer.step()
        course.step += 1
        self._losses.append(value)
        self.average.update(plain(self.network), course.step)
        return value

    def validate(self, validated: int) -> None:
        """Score the mean of the weights on all sets, note it in the curves, keep it if it is the best, save."""
        course = self.course
        row = {"step": float(course.step), "seconds": round(course.seconds, 1)}
        row["loss"] = sum(self._losses) / max(1, len(self._losses))
        row["lr"] = self.optimizer.param_groups[0]["lr"]
        found: list[float] = []
        self._settle()
        for skill in self.skills:
            with self._as_stored():
                scores = skill.scores(
                    self.average.network, self.fabric.device, self.fabric.autocast, self.recipe.validation_pixels
                )
            row |= {f"{skill.card.name}/{key}": value for key, value in scores.items()}
            found.append(skill.chosen_by(scores, self.recipe.metric))
        row["score"] = sum(found) / len(found)
        course.rows.append(row)
        self._losses.clear()
        course.validated = max(validated, course.validated)
        better = course.best is None or row["score"] > course.best
        course.stale = 0 if better else course.stale + 1
        if better:
            course.best, course.best_step = row["score"], course.step
            with self._as_stored():
                self.improved()
        if self.fabric.is_global_zero:
            write_table(course, self.files.curves)
            write_events(row, self.files.tensorboard)
        self.save()

    def _settle(self) -> None:
        """Measure anew what norms expect, where their own running mean lies too far behind the weights."""
        if not self.average.share and self.recipe.average < _LONG:
            return
        course = self.course
        since = course.step - (course.rows[-1]["step"] if course.rows else 0)
        batches = affordable(since * self.recipe.accumulate, len(self.skills))
        own, device, autocast = self.average.network, self.fabric.device, self.fabric.autocast
        settle(own, plain(self.network), self.skills, self.draw, course.step, batches, device, autocast)

    def _as_stored(self) -> AbstractContextManager[None]:
        """The mean of the weights as the file gives it back."""
        return rounded(self.average.network) if self.recipe.stored == "float16" else nullcontext()

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        temporary = self.files.last.with_suffix(".part")
        state = {**self._parts(), "course": self.course.to_dict(), "random": torch.get_rng_state()}
        self.fabric.save(temporary, state)
        if self.fabric.is_global_zero:
            temporary.replace(self.files.last)
        self.fabric.barrier()

    def load(self) -> None:
        """Become what the checkpoint tells.

        Raises:
            TrainError: it is damaged, or of another network.
        """
        try:
            found = self.fabric.load(self.files.last, self._parts(), weights_only=True)
        except (RuntimeError, KeyError, ValueError, EOFError) as error:
            said = " ".join(str(error).split())[:200]
            raise TrainError(f"{self.files.last} does not fit this run, begin anew: {said}") from error
        self.course.take(found["course"])
        torch.set_rng_state(found["random"])

    def _parts(self) -> dict[str, Any]:
        return {"network": self.network, "optimizer": self.optimizer, "average": self.average.network}

    def _agreed(self, used: float, stop: str | None) -> tuple[float, str | None]:
        """What the first device's clock and signals say, where there are several."""
        return (used, stop) if self.fabric.world_size == 1 else self.fabric.broadcast((used, stop))

    def _kept(self) -> str:
        best = self.course.best
        return "" if best is None else f"; the best weights so far (step {self.course.best_step}) are kept, {_GO_ON}"


def plain(network: nn.Module) -> nn.Module:
    """The network inside the wrappers of a strategy."""
    inner = getattr(network, "module", network)
    return plain(inner) if inner is not network else network
