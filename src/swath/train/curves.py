"""Curves of a run: a table, for TensorBoard, and a picture."""

from __future__ import annotations

import csv
import struct
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from swath.scene.write.atomic import atomic_path
from swath.train.course import Course

_EVENTS = "events.out.tfevents.swath"
"""TensorBoard reads files that have the middle word in their names."""


def write_table(course: Course, path: Path) -> None:
    """All rows so far as CSV, whole or not at all."""
    columns = list(dict.fromkeys(key for row in course.rows for key in row))
    with atomic_path(path, overwrite=True) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(course.rows)


def write_events(row: Mapping[str, float], folder: Path) -> None:
    """Add a row to what `tensorboard --logdir` shows.

    The file is one of TFRecord: length and data of each event, either followed by its checksum. It is closed each time,
    so that a run that dies leaves all it knew, and TensorBoard sees it while the run goes on.

    Args:
        row: with its `step`.
        folder: that it is given.
    """
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.record_writer import masked_crc32c

    folder.mkdir(exist_ok=True)
    path, now = folder / _EVENTS, time.time()
    values = [Summary.Value(tag=tag, simple_value=value) for tag, value in row.items() if tag != "step"]
    events = [Event(wall_time=now, step=int(row["step"]), summary=Summary(value=values))]
    if not path.exists():
        events.insert(0, Event(wall_time=now, file_version="brain.Event:2"))
    with path.open("ab") as file:
        for event in events:
            data = event.SerializeToString()
            for part in (struct.pack("<Q", len(data)), data):
                file.write(part + struct.pack("<I", masked_crc32c(part)))


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
