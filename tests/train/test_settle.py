"""Norms of weights that were mixed expect what those weights answer."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

import swath
from swath.train import loop
from swath.train.batches import Batch, Draw
from swath.train.learner import Skill
from swath.train.settle import affordable, settle

from .making import QUICK, SAID, tiles

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Numbers(Draw):
    """Batches of normal numbers, which need no images."""

    def batch_of(self, number: int) -> Batch:
        return Batch(number, 0, cast("Any", torch.randn(64, 3, 4, 4, generator=torch.Generator().manual_seed(number))))


class Plain:
    """A skill that shows the network what the draw gives."""

    def answer(self, network: nn.Module, samples: Any, device: torch.device) -> Tensor:
        found: Tensor = network(samples.to(device))
        return found


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5), nn.Dropout(0.9), nn.Conv2d(5, 5, 1), nn.BatchNorm2d(5))


def settled(own: nn.Sequential, like: nn.Sequential) -> None:
    draw = Numbers(crops=(cast("Any", None),), weights=(1.0,), augment=(None,), batch=(64,), seed=0)
    settle(own, like, [cast("Skill", Plain())], draw, 0, 20, CPU, nullcontext)


def test_what_norms_expect_is_of_the_weights_as_they_are() -> None:
    own = network().eval()
    own[0].weight.data *= 5
    before = copy.deepcopy(own.state_dict())
    settled(own, network())
    with torch.no_grad():
        answer = own(torch.randn(4000, 3, 4, 4, generator=torch.Generator().manual_seed(99)))
    assert (answer.std((0, 2, 3)).log().abs() < 0.1).all()
    assert answer.mean((0, 2, 3)).abs().max() < 0.1
    assert not any(module.training for module in own.modules())
    assert own[1].momentum == own[4].momentum == 0.1
    assert all(torch.equal(before[name], one) for name, one in own.named_parameters())


def test_norms_that_are_frozen_stay_as_they_are() -> None:
    own, like = network().eval(), network()
    like[1].eval()
    settled(own, like)
    assert not own[1].running_mean.any()
    assert own[4].running_mean.any()


@pytest.mark.parametrize(("average", "settled"), [(0.99, []), (0.9995, [(2, 20), (4, 20)])])
def test_norms_are_measured_anew_for_a_long_mean(
    average: float, settled: list[tuple[int, int]], own_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(loop, "settle", lambda *given: told.append(given[4:6]))
    said: dict[str, Any] = {**QUICK, **SAID, "val": ["tile_0_*"], "test": ["tile_3_*"]}
    swath.train(tiles(own_data, tmp_path / "green"), out=tmp_path / "x.swath", steps=4, average=average, **said)
    assert told == settled


@pytest.mark.parametrize(("steps", "sets", "batches"), [(1000, 6, 50), (1000, 1, 100), (10, 1, 20)])
def test_more_batches_are_seen_where_that_costs_little(steps: int, sets: int, batches: int) -> None:
    assert affordable(steps, sets) == batches
