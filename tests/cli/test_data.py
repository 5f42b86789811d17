"""`swath data` inspects and splits; what is wrong is said in one line."""

from __future__ import annotations

import json

import pytest

from swath.cli.data import class_names
from swath.data import Split

from .running import run


def test_inspect(shared_data):
    folder = shared_data / "dubai_landcover"
    answer = run("data", "inspect", folder)
    assert answer.exit_code == 1
    assert "say --ignore 255 if 255 means unlabelled, or name it in --classes NUMBER=NAME,..." in answer.stderr
    told = ["--classes", "building,land,road,vegetation,water", "--ignore", "5,255"]
    answer = run("data", "inspect", shared_data / "cd_dsifn_samples")
    assert answer.exit_code == 0
    assert "unchanged" in answer.stdout
    assert "say --gsd METRES" in answer.stdout
    answer = run("data", "inspect", folder, *told, "--gsd", 0.3, "--json")
    assert json.loads(answer.stdout)["gsd"] == [0.3, 0.3, 0.3]


def test_split(shared_data, tmp_path):
    out = tmp_path / "split.yaml"
    answer = run("data", "split", shared_data / "cd_dsifn_samples", "-o", out, "--seed", 2)
    assert answer.exit_code == 0, answer.stderr
    assert "3 items to train, 1 to tune, 1 to score" in answer.stdout
    made = Split.read(out)
    assert made.seed == 2
    answer = run("data", "split", shared_data / "cd_dsifn_samples", "-o", out)
    assert answer.exit_code == 1
    assert "--overwrite" in answer.stderr


def test_wrong_lines(tmp_path):
    assert run("data", "inspect", tmp_path / "absent").exit_code == 1
    answer = run("data", "inspect", tmp_path, "--ignore", "five")
    assert answer.exit_code == 2
    assert "'five' is no whole number" in answer.stderr
    answer = run("data", "inspect", tmp_path, "--classes", "0=a,b")
    assert answer.exit_code == 2


@pytest.mark.parametrize(
    ("text", "names"),
    [("a, b", ["a", "b"]), ("0=a,5=b", {0: "a", 5: "b"}), ("#00ff00=green", {0x00FF00: "green"})],
)
def test_class_names(text, names):
    assert class_names(text) == names
