"""From a recipe to a model: what `swath.train` does."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from swath.data import Crops, Split
from swath.errors import TrainError
from swath.models import registry
from swath.models.model import Model
from swath.scene.words import many
from swath.train.at_once import fit_at_once
from swath.train.average import Average
from swath.train.batches import Draw
from swath.train.begin import begin, freeze_encoder, freeze_norms
from swath.train.budget import Budget
from swath.train.cards import draft, scored
from swath.train.course import Course
from swath.train.curves import draw as draw_curves
from swath.train.devices import fabric_of, precision_of, seed
from swath.train.files import RunFiles
from swath.train.learner import Skill
from swath.train.loop import Loop
from swath.train.progress import Moment, Tell
from swath.train.recipe import Recipe
from swath.train.report import SkillReport, TrainReport
from swath.train.sets import LabelledSet, open_set


def fit(recipe: Recipe, out: str | Path, *, resume: bool, overwrite: bool, tell: Tell | None) -> TrainReport:
    """Train as a recipe says; see `swath.train`."""
    if registry.find(recipe.network).at_once and recipe.start is None:
        return _at_once(recipe, out, overwrite=overwrite, tell=tell)
    loop = made_ready(recipe, out, resume=resume, overwrite=overwrite, tell=tell)
    course, files, skills = loop.course, loop.files, loop.skills
    try:
        ended = loop.run()
    finally:
        if loop.fabric.is_global_zero and course.rows:
            draw_curves(course, [f"{one.card.name}/{one.headline[0]}" for one in skills], files.picture)
    if loop.fabric.is_global_zero and recipe.reach:
        _measure(skills, files.out, lambda what: tell and tell(Moment.of(course, loop.budget, math.nan, doing=what)))
    return TrainReport(
        model=files.out,
        folder=files.folder,
        skills=tuple(_of_skill(skill, course) for skill in skills),
        steps=course.step,
        best_step=course.best_step,
        seconds=course.seconds,
        rate=course.rate,
        precision=precision_of(recipe),
        parameters=sum(parameter.numel() for parameter in loop.average.network.parameters()),
        ended=ended,
        notes=_notes(skills),
    )


def _at_once(recipe: Recipe, out: str | Path, *, overwrite: bool, tell: Tell | None) -> TrainReport:
    """A network that learns in one go."""
    skill, course, model = fit_at_once(recipe, out, overwrite=overwrite, tell=tell)
    files = RunFiles(Path(out))
    return TrainReport(
        model=files.out,
        folder=files.folder,
        skills=(_of_skill(skill, course),),
        steps=course.step,
        best_step=course.best_step,
        seconds=course.seconds,
        rate=course.rate,
        precision="float32",
        parameters=sum(tensor.numel() for tensor in model.network.state_dict().values()),
        ended=f"learnt from {many(course.pixels, 'labelled pixel')} at once",
        notes=_notes([skill]),
    )


def made_ready(recipe: Recipe, out: str | Path, *, resume: bool, overwrite: bool, tell: Tell | None) -> Loop:
    """All that a run needs, before its first step: data looked through, network built, devices taken."""
    files = RunFiles.at(out, overwrite=overwrite, resume=resume)
    seed(recipe.seed)
    sets = tuple(open_set(one, recipe.data, recipe.seed) for one in recipe.sets)
    model = begin(recipe, [draft(one, recipe) for one in sets])
    fabric = fabric_of(recipe)
    first = fabric.is_global_zero
    if resume:
        _same_places(sets, files)
    elif first:
        files.recipe.write_text(recipe.to_yaml(), encoding="utf-8")
        for one in sets:
            one.split.save(files.split(one.skill), overwrite=True)
    network: nn.Module = model.network.to(memory_format=torch.channels_last)
    network.train()
    learnt = freeze_encoder(network) if recipe.freeze_encoder else list(network.parameters())
    known = () if model.report is None else model.report.matched
    if recipe.freeze_norms:
        freeze_norms(network, known)
    average = Average(fabric.to_device(network), recipe.average, recipe.start_share, known)
    wrapped, optimizer = fabric.setup(network, _optimizer(learnt, recipe))
    kept = replace(model, network=average.network)
    skills = [Skill.of(one, kept.skill(card.name), recipe) for one, card in zip(sets, model.cards, strict=True)]
    if recipe.threshold == "best" and not any(skill.seeks for skill in skills):
        raise TrainError("threshold='best' goes with a set of two classes, and there is none; leave it out")
    if recipe.mix and not any(skill.card.output.per_tile for skill in skills):
        raise TrainError("mix goes with classes of whole images (task='classification'); leave it out")
    if recipe.mix and any(one.dataset.apart for one in sets):
        raise TrainError(
            "mix pastes images of one grid into one another, and apart= gives several; leave one of them out"
        )
    draw = Draw(
        crops=tuple(_crops(skill, recipe) for skill in skills),
        weights=tuple(one.recipe.weight for one in sets),
        augment=tuple(one.recipe.augment or recipe.augment for one in sets),
        batch=tuple(one.recipe.batch or recipe.batch for one in sets),
        seed=recipe.seed,
        mix=tuple(recipe.mix if skill.card.output.per_tile else 0.0 for skill in skills),
        rank=fabric.global_rank,
        world=fabric.world_size,
    )
    course = Course()
    loop = Loop(
        fabric=fabric,
        network=wrapped,
        optimizer=optimizer,
        average=average,
        skills=skills,
        draw=draw,
        recipe=recipe,
        budget=Budget.of(recipe, sum(one.statistics.pixels for one in sets), fabric.world_size),
        course=course,
        files=files,
        improved=lambda: _save(kept, skills, course, files.out) if first else None,
        tell=tell if first else None,
    )
    if resume:
        loop.load()
    return loop


def _same_places(sets: Sequence[LabelledSet], files: RunFiles) -> None:
    """See that a run goes on with the places that it began with; else it would be validated on what it has learnt.

    Raises:
        TrainError: it does not.
    """
    for one in sets:
        before = Split.read(files.split(one.skill))
        if (before.train, before.val) != (one.split.train, one.split.val):
            raise TrainError(
                f"{one.dataset.name}: the places to learn from are others than when the run began "
                f"({files.split(one.skill)}); put data, seed and shares back, or begin anew with overwrite=True"
            )


def _optimizer(learnt: Sequence[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW; what is added or multiplied alone (biases, norms) is not drawn towards 0."""
    matrices = [one for one in learnt if one.ndim >= 2]
    others = [one for one in learnt if one.ndim < 2]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=recipe.lr)


