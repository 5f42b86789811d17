"""Pretraining: a network says of images alone how wrong it is about them, and learns to be less so.

A network for this task has `net(image [B, C, H, W]) -> [B, 1, H, W]`: an error of each pixel, 0 or more, whose mean is
made small. One that has a single number for an image spreads it over its pixels; one that is asked about some of them
alone gives 0 elsewhere, and as much more where it is asked. What it draws by chance (noise, masks, views) it draws from
torch's generator in train mode; in eval mode it always takes the same, so that errors can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from swath.models.card import Card
from swath.tasks.classmap import one_tensor
from swath.tasks.regression import Regression

if TYPE_CHECKING:
    from torch import Tensor

    from swath.tasks.metrics import Metrics
    from swath.tasks.targets import Labelled


@dataclass(frozen=True)
class Pretraining(Regression):
    """Errors are values, and what is wanted of them is 0."""

    name: ClassVar[str] = "pretraining"

    def targets(self, samples: Sequence[Labelled]) -> Tensor:
        """See `TrainedTask.targets`; NaN where nothing was seen."""
        import torch

        from swath.tasks.targets import seen

        there = np.stack([seen(sample.valid, every=True) for sample in samples])
        return torch.from_numpy(np.where(there, np.float32(0), np.float32(np.nan))[:, None])

    def loss(
        self,
        logits: Tensor | Sequence[Tensor],
        targets: Tensor,
        weights: Tensor | None = None,
        smoothing: float = 0.0,
    ) -> Tensor:
        """See `TrainedTask.loss`: the mean error; there are no classes to be weighted or smoothed."""
        errors = one_tensor(logits).float()
        there = targets.isfinite()
        return errors[there].mean() if there.any() else 0.0 * errors.sum()

    def metrics(self, card: Card) -> Metrics:
        """See `TrainedTask.metrics`."""
        from swath.tasks.metrics_of_errors import ErrorMetrics

        return ErrorMetrics()
