"""Boxes around objects, upright and oriented: cut by windows, checked against their image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data.sample import Boxes
from swath.scene.reader import Roi, common_roi, roi_of

LEAST_VISIBLE = 0.5
"""Share of an object that a window must hold for it to count; one of which less is seen is ignored."""


def around(outlines: NDArray[np.float32]) -> NDArray[np.float32]:
    """The upright boxes `[N, 4]` around outlines `[N, P, 2]`."""
    if not len(outlines):
        return np.zeros((0, 4), np.float32)
    return np.concatenate([outlines.min(axis=1), outlines.max(axis=1)], axis=1).astype(np.float32)


def areas(boxes: Boxes) -> NDArray[np.float64]:
    """Area of each object in square pixels, `[N]`: of its outline where it has one."""
    if boxes.outlines is None:
        x0, y0, x1, y1 = boxes.corners.astype(np.float64).T
        return np.asarray(np.maximum(x1 - x0, 0) * np.maximum(y1 - y0, 0))
    x, y = np.moveaxis(boxes.outlines.astype(np.float64), -1, 0)
    return np.asarray(np.abs((x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1)) / 2)


def turned(
    centres: NDArray[np.float64], sizes: NDArray[np.float64], angles: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Outlines `[N, 4, 2]` of boxes told by centre `[N, 2]`, width and height `[N, 2]`, and angle in radians `[N]`.

    The angle turns the axis of the width from x towards y, which is clockwise on the screen.
    """
    along = np.stack([np.cos(angles), np.sin(angles)], axis=-1) * sizes[:, :1] / 2
    across = np.stack([-np.sin(angles), np.cos(angles)], axis=-1) * sizes[:, 1:] / 2
    corners = [centres - along - across, centres + along - across, centres + along + across, centres - along + across]
    return np.stack(corners, axis=1).astype(np.float32)


def pick(boxes: Boxes, which: NDArray[np.bool_] | NDArray[np.intp]) -> Boxes:
    """Some of the objects, by a mask or by indexes."""
    return Boxes(
        boxes.corners[which],
        boxes.labels[which],
        None if boxes.outlines is None else boxes.outlines[which],
        None if boxes.ignored is None else boxes.ignored[which],
    )


def cut(boxes: Boxes, window: Roi, grid: GeoBox | None = None) -> Boxes:
    """The objects in a window, in its pixels.

    Corners are clipped to what is seen of an object; outlines stay whole, for a cut rectangle is none. Objects of which
    less than `LEAST_VISIBLE` is seen are ignored.

    Args:
        boxes: in pixels of the image.
        window: rows and columns, which may reach beyond the image.
        grid: of the image; None: it reaches as far as the window.
    """
    part = window if grid is None else common_roi(window, roi_of(None, grid))
    if part is None:
        return pick(boxes, np.zeros(len(boxes), dtype=np.bool_))
    seen = np.array([part[1].start, part[0].start, part[1].stop, part[0].stop], dtype=np.float32)
    low = np.clip(boxes.corners[:, :2], seen[:2], seen[2:])
    high = np.clip(boxes.corners[:, 2:], seen[:2], seen[2:])
    inside = np.asarray((high > low).all(axis=1))
    whole = np.asarray((boxes.corners[:, :2] >= seen[:2]).all(axis=1) & (boxes.corners[:, 2:] <= seen[2:]).all(axis=1))
    kept = pick(replace(boxes, corners=np.concatenate([low, high], axis=1)), inside)
    share = np.ones(len(kept))
    partly = np.flatnonzero(~whole[inside])
    if len(partly):
        share[partly] = _visible(pick(boxes, inside), kept, partly, seen)
    ignored = share < LEAST_VISIBLE
    if kept.ignored is not None:
        ignored |= kept.ignored
    shift = np.array([window[1].start, window[0].start], dtype=np.float32)
    moved = Boxes(
        kept.corners - np.tile(shift, 2),
        kept.labels,
        None if kept.outlines is None else kept.outlines - shift,
        ignored,
    )
    return pick(moved, share > 0)


def _visible(whole: Boxes, clipped: Boxes, which: NDArray[np.intp], seen: NDArray[np.float32]) -> NDArray[np.float64]:
    """Share of the area of some objects that lies in a box."""
    if whole.outlines is None:
        return areas(pick(clipped, which)) / np.maximum(areas(pick(whole, which)), 1e-9)
    import shapely

    shapes = shapely.convex_hull(np.asarray(shapely.polygons(whole.outlines[which].astype(np.float64))))
    parts = shapely.area(shapely.intersection(shapes, shapely.box(*seen.tolist())))
    return np.asarray(parts / np.maximum(shapely.area(shapes), 1e-9))


@dataclass(frozen=True, eq=False)
class BoxesLabel:
    """The objects of an image.

    Attributes:
        boxes: in pixels of the image, or in shares of its width and height.
        files: what they were read from, where that is a file of this image alone.
        in_shares: whether all numbers lie between 0 and 1 and go with the image's size.
    """

    boxes: Boxes
    files: tuple[Path, ...] = ()
    in_shares: bool = False

    def on(self, grid: GeoBox) -> Boxes:
        """The objects in pixels of an image on that grid."""
        if not self.in_shares:
            return self.boxes
        size = np.array([grid.shape[1], grid.shape[0]], dtype=np.float32)
        outlines = None if self.boxes.outlines is None else self.boxes.outlines * size
        return replace(self.boxes, corners=self.boxes.corners * np.tile(size, 2), outlines=outlines)

    def read(self, grid: GeoBox, window: Roi) -> Boxes:
        """See `Label.read`."""
        return cut(self.on(grid), window, grid)

    @cached_property
    def _counts(self) -> Mapping[int, int]:
        boxes = self.boxes
        counted = boxes.labels if boxes.ignored is None else boxes.labels[~boxes.ignored]
        return {int(one): int(times) for one, times in zip(*np.unique(counted, return_counts=True), strict=True)}

    def counts(self, grid: GeoBox) -> Mapping[int, int]:
        """See `Label.counts`; objects that are ignored are not among them."""
        return self._counts

    def oddities(self, grid: GeoBox) -> Mapping[str, int]:
        """How many objects are odd, by what is odd; and what is done about it."""
        boxes = self.on(grid)
        if not len(boxes):
            return {}
        height, width = grid.shape
        x0, y0, x1, y1 = boxes.corners.T
        slack = 1.0  # px: a box that ends on the last pixel may be told by the edge behind it
        beyond = (x1 <= 0) | (y1 <= 0) | (x0 >= width) | (y0 >= height)
        across = ~beyond & ((x0 < -slack) | (y0 < -slack) | (x1 > width + slack) | (y1 > height + slack))
        found = {
            "outside the image; left out": beyond,
            "reaching beyond the image; cut at its edge": across,
            "smaller than a pixel; kept": areas(boxes) < 1,
        }
        return {what: int(which.sum()) for what, which in found.items() if which.any()}
