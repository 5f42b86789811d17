"""What sensors that are kept apart saw of the items of a data set, on grids of their own over that of the images."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swath.data.item import Item
from swath.data.keep import Scenes
from swath.data.light import lit
from swath.data.sample import Beside
from swath.errors import DataError, GridError, SwathError
from swath.scene.reader import Roi
from swath.scene.side_by_side import check_side_by_side, plain_ratio, window_on, zoomed

if TYPE_CHECKING:
    from swath.data.dataset import Dataset
    from swath.scene.scene import Scene


def ratios_of(data: Dataset, scenes: Scenes) -> tuple[Fraction, ...]:
    """Pixels of each sensor that is kept apart per pixel of the images, along an axis, as the first item has them.

    Raises:
        SwathError: no item opens, or nothing says how large pixels are.
    """
    if not data.apart:
        return ()
    item = first_whole(data, scenes)
    fine, made = data.gsd(item), []
    for which, one in enumerate(data.apart):
        coarse = scenes.apart(item, which, one, data.told_dates).gsd
        if fine is None or coarse is None:
            raise DataError(f"{_astray(item, one.name)}: nothing says how large its pixels are; both need a CRS")
        made.append(plain_ratio(fine, coarse))
    return tuple(made)


def first_whole(data: Dataset, scenes: Scenes) -> Item:
    """The first item of which everything opens.

    Raises:
        SwathError: there is none; why the first one is none.
    """
    problem: SwathError | None = None
    for item in data.items:
        try:
            data.scene(item)
            for which, one in enumerate(data.apart):
                scenes.apart(item, which, one, data.told_dates)
        except SwathError as error:
            problem = problem or error
            continue
        return item
    raise problem or DataError(f"{data.name}: holds no items")


def laid_beside(data: Dataset, item: Item, scenes: Scenes) -> dict[str, Scene]:
    """What sensors that are kept apart saw of an item, by their names.

    Each lies on a grid that begins with that of the images and has `data.ratios` of its pixels to each of theirs, as
    `swath.predict` lays the inputs of a card.

    Raises:
        OpenError, SensorError: as `swath.open`.
        DataError: one cannot be laid over the images.
    """
    found: dict[str, Scene] = {}
    for which, (one, ratio) in enumerate(zip(data.apart, data.ratios, strict=True)):
        images = data.scene(item)
        try:
            check_side_by_side(scenes.apart(item, which, one, data.told_dates), images)
            grid = zoomed(images.grid, 1 / float(ratio))
            found[one.name] = scenes.apart(item, which, one, data.told_dates, grid)
        except GridError as error:
            raise DataError(f"{_astray(item, one.name)}: {error}") from error
    return found


def read_beside(data: Dataset, item: Item, window: Roi) -> tuple[Beside, ...]:
    """What sensors that are kept apart saw of the ground of a window, widened to whole pixels of theirs.

    Raises:
        ReadError, DataError: as `Dataset.sample`.
    """
    if not data.apart:
        return ()
    made = []
    for scene, ratio in zip(data.beside(item).values(), data.ratios, strict=True):
        image, valid = scene.read(window_on(window, ratio), boundless=True)
        image[~valid] = 0.0
        made.append(Beside(image, valid, _days(scene), lit(scene.bands)))
    return tuple(made)


def _astray(item: Item, name: str) -> str:
    return f"{item.name}: {name} is kept apart and cannot be laid over the images"


def _days(scene: Scene) -> NDArray[np.float32]:
    """Days since 1970 of the dates, `[T]`; NaN of those that are not known."""
    seconds = [np.nan if date is None else date.astype("datetime64[s]").astype(np.int64) for date in scene.dates]
    return (np.array(seconds, dtype=np.float64) / 86400).astype(np.float32)
