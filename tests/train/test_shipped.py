"""What comes along is a beginning: other bands, other classes, its encoder as it was."""

from __future__ import annotations

from pathlib import Path

import torch

import swath
from swath.train.pretrained import encoder_name

from .making import QUICK, SAID, relabel, tiles


def test_a_shipped_model_learns_other_bands_and_classes(own_data: Path, tmp_path: Path) -> None:
    three = tiles(own_data, tmp_path / "three")
    relabel(three, lambda name, mask: mask + (name[-1] == "0"))
    said = {key: value for key, value in QUICK.items() if key != "network"} | {"validations": 1, "average": 0.0}
    report = swath.train(
        three,
        out=tmp_path / "mine.swath",
        start="stsun-tiny",
        freeze_encoder=True,
        classes=["bare", "green", "dense"],
        val=["tile_0_*"],
        test=["tile_3_*"],
        steps=1,
        **said,
        **SAID,
    )
    shipped, mine = (swath.load(one) for one in ("stsun-tiny", str(report.model)))
    assert [label.name for label in mine.card.output.classes] == ["bare", "green", "dense"]
    assert [band.name for band in mine.card.inputs[0].bands] == SAID["bands"]
    before, after = (one.network.state_dict() for one in (shipped, mine))
    kept = {key for key in before if torch.equal(before[key], after[key])}
    encoder = {key for key in before if key.startswith(f"{encoder_name(shipped.network)}.")}
    assert encoder <= kept < before.keys()
    assert encoder
    assert any("tensors loaded as they are" in note for note in report.notes)
