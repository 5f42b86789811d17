"""`Medians`: an image, and of the series of other sensors in a file of arrays beside it the median of each pixel.

The sensors have dates of their own, of which no two places have as many, and the image has a date that is not told: a
sample with a date for each would be empty where one of them saw nothing. A median leaves out what is hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data.inside import Opening
from swath.data.months import median_of
from swath.data.published.facts import SetSensor
from swath.errors import DataError, ReadError
from swath.scene.raster import RasterReader
from swath.sensors import find_sensor


@dataclass(frozen=True, eq=False)
class Medians:
    """What several sensors saw of a place; see `Inside`.

    Attributes:
        series: file of arrays.
        sensors: by name; the one without an array is the image.
        side: of the ground that the series cover in m, around the middle of the image; None: all of it.
    """

    series: Path
    sensors: Mapping[str, SetSensor]
    side: float | None

    def opening(self, path: Path) -> Opening:
        """See `Inside.opening`; sources, sensors and bands by name."""
        found = {name: self._median(one) for name, one in self.sensors.items() if one.array is not None}
        whole = RasterReader(path).grid
        sources = {
            name: (found[name], _middle(whole, self.side, *found[name].shape[1:])) if name in found else str(path)
            for name in self.sensors
        }
        return Opening(
            (sources,),
            sensor={name: one.sensor for name, one in self.sensors.items()},
            bands={name: one.bands for name, one in self.sensors.items()},
        )

    def layers(self, path: Path) -> NDArray[Any]:
        """See `Inside.layers`; the medians one after another."""
        return np.concatenate([self._median(one) for one in self.sensors.values() if one.array is not None])

    def _median(self, one: SetSensor) -> NDArray[Any]:
        """`[band, y, x]` in the numbers of the sensor, 0 or NaN where nothing was seen.

        Raises:
            ReadError: the file cannot be read, or lacks the array.
            DataError: the array has another shape.
        """
        import h5py

        try:
            with h5py.File(self.series, "r") as file:
                values = file[one.array][...]
                hidden = None if one.hidden is None else file[one.hidden][...]
        except (OSError, KeyError) as error:
            raise ReadError(f"{self.series}: {one.array} cannot be read: {error}") from error
        if values.ndim != 4 or values.shape[1] != len(one.bands) or not len(values):
            raise DataError(f"{self.series}: {one.array} has shape {values.shape}; give [T, {len(one.bands)}, y, x]")
        if hidden is not None:
            if hidden.ndim != 4 or (len(hidden), *hidden.shape[2:]) != (len(values), *values.shape[2:]):
                raise DataError(f"{self.series}: {one.hidden} of shape {hidden.shape} does not go with {values.shape}")
            values = np.where((hidden > one.most).any(axis=1, keepdims=True), 0, values)
        found = np.stack([median_of(np.nan_to_num(band, nan=0)) for band in values.swapaxes(0, 1)])
        if any(band.scale != 1 for band in find_sensor(one.sensor).bands):
            return np.nan_to_num(found, nan=0).round().clip(0, 65535).astype(np.uint16)  # as the sensor stores it
        return found


def _middle(grid: GeoBox, side: float | None, height: int, width: int) -> GeoBox:
    """A grid of so many pixels over the middle of another, of square ground."""
    box, shape = grid.boundingbox, (height, width)
    if side is None:
        return GeoBox.from_bbox(box, shape=shape, tight=True)
    x, y = (box.left + box.right) / 2, (box.bottom + box.top) / 2
    bounds = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    return GeoBox.from_bbox(bounds, grid.crs, shape=shape, tight=True)
