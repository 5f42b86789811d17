"""`Scene`: imagery of one place: bands on one grid, one or more dates, with units and validity. Lazy until read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.errors import GridError
from swath.scene.dates import Date, matches, parse_date
from swath.scene.identify import find_band
from swath.scene.plane import Plane as Plane
from swath.scene.plane import read_planes, to_values
from swath.scene.reader import Roi, roi_of, roi_shape, shifted
from swath.sensors import Band, Recognition

if TYPE_CHECKING:
    import xarray as xr

    from swath.scene.registration import Shift
    from swath.scene.stacking import Stacked

BandKey = str | int | float
"""A band's name, alias or common name; or a wavelength in nm."""


@dataclass(frozen=True, repr=False)
class Scene:
    """Imagery of one place with dims `(time, band, y, x)`. Made by `swath.open`; reads pixels only when asked.

    Attributes:
        grid: shape, affine and CRS.
        bands: what each band holds; values are in `band.units`.
        dates: one per time; None where it is not known.
        planes: `[time][band]`, None where a date lacks a band (its pixels are invalid).
        sensors: what was recognised or given, without repeats; empty where nothing is known.
        notes: what was done to the sources on the way, and what is odd about them.
        names: a short name per date, for labels.
        origin: `(row, column)` of this scene's first pixel in the scene it was cut from.
        outline: geometry in the grid's CRS outside of which pixels are invalid, or None.
        source: the arguments of `swath.open` that made it, as plain data; None where they live in memory only.
        stacked: the sensors that `swath.stack` made it from; empty where it was opened as one.
    """

    grid: GeoBox
    bands: tuple[Band, ...]
    dates: tuple[Date | None, ...]
    planes: tuple[tuple[Plane | None, ...], ...]
    sensors: tuple[Recognition, ...] = ()
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    origin: tuple[int, int] = (0, 0)
    outline: Any = None
    source: Mapping[str, Any] | None = field(default=None, compare=False)
    stacked: tuple[Stacked, ...] = ()

    @property
    def sensor(self) -> Recognition | None:
        """The sensor, where the whole scene comes from one."""
        return self.sensors[0] if len(self.sensors) == 1 else None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """`(time, band, y, x)`."""
        return len(self.dates), len(self.bands), int(self.grid.shape.y), int(self.grid.shape.x)

    @property
    def gsd(self) -> float | None:
        """Size of a grid pixel on the ground in m; None without a CRS. Degrees are measured at the scene's centre."""
        from swath.scene.place import ground_resolution

        return ground_resolution(self.grid)

    def read(
        self,
        window: Any = None,
        *,
        bands: Sequence[BandKey] | BandKey | None = None,
        dates: Sequence[int] | int | None = None,
        shape: tuple[int, int] | None = None,
        boundless: bool = False,
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Values in the bands' units, and where they are valid.

        Args:
            window: `np.s_[y0:y1, x0:x1]` or a `rasterio.windows.Window`; None for all.
            bands: names, common names or wavelengths in nm; None for all.
            dates: positions along time; None for all.
            shape: `(height, width)` to shrink the window to, for looking at it; None: every pixel as it is.
            boundless: whether the window may reach beyond the grid; what lies there is invalid.

        Returns:
            `values [time, band, height, width]` float32, NaN where invalid; `valid`, bool, of the same shape: False for
            nodata, masked, transparent, NaN and infinite pixels, and for bands that a date lacks.

        Raises:
            GridError: the window is empty or beyond the grid.
            SensorError: no such band.
            ReadError: a source is damaged or has changed.
        """
        roi = roi_of(window, self.grid, beyond=boundless)
        band_list = range(len(self.bands)) if bands is None else self.band_indexes(bands)
        date_list = range(len(self.dates)) if dates is None else [dates] if isinstance(dates, int) else list(dates)
        height, width = self.grid.shape
        inside = (
            slice(max(roi[0].start, 0), min(roi[0].stop, height)),
            slice(max(roi[1].start, 0), min(roi[1].stop, width)),
        )
        size = roi_shape(roi)
        if inside != roi:
            if shape is not None:
                raise GridError("a window beyond the grid cannot be shrunk; leave out shape= or boundless=True")
            values = np.full((len(date_list), len(band_list), *size), np.nan, dtype=np.float32)
            valid = np.zeros(values.shape, dtype=bool)
            if inside[0].stop > inside[0].start and inside[1].stop > inside[1].start:
                rows, columns = shifted(inside, -roi[0].start, -roi[1].start)
                part = self._read(inside, band_list, date_list, None)
                values[:, :, rows, columns], valid[:, :, rows, columns] = part
            return values, valid
        return self._read(roi, band_list, date_list, shape)

    def _read(
        self, roi: Roi, bands: Sequence[int], dates: Sequence[int], shape: tuple[int, int] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        size = shape or roi_shape(roi)
        values = np.empty((len(dates), len(bands), *size), dtype=np.float32)
        valid = np.empty(values.shape, dtype=bool)
        wanted = shifted(roi, *self.origin)
        for t, date in enumerate(dates):
            planes = [self.planes[date][band] for band in bands]
            for b, plane in enumerate(planes):
                if plane is None:
                    values[t, b], valid[t, b] = np.nan, False
            for b, plane, raw, ok in read_planes(planes, wanted, shape):
                to_values(raw, ok, plane, values[t, b], valid[t, b])
        if self.outline is not None:
            from swath.scene.place import inside_outline

            box = self.grid[roi] if shape is None else self.grid[roi].zoom_to(shape)
            valid &= inside_outline(self.outline, box)
            values[~valid] = np.nan
        return values, valid

    def band_indexes(self, bands: Sequence[BandKey] | BandKey) -> list[int]:
        """Positions of bands that were named in any accepted way.

        Raises:
            SensorError: no such band, or several; the message lists what there is and how to say what the bands are.
        """
        keys = [bands] if isinstance(bands, str | int | float) else list(bands)
        return [find_band(self.bands, key) for key in keys]

    def select(
        self,
        *,
        bands: Sequence[BandKey] | BandKey | None = None,
        dates: Any = None,
        bounds: tuple[float, float, float, float] | None = None,
        geometry: Any = None,
        window: Any = None,
        crs: Any = None,
    ) -> Scene:
        """A part of the scene; nothing is read or copied.

        Args:
            bands: names, common names or wavelengths, in the order wanted.
            dates: positions, or dates as text (`2020` takes a year, `2020-01` a month, a slice of two a period).
            bounds: `(left, bottom, right, top)`; the part is made of whole pixels that touch it.
            geometry: a shapely geometry or GeoJSON mapping; pixels whose centre lies outside become invalid.
            window: `np.s_[y0:y1, x0:x1]` in pixels.
            crs: CRS of `bounds` and `geometry`; None: that of the scene.

        Raises:
            GridError: the part is empty.
            SensorError: no such band.
        """
        from swath.scene import place

        scene = self
        if bands is not None:
            picks = scene.band_indexes(bands)
            scene = replace(
                scene,
                bands=tuple(scene.bands[i] for i in picks),
                planes=tuple(tuple(row[i] for i in picks) for row in scene.planes),
            )
        if dates is not None:
            picks = scene.date_indexes(dates)
            scene = replace(
                scene,
                dates=tuple(scene.dates[i] for i in picks),
                planes=tuple(scene.planes[i] for i in picks),
                names=tuple(scene.names[i] for i in picks),
            )
        if geometry is not None:
            shape = place.geometry_on(scene.grid, geometry, crs)
            scene = scene._cut(place.roi_of_bounds(scene.grid, shape.bounds))
            scene = replace(scene, outline=shape if scene.outline is None else scene.outline.intersection(shape))
        if bounds is not None:
            scene = scene._cut(place.roi_of_bounds(scene.grid, bounds, crs))
        if window is not None:
            scene = scene._cut(roi_of(window, scene.grid))
        return scene

    def _cut(self, roi: Roi) -> Scene:
        return replace(self, grid=self.grid[roi], origin=(self.origin[0] + roi[0].start, self.origin[1] + roi[1].start))

    def __getitem__(self, bands: Sequence[BandKey] | BandKey) -> Scene:
        """The scene with only these bands: `scene["red"]`, `scene[["B08", 665]]`."""
        return self.select(bands=bands)

    def date_indexes(self, dates: Any) -> list[int]:
        """Positions along time of dates that were named in any accepted way.

        Args:
            dates: a position, a date as text (`2020` takes a year, `2020-01` a month) or `datetime64`, several of them,
                or a slice of positions or dates, both ends included.

        Raises:
            GridError: there is no such date; the message lists those there are.
        """
        if isinstance(dates, slice) and not all(isinstance(end, int | None) for end in (dates.start, dates.stop)):
            known = [(i, date) for i, date in enumerate(self.dates) if date is not None]
            picks = [
                i
                for i, date in known
                if (dates.start is None or date >= parse_date(dates.start))
                and (dates.stop is None or date <= parse_date(dates.stop) or matches(date, parse_date(dates.stop)))
            ]
        elif isinstance(dates, slice):
            picks = list(range(len(self.dates)))[dates]
        else:
            picks = []
            for wanted in [dates] if isinstance(dates, str | int | np.datetime64) else dates:
                if isinstance(wanted, int) and -len(self.dates) <= wanted < len(self.dates):
                    picks.append(wanted % len(self.dates))
                else:
                    found = [i for i, date in enumerate(self.dates) if matches(date, parse_date(wanted))]
                    if not found:
                        raise GridError(f"no date {wanted}; the scene has {', '.join(self.names)}")
                    picks.extend(found)
        if not picks:
            raise GridError(f"no date within {dates}; the scene has {', '.join(self.names)}")
        return picks

    def misregistration(self) -> tuple[Shift | None, ...]:
        """Shift of each date against the first, in pixels; None where it cannot be told. See `scene.registration`.

        Warns:
            SwathWarning: a date lies more than one pixel off.
        """
        from swath.scene.registration import misregistration

        return misregistration(self)

    def to_xarray(self, *, chunks: int | None = None) -> xr.DataArray:
        """The scene as a DataArray `(time, band, y, x)` float32 with NaN where invalid.

        Coordinates and `spatial_ref` follow rioxarray and odc-geo. With `chunks` (pixels) it is a Dask array that reads
        when computed; without, it is read now.

        Raises:
            ReadError: a source is damaged or has changed.
        """
        from swath.scene.exchange import to_xarray

        return to_xarray(self, chunks)

    @staticmethod
    def from_xarray(data: Any, **arguments: Any) -> Scene:
        """A scene from a DataArray or Dataset with spatial coordinates; arguments as for `swath.open`."""
        from swath.scene.open import open_scene

        return open_scene(data, **arguments)

    @staticmethod
    def from_array(values: NDArray[Any], grid: GeoBox, **arguments: Any) -> Scene:
        """A scene from `[y, x]`, `[band, y, x]` or `[time, band, y, x]` on a grid; arguments as for `swath.open`."""
        from swath.scene.open import open_scene

        return open_scene((values, grid), **arguments)

    def look(self, path: str | None = None, **options: Any) -> Any:
        """A picture of the scene; see `swath.scene.look`."""
        from swath.scene.look import look

        return look(self, path, **options)

    def __repr__(self) -> str:
        from swath.scene.describe import text

        return text(self)

    def _repr_html_(self) -> str:
        from swath.scene.describe import html

        return html(self)
