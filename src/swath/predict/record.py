"""What the record of a prediction tells: enough to make the product again.

`swath.scene.write.record` writes the STAC item; these are the properties that a run adds. Paths are relative to the
record, so that inputs, weights and products can be moved together.

| property | holds |
| --- | --- |
| `swath:task` | what was asked |
| `swath:model` | name, hash and source of the weights, `float16` or `float32` as `stored`, and the card |
| `swath:inputs` | each file that was read, its dates, size and hash |
| `swath:scene` | arguments of `swath.open`, and what was selected; null where a scene was in memory only |
| `swath:sensors` | what the scenes were seen by |
| `swath:match` | which band feeds which input, units, resampling, and what a person should know of it |
| `swath:options` | arguments of `swath.predict` |
| `swath:plan` | tiles, stitching, radius and its bound |
| `swath:run` | what the run found out about itself: nothing that another needs |
| `processing:software` | versions |

Where a network has several inputs, each with a scene of its own, `swath:scene` is a list; there and in
`swath:inputs` `input` names the one that is fed.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from swath.errors import PredictError
from swath.predict.inputs import inputs_of
from swath.predict.making import Report, Run
from swath.scene.opened import is_local, relative_to, reopened, story
from swath.scene.scene import Scene
from swath.scene.write.record import read_record

ANSWERS = ("swath:task", "swath:model", "swath:inputs", "swath:scene", "swath:sensors", "swath:options", "swath:plan")


def told_by(run: Run, report: Report | None, folder: Path) -> dict[str, Any]:
    """The properties that a run gives to the record of its product, with paths relative to `folder`."""
    import rasterio
    import torch

    card, scenes = run.card, run.scenes
    fed = {name: {"input": name} if len(scenes) > 1 else {} for name in scenes}
    opened = [fed[name] | told for name, scene in scenes.items() if (told := story(scene, folder)) is not None]
    again = len(opened) == len(scenes)
    model: dict[str, Any] = {"name": card.name, **run.weights, "card": json.loads(card.to_json())}
    if (source := run.weights.get("source")) and os.path.isfile(source):
        model["source"] = relative_to(os.path.abspath(source), folder)
    return {
        "swath:task": card.task,
        "swath:model": model,
        "swath:inputs": [fed[name] | one for name, scene in scenes.items() for one in inputs_of(scene, folder)],
        "swath:scene": None if not again else opened if len(opened) > 1 else opened[0],
        "swath:sensors": list(dict.fromkeys(sensor.name for scene in scenes.values() for sensor in scene.sensors)),
        "swath:match": dict(run.match),
        "swath:options": dict(run.arguments),
        "swath:plan": run.plan.describe(),
        "swath:run": {} if report is None else report.describe(),
        "processing:software": {
            "swath": version("swath"),
            "torch": str(torch.__version__),
            "gdal": str(rasterio.__gdal_version__),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def moved(told: Mapping[str, Any], old: Path, new: Path) -> dict[str, Any]:
    """The same properties for a record in another folder: their relative paths lead to the same files."""

    def move(path: str) -> str:
        return relative_to(str(place(path, old)), new) if is_local(path) else path

    result: dict[str, Any] = json.loads(json.dumps(told))
    for one in result["swath:inputs"]:
        one["href"] = move(one["href"])
    for one in stories(result):
        opened = one["open"]
        opened["sources"] = [move(path) for path in opened["sources"]]
    model = result["swath:model"]
    if model.get("source") and place(model["source"], old).is_file():
        model["source"] = move(model["source"])
    return result


def stories(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How each scene was opened, in the order of the card's inputs; none where one was in memory only."""
    found = told["swath:scene"]
    return found if isinstance(found, list) else [] if found is None else [found]


def reopened_all(told: Mapping[str, Any], folder: Path) -> Scene | dict[str, Scene]:
    """The scene that properties tell of, or each by its input, for a record in `folder`.

    Raises:
        SwathError: as `swath.scene.opened.reopened` says.
    """
    found = stories(told)
    return reopened(found[0], folder) if len(found) == 1 else {one["input"]: reopened(one, folder) for one in found}


def place(path: str, folder: Path) -> Path:
    """Where a path that a record in `folder` tells leads to."""
    return Path(os.path.normpath(folder.absolute() / path))


def read_told(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Path]:
    """The properties of a product's record, and the folder that its paths are relative to.

    Args:
        path: the record, or the product that it lies beside.

    Raises:
        OpenError: there is none, or it cannot be read.
        PredictError: it is not of a prediction.
    """
    item = read_record(path)
    lacking = [key for key in ANSWERS if key not in item.properties]
    if lacking:
        raise PredictError(f"{path} has a record without {lacking[0]}: it was not predicted by Swath, or is changed")
    return dict(item.properties), Path(path).absolute().parent
