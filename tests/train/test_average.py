"""The running mean of weights: what is learnt follows, what is frozen is not held twice."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from swath.train.average import Average


def network() -> nn.Sequential:
    made = nn.Sequential(nn.Linear(300, 300), nn.BatchNorm1d(300), nn.Linear(300, 2))
    made[0].requires_grad_(False)
    return made


def test_the_mean_follows_what_is_learnt() -> None:
    torch.manual_seed(0)
    first = network()
    average = Average(first, 0.9)
    before = {key: one.clone() for key, one in first.state_dict().items()}
    with torch.no_grad():
        first[2].weight += 1
    first.train()(torch.rand(8, 300))
    average.update(first, 1000)
    now, new = average.network.state_dict(), first.state_dict()
    for key in now:
        if new[key].is_floating_point():
            torch.testing.assert_close(now[key], before[key] + 0.1 * (new[key] - before[key]))
    assert int(now["1.num_batches_tracked"]) == 1
    assert not average.network.training
    assert first[2].weight.requires_grad


def test_a_share_of_the_beginning_stays() -> None:
    torch.manual_seed(0)
    first = network()
    average = Average(first, 0.0, 0.25, known=("0.weight", "1.weight", "1.num_batches_tracked", "2.weight"))
    before = {key: one.clone() for key, one in first.state_dict().items()}
    with torch.no_grad():
        first[2].weight += 1
        first[2].bias += 1
    for step in (1000, 1001):  # however long it takes, the share stays the same
        average.update(first, step)
    now = average.network.state_dict()
    torch.testing.assert_close(now["2.weight"], before["2.weight"] + 0.75)
    torch.testing.assert_close(now["2.bias"], before["2.bias"] + 1)  # not among those that are known
    assert average.network[0].weight.data_ptr() == first[0].weight.data_ptr()


def test_what_is_frozen_is_held_once(tmp_path: Path) -> None:
    first = network()
    average = Average(first, 0.9)
    frozen, learnt = (average.network.get_parameter(name) for name in ("0.weight", "2.weight"))
    assert frozen.data_ptr() == first[0].weight.data_ptr()
    assert learnt.data_ptr() != first[2].weight.data_ptr()
    whole = {"network": first.state_dict(), "average": average.network.state_dict()}
    for name, state in {"one": whole["network"], "both": whole}.items():
        torch.save(state, tmp_path / name)
    assert (tmp_path / "both").stat().st_size < 1.1 * (tmp_path / "one").stat().st_size
