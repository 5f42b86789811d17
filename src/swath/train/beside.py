"""What sensors that are kept apart saw of the samples of a batch, as a network takes it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from swath.data import Sample
from swath.errors import TrainError
from swath.models.calling import least_dates
from swath.models.model import Model


def beside_of(
    model: Model, samples: Sequence[Sample], device: torch.device, *, least: bool = False
) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Normalised pixels `[B, T, C, h, w]` of each further input of a model's card, and days `[B, T]` by argument.

    Places may have been seen on different numbers of days: as many are taken as all samples have, spread evenly.

    Args:
        model: with the card.
        samples: of one size.
        device: where the tensors go.
        least: whether as few days are taken as the network takes.

    Raises:
        TrainError: the network is told days that nothing says.
    """
    inputs: list[Tensor] = []
    told: dict[str, Tensor] = {}
    for which, given in enumerate(model.card.further):
        own = [sample.beside[which] for sample in samples]
        count = least_dates(given) if least else min(len(one.image) for one in own)
        own = [one.thinned(count) for one in own]
        image, valid, days = (
            torch.from_numpy(np.stack([getattr(one, key) for one in own])).to(device)
            for key in ("image", "valid", "days")
        )
        inputs.append(model.normalise(image, valid, which=1 + which))
        if given.dates.days:
            if undated := [one.name for one, bare in zip(samples, days.isnan().any(1).tolist(), strict=True) if bare]:
                raise TrainError(f"{undated[0]}: the network is told the days of {given.name}; date its images")
            told[given.dates.days] = days
    return inputs, told
