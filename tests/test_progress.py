"""Progress: a bar in a terminal, lines in a log."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass

import pytest

from swath.predict.progress import Status
from swath.progress import Bar, clock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@dataclass
class At:
    share: float | None
    words: str


def _later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + seconds)


def test_a_log_gets_a_line_every_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    with Bar("map.tif", file=log) as bar:
        bar(At(0.1, "0.50 Mpx/s"))
        assert log.getvalue() == ""
        _later(monkeypatch, 31)
        bar(At(0.25, "0.50 Mpx/s"))
        bar(At(0.26, "0.50 Mpx/s"))
        _later(monkeypatch, 62)
        bar(At(None, "looking"))
        _later(monkeypatch, 93)
        bar.count(1, 2)
    assert log.getvalue().splitlines() == ["map.tif: 25 %, 0.50 Mpx/s", "map.tif: looking", "map.tif: 50 %"]


def test_a_terminal_gets_a_bar_after_two_seconds_and_is_left_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()
    with Bar("map.tif", file=screen) as bar:
        bar(At(0.1, "early"))
        assert screen.getvalue() == ""
        _later(monkeypatch, 3)
        bar(At(0.2, "late"))
        assert bar._rich is not None
        [task] = bar._rich.tasks
        assert (task.percentage, task.fields["words"]) == (pytest.approx(20), "late")
    assert bar._rich.finished or not bar._rich.live.is_started


def test_what_a_prediction_tells() -> None:
    status = Status(done=1, total=4, pixels=3_000_000, seconds=2.0, remaining=125.0, memory=700_000_000)
    assert (status.share, status.words) == (0.25, "1.50 Mpx/s, 700 MB, 2:05 left")
    before = Status.before("finding out")
    assert (before.share, before.words) == (None, "finding out")


def test_a_clock() -> None:
    assert [clock(4.6), clock(245), clock(3845)] == ["0:05", "4:05", "1:04:05"]
