"""Networks that learn from all labelled pixels at once, such as forests: no steps, no learning rate, one fit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from swath.data import IGNORE
from swath.errors import TrainError
from swath.models.gives import ReceptiveField
from swath.models.header import NetworkSpec
from swath.models.model import Model
from swath.train.begin import begin
from swath.train.budget import Budget
from swath.train.cards import draft, scored
from swath.train.course import Course
from swath.train.devices import seed
from swath.train.files import RunFiles
from swath.train.learner import Skill, check_metric
from swath.train.progress import Moment, Tell
from swath.train.recipe import Recipe
from swath.train.sets import open_set

_SIDE = 256
_OWN_FIELD = ReceptiveField(radius=0, halo=0, effective_radius=0, bound=0.0)
"""Each pixel is looked at by itself."""


class AtOnce(Protocol):
    """A network whose weights are found in one go."""

    most: int
    """Labelled pixels that it wants at most."""
    numbers: nn.Module
    """Called as the network is; what it says of the pixels of `[B, ..., H, W]` is what it learns from, `[B*H*W, F]`."""

    def learn(
        self, numbers: NDArray[np.float32], labels: NDArray[np.int64], weights: NDArray[np.float32], seed: int
    ) -> dict[str, Any]:
        """Find all weights.

        Args:
            numbers: of labelled pixels, `[N, F]`.
            labels: positions of classes, `[N]`.
            weights: how much each pixel counts, `[N]`.
            seed: of everything random.

        Returns:
            Arguments of the builder that differ from now on.
        """
        ...


@dataclass(frozen=True)
class Pixels:
    """Labelled pixels: numbers `[N, F]`, positions of classes `[N]`, weights `[N]`."""

    numbers: NDArray[np.float32]
    labels: NDArray[np.int64]
    weights: NDArray[np.float32]


def fit_at_once(recipe: Recipe, out: str | Path, *, overwrite: bool, tell: Tell | None) -> tuple[Skill, Course, Model]:
    """Train as a recipe says; see `swath.train`. What would guide steps (rates, crops, budgets) is left aside.

    Returns:
        What was learnt with its scores on the validation part, and the model as it was saved.

    Raises:
        TrainError: there are several sets, or nothing is labelled.
    """
    begun = time.perf_counter()
    files = RunFiles.at(out, overwrite=overwrite, resume=False)
    if len(recipe.sets) != 1:
        raise TrainError(f"{recipe.network} learns from one set, and {len(recipe.sets)} are named; take one of them")
    seed(recipe.seed)
    (one,) = (open_set(each, recipe.data, recipe.seed) for each in recipe.sets)
    model = begin(recipe, [draft(one, recipe)])
    files.recipe.write_text(recipe.to_yaml(), encoding="utf-8")
    one.split.save(files.split(one.skill), overwrite=True)
    skill = Skill.of(one, model, recipe)
    check_metric([skill], recipe.metric)
    course, budget = Course(), Budget.of(recipe, one.statistics.pixels, 1)

    def say(what: str) -> None:
        if tell is not None:
            tell(Moment.of(course, budget, float("nan"), doing=what))

    network = cast("AtOnce", model.network)
    say("reading labelled pixels")
    pixels = gathered(skill, network, recipe.seed)
    say(f"learning from {len(pixels.labels):,} pixels")
    found = network.learn(pixels.numbers, pixels.labels, pixels.weights, recipe.seed)
    config = model.spec.config if model.spec is not None else {}
    spec = NetworkSpec(name=recipe.network, config=config | found)
    model = replace(model.with_card(field=_OWN_FIELD), spec=spec)
    skill = replace(skill, model=model)
    course.step, course.pixels, course.learning = 1, len(pixels.labels), time.perf_counter() - begun
    say("validating")
    scores = skill.scores(model.network, model.device, nullcontext, recipe.validation_pixels)
    row = {f"{skill.card.name}/{key}": value for key, value in scores.items()}
    course.rows = [{"step": 1.0, **row}]
    course.best, course.best_step = skill.chosen_by(scores, recipe.metric), 1
    course.seconds = time.perf_counter() - begun
    model = replace(model, card=scored(skill.card, scores, len(one.val)))
    model.save(files.out)
    return skill, course, model


def gathered(skill: Skill, network: AtOnce, seed: int) -> Pixels:
    """Labelled pixels of the training part; of too many some are drawn, alike wherever they lie.

    Raises:
        TrainError: there are none.
    """
    rng = np.random.default_rng(seed)
    counts = skill.one.statistics.counts
    share = min(1.0, network.most / max(1, int(counts.sum())))
    of_class = np.ones(len(counts), np.float32) if skill.weights is None else skill.weights.numpy()
    parts = [one for item in skill.one.train for one in _of_item(skill, network, item.name, share, rng)]
    if not parts:
        raise TrainError(f"{skill.one.dataset.name}: no pixel of the training part is labelled")
    labels = np.concatenate([part.labels for part in parts])
    weights = np.concatenate([part.weights for part in parts]) * of_class[labels]
    return Pixels(np.concatenate([part.numbers for part in parts]), labels, weights)


def _of_item(skill: Skill, network: AtOnce, name: str, share: float, rng: np.random.Generator) -> Iterator[Pixels]:
    data = skill.one.dataset
    item = data[name]
    height, width = data.shape(item)
    for top in range(0, height, _SIDE):
        for left in range(0, width, _SIDE):
            window = np.s_[top : min(top + _SIDE, height), left : min(left + _SIDE, width)]
            sample = data.sample(item, window)
            labels = skill.task.targets([sample]).numpy().ravel()
            kept = (labels != IGNORE) & (rng.random(len(labels)) < share)
            if kept.any():
                with torch.no_grad():
                    numbers: Tensor = skill.answer(network.numbers, [sample], torch.device("cpu"))
                weights = np.ones(len(labels), np.float32) if sample.weight is None else sample.weight.ravel()
                yield Pixels(numbers.numpy()[kept], labels[kept], weights[kept])
