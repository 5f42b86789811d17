"""Contrast of hyper-pixels with queues of the whole training set (arXiv:2308.01251)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_NONE = -1
_MOST = 0.5
"""More than this share of a cell must be of a class."""


def cell_labels(targets: Tensor, size: tuple[int, int], classes: int) -> tuple[Tensor, Tensor]:
    """What each cell is, and whether it or a neighbour is on an edge between classes.

    Args:
        targets: positions of classes `[B, H, W]`, -1 where not labelled.
        size: cells `[h, w]` that the image is covered by.
        classes: how many.

    Returns:
        Labels `[B, h, w]`, -1 where nothing is said, and `[B, h, w]` bool.
    """
    shares = F.one_hot(targets.clamp(min=0), classes).float() * (targets >= 0)[..., None]
    shares = F.adaptive_avg_pool2d(shares.permute(0, 3, 1, 2), size)
    share, label = shares.max(1)
    whole = shares.sum(1) > 1 - 1e-4
    certain = whole & torch.where(label > 0, share > _MOST, share > 1 - 1e-4)
    mixed = (share < shares.sum(1) - 1e-4).float()
    edge = F.max_pool2d(mixed[:, None], 3, 1, padding=1)[:, 0] > 0
    return torch.where(certain, label, _NONE), edge


class Contrast(nn.Module):
    """Queues of embedded hyper-pixels, one for each class, and the loss that compares with them.

    Args:
        classes: how many queues.
        width: numbers per hyper-pixel.
        length: of each queue.
        anchors: most hyper-pixels of each class and image that are compared, and queue up, in a step.
        temperature: by which likenesses are divided.
    """

    queue: Tensor
    filled: Tensor

    def __init__(self, classes: int, width: int, length: int, anchors: int, temperature: float) -> None:
        super().__init__()
        self.classes, self.width, self.length = classes, width, length
        self.anchors, self.temperature = anchors, temperature
        self.register_buffer("queue", torch.zeros(classes, length, width))
        self.register_buffer("filled", torch.zeros(classes, dtype=torch.long))

    def forward(self, queries: Tensor, keys: Tensor, targets: Tensor) -> Tensor:
        """The loss of a batch, whose hyper-pixels then queue up.

        Args:
            queries: `[B, width, h, w]` of length 1, that learn.
            keys: the same by the slow copy, that do not.
            targets: positions of classes `[B, H, W]`, -1 where not labelled.
        """
        labels, edge = cell_labels(targets, (queries.shape[2], queries.shape[3]), self.classes)
        compared, coming = [], []
        for label in range(self.classes):
            at = self._chosen(labels == label, edge)
            anchors, fresh = (x.float().permute(0, 2, 3, 1)[at] for x in (queries, keys))
            compared.append(self._compared(anchors, label))
            coming.append(fresh.detach())
        for label, fresh in enumerate(coming):
            self._put(label, fresh)
        each = torch.cat(compared)
        return each.mean() if len(each) else 0.0 * queries.float().sum()

    def _chosen(self, there: Tensor, edge: Tensor) -> Tensor:
        """Some of the cells of each image: those at edges first, by chance among alike; `[B, h, w]` bool."""
        rank = (torch.rand(there.shape, device=there.device) + edge.float() + 1.0) * there
        best = rank.flatten(1).topk(min(self.anchors, rank[0].numel()), 1)
        at = torch.zeros_like(rank.flatten(1), dtype=torch.bool).scatter(1, best.indices, best.values > 0)
        return at.view_as(there)

    def _compared(self, anchors: Tensor, label: int) -> Tensor:
        """How little `[A, width]` of one class are like their queue, beside all other queues; `[A]` or none."""
        like = self.queue[label, : int(self.filled[label])]
        unlike = torch.cat([self.queue[k, : int(self.filled[k])] for k in range(self.classes) if k != label])
        if not len(like) or not len(unlike):
            return anchors.new_zeros(0)
        near, far = (anchors @ others.T / self.temperature for others in (like, unlike))
        return F.softplus(far.logsumexp(1, keepdim=True) - near).mean(1)

    @torch.no_grad()
    def _put(self, label: int, fresh: Tensor) -> None:
        """The newest stand first; the oldest fall out."""
        count = min(len(fresh), self.length)
        # Another tensor, and not a change of this one: the gradient of what was compared still needs it.
        queue = self.queue.clone()
        queue[label] = torch.cat([fresh[:count].to(queue.dtype), queue[label]])[: self.length]
        filled = self.filled.clone()
        filled[label] = (filled[label] + count).clamp(max=self.length)
        self.queue, self.filled = queue, filled
