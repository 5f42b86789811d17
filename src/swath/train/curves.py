"""Curves of a run: a table, for TensorBoard, and a picture."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from swath.scene.write.atomic import atomic_path
from swath.train.course import Course


def write_table(course: Course, path: Path) -> None:
    """All rows so far as CSV, whole or not at all."""
    columns = list(dict.fromkeys(key for row in course.rows for key in row))
    with atomic_path(path, overwrite=True) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(course.rows)


def write_events(row: Mapping[str, float], folder: Path) -> None:
    """Add a row to what `tensorboard --logdir` shows.

    Each row has a file of its own, so that a run that dies leaves all it knew, and that is seen while it goes on.

    Args:
        row: with its `step`.
        folder: that it is given.
    """
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.writer import FileWriter

    step = int(row["step"])
    writer = FileWriter(str(folder), filename_suffix=f".{step:09d}")
    values = [Summary.Value(tag=tag, simple_value=value) for tag, value in row.items() if tag != "step"]
    writer.add_summary(Summary(value=values), step)
    writer.close()


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
