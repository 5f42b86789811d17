"""Semantic change where some places lack the classes of a date: these are not known there, and the rest counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import swath.data
from swath.data import IGNORE
from swath.errors import DataError

from .published_made import Real

NAMES = ["bare", "sparse", "mixed", "green"]
LABELLED = {"0": {"labelA", "labelB"}, "1": {"labelA"}, "2": {"labelB", "label"}, "3": {"label"}}


@pytest.fixture
def folder(own_data: Path, tmp_path: Path) -> Path:
    """Four places: both dates labelled, the first, the second with change, change alone."""
    real = Real(own_data)
    for name, roles in LABELLED.items():
        number = int(name)
        drawn = {"A": real.picture(number, 0), "B": real.picture(number, 1)}
        labels = {"labelA": real.land(number, 0), "labelB": real.land(number, 1), "label": real.change(number)}
        for role, values in (drawn | {role: labels[role] for role in roles}).items():
            real.write(tmp_path / role / f"{name}.png", values)
    return tmp_path


def test_what_a_place_lacks_is_not_labelled(folder: Path, own_data: Path) -> None:
    real = Real(own_data)
    data = swath.data.open(folder, task="semantic-change", classes=NAMES)
    assert [one.name for one in data.items] == list(LABELLED)
    assert not data.strays
    assert "2 of 4 places without classes of date 1; not labelled there" in data.notes
    for item in data.items:
        number, roles = int(item.name), LABELLED[item.name]
        change, *classes = data.sample(item).target
        for date, role in enumerate(("labelA", "labelB")):
            np.testing.assert_array_equal(classes[date], real.land(number, date) if role in roles else IGNORE)
        lands = [real.land(number, date) for date in (0, 1)]
        told = real.change(number) if "label" in roles else lands[0] != lands[1] if len(roles) == 2 else IGNORE
        np.testing.assert_array_equal(change, told)
        counted = {at: int((np.stack(classes) == at).sum()) for at in range(4)}
        assert data.counts(item) == {at: times for at, times in counted.items() if times}
    assert len(swath.data.inspect(data).keep) == 4


def test_a_place_without_any_label_is_left_out(folder: Path) -> None:
    (folder / "label" / "3.png").unlink()
    data = swath.data.open(folder, task="semantic-change", classes=NAMES)
    assert [one.name for one in data.items] == ["0", "1", "2"]
    assert {stray.why for stray in data.strays} == {"without classes of date 1 and classes of date 2"}


def test_change_alone_is_no_semantic_change(folder: Path) -> None:
    for path in (*folder.glob("labelA/*"), *folder.glob("labelB/*")):
        path.unlink()
    assert swath.data.open(folder).task == "change"
    with pytest.raises(DataError, match="holds labels for change, none for semantic-change; leave out task="):
        swath.data.open(folder, task="semantic-change")
