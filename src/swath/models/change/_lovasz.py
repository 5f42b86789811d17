"""The Lovász loss of a softmax (Berman et al. 2018, arXiv:1705.08790): what the Jaccard index loses by each error."""

from __future__ import annotations

import torch
from torch import Tensor


def lovasz(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean over the classes that are labelled in the batch; 0 with a gradient of 0 where none is.

    Args:
        logits: `[B, K, H, W]`, K of 2 or more.
        targets: positions `[B, H, W]`, negative where not labelled.
    """
    known = targets >= 0
    rows, truths = logits.float().softmax(1).movedim(1, -1)[known], targets[known]
    lost = [_lost(rows[:, label], truths == label) for label in torch.unique(truths).tolist()]
    return torch.stack(lost).mean() if lost else 0 * rows.sum()


def _lost(likely: Tensor, truth: Tensor) -> Tensor:
    """1 minus the Jaccard index of one class, extended linearly between sets of errors; `[n]` both."""
    errors, order = (truth.to(likely) - likely).abs().sort(descending=True)
    found = truth[order].to(likely)
    # With the first so many pixels wrong: what is still right, and all that is or was said to be of the class.
    right = found.sum() - found.cumsum(0)
    either = found.sum() + (1 - found).cumsum(0)
    jaccard = 1 - right / either
    steps = torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
    return errors @ steps
