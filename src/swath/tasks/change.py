"""Change: whether a pixel is another at the second date than at the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from swath.tasks.classmap import ClassMap


@dataclass(frozen=True)
class Change(ClassMap):
    """`net(before, after) -> logits [B, 1, H, W]` of change, or `[B, K, H, W]` of kinds of change."""

    name: ClassVar[str] = "change"
    layer: ClassVar[str] = "change"
    every: ClassVar[bool] = True
