"""Images of a batch pasted into one another, for one answer per image: CutMix (arXiv:1905.04899).

A part of the next image of the batch lies in each; the loss is that of both labels, by how much is seen of each. So an
answer cannot hang on one corner of an image, and few images go a longer way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from swath.data import Sample


@dataclass(frozen=True)
class Paste:
    """The part that comes from the next image.

    Attributes:
        rows: of pixels.
        columns: likewise.
        share: of the image that it covers, 0 to 1.
    """

    rows: slice
    columns: slice
    share: float

    @classmethod
    def drawn(cls, height: int, width: int, rng: np.random.Generator) -> Paste:
        """A part of any size, all sizes alike often, about any point; what lies beyond the image is cut off."""
        side = float(np.sqrt(rng.random()))
        rows, columns = (_within(size, side * size, float(rng.random())) for size in (height, width))
        seen = (rows.stop - rows.start) * (columns.stop - columns.start)
        return cls(rows, columns, seen / (height * width))

    def of(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        """The samples, all of one size, each with the part of the next one; their labels stay as they are."""
        return tuple(self._into(one, samples[(at + 1) % len(samples)]) for at, one in enumerate(samples))

    def _into(self, sample: Sample, other: Sample) -> Sample:
        image, valid = sample.image.copy(), sample.valid.copy()
        image[..., self.rows, self.columns] = other.image[..., self.rows, self.columns]
        valid[..., self.rows, self.columns] = other.valid[..., self.rows, self.columns]
        return replace(sample, image=image, valid=valid)

    def loss(self, of: Callable[[Tensor], Tensor], targets: Tensor) -> Tensor:
        """Of answers to mixed images.

        Args:
            of: the loss of the answers against targets.
            targets: `[B, ...]`, of the samples before they were mixed, in their order.
        """
        return (1 - self.share) * of(targets) + self.share * of(targets.roll(-1, 0))


def _within(size: int, length: float, about: float) -> slice:
    """A stretch of a side around a share of it, as far as it lies within."""
    middle = about * size
    return slice(max(0, round(middle - length / 2)), min(size, round(middle + length / 2)))
