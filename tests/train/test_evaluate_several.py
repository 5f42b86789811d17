"""The report on images of which any number of classes may hold: each class has its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import swath
import swath.data
from swath.models import ClassLabel, Output, TileRule
from tests.data_room.published_made import Real
from tests.data_room.published_single_made import bigearthnet_v2


class Some(nn.Module):
    """Yes to every second class, whatever there is to be seen."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.odds = nn.Parameter(torch.tensor([3.0, -3.0]).repeat(classes)[:classes])

    def forward(self, x: Tensor) -> Tensor:
        return self.odds.expand(len(x), -1) + 0 * x.mean()


def test_each_class_of_several_has_a_line(own_data: Path, tmp_path: Path) -> None:
    bigearthnet_v2(Real(own_data), tmp_path / "bigearthnet-v2")
    data = swath.data.open(tmp_path / "bigearthnet-v2")
    names = [label.name for label in data.classes]
    output = Output(
        kind="labels",
        classes=tuple(ClassLabel(value=at, name=name) for at, name in enumerate(names)),
        activation="sigmoid",
    )
    scene = data.scene(data.items[0])
    model = swath.Model.wrap(
        Some(len(names)), task="classification", like=scene, output=output, tile=TileRule(size=64), name="some"
    )
    found = swath.evaluate(model, data, split="all", bootstrap=0)
    truth = np.stack([np.asarray(data.sample(item, np.s_[0:1, 0:1]).target) for item in data.items])
    rows = {row[0]: row[1:] for row in found.class_rows()}
    assert list(rows) == names
    for at, name in enumerate(names):
        if truth[:, at].any():
            assert float(rows[name][0].rstrip(" %")) == round(100 * truth[:, at].mean(), 1)
            assert float(rows[name][-2]) == (1.0 if at % 2 == 0 else 0.0), "recall"
    assert found.titles(of_class=True)[2] == "F1"
    assert names[0] in found.describe()
    assert found.titles(of_class=True)[-1] == "average precision"
    assert "as the paper of BigEarthNet v2 (reBEN) scores" in found.describe()
    assert found.paper is not None
    by_name = {one.name: one.value for one in found.paper.values}
    assert by_name["mean average precision over classes (macro)"] == found["mean_ap"]
    assert by_name["F1 over classes (macro)"] == found["mean_f1"]
    # Every image has the same answer: what is above what by chance is the share of yes among the images.
    each = [found[f"ap/{name}"] for at, name in enumerate(names) if truth[:, at].any()]
    assert each == pytest.approx(truth.mean(axis=0)[truth.any(axis=0)])
