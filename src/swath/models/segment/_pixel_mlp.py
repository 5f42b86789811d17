"""The layers of `pixel-mlp`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


def perceptron(in_channels: int, classes: int, widths: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear layers along the channels of every pixel; see `pixel_mlp.pixel_mlp`."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((in_channels, *widths)):
        layers += [nn.Conv2d(inputs, outputs, 1), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], classes, 1))
