"""The perceptron per pixel sees one pixel, and learns what a class looks like in a stack of sensors."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from swath.errors import CardError
from swath.models import Card, Model, find


def test_a_pixel_is_told_by_its_own_values_alone(card: Card) -> None:
    model = Model.build("pixel-mlp", card=card)
    field = model.probe_field(effective=False)
    assert (field.radius, field.stride) == (0, 1)
    x = torch.randn(1, 4, 6, 7)
    with torch.inference_mode():
        whole = model.network(x)
        assert torch.allclose(model.network(x.flip(3)), whole.flip(3), atol=1e-6)
        assert torch.allclose(model.network(x[..., 2:3, 3:4]), whole[..., 2:3, 3:4], atol=1e-6)


def test_it_learns_a_class_that_no_single_band_shows() -> None:
    """Rice on low ground only: the colour of one sensor counts where the height of another is small."""
    torch.manual_seed(0)
    stack = torch.rand(4, 6, 16, 16)
    truth = ((stack[:, 3] > 0.5) ^ (stack[:, 4] > 0.5)).float()
    network = find("pixel-mlp").build(in_channels=6, classes=1, widths=(32, 16, 8), dropout=0.0)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(150):
        loss = F.binary_cross_entropy_with_logits(network(stack)[:, 0], truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert ((network(stack)[:, 0] > 0) == truth.bool()).float().mean() > 0.9


def test_no_hidden_layer_is_refused() -> None:
    with pytest.raises(CardError, match="one hidden layer"):
        find("pixel-mlp").build(in_channels=3, classes=1, widths=())
