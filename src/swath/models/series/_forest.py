"""The forest as plain arrays: grown by scikit-learn, kept and asked without it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from swath.models.series._tempcnn import Calendar
from swath.nn.season import as_image, as_pixels, of_pixels

_AT_ONCE = 2**13
"""Pixels that are worked on at once."""
_LEAST = 1e-4
"""Share of votes that no vote stands for: a hundred trees cannot tell less."""


class Votes(nn.Module):
    """All trees, one node after another; numbers of pixels `[P, F]` -> shares of the votes `[P, K]`.

    A node asks whether a number is above a threshold, and sends the pixel to the first or second of its children; a
    leaf sends it to itself. Where the answer is one channel, there are two classes.
    """

    roots: Tensor
    feature: Tensor
    threshold: Tensor
    below: Tensor
    leaf: Tensor

    def __init__(self, classes: int, trees: int, grown: tuple[int, int, int]) -> None:
        super().__init__()
        nodes, leaves, self.depth = grown
        nodes = max(nodes, 1)
        self.register_buffer("roots", torch.zeros(trees, dtype=torch.int32))
        self.register_buffer("feature", torch.zeros(nodes, dtype=torch.int32))
        self.register_buffer("threshold", torch.zeros(nodes))
        self.register_buffer("below", torch.zeros(nodes, 2, dtype=torch.int32))
        self.register_buffer("leaf", torch.zeros(nodes, dtype=torch.int32))
        self.shares = nn.Parameter(torch.full((leaves, max(2, classes)), 1 / max(2, classes)))

    def forward(self, numbers: Tensor) -> Tensor:
        """See the class."""
        return torch.cat([self._asked(part) for part in torch.split(numbers.float(), _AT_ONCE)])

    def _asked(self, numbers: Tensor) -> Tensor:
        at = self.roots.long().expand(len(numbers), -1)
        for _ in range(self.depth):
            above = numbers.gather(1, self.feature[at].long()) > self.threshold[at]
            at = self.below[at, above.long()].long()
        return self.shares[self.leaf[at].long()].mean(1)

    def take(self, forest: Any, classes: int) -> tuple[int, int, int]:
        """Become a forest of scikit-learn.

        Args:
            forest: a fitted `RandomForestClassifier`.
            classes: channels of the answer.

        Returns:
            Nodes, leaves and depth, with which the same is built again.
        """
        trees = [one.tree_ for one in forest.estimators_]
        starts = np.cumsum([0, *(one.node_count for one in trees)])
        feature = np.concatenate([one.feature for one in trees])
        is_leaf = feature < 0
        own = np.arange(starts[-1])
        sides = (
            np.concatenate([getattr(one, side) + start for one, start in zip(trees, starts[:-1], strict=True)])
            for side in ("children_left", "children_right")
        )
        children = np.stack([np.where(is_leaf, own, side) for side in sides], axis=1)
        votes = np.concatenate([one.value[:, 0] for one in trees])[is_leaf]
        shares = np.zeros((len(votes), max(2, classes)))
        shares[:, forest.classes_] = votes / votes.sum(1, keepdims=True)
        state = {
            "roots": starts[:-1].astype(np.int32),
            "feature": np.where(is_leaf, 0, feature).astype(np.int32),
            "threshold": _float_below(np.where(is_leaf, 0.0, np.concatenate([one.threshold for one in trees]))),
            "below": children.astype(np.int32),
            "leaf": np.where(is_leaf, np.cumsum(is_leaf) - 1, 0).astype(np.int32),
            "shares": shares.astype(np.float32),
        }
        for key, value in state.items():
            getattr(self, key).data = torch.from_numpy(value)
        self.depth = max(one.max_depth for one in trees)
        return int(starts[-1]), len(votes), self.depth


def _float_below(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The nearest float32 that is not above, so that no float32 number comes to lie on the other side."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)


class Stacked(nn.Module):
    """Numbers that trees ask for: `[B, C, H, W]` -> those of its pixels, `[P, C]`."""

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        return as_pixels(image).flatten(1)


class Laid(nn.Module):
    """Likewise of series on a calendar: `[B, T, C, H, W]`, days `[T]` or `[B, T]` -> `[P, steps * C]`."""

    def __init__(self, steps: int, begins: float) -> None:
        super().__init__()
        self.calendar = Calendar(steps, begins)

    def forward(self, image: Tensor, days: Tensor) -> Tensor:
        """See the class."""
        series, dates = (torch.split(one, _AT_ONCE) for one in (as_pixels(image), of_pixels(days, image)))
        return torch.cat([self.calendar(*part).flatten(1) for part in zip(series, dates, strict=True)])


class Forest(nn.Module):
    """The network on images; see `forest.random_forest`."""

    def __init__(
        self, classes: int, options: tuple[int, int, int | None, int], grown: tuple[int, int, int], numbers: nn.Module
    ) -> None:
        super().__init__()
        trees, self.least, self.deepest, self.most = options
        self.count = classes
        self.numbers = numbers
        self.votes = Votes(classes, trees, grown)

    def learn(
        self, numbers: NDArray[np.float32], labels: NDArray[np.int64], weights: NDArray[np.float32], seed: int
    ) -> dict[str, Any]:
        """Grow the forest anew.

        Args:
            numbers: what `self.numbers` says of the labelled pixels, `[N, F]`.
            labels: positions of classes, `[N]`.
            weights: of the pixels, `[N]`.
            seed: of everything random.

        Returns:
            Arguments of the builder with which the same is built again.
        """
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            len(self.votes.roots),
            min_samples_leaf=self.least,
            max_depth=self.deepest,
            random_state=seed,
            n_jobs=torch.get_num_threads(),
        )
        forest.fit(numbers, labels, sample_weight=weights)
        return {"grown": self.votes.take(forest, self.count)}

    def answered(self, numbers: Tensor, image: Tensor) -> Tensor:
        """Logits `[B, K, H, W]` from the numbers of all pixels."""
        with torch.autocast(image.device.type, enabled=False):
            odds = self.votes(numbers).clamp(min=_LEAST).log()
        return as_image(odds[:, 1:] - odds[:, :1] if self.count == 1 else odds, image)

    def forward(self, image: Tensor) -> Tensor:
        """`[B, C, H, W]` -> logits `[B, K, H, W]`."""
        return self.answered(self.numbers(image), image)


class SeriesForest(Forest):
    """The network on series; see `forest.random_forest_series`."""

    def forward(self, image: Tensor, days: Tensor) -> Tensor:  # type: ignore[override]  # it is told the days, too
        """`[B, T, C, H, W]` (or `[B, C, H, W]` of one date), days `[T]` or `[B, T]` -> logits `[B, K, H, W]`."""
        return self.answered(self.numbers(image, days), image)
