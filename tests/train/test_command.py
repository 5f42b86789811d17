"""`swath train`: options reach the recipe, what is wrong is said in one line, and the file predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from swath.cli import app
from swath.cli.told import fields_of
from swath.models.registry import card_of

from .making import tiles

QUICK = ["--network", "stsun-nano", "--steps", 1, "--crop", 32, "--batch", 2, "--precision", "float32"]
SAID = ["--sensor", "sentinel-2-l1c@pre-04.00", "--bands", "B02,B03,B04,B08"]


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_labels_become_a_model(own_data: Path, tmp_path: Path) -> None:
    folder, out = tiles(own_data, tmp_path / "green"), tmp_path / "mine.swath"
    told = [*QUICK, *SAID, "--classes", "other,plants", "--val", "tile_0_*", "--test", "tile_3_*"]
    done = run("train", folder, *told, "--set", "title=Plants", "-o", out)
    assert done.exit_code == 0, done.output
    assert "8 train, 4 val, 4 test" in done.output
    card = card_of(str(out))
    assert [label.name for label in card.output.classes] == ["other", "plants"]
    assert card.title == "Plants"
    again = run("train", folder, *told, "-o", out)
    assert again.exit_code == 1
    assert "--overwrite" in again.output


@pytest.mark.parametrize(
    ("told", "code", "said"),
    [
        ([], 2, "say where the model goes"),
        (["-o", "x/mine.swath"], 1, "the folder does not exist"),
        (["-o", "mine.swath", "--set", "lr"], 2, "write KEY=VALUE"),
        (["-o", "mine.swath", "--lr", "-1"], 1, "recipe: lr"),
        (["-o", "mine.swath", "--set", "speed=1"], 1, "speed= is not known"),
        (["-o", "mine.swath"], 1, "no such folder"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    told: list[str], code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("train", "absent", *told)
    assert done.exit_code == code
    assert said in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_fields_are_read_as_yaml() -> None:
    pairs = ["lr=0.01", "options.encoder=resnet18", "options.depth=3", "augment=null"]
    assert fields_of(pairs) == {"lr": 0.01, "options": {"encoder": "resnet18", "depth": 3}, "augment": None}
    pairs = ["options.options.drop_path_rate=0.1", "options.options.layers=[1, 1]", "grades.0.5=1"]
    assert fields_of(pairs) == {"options": {"options": {"drop_path_rate": 0.1, "layers": [1, 1]}}, "grades": {"0.5": 1}}
    with pytest.raises(typer.BadParameter, match="encoder is 'resnet18' by another --set"):
        fields_of(["options.encoder=resnet18", "options.encoder.depth=3"])
