"""Classification: a class, or several, for every tile; the answers of all tiles are a coarse map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from swath.tasks.classmap import ClassMap


@dataclass(frozen=True)
class Classification(ClassMap):
    """`net(image [B, C, H, W]) -> logits [B, K]`; a pixel of the map is a tile of the scene."""

    name: ClassVar[str] = "classification"
