"""What a network learns from besides the task's own loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from swath.data.sample import Sample
from swath.train.batches import Batch
from swath.train.learner import Skill


class Two(nn.Module):
    """Logits, and a second map in train mode."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        logits = self.conv(image)
        return (logits, 2 * logits, 0 * logits) if self.training else logits


class Own(Two):
    """As above, with a loss of its own."""

    def loss(self, answer, targets, of):
        return 3 * of(answer[1], targets)


class _Task:
    def targets(self, samples):
        return torch.zeros(len(samples), 4, 4, dtype=torch.int64)

    def loss(self, logits, targets, weights, smoothing):
        return logits.mean() + targets.sum()


@pytest.mark.parametrize(
    ("network", "wanted"), [(Two(), lambda m: m + 0.4 * (2 * m + 0) / 2), (Own(), lambda m: 6 * m)]
)
def test_further_answers_and_own_losses_are_learnt_from(monkeypatch, network, wanted):
    image = torch.from_numpy(np.random.default_rng(0).random((2, 3, 4, 4), dtype=np.float32))
    mean = network.eval()(image).mean().item()

    class _Model:
        def __init__(self) -> None:
            self.network = network
            self.card = type("Card", (), {"task": "segmentation"})

    skill = object.__new__(Skill)
    object.__setattr__(skill, "model", _Model())
    object.__setattr__(skill, "task", _Task())
    object.__setattr__(skill, "weights", None)
    monkeypatch.setattr(Skill, "answer", lambda self, net, samples, device: net(image))
    network.train()
    sample = Sample(image[:1].numpy(), np.ones((1, 3, 4, 4), bool), None, "a")
    found = skill.loss(network, Batch(0, 0, (sample, sample)), torch.device("cpu"), 0.0)
    assert found.item() == pytest.approx(wanted(mean), rel=1e-5)
