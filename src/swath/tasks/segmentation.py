"""Segmentation: a class for every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from swath.tasks.classmap import ClassMap


@dataclass(frozen=True)
class Segmentation(ClassMap):
    """`net(image [B, C, H, W]) -> logits [B, K, H, W]`, or `[B, 1, H, W]` of the second of two classes."""

    name: ClassVar[str] = "segmentation"
