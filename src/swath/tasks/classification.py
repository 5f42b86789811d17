"""Classification: a class, or several, for every tile; the answers of all tiles are a coarse map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from swath.tasks.classmap import ClassMap, one_tensor

if TYPE_CHECKING:
    from torch import Tensor

    from swath.tasks.targets import Labelled


@dataclass(frozen=True)
class Classification(ClassMap):
    """`net(image [B, C, H, W]) -> logits [B, K]`; a pixel of the map is a tile of the scene."""

    name: ClassVar[str] = "classification"

    def targets(self, samples: Sequence[Labelled]) -> Tensor:
        """See `TrainedTask.targets`: one for each image."""
        from swath.tasks.targets import whole_image

        return whole_image(samples)

    def loss(
        self,
        logits: Tensor | Sequence[Tensor],
        targets: Tensor,
        weights: Tensor | None = None,
        smoothing: float = 0.0,
        trust: Tensor | None = None,
    ) -> Tensor:
        """See `ClassMap.loss`: cross entropy, of each class by itself where several may hold at once."""
        from swath.tasks import losses

        x = one_tensor(logits)
        x = losses.as_logits(x) if self.activation == "none" else x.float()
        given = losses.of_several if self.activation == "sigmoid" else losses.cross_entropy
        return given(x, targets, weights, smoothing, trust)
