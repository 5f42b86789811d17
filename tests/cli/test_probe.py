"""`swath evaluate --probe`: a table of ways to feed an encoder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .running import run


@pytest.fixture
def scenes(shared_data: Path, tmp_path: Path) -> Path:
    """A few real images of three classes."""
    for name in ("Forest", "Industrial", "SeaLake"):
        (tmp_path / "scenes" / name).mkdir(parents=True)
        for image in sorted((shared_data / "eurosat_rgb" / name).glob("*.jpg"))[:80:10]:
            shutil.copy(image, tmp_path / "scenes" / name / image.name)
    return tmp_path / "scenes"


def test_a_table_of_ways_to_feed_an_encoder(scenes: Path, tmp_path: Path) -> None:
    done = run("evaluate", "eurosat-rgb", scenes, "--probe", "knn", "--bootstrap", 20, "-o", tmp_path / "report")
    assert done.exit_code == 0, done.output
    assert "features of eurosat-rgb on scenes test: fitted to" in done.stdout
    rows = [line for line in done.stdout.splitlines() if " knn " in line]
    assert rows[0].startswith("the card's")
    assert any(line.startswith("no normalisation") for line in rows)
    assert (tmp_path / "report" / "probe.txt").is_file()


def test_what_cannot_be_probed_is_told_in_a_line(scenes: Path) -> None:
    done = run("evaluate", "eurosat-rgb", scenes, "--probe", "svm")
    assert done.exit_code != 0
    assert "there are knn, linear" in str(done.exception) + done.output
