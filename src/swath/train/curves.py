"""Curves of a run: a table always, for TensorBoard where that is installed, and a picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swath.scene.write.atomic import atomic_path
from swath.train.course import Course
from swath.train.files import RunFiles

if TYPE_CHECKING:
    from lightning.fabric.loggers.logger import Logger


def loggers(files: RunFiles) -> list[Logger]:
    """Lightning's loggers for what is installed."""
    if find_spec("tensorboard") is None:
        return []
    from lightning.fabric.loggers.tensorboard import TensorBoardLogger

    return [TensorBoardLogger(files.folder, name=files.tensorboard.name, version="")]


def write_table(course: Course, path: Path) -> None:
    """All rows so far as CSV, whole or not at all."""
    columns = list(dict.fromkeys(key for row in course.rows for key in row))
    with atomic_path(path, overwrite=True) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(course.rows)


def draw(course: Course, scores: Sequence[str], path: Path) -> None:
    """Loss and scores over steps, with the step whose weights were kept.

    Args:
        course: with at least one row.
        scores: columns to show, as `buildings/iou`.
        path: of the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    steps = [row["step"] for row in course.rows]
    for axes, columns, words in ((above, ["loss"], "loss"), (below, scores, "validation")):
        for column in columns:
            axes.plot(steps, [row.get(column, float("nan")) for row in course.rows], marker=".", label=column)
        axes.set_ylabel(words)
        axes.grid(alpha=0.3)
    below.axvline(course.best_step, color="grey", linestyle=":", label=f"kept: step {course.best_step}")
    below.legend(frameon=False, fontsize="small")
    below.set_xlabel("step")
    options: dict[str, Any] = {"dpi": 120, "format": "png"}
    with atomic_path(path, overwrite=True) as temporary:
        figure.savefig(temporary, **options)
