"""Datasets of torchgeo as data sets of Swath (Stewart et al. 2022, arXiv:2111.08872). torchgeo itself is not imported.

    data = swath.data.from_torchgeo(torchgeo.datasets.EuroSAT("eurosat"), sensor="sentinel-2-l1c@pre-04.00")

Samples are dicts: `image` `[C, H, W]` or `[T, C, H, W]`, or `image1` and `image2`; and `mask` `[H, W]`, `label`, or
boxes as `bbox_xyxy` with a `label` each. Datasets with a place are cut into chips, so that none is too large.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data.boxes import cut
from swath.data.dataset import Dataset
from swath.data.item import Item
from swath.data.layouts import listing
from swath.data.sample import IGNORE, Boxes, Target
from swath.errors import DataError
from swath.models.card import TASKS
from swath.models.gives import ClassLabel
from swath.scene.reader import Roi, common_roi, roi_of, roi_shape, shifted
from swath.scene.scene import Scene
from swath.scene.words import many

_KEPT = 16
"""Samples that stay in memory between crops."""
CHIP = 1024
"""Pixels along an axis of the chips that datasets with a place are cut into."""
_BOXES = ("bbox_xyxy", "bbox", "boxes", "bboxes")
_LABELS = ("label", "labels")
_PAIRS = (("image1", "image2"), ("image_a", "image_b"), ("before", "after"))

Raw = Mapping[str, Any]


@dataclass(eq=False)
class Samples:
    """The samples of a dataset as numpy arrays, the last ones kept."""

    source: Any
    queries: Sequence[Any]
    _kept: OrderedDict[int, Raw] = field(default_factory=OrderedDict, repr=False)
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {"source": self.source, "queries": self.queries}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _kept=OrderedDict(), _lock=threading.Lock())

    def __getitem__(self, index: int) -> Raw:
        with self._lock:
            if index in self._kept:
                self._kept.move_to_end(index)
                return self._kept[index]
        raw = self.source[self.queries[index]]
        made = {key: np.asarray(value) if _is_tensor(value) else value for key, value in raw.items()}
        with self._lock:
            self._kept[index] = made
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "__array__") and hasattr(value, "shape")


@dataclass(frozen=True, eq=False)
class SampleLabel:
    """What a sample says of its image; see `swath.data.item.Label`."""

    samples: Samples
    index: int
    task: str
    count: int
    ignore: tuple[int, ...] = ()
    files: tuple[Path, ...] = ()

    def read(self, grid: GeoBox, window: Roi) -> Target:
        """See `Label.read`."""
        raw = self.samples[self.index]
        if self.task == "classification":
            return self._position(int(np.asarray(_first(raw, _LABELS)).reshape(())))
        if self.task == "detection":
            return cut(self._boxes(raw), window, grid)
        mask = np.asarray(raw["mask"])
        mask = mask[0] if mask.ndim == 3 else mask
        is_real = self.task == "regression"
        target: Any = np.full(roi_shape(window), np.nan if is_real else IGNORE, np.float32 if is_real else np.int64)
        inside = common_roi(window, roi_of(None, grid))
        if inside is not None:
            part = mask[inside] if is_real else self._positions(mask[inside])
            target[shifted(inside, -window[0].start, -window[1].start)] = part
        made: NDArray[np.int64] | NDArray[np.float32] = target
        return made

    def counts(self, grid: GeoBox) -> Mapping[int, int]:
        """See `Label.counts`."""
        target = self.read(grid, roi_of(None, grid))
        if isinstance(target, int):
            return {target: 1}
        if self.task == "regression" or target is None:
            return {}
        numbers = target.labels if isinstance(target, Boxes) else target[target != IGNORE]
        return {int(one): int(times) for one, times in zip(*np.unique(numbers, return_counts=True), strict=True)}

    def _position(self, number: int) -> int:
        if not 0 <= number < self.count:
            raise DataError(f"sample {self.index}: is of class {number}, and {self.count} are named; say classes=")
        return number

    def _positions(self, mask: NDArray[Any]) -> NDArray[np.int64]:
        numbers = mask.astype(np.int64)
        numbers[np.isin(mask, self.ignore)] = IGNORE
        odd = (numbers >= self.count) | (numbers < IGNORE)
        if odd.any():
            found = int(numbers[odd][0])
            raise DataError(
                f"sample {self.index}: its mask holds {found}, and {many(self.count, 'class')} named; say "
                f"classes= for it, or ignore={found}"
            )
        return numbers

    def _boxes(self, raw: Raw) -> Boxes:
        corners = np.asarray(_first(raw, _BOXES), dtype=np.float32).reshape(-1, 4)
        labels = np.asarray(_first(raw, _LABELS), dtype=np.int64).reshape(-1)
        return Boxes(corners, np.array([self._position(int(one)) for one in labels], dtype=np.int64))


@dataclass(frozen=True, eq=False)
class TorchgeoDataset(Dataset):
    """A `Dataset` whose images come from a dataset of torchgeo."""

    samples: Samples = field(default_factory=lambda: Samples((), ()))
    places: tuple[GeoBox, ...] | None = None

    def scene(self, item: Item) -> Scene:
        """See `Dataset.scene`; the image of the sample is read."""
        return _scene(
            self.samples, self._index[item.name], self.places, {"sensor": self.told_sensor, "bands": self.told_bands}
        )

    @property
    def _index(self) -> Mapping[str, int]:
        return {item.name: item.label.index for item in self.items if isinstance(item.label, SampleLabel)}


def from_torchgeo(
    source: Any,
    *,
    task: str | None = None,
    classes: Sequence[str] | None = None,
    sensor: Any = None,
    bands: Sequence[Any] | None = None,
    ignore: int | Sequence[int] | None = None,
    gsd: float | None = None,
) -> Dataset:
    """Any dataset object of torchgeo as a data set.

    Args:
        source: the object, without transforms; one with a place (`GeoDataset`) or without (`NonGeoDataset`).
        task: one of `swath.models.card.TASKS`; None: as the first sample says.
        classes: names in the order of their numbers; None: the object's own `classes`.
        sensor: as for `swath.open`.
        bands: as for `swath.open`; None: the object's own `bands`, where they are names.
        ignore: numbers of masks that mean "not labelled".
        gsd: pixel size on the ground in m, of datasets without a place.

    Raises:
        DataError: it is no such dataset, holds nothing, or does not tell task or classes.
    """
    name = type(source).__name__
    if task is not None and task not in TASKS:
        raise DataError(f"task={task!r} is not known; there are {', '.join(TASKS)}")
    if not (hasattr(source, "__getitem__") and hasattr(source, "__len__")):
        raise DataError(f"{name} is no dataset; give an object of a class in torchgeo.datasets")
    names, queries, places, rows = _chips(source) if hasattr(source, "index") else _numbered(source)
    if not queries:
        raise DataError(f"{name}: holds no samples")
    samples = Samples(source, queries)
    task = task or _task(name, samples[0])
    told = classes if classes is not None else getattr(source, "classes", None)
    if told is None and task == "change":
        told = ["unchanged", "changed"]
    if task != "regression" and (told is None or not all(isinstance(one, str) for one in told)):
        raise DataError(f"{name}: does not name its classes; say classes=[names in the order of their numbers]")
    labels = () if task == "regression" else tuple(ClassLabel(value=at, name=one) for at, one in enumerate(told or ()))
    skip = () if ignore is None else (ignore,) if isinstance(ignore, int) else tuple(ignore)
    own = getattr(source, "bands", None)
    if bands is None and sensor is None and isinstance(own, list | tuple) and _channels(samples[0]) == len(own):
        bands = own
    items = tuple(
        Item(one, (), SampleLabel(samples, at, task, len(labels), skip), row)
        for at, (one, row) in enumerate(zip(names, rows, strict=True))
    )
    return TorchgeoDataset(
        name=name,
        root=Path(str(getattr(source, "root", getattr(source, "paths", ".")))),
        layout="torchgeo",
        task=task,
        classes=labels,
        items=items,
        told_sensor=sensor,
        told_bands=None if bands is None else tuple(bands),
        told_gsd=gsd,
        samples=samples,
        places=places,
    )


_Parts = tuple[list[str], list[Any], tuple[GeoBox, ...] | None, list[str]]
"""Names, queries, grids, and the place of each."""


def _numbered(source: Any) -> _Parts:
    names = [f"{number:06d}" for number in range(len(source))]
    return names, list(range(len(source))), None, names


def _chips(source: Any) -> _Parts:
    """The files of a dataset with a place, cut into chips."""
    rx, ry = source.res if isinstance(source.res, tuple | list) else (source.res, source.res)
    names, queries, places, rows = [], [], [], []
    for number, (when, shape) in enumerate(zip(source.index.index, source.index.geometry, strict=True)):
        left, bottom, right, top = shape.bounds
        width, height = max(1, round((right - left) / rx)), max(1, round((top - bottom) / ry))
        for y in range(0, height, CHIP):
            for x in range(0, width, CHIP):
                size = (min(CHIP, height - y), min(CHIP, width - x))
                affine = Affine(rx, 0, left + x * rx, 0, -ry, top - y * ry)
                x0, y1 = affine.c, affine.f
                names.append(f"{number:05d}/{y}-{x}")
                queries.append(
                    (slice(x0, x0 + size[1] * rx), slice(y1 - size[0] * ry, y1), slice(when.left, when.right))
                )
                places.append(GeoBox(size, affine, source.crs.to_wkt()))
                rows.append(f"{number:05d}")
    return names, queries, tuple(places), rows


def _task(name: str, raw: Raw) -> str:
    image = _image(raw)
    if any(key in raw for key in _BOXES):
        return "detection"
    if "mask" in raw:
        if any(first in raw for first, _ in _PAIRS):
            return "change"
        if image.ndim == 4 and len(image) == 2:
            raise DataError(f"{name}: has two dates and a mask; say task='change' or task='segmentation'")
        return "regression" if np.asarray(raw["mask"]).dtype.kind == "f" else "segmentation"
    label = next((np.asarray(raw[key]) for key in _LABELS if key in raw), None)
    if label is not None and label.size == 1 and label.dtype.kind in "iu":
        return "classification"
    raise DataError(
        f"{name}: its samples hold {listing(sorted(raw))}; there must be a mask, boxes, or the number of one class"
    )


def _first(raw: Raw, keys: Sequence[str]) -> Any:
    for key in keys:
        if key in raw:
            return raw[key]
    raise DataError(f"a sample holds {listing(sorted(raw))}, and none of {', '.join(keys)}")


def _image(raw: Raw) -> NDArray[Any]:
    """`[C, H, W]` or `[T, C, H, W]`."""
    for pair in _PAIRS:
        if all(key in raw for key in pair):
            return np.stack([np.asarray(raw[key]) for key in pair])
    image = np.asarray(_first(raw, ("image",)))
    return image[None] if image.ndim == 2 else image


def _channels(raw: Raw) -> int:
    return int(_image(raw).shape[-3])


def _scene(samples: Samples, index: int, places: Sequence[GeoBox] | None, told: Mapping[str, Any]) -> Scene:
    image = _image(samples[index])
    shape = (int(image.shape[-2]), int(image.shape[-1]))
    # Where torchgeo rounds a chip to another number of pixels, the chip begins where it was asked to.
    affine, crs = (Affine.identity(), None) if places is None else (places[index].affine, places[index].crs)
    grid = GeoBox(shape, affine, crs)
    scenes = [Scene.from_array(one, grid, **told) for one in (image if image.ndim == 4 else image[None])]
    return replace(
        scenes[0],
        dates=tuple(date for scene in scenes for date in scene.dates),
        planes=tuple(row for scene in scenes for row in scene.planes),
        names=tuple(str(number + 1) for number in range(len(scenes))),
    )
