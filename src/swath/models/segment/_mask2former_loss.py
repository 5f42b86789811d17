"""Mask2Former's loss (arXiv:2112.01527): queries are matched with classes that are there, and compared at points."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

_POINTS = 12_544
_OVERSAMPLED, _UNSURE = 3, 0.75
"""So many times more points are drawn, of which the least sure become this share of all."""
_OF_CLASS, _OF_MASK, _OF_DICE = 2.0, 5.0, 5.0
_OF_NOTHING = 0.1
"""What a query that finds nothing counts in the loss of classes."""


def mask_loss(classes: Tensor, masks: Tensor, targets: Tensor, stride: int, points: int = _POINTS) -> Tensor:
    """The loss summed over what was said after each layer.

    Args:
        classes: `[L, B, Q, K + 1]`, the last for nothing.
        masks: `[L, B, Q, h, w]`.
        targets: positions of classes `[B, H, W]`, -1 where not labelled; masks may reach farther right and down.
        stride: pixels that a side of a mask's cell covers.
        points: that masks are compared at.
    """
    height, width = (stride * side for side in masks.shape[-2:])
    padded = F.pad(targets, (0, width - targets.shape[-1], 0, height - targets.shape[-2]), value=-1)
    each = [_of_layer(*said, padded, points) for said in zip(classes.float(), masks.float(), strict=True)]
    return torch.stack(each).sum()


def _of_layer(classes: Tensor, masks: Tensor, targets: Tensor, points: int) -> Tensor:
    """Of one layer, over the whole batch."""
    batch, _, kinds = classes.shape
    wanted = torch.full(classes.shape[:2], kinds - 1, device=classes.device)
    found, labels, where = [], [], []
    for one in range(batch):
        there = torch.unique(targets[one])
        there = there[there >= 0]
        at, order = _matched(classes[one].detach(), masks[one].detach(), targets[one], there, points)
        wanted[one, at] = there[order]
        found.append(masks[one, at])
        labels.append(there[order])
        where.append(torch.full_like(at, one))
    importance = torch.cat([classes.new_ones(kinds - 1), classes.new_tensor([_OF_NOTHING])])
    of_class = F.cross_entropy(classes.flatten(0, 1), wanted.flatten(), importance)
    rows, kind, image = torch.cat(found), torch.cat(labels), torch.cat(where)
    if not len(rows):
        return _OF_CLASS * of_class + 0.0 * masks.sum()
    at_points = _unsure_points(rows.detach(), points)
    x = _at(rows[:, None], at_points)[:, 0]
    truth, known = _labels(targets[image], at_points, kind)
    crossed = (F.binary_cross_entropy_with_logits(x, truth, reduction="none") * known).sum(1) / known.sum(1).clamp(1)
    return _OF_CLASS * of_class + _OF_MASK * crossed.mean() + _OF_DICE * _lost(x.sigmoid() * known, truth).mean()


def _matched(classes: Tensor, masks: Tensor, targets: Tensor, there: Tensor, points: int) -> tuple[Tensor, Tensor]:
    """Queries and the positions in `there` of the classes that they are to find, by least cost."""
    at = torch.rand(1, points, 2, device=masks.device)
    x = _at(masks[None], at)[0]
    truth, known = _labels(targets[None].expand(len(there), -1, -1), at.expand(len(there), -1, -1), there)
    count = known.sum(1).clamp(1)
    crossed = (F.softplus(-x) @ truth.T + F.softplus(x) @ (known - truth).T) / count
    likely = x.sigmoid()
    overlap = 2 * likely @ truth.T + 1
    dice = 1 - overlap / (likely @ known.T + truth.sum(1) + 1)
    cost = -_OF_CLASS * classes.softmax(-1)[:, there] + _OF_MASK * crossed + _OF_DICE * dice
    rows, columns = linear_sum_assignment(cost.nan_to_num(1e6, 1e6, -1e6).cpu().numpy())
    return torch.as_tensor(rows, device=masks.device), torch.as_tensor(columns, device=masks.device)


def _lost(likely: Tensor, truth: Tensor) -> Tensor:
    """1 minus the Dice coefficient of each row, 1 added above and below."""
    return 1 - (2 * (likely * truth).sum(1) + 1) / (likely.sum(1) + truth.sum(1) + 1)


def _unsure_points(masks: Tensor, points: int) -> Tensor:
    """Points of each mask, most of them where it is least sure: `[M, points, 2]`, x and y as shares of the whole."""
    drawn = torch.rand(len(masks), _OVERSAMPLED * points, 2, device=masks.device)
    unsure = -_at(masks[:, None], drawn)[:, 0].abs()
    count = int(_UNSURE * points)
    best = unsure.topk(count, 1).indices
    chosen = drawn.gather(1, best[..., None].expand(-1, -1, 2))
    return torch.cat([chosen, torch.rand(len(masks), points - count, 2, device=masks.device)], 1)


def _at(maps: Tensor, points: Tensor, mode: str = "bilinear") -> Tensor:
    """Maps `[M, C, h, w]` at points `[M, P, 2]` -> `[M, C, P]`."""
    return F.grid_sample(maps, 2 * points[:, :, None] - 1, mode=mode, align_corners=False)[..., 0]


def _labels(targets: Tensor, points: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
    """Whether points of label maps `[M, H, W]` are of one class each, and whether they are labelled: `[M, P]` both."""
    label = _at(targets[:, None].float(), points, "nearest")[:, 0]
    return (label == kinds[:, None]).float(), (label >= 0).float()
