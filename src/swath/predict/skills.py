"""Which model is meant, and which of its skills: by its name, its task, and the scene that it has to take."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from swath.errors import MatchError, PredictError
from swath.models import registry
from swath.models.compare import Compared, compare
from swath.models.fitted import fit
from swath.models.model import Model
from swath.models.pairwise import Pairs, pairs_of, pairwise
from swath.predict.feed import uncut
from swath.predict.match import match
from swath.predict.progress import Progress, Status
from swath.scene.scene import Scene


def is_fitted(model: Model | str | Path) -> bool:
    """Whether this is the name of a method that is fitted to each scene anew."""
    if isinstance(model, Model):
        return False
    name = os.fspath(model)
    return name in registry.names() and registry.find(name).fitted


def task_of_fitted(name: str) -> str:
    """What a method is for that is fitted to each scene."""
    return registry.find(name).tasks[0]


def refuse_pretrained(model: Model) -> None:
    """Say what to do with a model that has learnt from images alone.

    Raises:
        PredictError: it is one.
    """
    if all(card.task == "pretraining" for card in model.cards):
        name = model.source or f"{model.card.name}.swath"
        raise PredictError(
            f"{name} has learnt from images alone and makes no map; train a network from it first: "
            f"swath train LABELS --from {name} -o mine.swath"
        )


def meant(
    model: Model | str | Path,
    task: str | None,
    scene: Scene | Sequence[Scene] | Mapping[str, Scene],
    settle: Mapping[str, Any],
    progress: Progress | None = None,
    pairs: Pairs | None = None,
    options: Mapping[str, Any] | None = None,
) -> Model:
    """The model that is meant, with one skill; a method that is fitted to scenes is fitted to the whole of this one.

    With `pairs` it compares the dates of a series two by two; `options` are arguments of a method.

    Raises:
        CardError: there is no such model.
        PredictError: it makes no map, or options are given to what is no method.
        SwathError: see `fitting_skill` and `swath.models.fit`.
    """
    if options and not is_fitted(model):
        raise PredictError(
            f"options={dict(options)!r}: they are for methods that are fitted to the scene, and this model has "
            "weights; leave them out"
        )
    if not isinstance(model, Model):
        name = os.fspath(model)
        if is_fitted(name):
            if progress is not None:
                progress(Status.before(f"fitting {name} to the scene"))
            whole = _compared(scene, name, settle)
            if pairs is not None:
                every = [fit(name, whole.select(dates=list(two)), **(options or {})) for two in _in_time(whole, pairs)]
                return fitting_skill(pairwise(every, pairs), task, scene, settle)
            model = fit(name, whole, **(options or {}))
        else:
            model = registry.load(name)
    refuse_pretrained(model)
    tasks = {card.task for card in model.cards}
    if task in ("change", "semantic-change") and task not in tasks and "segmentation" in tasks:
        names = [card.name for card in model.cards if card.task == "segmentation"]
        both = [compare(model.skill(name), cast("Compared", task)) for name in names]
        return _one_of(_by_pairs(both, pairs), names, scene, settle)
    return fitting_skill(model, task, scene, settle, pairs)


def _by_pairs(skills: Sequence[Model], pairs: Pairs | None) -> Sequence[Model]:
    return skills if pairs is None else [pairwise([one], pairs) for one in skills]


def _in_time(scene: Scene, pairs: Pairs) -> list[tuple[int, int]]:
    """Positions of the dates of each pair, in the order of time where it is known.

    Raises:
        MatchError: the scene has a single date.
    """
    count = len(scene.dates)
    if count < 2:
        raise MatchError(f"pairs={pairs!r} compares dates, and the scene has {count}; open all of them as one scene")
    order = list(range(count))
    if all(date is not None for date in scene.dates):
        order.sort(key=lambda t: str(scene.dates[t]))
    return [(order[before], order[after]) for before, after in pairs_of(count, pairs)]


def _compared(scene: Scene | Sequence[Scene] | Mapping[str, Scene], name: str, settle: Mapping[str, Any]) -> Scene:
    """The whole of the scene that a method is fitted to, with the bands and dates that were chosen."""
    several = [scene] if isinstance(scene, Scene) else [*(scene.values() if isinstance(scene, Mapping) else scene)]
    if len(several) != 1:
        raise MatchError(f"{name} takes one scene of two dates, and {len(several)} scenes are given")
    bands, dates = settle.get("bands"), settle.get("dates")
    if isinstance(bands, Mapping):
        raise MatchError(f"{name} takes the scene's own bands; choose among them when it is opened: bands=[...]")
    return uncut(several[0]).select(bands=bands, dates=dates)


def fitting_skill(
    model: Model,
    task: str | None,
    scene: Scene | Sequence[Scene] | Mapping[str, Scene],
    settle: Mapping[str, Any],
    pairs: Pairs | None = None,
) -> Model:
    """The model with the one skill that is for the task and takes the scene.

    Args:
        model: with one skill or several.
        task: what is asked; None: anything.
        scene: what is to be looked at.
        settle: what settles a scene that does not fit at once, see `match`.
        pairs: which dates of a series are compared two by two; None: it has as many as the model takes.

    Raises:
        PredictError: no skill is for the task, or several are and take the scene.
        MatchError: those that are for the task do not take the scene; the message says why, of each.
    """
    asked = [model.skill(card.name) for card in model.cards if task in (None, card.task)]
    if not asked:
        tasks = ", ".join(dict.fromkeys(card.task for card in model.cards))
        raise PredictError(f"{model.card.name} was made for {tasks}, not for {task}; leave out task=, or take another")
    names = [one.card.name for one in asked]
    return _one_of(_by_pairs(asked, pairs), names, scene, settle)


def _one_of(
    skills: Sequence[Model],
    names: Sequence[str],
    scene: Scene | Sequence[Scene] | Mapping[str, Scene],
    settle: Mapping[str, Any],
) -> Model:
    """The only one of several skills, or the only one that takes the scene; `names` are those of the model's cards."""
    refused: list[str] = []
    fitting = dict(zip(names, skills, strict=True))
    for name, skill in list(fitting.items()) if len(fitting) > 1 else ():
        try:
            match(scene, skill.card, **settle)
        except MatchError as error:
            del fitting[name]
            refused.append(str(error))
    if not fitting:
        raise MatchError("; ".join(refused))
    if len(fitting) > 1:
        source = skills[0].source or "NAME"
        told = " or ".join(f"{source}:{name}" for name in fitting)
        raise PredictError(f"{source} can do more than one thing with this scene; name the skill: {told}")
    return next(iter(fitting.values()))
