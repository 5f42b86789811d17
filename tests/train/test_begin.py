"""Beginning from weights that were learnt before: other classes, other bands, a frozen encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import swath
from swath.errors import CardError, TrainError
from swath.models.weights import read_state
from swath.train.begin import freeze_norms
from swath.train.recipe import SetRecipe
from swath.train.sets import skill_name

from .making import QUICK, SAID, relabel, tiles

SPLIT: dict[str, Any] = {"val": ["tile_0_*"], "test": ["tile_3_*"]}
SMALL = {"encoder": "resnet18", "decoder_options": {"decoder_channels": [32, 16, 16, 16, 16]}}
UNET = {**QUICK, "network": "unet", "options": SMALL, "validations": 1, "steps": 1}


@pytest.mark.parametrize(
    ("folder", "skill"), [("mf", "set-mf"), ("x/b", "set-b"), ("abc", "abc"), ("2015", "set-2015"), ("-", "own")]
)
def test_any_folder_names_a_skill(folder: str, skill: str) -> None:
    assert SetRecipe(folder=folder, skill=skill_name(folder)).skill == skill


@pytest.fixture(scope="module")
def folder(own_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiles(own_data, tmp_path_factory.mktemp("labels") / "green")


@pytest.fixture(scope="module")
def first(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("first") / "first.swath"
    return swath.train(folder, out=out, **UNET, **SAID, **SPLIT).model


def again(first: Path, **other: Any) -> dict[str, Any]:
    said = {key: value for key, value in UNET.items() if key not in ("network", "options")}
    return {**said, "start": str(first), **other}


def test_a_frozen_encoder_keeps_its_weights(first: Path, folder: Path, tmp_path: Path) -> None:
    report = swath.train(
        folder, out=tmp_path / "m.swath", **again(first, freeze_encoder=True, average=0.0), **SAID, **SPLIT
    )
    before, after = read_state(first), read_state(report.model)
    learnt = [key for key in before if key.endswith("weight") and not torch.equal(before[key], after[key])]
    assert learnt
    assert not [key for key in learnt if key.startswith("encoder")]
    assert all(torch.equal(before[key], after[key]) for key in before if "encoder" in key)
    assert any("tensors loaded as they are" in note for note in report.notes)


def test_a_share_of_the_first_weights_is_kept(first: Path, folder: Path, tmp_path: Path) -> None:
    found = [read_state(first)]
    for share in (0.0, 0.75):
        said = again(first, start_share=share, average=0.0) | {"validations": 1}
        found.append(read_state(swath.train(folder, out=tmp_path / f"{share}.swath", **said, **SAID, **SPLIT).model))
    before, without, kept = found
    moved = [key for key in before if key.endswith("weight") and not torch.equal(before[key], without[key])]
    assert moved
    for key in moved:
        torch.testing.assert_close(kept[key], before[key] + 0.25 * (without[key] - before[key]), rtol=1e-4, atol=1e-6)


def test_a_share_wants_something_to_begin_with(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="say start="):
        swath.train(folder, out=tmp_path / "m.swath", start_share=0.3, **UNET, **SAID, **SPLIT)


def test_frozen_norms_expect_what_they_did(first: Path, folder: Path, tmp_path: Path) -> None:
    report = swath.train(
        folder, out=tmp_path / "m.swath", **again(first, freeze_norms=True, average=0.0), **SAID, **SPLIT
    )
    before, after = read_state(first), read_state(report.model)
    statistics = {key for key in before if "running_" in key}
    assert statistics
    assert all(torch.equal(before[key], after[key]) for key in statistics)
    assert not all(torch.equal(before[key], after[key]) for key in before.keys() - statistics)


def test_norms_that_are_new_are_not_frozen() -> None:
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(2), torch.nn.Dropout(), torch.nn.BatchNorm2d(2))
    freeze_norms(network, [f"0.{key}" for key in network[0].state_dict()])
    assert [module.training for module in network] == [False, True, True]


def test_frozen_norms_want_something_to_begin_with(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"freeze_norms.*say start="):
        swath.train(folder, out=tmp_path / "m.swath", freeze_norms=True, **UNET)


def test_other_classes_get_a_new_head(first: Path, own_data: Path, tmp_path: Path) -> None:
    three = tiles(own_data, tmp_path / "three")
    relabel(three, lambda name, mask: mask + (name[-1] == "0"))
    report = swath.train(three, out=tmp_path / "m.swath", classes=["a", "b", "c"], **again(first), **SAID, **SPLIT)
    assert swath.load(str(report.model)).card.output.channels == 3
    assert any("segmentation_head" in note and "kept as the network had them" in note for note in report.notes)


def test_other_bands_get_filters_by_wavelength(first: Path, own_data: Path, tmp_path: Path) -> None:
    visible = tiles(own_data, tmp_path / "visible", bands=3)
    said = {"sensor": SAID["sensor"], "bands": SAID["bands"][:3]}
    report = swath.train(visible, out=tmp_path / "m.swath", **again(first), **said, **SPLIT)
    assert len(swath.load(str(report.model)).card.inputs[0].bands) == 3
    assert any("made for 3 bands from 4 by wavelength" in note for note in report.notes)


def test_what_does_not_fit_is_refused(first: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.swath"
    with pytest.raises(TrainError, match="is a unet, not a fpn"):
        swath.train(folder, out=out, network="fpn", **again(first), **SAID, **SPLIT)
    with pytest.raises(CardError, match="no network is called 'unett'"):
        swath.train(folder, out=out, **{**UNET, "network": "unett"}, **SAID, **SPLIT)
    with pytest.raises(TrainError, match=r"pca-clusters learns nothing from labels.* train one of .*unet,") as refused:
        swath.train(folder, out=out, **{**UNET, "network": "pca-clusters", "options": {}}, **SAID, **SPLIT)
    assert "bit," not in str(refused.value), "networks for change are no help"
    with pytest.raises(TrainError, match="take one of"):
        swath.train(
            folder, out=out, **{**UNET, "network": "stsun-nano", "options": {}, "task": "regression"}, **SAID, **SPLIT
        )


def test_an_encoder_of_one_size_is_told_apart(own_data: Path, tmp_path: Path) -> None:
    for at, name in enumerate(("dark", "light")):
        (tmp_path / "scenes" / name).mkdir(parents=True)
        for file in sorted((tiles(own_data, tmp_path / name) / "images").glob(f"tile_{at}_*")):
            file.rename(tmp_path / "scenes" / name / file.name)
    small = {"encoder": "vit_tiny_patch16_224", "options": {"depth": 1, "embed_dim": 24, "num_heads": 2}}
    said = {**UNET, "network": "timm", "options": small, "task": "classification", "crop": 32} | SAID
    with pytest.raises(TrainError, match=r"doesn't match model \(224\).*resize=224"):
        swath.train(tmp_path / "scenes", out=tmp_path / "m.swath", **said)
    report = swath.train(tmp_path / "scenes", out=tmp_path / "m.swath", resize=224, **said)
    assert swath.load(str(report.model)).card.inputs[0].resize == 224
