"""Errors of images alone: only what was seen counts, in the loss and in the score."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from swath.data import Sample
from swath.tasks.metrics_of_errors import ErrorMetrics
from swath.tasks.pretraining import Pretraining


def sample(unseen: int) -> Sample:
    """Two bands of 4 x 4 pixels, of which the first rows were not seen in one of them."""
    valid = np.ones((1, 2, 4, 4), bool)
    valid[0, 1, :unseen] = False
    return Sample(np.zeros((1, 2, 4, 4), np.float32), valid, None, "a")


def test_pixels_that_were_not_seen_do_not_count() -> None:
    task = Pretraining()
    targets = task.targets([sample(0), sample(3)])
    assert targets.shape == (2, 1, 4, 4)
    errors = torch.arange(32, dtype=torch.float32).reshape(2, 1, 4, 4).requires_grad_()
    loss = task.loss(errors, targets)
    assert loss.item() == pytest.approx((sum(range(16)) + 28 + 29 + 30 + 31) / 20)
    loss.backward()
    assert errors.grad is not None
    assert (errors.grad[1, 0, :3] == 0).all()
    nothing = task.loss(errors, task.targets([sample(4), sample(4)]))
    assert nothing.item() == 0
    nothing.backward()


def test_what_is_no_number_is_not_hidden() -> None:
    errors = torch.full((1, 1, 4, 4), torch.nan)
    assert Pretraining().loss(errors, Pretraining().targets([sample(1)])).isnan()


def test_scores_of_scenes_add_up() -> None:
    task, errors = Pretraining(), torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    both, one, other = ErrorMetrics(), ErrorMetrics(), ErrorMetrics()
    both.update(errors, task.targets([sample(0), sample(2)]))
    one.update(errors[:1], task.targets([sample(0)]))
    other.update(errors[1:], task.targets([sample(2)]))
    assert both.of_row(one.row() + other.row()).compute() == pytest.approx(both.compute())
    one.merge(other)
    assert one.compute() == pytest.approx(both.compute())
    assert np.isnan(both.empty().compute()["error"])
