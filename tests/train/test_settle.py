"""Norms of weights that were mixed expect what those weights answer."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from swath.train.batches import Batch, Draw
from swath.train.learner import Skill
from swath.train.settle import settle

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
    settle(own, like, [cast("Skill", Plain())], draw, 0, CPU, nullcontext)


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
