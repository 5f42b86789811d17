"""Sensors that a model takes together, and a scene lacks."""

from __future__ import annotations

from collections.abc import Sequence

from swath.models.needs import Input, InputSensor
from swath.predict.match_words import some
from swath.scene.scene import Scene


def absent_sensors(scene: Scene, given: Input, lacking: Sequence[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Sensors of an input none of whose bands is fed.

    Args:
        scene: what is there.
        given: the card's input.
        lacking: names of its bands that nothing feeds.

    Returns:
        The names of their bands; and a sentence for those that are missing and one for those that nothing tells, each
        with what settles it. Where the scene is of one sensor and none is fed, nothing: its own bands are to be told.
    """
    absent = [one for one in given.stack if set(one.bands) <= {*lacking}]
    opened = {one.name for one in scene.stacked}
    enough = len(scene.stacked) >= len(given.stack)
    # What the card knows no sensor of is told by names alone: of a sensor that is there its bands are to be told.
    absent = [one for one in absent if one.sensor is not None or one.name not in opened]
    known = [one for one in absent if one.sensor is not None and (enough or one.name in opened)]
    if len(absent) == len(given.stack) and not known:
        return frozenset(), ()
    missing = [one for one in absent if one not in known]
    sentences = []
    if missing:
        every = ", ".join(one.name for one in given.stack)
        files = " ".join(f"{one.name}=PATH" for one in missing)
        sentences.append(
            f"it lacks {_of(missing)} of the {len(given.stack)} sensors that the model takes together ({every}): give "
            f"{'its file' if len(missing) == 1 else 'their files'} too, {files}"
        )
    if known:
        ways = ", ".join(f"{one.name!r}: {one.sensor!r}" for one in known)
        sentences.append(f"nothing says which of what was opened is {_of(known)}: say sensor={{{ways}}}")
    return frozenset(band for one in absent for band in one.bands), tuple(sentences)


def _of(sensors: Sequence[InputSensor]) -> str:
    return " and ".join(f"{one.name} ({some(list(one.bands))})" for one in sensors)
