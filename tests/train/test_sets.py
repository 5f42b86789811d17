"""A set is looked through before it is learnt from, and what is found is told once."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest

import swath
from swath.data import inspect
from swath.data import open as open_data
from swath.errors import CardError
from swath.train.recipe import SetRecipe
from swath.train.sets import open_set

TILES = Path(__file__).parents[2] / "examples/data/kampala_tiles"


def test_what_is_left_out_is_warned_of_and_not_told_again(tmp_path: Path) -> None:
    folder = shutil.copytree(TILES, tmp_path / "tiles")
    broken = sorted((folder / "images").iterdir())[0]
    broken.write_bytes(b"no picture")
    findings = inspect(open_data(folder, sensor="drone-rgb", gsd=0.15)).findings
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ready = open_set(SetRecipe(folder=str(folder), sensor="drone-rgb", gsd=0.15), None, 0)
    warned = [str(one.message) for one in caught]
    told = sorted([*warned, *ready.notes])
    assert told == sorted(f"tiles: {one.what}; {one.action}" for one in findings)
    assert [broken.stem in words for words in warned] == [True]
    assert ready.notes
    assert not any(broken.stem in words for words in ready.notes)


def test_a_run_that_cannot_begin_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="did you mean unet"):
        swath.train(TILES, network="unett", out=tmp_path / "mine.swath", sensor="drone-rgb", gsd=0.15)
    assert list(tmp_path.iterdir()) == []
