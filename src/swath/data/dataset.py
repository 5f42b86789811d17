"""`Dataset`: labelled places in a folder, read as samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.data.apart import Apart
from swath.data.beside import first_whole, laid_beside, ratios_of, read_beside
from swath.data.item import ClassIndex, ClassIndexes, Item
from swath.data.keep import Scenes
from swath.data.layouts import Stray, listing
from swath.data.light import lit
from swath.data.masks import MaskLabel
from swath.data.published.facts import Published
from swath.data.quality import Quality
from swath.data.sample import IGNORE, Sample
from swath.data.transitions import TransitionLabel
from swath.errors import DataError, SwathError
from swath.models.gives import ClassLabel
from swath.scene.reader import roi_of
from swath.scene.words import many
from swath.sensors import Band, Recognition

if TYPE_CHECKING:
    from swath.scene.scene import Scene
    from swath.scene.stacking import Stacked


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled places. Made by `swath.data.open`; pixels are read when they are asked for.

    Attributes:
        name: of the folder.
        root: the folder.
        layout: how it is arranged.
        task: one of `swath.models.card.TASKS`.
        classes: in the order of the positions in targets.
        items: one per labelled place.
        told_sensor: as given to `open`.
        told_bands: as given to `open`.
        told_gsd: pixel size in m of images that do not say it themselves.
        told_dates: as given to `open`.
        coregister: whether dates are laid over the first, where their offset can be told.
        strays: files that take no part, and why.
        parts: name of item -> `train`, `val`, `test`, where the folder is already split.
        notes: what was read into the labels.
        placing: how the places of the items were told, in words.
        published: what is known of the set, where it is a published one.
        before_classes: of the maps of the first date, in the order of their positions; empty where there are none.
        quality: how far its labels are trusted; None: all alike.
        apart: sensors that keep their own grid and dates.
    """

    name: str
    root: Path
    layout: str
    task: str
    classes: tuple[ClassLabel, ...]
    items: tuple[Item, ...]
    told_sensor: Any = None
    told_bands: tuple[Any, ...] | Mapping[str, Any] | None = None
    told_gsd: float | None = None
    told_dates: Any = None
    coregister: bool = False
    strays: tuple[Stray, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    placing: str = ""
    published: Published | None = None
    before_classes: tuple[ClassLabel, ...] = ()
    quality: Quality | None = None
    apart: tuple[Apart, ...] = ()
    _scenes: Scenes = field(default_factory=Scenes, repr=False)
    _counts: dict[str, Mapping[int, int]] = field(default_factory=dict, repr=False)
    _ratios: list[Fraction] = field(default_factory=list, repr=False)

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    @cached_property
    def _by_name(self) -> dict[str, Item]:
        return {item.name: item for item in self.items}

    def __getitem__(self, name: str) -> Item:
        """The item of that name.

        Raises:
            DataError: there is none.
        """
        if name not in self._by_name:
            raise DataError(f"{self.name}: holds no item {name!r}; there are {listing(self._by_name, 4)}")
        return self._by_name[name]

    def scene(self, item: Item) -> Scene:
        """The images of an item as a scene, with one date per image.

        Raises:
            OpenError, SensorError, GridError: as `swath.open`.
        """
        return self._scenes.of(item, self.told_sensor, self.told_bands, self.told_gsd, self.coregister, self.told_dates)

    def shape(self, item: Item) -> tuple[int, int]:
        """`(height, width)` in pixels."""
        return self.scene(item).shape[2:]

    def gsd(self, item: Item) -> float | None:
        """Pixel size on the ground in m: as the image says, else as `open` was told."""
        return self.scene(item).gsd or self.told_gsd

    def sample(self, item: Item, window: Any = None) -> Sample:
        """A window of an item with its target.

        Args:
            item: one of `items`.
            window: `np.s_[y0:y1, x0:x1]` in pixels, which may reach beyond the image: invalid and IGNORE there; None:
                the whole image.

        Raises:
            ReadError: a file is damaged or has changed.
            DataError: the label does not fit the image.
        """
        scene = self.scene(item)
        image, valid = scene.read(window, boundless=True)
        image[~valid] = 0.0
        target = None
        if item.label is not None:
            target = item.label.read(scene.grid, roi_of(window, scene.grid, beyond=True))
        if isinstance(target, np.ndarray) and target.ndim > 1 and not valid.all():
            # Where dates are compared and one has nothing at all, nobody can know the answer; a series may have gaps.
            there = valid.any(axis=1)
            known = there.all(axis=0) if "change" in self.task else there.any(axis=0)
            target[..., ~known] = np.nan if target.dtype.kind == "f" else IGNORE
        weight = None
        if self.quality is not None and isinstance(target, np.ndarray) and target.ndim == 2:
            weight = self.quality.read(item, scene.grid, roi_of(window, scene.grid, beyond=True))
        before = self.before(item, window)
        beside = read_beside(self, item, roi_of(window, scene.grid, beyond=True))
        return Sample(image, valid, target, item.name, weight, before, lit(scene.bands), beside)

    def beside(self, item: Item) -> dict[str, Scene]:
        """What sensors that are kept apart saw of an item, by their names; see `swath.data.beside.laid_beside`."""
        return laid_beside(self, item, self._scenes)

    @cached_property
    def first_beside(self) -> dict[str, Scene]:
        """`beside` of the first item that opens, which speaks for all."""
        return self.beside(first_whole(self, self._scenes)) if self.apart else {}

    @property
    def ratios(self) -> tuple[Fraction, ...]:
        """Pixels of each sensor that is kept apart per pixel of the images, along an axis; the same of all subsets."""
        if not self._ratios:
            self._ratios[:] = ratios_of(self, self._scenes)  # whole, for several threads may ask at once
        return tuple(self._ratios)

    @property
    def step(self) -> int:
        """Pixels of the images that are whole pixels of every sensor: crops begin and end at multiples of it."""
        return math.lcm(*(ratio.denominator for ratio in self.ratios))

    def before(self, item: Item, window: Any = None) -> NDArray[np.int64] | None:
        """Classes of the map of the first date, see `Sample.before`.

        Raises:
            ReadError: the map is damaged.
            DataError: it does not fit the image.
        """
        if item.before is None:
            return None
        grid = self.scene(item).grid
        return np.asarray(item.before.read(grid, roi_of(window, grid, beyond=True)), dtype=np.int64)

    def counts(self, item: Item) -> Mapping[int, int]:
        """How often each class occurs in the label, by its position; see `Label.counts`."""
        if item.label is None:
            return {}
        if isinstance(item.label, ClassIndex | ClassIndexes | MaskLabel | TransitionLabel):
            return item.label.counts()
        if item.name not in self._counts:
            self._counts[item.name] = item.label.counts(self.scene(item).grid)
        return self._counts[item.name]

    @cached_property
    def _first(self) -> Scene:
        """The first item that opens, which speaks for all; `inspect` compares them."""
        problem: SwathError | None = None
        for item in self.items:
            try:
                return self.scene(item)
            except SwathError as error:
                problem = problem or error
        raise problem or DataError(f"{self.name}: holds no items")

    @property
    def bands(self) -> tuple[Band, ...]:
        """Of the first item that opens."""
        return self._first.bands

    @property
    def units(self) -> tuple[str, ...]:
        """One per band."""
        return tuple(band.units for band in self.bands)

    @property
    def sensor(self) -> Recognition | None:
        """Of the first item that opens; None where nothing says it."""
        return self._first.sensor

    @property
    def sensors(self) -> tuple[str, ...]:
        """Names of all that are known of the first item that opens."""
        return tuple(one.name for one in self._first.sensors)

    @property
    def stacked(self) -> tuple[Stacked, ...]:
        """Where several sensors saw each place, what was done to each; of the first item that opens."""
        return self._first.stacked

    @property
    def dates(self) -> int:
        """Number of dates per item."""
        return len(self._first.dates)

    def subset(self, names: Iterable[str]) -> Dataset:
        """The same with only these items, in the order of this dataset.

        Raises:
            DataError: a name is not in it.
        """
        wanted = set(names)
        if lacking := sorted(wanted - set(self._by_name)):
            raise DataError(f"{self.name}: holds no item {lacking[0]!r} ({many(len(lacking), 'such name')})")
        return replace(self, items=tuple(item for item in self.items if item.name in wanted))

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the contents: names, images, labels and classes; the same wherever the folder lies."""
        from swath.data.fingerprint import of_dataset

        return of_dataset(self)
