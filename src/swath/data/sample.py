"""`Sample`: what training sees of one place: numpy arrays with a type each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

IGNORE = -1
"""Value of target pixels without a label; they never count, neither in losses nor in scores."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Objects in an image, in pixels of the window: x to the right, y down, `(0, 0)` the corner of the first pixel.

    Attributes:
        corners: `[N, 4]` float32, `x0, y0, x1, y1` of the upright box; of oriented objects, the one around them.
        labels: `[N]` int64, positions of classes.
        outlines: `[N, 4, 2]` float32, the four corners `x, y` of oriented objects in order around them; None where the
            labels are upright.
        ignored: `[N]` bool, objects that neither count as found nor as missed (difficult, crowds, cut by the window).
    """

    corners: NDArray[np.float32]
    labels: NDArray[np.int64]
    outlines: NDArray[np.float32] | None = None
    ignored: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.labels)


Target = NDArray[np.int64] | NDArray[np.float32] | Boxes | int | None
"""Of an item: `[H, W]` int64 positions of classes or IGNORE; `[3, H, W]` int64 of semantic change: unchanged or changed
(0, 1), and positions of the classes at the first and at the last date, or IGNORE; `[H, W]` float32 values, NaN where
unknown; boxes; the position of the class of the whole image; `[K]` float32 of 0 and 1 where several classes may hold
at once; None without a label."""


def class_planes(target: NDArray[Any]) -> NDArray[Any]:
    """What of a target of pixels are positions of classes: `[H, W]` all, of `[3, H, W]` both dates; a view."""
    return target[1:] if target.ndim == 3 else target


@dataclass(frozen=True, eq=False)
class Beside:
    """What a sensor that is kept apart saw of the ground of a window, on its own grid and days.

    Attributes:
        image: `[T, C, h, w]` float32 in the units of the bands; 0 where invalid.
        valid: `[T, C, h, w]` bool.
        days: `[T]` float32, since 1970; NaN where nothing says them.
        lit: of each band whether it holds light or radar; None: all do.
    """

    image: NDArray[np.float32]
    valid: NDArray[np.bool_]
    days: NDArray[np.float32]
    lit: tuple[bool, ...] | None = None

    def thinned(self, count: int) -> Beside:
        """The same with so many of its dates, spread evenly."""
        kept = np.linspace(0, len(self.image) - 1, count).round().astype(int)
        return replace(self, image=self.image[kept], valid=self.valid[kept], days=self.days[kept])


@dataclass(frozen=True, eq=False)
class Sample:
    """A window of an item.

    Attributes:
        image: `[T, C, H, W]` float32 in the units of the bands; 0 where invalid.
        valid: `[T, C, H, W]` bool.
        target: see `Target`.
        name: of the item.
        before: classes of a map of the first date, by their positions, `[H, W]`; IGNORE where it says nothing; None
            where the item has no such map.
        weight: `[H, W]` float32, how far the label of each pixel is trusted; None: all alike.
        lit: of each band whether it holds light or radar, see `swath.data.light`; None: all do.
        beside: what sensors that are kept apart saw, in the order of `Dataset.apart`.
    """

    image: NDArray[np.float32]
    valid: NDArray[np.bool_]
    target: Target
    name: str
    weight: NDArray[np.float32] | None = None
    before: NDArray[np.int64] | None = None
    lit: tuple[bool, ...] | None = None
    beside: tuple[Beside, ...] = ()
