"""Training: a folder of labels becomes a model; several sets become one model of several skills.

report = swath.train("labels/", task="segmentation", network="unet", out="mine.swath")
report = swath.train("recipes/stsun-tiny.yaml", out="stsun-tiny.swath", data="/data")
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swath.train.progress import Tell
    from swath.train.report import TrainReport

__all__ = ["train"]

_LATER = ("probe", "recipe")
"""Files that people use by name; imported when they do."""


def train(
    folder: str | os.PathLike[str] | None = None,
    *,
    task: str | None = None,
    network: str | None = None,
    out: str | os.PathLike[str],
    config: Any = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Tell | None = None,
    **options: Any,
) -> TrainReport:
    """Train a network on labelled images and write the model, ready to predict.

    The best weights so far are at `out` from the first validation on; all else is in a folder beside it, see
    `swath.train.files`. Ctrl-C or SIGTERM ends after the step that is under way, and `resume=True` goes on.

    Args:
        folder: labelled images in any layout that `swath.data.open` knows, or a recipe file (YAML). For the task
            `pretraining` any images: what comes out is a beginning for other trainings, by `start=`.
        task: one of `swath.models.TASKS`; None: as the labels say.
        network: registered name; None: as the recipe says, else `unet`. With `start=` it need not be said.
        out: the model's file, ending in `.swath`.
        config: a recipe file, its fields, or a `Recipe`.
        resume: go on with what an interrupted run left.
        overwrite: replace a model that is at `out`.
        progress: told how far it is, see `swath.train.progress`.
        options: fields of `swath.train.recipe.Recipe` that differ, such as `steps`, `minutes`, `batch`, `lr`, `start`;
            and of `SetRecipe` where there is one set, such as `classes`, `sensor`, `gsd`, `val`, `test`.

    Returns:
        What it came to: the file, the scores on the validation part, the speed.

    Raises:
        TrainError: an option is wrong, there is too little to learn from, the run was interrupted or diverged.
        DataError: the folder is no labelled set.
        CardError: there is no such network or model, or it does not fit.
        WriteError: `out` cannot be written, or is there already.
    """
    from swath.train.compose import compose
    from swath.train.files import RunFiles
    from swath.train.fit import fit

    recipe = compose(folder, config, {"task": task, "network": network, **options})
    try:
        return fit(recipe, os.fspath(out), resume=resume, overwrite=overwrite, tell=progress)
    finally:
        with suppress(OSError):  # a run that wrote nothing leaves nothing; what holds something stays
            RunFiles(Path(out)).folder.rmdir()


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Callable(ModuleType):
    """`swath.train` is this package and the function of the same name at once."""

    def __call__(self, *args: Any, **kwargs: Any) -> TrainReport:
        return train(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
