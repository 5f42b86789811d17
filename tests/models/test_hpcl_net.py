"""HPCL-Net: what a hyper-pixel is, what its queues hold, and what the contrast pulls."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor

from swath.errors import CardError
from swath.models import find
from swath.models.segment._hyper_pixels import Contrast, cell_labels

SMALL = {"encoder": "resnet18", "width": 16, "embedding": 8, "queue": 32, "anchors": 4}


def zero(logits: Tensor, targets: Tensor) -> Tensor:
    return 0.0 * logits.sum()


def test_cells_that_are_neither_one_nor_the_other_say_nothing() -> None:
    targets = torch.zeros(1, 8, 16, dtype=torch.long)
    targets[:, :4, 4:8] = 1  # all of the second cell of the upper row
    targets[:, 0, 8] = 1  # a corner of the third one: no background, and no landslide yet
    targets[:, 4:, :3] = 1  # most of the first one of the lower row
    targets[:, 7, 15] = -1  # the last cell is not labelled everywhere
    labels, edge = cell_labels(targets, (2, 4), 2)
    assert labels.tolist() == [[[0, 1, -1, 0], [1, 0, 0, -1]]]
    assert edge.all(), "cells beside a mixed one lie on an edge"
    assert not cell_labels(torch.zeros(1, 8, 16, dtype=torch.long), (2, 4), 2)[1].any()


def test_queues_hold_the_newest_of_each_class() -> None:
    contrast = Contrast(2, 2, 3, 8, 0.1)
    targets = torch.tensor([[[0, 0, 1, 1]]])
    keys = F.normalize(torch.arange(1.0, 9.0).reshape(1, 2, 1, 4), dim=1)
    first = contrast(keys, keys, targets)
    assert first == 0, "there is nothing to be compared with yet"
    assert contrast.filled.tolist() == [2, 2]
    assert {tuple(row) for row in contrast.queue[1, :2].tolist()} == {
        tuple(keys[0, :, 0, at].tolist()) for at in (2, 3)
    }
    contrast(keys.flip(3), keys.flip(3), targets)
    assert contrast.filled.tolist() == [3, 3]
    assert {tuple(row) for row in contrast.queue[1, :2].tolist()} == {
        tuple(keys[0, :, 0, at].tolist()) for at in (0, 1)
    }


def test_the_contrast_is_small_where_classes_lie_apart() -> None:
    contrast = Contrast(2, 2, 16, 8, 0.1)
    targets = torch.tensor([[[0, 0, 1, 1]]])
    apart = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]).reshape(1, 2, 1, 4)
    contrast(apart, apart, targets)
    kept = contrast.queue.clone()
    queries = apart.clone().requires_grad_()
    good = contrast(queries, apart, targets)
    contrast.queue = kept
    bad = contrast(apart.flip(3), apart, targets)
    # One key of the own class, two of the other: log(1 + 2 exp((0 - 1) / 0.1)).
    assert good.item() == pytest.approx(torch.tensor(2 * 2.718281828 ** (-10)).log1p().item(), rel=1e-3)
    assert bad > 9
    good.backward()
    assert queries.grad is not None
    assert not contrast.queue.requires_grad


def test_training_moves_the_copy_slowly_and_never_by_gradients() -> None:
    torch.manual_seed(0)
    network = find("hpcl-net").build(momentum=0.9, **SMALL).train()
    own, slow = network.meaning.join[0].weight, network.slow.join[0].weight
    assert torch.equal(own, slow)
    with torch.no_grad():
        own += 1.0
    before = slow.clone()
    targets = torch.zeros(2, 48, 50, dtype=torch.long)
    targets[:, 20:40, 10:40] = 1
    total = 0.0
    for _ in range(2):
        answer = network(torch.randn(2, 4, 48, 50))
        total = network.loss(answer, targets, zero)
    assert torch.allclose(slow, before + (1 - 0.9**2), atol=1e-5)
    total.backward()
    assert slow.grad is None
    assert network.meaning.embed[1].weight.grad.abs().sum() > 0
    assert network.meaning.height.conv1.weight.grad.abs().sum() > 0
    assert (network.contrast.filled > 0).all()


def test_nothing_labelled_costs_nothing() -> None:
    network = find("hpcl-net").build(**SMALL).train()
    answer = network(torch.randn(2, 4, 32, 32))
    loss = network.loss(answer, torch.full((2, 32, 32), -1), zero)
    assert loss == 0
    loss.backward()


@pytest.mark.parametrize(("wrong", "said"), [({"encoder": "vgg16"}, "resnet50"), ({"in_channels": 1}, "together")])
def test_what_cannot_be_built_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(CardError, match=said):
        find("hpcl-net").build(**wrong)


def test_the_encoder_of_the_image_is_made_for_its_bands(tmp_path: Path) -> None:
    donor = timm.create_model("resnet18").state_dict()
    torch.save(donor, tmp_path / "rgb.pth")
    said = {"encoder_weights": str(tmp_path / "rgb.pth"), "in_channels": 5, "wavelengths": [842, 665, 560, 490, None]}
    network = find("hpcl-net").build(**SMALL, **said)
    for copy in ("meaning", "slow"):
        first = network.get_submodule(f"{copy}.image").state_dict()["conv1.weight"]
        torch.testing.assert_close(first[:, 0], donor["conv1.weight"][:, 0] * 3 / 4)
