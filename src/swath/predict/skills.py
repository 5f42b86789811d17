"""Which of a model's skills is asked for: by its task, and by the scene that it has to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from swath.errors import MatchError, PredictError
from swath.models.model import Model
from swath.predict.match import match
from swath.scene.scene import Scene


def fitting_skill(
    model: Model, task: str | None, scene: Scene | Sequence[Scene] | Mapping[str, Scene], settle: Mapping[str, Any]
) -> Model:
    """The model with the one skill that is for the task and takes the scene.

    Args:
        model: with one skill or several.
        task: what is asked; None: anything.
        scene: what is to be looked at.
        settle: what settles a scene that does not fit at once, see `match`.

    Raises:
        PredictError: no skill is for the task, or several are and take the scene.
        MatchError: those that are for the task do not take the scene; the message says why, of each.
    """
    meant = [card for card in model.cards if task in (None, card.task)]
    if not meant:
        tasks = ", ".join(dict.fromkeys(card.task for card in model.cards))
        raise PredictError(f"{model.card.name} was made for {tasks}, not for {task}; leave out task=, or take another")
    refused: list[str] = []
    fitting = list(meant)
    for card in meant if len(meant) > 1 else ():
        try:
            match(scene, card, **settle)
        except MatchError as error:
            fitting.remove(card)
            refused.append(str(error))
    if not fitting:
        raise MatchError("; ".join(refused))
    if len(fitting) > 1:
        name = model.source or "NAME"
        told = " or ".join(f"{name}:{card.name}" for card in fitting)
        raise PredictError(f"{name} can do more than one thing with this scene; name the skill: {told}")
    return model.skill(fitting[0].name)
