"""Losses: how far an answer is from its labels, over labelled pixels only, in float32 whatever the network ran in.

Cross entropy looks at each pixel by itself; soft Dice (V-Net, arXiv 1606.04797) at the overlap of a class as a whole,
so that a small class is not drowned by a large one. Their sum is what segmentation and change are trained by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from swath.data.sample import IGNORE

_TINY = 1e-8


def of_classes(
    logits: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    smoothing: float = 0.0,
    trust: Tensor | None = None,
) -> Tensor:
    """Cross entropy and soft Dice of classes that exclude each other.

    Args:
        logits: `[B, K, H, W]`.
        targets: positions `[B, H, W]`, `IGNORE` where not labelled.
        weights: `[K]`, of the cross entropy; None: all alike.
        smoothing: share of the truth that is spread over all classes, 0 to 1.
        trust: how much each label counts `[B, H, W]`, 0 or more; None: all alike.
    """
    x = on_grid(logits, targets)
    return cross_entropy(x, targets, weights, smoothing, trust) + dice(torch.softmax(x, 1), targets, trust)


def of_binary(
    logits: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    smoothing: float = 0.0,
    trust: Tensor | None = None,
) -> Tensor:
    """Cross entropy and soft Dice of a yes: BCE + 1 - (2 I + e) / (S + e) with the sums over the whole batch.

    `I` is the sum of probability times truth, `S` that of both, `e` 1e-8.

    Args:
        logits: `[B, 1, H, W]`.
        targets: 0 or 1 `[B, H, W]`, `IGNORE` where not labelled.
        weights: `[2]`, of no and yes in the cross entropy; None: alike.
        smoothing: share of the truth that is spread over both, 0 to 1.
        trust: how much each label counts `[B, H, W]`, 0 or more; None: all alike.
    """
    x = on_grid(logits, targets)[:, 0]
    known = (targets != IGNORE).float() if trust is None else (targets != IGNORE) * trust.to(x)
    truth = targets.clamp(min=0).float()
    importance = known if weights is None else known * weights.to(x)[targets.clamp(min=0)]
    soft = truth * (1 - smoothing) + smoothing / 2
    each = functional.binary_cross_entropy_with_logits(x, soft, reduction="none")
    likely = torch.sigmoid(x) * known
    both, either = (likely * truth).sum(), likely.sum() + (truth * known).sum()
    return _mean(each, importance) + (1 - (2 * both + _TINY) / (either + _TINY))


def of_several(
    logits: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    smoothing: float = 0.0,
    trust: Tensor | None = None,
) -> Tensor:
    """Binary cross entropy of classes of which any number may hold at once.

    Args:
        logits: `[B, K]` or `[B, K, H, W]`.
        targets: as the logits, 0 or 1 and NaN where not known; or positions without the K, of the only one that holds.
        weights: `[K]`; None: all alike.
        smoothing: share of the truth that is spread over yes and no, 0 to 1.
        trust: how much each label counts `[B, H, W]`, 0 or more; None: all alike.
    """
    x = on_grid(logits, targets)
    if not targets.is_floating_point():
        known = (targets != IGNORE).unsqueeze(1)
        truth = torch.where(known, _is_class(targets, x.shape[1]).float(), torch.nan)
    else:
        truth = targets
    known = truth.isfinite()
    soft = torch.where(known, truth, 0) * (1 - smoothing) + smoothing / 2
    each = functional.binary_cross_entropy_with_logits(x, soft, reduction="none")
    importance = known.float()
    if weights is not None:
        importance = importance * weights.to(x).reshape(1, -1, *(1,) * (x.ndim - 2))
    if trust is not None:
        importance = importance * trust.to(x).unsqueeze(1)
    return _mean(each, importance)


def of_values(outputs: Tensor, targets: Tensor, delta: float = 1.0) -> Tensor:
    """Huber's loss of standardised values: half the square up to `delta`, linear beyond; NaN is not known.

    Args:
        outputs: `[B, N, H, W]` or `[B, N]`.
        targets: alike.
        delta: in standard deviations.
    """
    x = on_grid(outputs, targets)
    known = targets.isfinite()
    each = functional.huber_loss(x, torch.where(known, targets, 0), reduction="none", delta=delta)
    return _mean(each, known.float())


def cross_entropy(
    x: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    smoothing: float = 0.0,
    trust: Tensor | None = None,
) -> Tensor:
    """Mean of `-log p` of the labelled class, weighted by class; nothing labelled gives 0 with a gradient of 0.

    Args:
        x: logits `[B, K, ...]`, float32.
        targets: positions `[B, ...]`, `IGNORE` where not labelled.
        weights: `[K]`; None: all alike.
        smoothing: share of the truth that is spread over all classes, 0 to 1.
        trust: how much each label counts `[B, ...]`, 0 or more; None: all alike.
    """
    weights = None if weights is None else weights.to(x)
    known = targets != IGNORE
    count = known if weights is None else weights[targets.clamp(min=0)] * known
    told: dict[str, Any] = {"ignore_index": IGNORE, "label_smoothing": smoothing}
    if trust is None:
        total = functional.cross_entropy(x, targets, weights, reduction="sum", **told)
    else:
        total = (functional.cross_entropy(x, targets, weights, reduction="none", **told) * trust.to(x)).sum()
        count = count * trust.to(x)
    amount = count.sum()
    return total / torch.where(amount > 0, amount, 1)


def dice(likely: Tensor, targets: Tensor, trust: Tensor | None = None) -> Tensor:
    """1 minus the mean soft Dice coefficient of the classes that are labelled in the batch; 0 where none is.

    Args:
        likely: probabilities `[B, K, H, W]`.
        targets: positions `[B, H, W]`, `IGNORE` where not labelled.
        trust: how much each label counts `[B, H, W]`, 0 or more; None: all alike.
    """
    known: Tensor = (targets != IGNORE).unsqueeze(1)
    truth: Tensor = _is_class(targets, likely.shape[1])
    if trust is not None:
        known, truth = (part * trust.to(likely).unsqueeze(1) for part in (known, truth))
    around = (0, *range(2, likely.ndim))
    both = (likely * truth).sum(around)
    labelled = truth.sum(around)
    either = (likely * known).sum(around) + labelled
    present = labelled > 0
    lost = 1 - (2 * both + _TINY) / (either + _TINY)
    return (lost * present).sum() / present.sum().clamp(min=1)


def on_grid(logits: Tensor, targets: Tensor) -> Tensor:
    """Logits in float32 on the pixels of the targets: where a network answers coarser or finer, interpolated."""
    x = logits.float()
    if x.ndim == 4 and x.shape[-2:] != targets.shape[-2:]:
        x = functional.interpolate(x, targets.shape[-2:], mode="bilinear", align_corners=False)
    return x


def as_logits(numbers: Tensor) -> Tensor:
    """Logits of probabilities, for networks that give these."""
    likely = numbers.float().clamp(1e-6, 1 - 1e-6)
    return torch.logit(likely) if likely.shape[1] == 1 else likely.log()


def one_loss(parts: Sequence[Tensor]) -> Tensor:
    """The mean of several."""
    return torch.stack(list(parts)).mean()


def _is_class(targets: Tensor, count: int) -> Tensor:
    """Bool `[B, K, ...]` of positions `[B, ...]`; none of the classes where it is `IGNORE`."""
    order = torch.arange(count, device=targets.device).reshape(1, -1, *(1,) * (targets.ndim - 1))
    return targets.unsqueeze(1) == order


def _mean(each: Tensor, importance: Tensor) -> Tensor:
    total = importance.sum()
    return (each * importance).sum() / torch.where(total > 0, total, 1)
