"""Scenes and decoded images that stay in memory between crops: training reads each image many times.

Caches are bounded, may be used from several threads, and are left behind empty by a fork or a pickle.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data.item import Item
from swath.errors import DataError, OpenError
from swath.scene.reader import Reader, Roi, Stored, roi_shape
from swath.scene.side_by_side import laid

if TYPE_CHECKING:
    from swath.data.apart import Apart
    from swath.scene.scene import Scene

MOST_BYTES = 512 * 2**20
"""Decoded pixels kept by one process; more than this needs a layout that is read by windows (tiled GeoTIFF)."""
_LARGEST = 64 * 2**20
"""Bytes of an image beyond which its windows are read from the file each time."""
_MOST_SCENES = 4096

Decoded = tuple[NDArray[Any], NDArray[np.bool_] | None]
"""Stored numbers `[band, y, x]` and their validity, None where all is valid."""


class Kept:
    """A reader whose pixels are decoded once, whole, and then cut; large ones are read by windows as before."""

    def __init__(self, source: Reader) -> None:
        self._source = source
        self.name: str = source.name
        self.grid: GeoBox = source.grid
        self.stored: tuple[Stored, ...] = source.stored
        self.tags: Mapping[str, str] = source.tags
        height, width = source.grid.shape
        types = {one.dtype for one in source.stored}
        size = height * width * sum(np.dtype(one.dtype).itemsize for one in source.stored)
        self._is_small = len(types) == 1 and size <= _LARGEST

    def read(
        self, window: Roi, indexes: Sequence[int], shape: tuple[int, int] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """See `Reader.read`."""
        if not self._is_small or (shape is not None and shape != roi_shape(window)):
            return self._source.read(window, indexes, shape)
        values, valid = _decoded.of(self)
        picks = list(indexes)
        cut = values[(picks, *window)]
        return cut, np.ones(cut.shape, dtype=bool) if valid is None else valid[(picks, *window)]

    def decode(self) -> Decoded:
        """All of it."""
        height, width = self.grid.shape
        values, valid = self._source.read(np.s_[0:height, 0:width], range(len(self.stored)))
        return values, None if valid.all() else valid


class _DecodedImages:
    """The images used last, bounded in bytes."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start empty; after a fork the lock may be held by a thread that is no more."""
        self._lock = threading.Lock()
        self._bytes = 0
        # The reader is kept with its pixels: as long as they live, no other object can have its id.
        self._images: OrderedDict[int, tuple[Kept, Decoded]] = OrderedDict()

    def of(self, reader: Kept) -> Decoded:
        with self._lock:
            if id(reader) in self._images:
                self._images.move_to_end(id(reader))
                return self._images[id(reader)][1]
        decoded = reader.decode()
        with self._lock:
            if id(reader) not in self._images:
                self._images[id(reader)] = reader, decoded
                self._bytes += _size(decoded)
            while self._bytes > MOST_BYTES and len(self._images) > 1:
                self._bytes -= _size(self._images.popitem(last=False)[1][1])
        return decoded


def _size(decoded: Decoded) -> int:
    return decoded[0].nbytes + (0 if decoded[1] is None else decoded[1].nbytes)


_decoded = _DecodedImages()
os.register_at_fork(after_in_child=_decoded.forget)