def _crops(skill: Skill, recipe: Recipe) -> Crops:
    """Crops of the training part, no larger than its largest image, of a size that the network takes."""
    data = skill.one.dataset.subset(skill.one.split.train)
    largest = max(max(data.shape(item)) for item in data.items)
    step = skill.card.tile.multiple
    return Crops(data, step * max(1, -(-min(recipe.crop, largest) // step)), recipe.seed, recipe.rare)


def _save(model: Model, skills: Sequence[Skill], course: Course, out: Path) -> None:
    """Write the mean of the weights with the scores it has."""
    cards = [scored(skill.card, _scores(skill, course), len(skill.one.val)) for skill in skills]
    replace(model, card=cards[0], others=tuple(cards[1:])).save(out)


def _measure(skills: Sequence[Skill], out: Path, say: Callable[[str], object]) -> None:
    """Put onto the cards of the weights that are kept how far they see, on imagery that they were validated on."""
    model = Model.load(out)
    cards = []
    for skill, card in zip(skills, model.cards, strict=True):
        if card.task == "pretraining":  # it makes no map
            cards.append(card)
            continue
        say(f"{card.name}: how far it sees")
        cards.append(card.with_(field=model.skill(card.name).probe_field(skill.images())))
    replace(model, card=cards[0], others=tuple(cards[1:])).save(out)


def _scores(skill: Skill, course: Course) -> dict[str, float]:
    """Of one skill, at the step whose weights are kept."""
    start = f"{skill.card.name}/"
    return {key.removeprefix(start): value for key, value in course.best_row.items() if key.startswith(start)}


def _of_skill(skill: Skill, course: Course) -> SkillReport:
    parts = skill.one.split
    return SkillReport(
        skill=skill.card.name,
        task=skill.card.task,
        train=len(parts.train),
        val=len(parts.val),
        test=len(parts.test),
        scores=_scores(skill, course),
        headline=skill.headline[0],
    )


def _notes(skills: Sequence[Skill]) -> tuple[str, ...]:
    """How weights were loaded, and what inspection found that was not warned of before the first step."""
    report = skills[0].model.report
    loaded = [] if report is None else [f"begun from {report}"]
    return (*loaded, *(note for one in skills for note in one.one.notes))
