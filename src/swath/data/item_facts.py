"""What one item is, as far as reading it tells; errors are facts too, so that one bad file hides no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swath.data.dataset import Dataset
from swath.data.item import Item
from swath.data.sample import IGNORE, Target
from swath.errors import DataError, GridError, OpenError, ReadError, SwathError
from swath.scene.stacking import Stacked

if TYPE_CHECKING:
    from swath.scene.scene import Scene

_WHOLE = 16_000_000
"""Pixels up to which an item is read whole; of a larger one its image is looked at shrunk."""
_SHRUNK = 2048
THUMB = 16
"""Side of the picture by which images are compared."""


@dataclass(frozen=True, eq=False)
class ItemFacts:
    """What one item is.

    Attributes:
        name: of the item.
        image_problem: why its images cannot be used; None: they can.
        label_problem: why its label cannot be used; None: it can, or there is none.
        shape: `(height, width)`.
        dates: how many.
        bands: names, in order.
        units: one per band.
        dtypes: stored types, one per band of the first date.
        crs: as `EPSG:n`, `own` or None.
        gsd: pixel size in m.
        invalid: share of values that are not valid.
        unlabelled: share of pixels without a label; 0 where labels are not of pixels.
        counts: position of class and number of pixels, objects, or 1.
        stacked: where several sensors saw it, what was done to each.
        apart: likewise, of those that keep their own grid and dates.
        thumb: `[THUMB * THUMB]`, brightness of the first date with mean 0 and length 1; None of a plain surface.
    """

    name: str
    image_problem: str | None = None
    label_problem: str | None = None
    shape: tuple[int, int] = (0, 0)
    dates: int = 0
    bands: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    crs: str | None = None
    gsd: float | None = None
    invalid: float = 0.0
    unlabelled: float = 0.0
    counts: Mapping[int, int] = field(default_factory=dict)
    stacked: tuple[Stacked, ...] = ()
    apart: tuple[Stacked, ...] = ()
    thumb: NDArray[np.float32] | None = None

    @property
    def kind(self) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
        """Dates, bands and units, in which all that is trained on together must agree."""
        return (
            self.dates,
            (*self.bands, *(f"{one.name}_{band}" for one in self.apart for band in one.bands)),
            self.units,
        )


def facts_of(data: Dataset, item: Item) -> ItemFacts:
    """Read an item, image and label."""
    try:
        scene = data.scene(item)
        height, width = scene.shape[2:]
        values, valid = scene.read(None, shape=_looked_at(height, width))
        apart = tuple(_apart(data, item))
    except SwathError as error:
        return ItemFacts(item.name, image_problem=str(error))
    problem, unlabelled, counts = _label(data, item, scene)
    first = [plane for plane in scene.planes[0] if plane is not None]
    crs = scene.grid.crs
    return ItemFacts(
        name=item.name,
        label_problem=problem,
        shape=(height, width),
        dates=len(scene.dates),
        bands=tuple(band.name for band in scene.bands),
        units=tuple(band.units for band in scene.bands),
        dtypes=tuple(plane.reader.stored[plane.index].dtype for plane in first),
        crs=None if crs is None else f"EPSG:{crs.epsg}" if crs.epsg else "own",
        gsd=data.gsd(item),
        invalid=float(1 - valid.mean()),
        unlabelled=unlabelled,
        counts=counts,
        stacked=scene.stacked,
        apart=apart,
        thumb=_thumb(values[0], valid[0]),
    )


def _apart(data: Dataset, item: Item) -> Iterator[Stacked]:
    """What sensors that are kept apart saw, read once."""
    for (name, scene), ratio in zip(data.beside(item).items(), data.ratios, strict=True):
        _, valid = scene.read(None)
        if not valid.any():
            raise DataError(f"{item.name}: {name} is kept apart and has no valid pixel over the images")
        yield Stacked(
            name=name,
            sensor=scene.sensor.name if scene.sensor is not None else None,
            bands=tuple(band.name for band in scene.bands),
            gsd=scene.gsd,
            crs=None if scene.grid.crs is None else f"EPSG:{scene.grid.crs.epsg}" if scene.grid.crs.epsg else "own",
            dates=len(scene.dates),
            said=f"kept apart, pixels {1 / ratio} times as large as those of the images",
        )


def _looked_at(height: int, width: int) -> tuple[int, int] | None:
    if height * width <= _WHOLE:
        return None
    factor = _SHRUNK / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def _label(data: Dataset, item: Item, scene: Scene) -> tuple[str | None, float, Mapping[int, int]]:
    """What is wrong with the label, share of unlabelled pixels, counts of classes."""
    if item.label is None:
        return None, 0.0 if data.task == "pretraining" else 1.0, {}
    height, width = scene.shape[2:]
    rows = height if height * width <= _WHOLE else max(1, _WHOLE // width)
    bare = 0.0
    try:
        for top in range(0, height, rows):
            window = np.s_[top : min(top + rows, height), 0:width]
            bare += _unlabelled(item.label.read(scene.grid, window)) * (window[0].stop - top) / height
        return None, bare, data.counts(item)
    except (DataError, GridError, OpenError, ReadError) as error:
        return str(error), 0.0, {}


def _unlabelled(target: Target) -> float:
    if not isinstance(target, np.ndarray) or target.ndim < 2:
        return 0.0
    if target.dtype.kind == "f":
        return float(np.isnan(target).mean())
    nothing = target == IGNORE
    return float((nothing if nothing.ndim == 2 else nothing.all(axis=0)).mean())


def _thumb(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """Brightness in THUMB x THUMB cells of `[band, y, x]`, without mean, of length 1; None where nothing stands out."""
    height, width = values.shape[1:]
    if min(height, width) < THUMB or valid.mean() < 0.5:
        return None
    grey = np.where(valid, values, 0.0).mean(axis=0)
    rows, columns = (np.arange(THUMB) * side // THUMB for side in (height, width))
    cells = np.add.reduceat(np.add.reduceat(grey, rows, axis=0), columns, axis=1)
    size = np.diff([*rows, height])[:, None] * np.diff([*columns, width])
    cells = cells / size - grey.mean()
    length = float(np.linalg.norm(cells))
    if length <= 1e-6 or np.std(cells) < 0.05 * np.std(grey):
        return None
    return np.asarray((cells / length).ravel(), dtype=np.float32)