class Scenes:
    """Scenes of the items used last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scenes: OrderedDict[Any, Scene] = OrderedDict()
        self._offsets: dict[Any, tuple[tuple[float, ...], ...]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__()  # type: ignore[misc]  # a cache is pickled empty

    def of(
        self,
        item: Item,
        sensor: Any,
        bands: Any,
        gsd: float | None,
        coregister: bool = False,
        dates: Any = None,
    ) -> Scene:
        """The scene of an item.

        Args:
            item: what is shown.
            sensor: as `swath.open`.
            bands: likewise.
            gsd: in m, where the images do not say it.
            coregister: whether dates are laid over the first, where their offset can be told.
            dates: as `swath.open`, of each image.

        Raises:
            OpenError, SensorError, GridError: as `swath.open`.
        """
        key = item.images
        with self._lock:
            scene = self._scenes.get(key)
            if scene is not None:
                self._scenes.move_to_end(key)
        if item.within is not None and len(key) == 1:
            return _sized(opened(item, sensor, bands), gsd)  # it holds its pixels, and many of them are in one file
        if scene is None:
            scene = opened(item, sensor, bands, dates)
            scene = _kept(self._laid(scene, key) if coregister else scene, gsd)
            with self._lock:
                self._scenes[key] = scene
                if len(self._scenes) > _MOST_SCENES:
                    self._scenes.popitem(last=False)
        return scene if item.window is None else scene.select(window=item.window)

    def apart(self, item: Item, which: int, told: Apart, dates: Any, grid: GeoBox | None = None) -> Scene:
        """What a sensor that is kept apart saw of an item, its dates in order.

        Args:
            item: what is shown.
            which: position of the sensor.
            told: what is said of it.
            dates: as `swath.open`, of each of its files.
            grid: where it is brought to; None: all of it, as it is.

        Raises:
            OpenError, SensorError, GridError: as `swath.open`; or it lies elsewhere.
        """
        files = item.apart[which]
        key = (files, None if grid is None else item.name)  # several places may share files, each on a grid of its own
        with self._lock:
            if key in self._scenes:
                self._scenes.move_to_end(key)
                return self._scenes[key]
        if grid is None:
            scene = _in_time(opened(Item(item.name, files, None, item.place), told.sensor, told.bands, dates))
        else:
            scene = _kept(laid(self.apart(item, which, told, dates), grid), None)
        with self._lock:
            self._scenes[key] = scene
            if len(self._scenes) > _MOST_SCENES:
                self._scenes.popitem(last=False)
        return scene

    def _laid(self, scene: Scene, key: Any) -> Scene:
        """The scene with dates laid over the first, as long as they lie within reach."""
        from swath.scene.moved import moved
        from swath.scene.registration import offsets_of

        if len(scene.dates) < 2:
            return scene
        if key not in self._offsets:
            self._offsets[key] = offsets_of(scene)
        return moved(scene, self._offsets[key])


def opened(item: Item, sensor: Any, bands: Any, dates: Any = None) -> Scene:
    """The images of an item as one scene: the dates in the order of the item, or what several sensors saw.

    Raises:
        OpenError, SensorError, GridError: as `swath.open`.
        DataError: the dates of a place have other bands.
    """
    from swath.scene.open import open_scene
    from swath.scene.open_several import chosen

    if item.within is not None:
        inner = item.within.opening(item.images[0])
        if inner.bands is not None:
            told = inner.sensor if sensor is None else sensor
            return chosen(open_scene(*inner.sources, sensor=told, bands=inner.bands), bands)
        return open_scene(*inner.sources, sensor=sensor, bands=bands, dates=inner.dates)
    paths = [str(path) for path in item.images]
    if item.sensors:
        left = iter(paths)
        named = {name: list(itertools.islice(left, count)) for name, count in item.sensors}
        return open_scene(named, sensor=sensor, bands=bands, dates=dates)
    times = [paths[at : at + item.per_date] for at in range(0, len(paths), item.per_date)]
    first, *others = (open_scene(*time, sensor=sensor, bands=bands, dates=dates) for time in times)
    if not others:
        return first
    scenes = [first]
    for (path, *more), scene in zip(times[1:], others, strict=True):
        if scene.grid != first.grid:
            if first.grid.crs is None or scene.grid.crs is None:
                raise OpenError(
                    f"{path}: has {scene.shape[2]} x {scene.shape[3]} pixels and {item.images[0].name} "
                    f"{first.shape[2]} x {first.shape[3]}; the dates of a place need one size, or a CRS each"
                )
            scene = open_scene(path, *more, sensor=sensor, bands=bands, dates=dates, grid=first.grid)
        if len(scene.bands) != len(first.bands) or len(scene.dates) != len(first.dates):
            raise DataError(
                f"{path}: has {len(scene.bands)} bands and {item.images[0].name} {len(first.bands)}; the dates of a "
                "place need the same bands: say bands=[...]"
            )
        scenes.append(scene)
    return replace(
        first,
        dates=tuple(date for scene in scenes for date in scene.dates),
        planes=tuple(row for scene in scenes for row in scene.planes),
        names=tuple(name for scene in scenes for name in scene.names),
        notes=tuple(dict.fromkeys(note for scene in scenes for note in scene.notes)),
    )


def _in_time(scene: Scene) -> Scene:
    """The scene with its dates in order, where all are known."""
    if None in scene.dates:
        return scene
    return scene.select(dates=sorted(range(len(scene.dates)), key=lambda at: str(scene.dates[at])))


def _kept(scene: Scene, gsd: float | None) -> Scene:
    """The scene with its readers decoding once, and with the pixel size that was told."""
    readers = {id(plane.reader): Kept(plane.reader) for row in scene.planes for plane in row if plane is not None}
    planes = tuple(
        tuple(None if plane is None else replace(plane, reader=readers[id(plane.reader)]) for plane in row)
        for row in scene.planes
    )
    return _sized(replace(scene, planes=planes), gsd)


def _sized(scene: Scene, gsd: float | None) -> Scene:
    """The scene with the pixel size that was told, where it does not say its own."""
    if gsd is None or scene.gsd is not None:
        return scene
    return replace(scene, bands=tuple(band.with_(gsd=gsd) for band in scene.bands))
