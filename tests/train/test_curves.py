"""Curves for TensorBoard: its own reader finds each row at once, and none of an earlier run among them."""

from __future__ import annotations

import math
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from swath.train.curves import write_events
from swath.train.files import RunFiles


def shown(folder: Path) -> dict[str, list[tuple[int, float]]]:
    reader = EventAccumulator(str(folder)).Reload()
    return {tag: [(one.step, one.value) for one in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def test_each_row_can_be_read_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "tensorboard"
    write_events({"step": 3.0, "loss": 0.5, "green/iou/bare soil": 0.25}, folder)
    assert shown(folder) == {"loss": [(3, 0.5)], "green/iou/bare soil": [(3, 0.25)]}
    write_events({"step": 6.0, "loss": 0.25, "green/iou/bare soil": math.nan}, folder)
    assert shown(folder)["loss"] == [(3, 0.5), (6, 0.25)]
    assert math.isnan(shown(folder)["green/iou/bare soil"][1][1])


def test_curves_of_an_earlier_run_are_kept_only_where_it_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "mine.swath"
    files = RunFiles.at(out, overwrite=False, resume=False)
    write_events({"step": 1, "loss": 1.0}, files.tensorboard)
    files.last.touch()
    RunFiles.at(out, overwrite=False, resume=True)
    assert shown(files.tensorboard)
    RunFiles.at(out, overwrite=True, resume=False)
    assert not files.tensorboard.exists()
    assert files.last.is_file()
