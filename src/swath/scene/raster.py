"""Reader of whatever GDAL opens: GeoTIFF, COG, JP2, VRT, ENVI, PNG, subdatasets, files on a server or in an archive."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from swath.errors import OpenError, ReadError
from swath.scene.gdal import open_raster
from swath.scene.raster_facts import crs_of, file_tags, mask_mode, stored_band
from swath.scene.reader import Roi, roi_shape
from swath.scene.words import many

_OPEN_FILES = 48
"""Handles that one thread keeps open; a series of 400 dates must not exhaust the limit of the system."""

_local = threading.local()


class RasterReader:
    """A raster file, opened by GDAL.

    Each thread has its own handle. The file's size and time of change are noted when it is opened and compared at each
    read, so that a file that is written to in between is refused and no mixture of two states is returned.

    Args:
        path: a path, a URL, or one of GDAL's own names (`NETCDF:"a.nc":ndvi`, `/vsizip/...`).
        place: for a file without a grid of its own, `warp` warps it through its ground control points or RPCs onto a
            north-up grid, `pixels` keeps bare rows and columns; None refuses it.
        complex_as: what to read from complex numbers: `amplitude` or `intensity`; None refuses them.

    Raises:
        OpenError: not a raster, empty, complex, or without a usable place; the message says what to do.
    """

    def __init__(self, path: str | Path, *, place: str | None = None, complex_as: str | None = None) -> None:
        self.path = str(path)
        self.name = self.path
        self._place = place
        self._complex = complex_as
        self._is_local = "://" not in self.path and not self.path.startswith("/vsi") and os.path.exists(self.path)
        if self._is_local and os.path.getsize(self.path) == 0:
            raise OpenError(f"{self.path}: the file is empty (0 bytes)")
        self._stamp = self._stamp_now()
        self._broken: str | None = None
        try:
            with open_raster(self.path) as dataset:
                self._describe(dataset)
        except RasterioError as error:
            raise OpenError(_explain(self.path, error)) from error

    def _describe(self, dataset: Any) -> None:
        if dataset.driver == "VRT" and self._is_local and (missing := _missing_sources(Path(self.path))):
            raise OpenError(
                f"{self.path}: is made of {missing[0]}, which is not there ({many(len(missing), 'such file')})"
            )
        if dataset.count == 0:
            inner = list(dataset.subdatasets)
            if inner:
                listed = "; ".join(f"swath.open({name!r})" for name in inner[:8])
                raise OpenError(f"{self.path}: holds {len(inner)} arrays, name one: {listed}")
            raise OpenError(f"{self.path}: holds no raster band that can be read")
        # A file with control points may name their CRS as its own; without a transform that places nothing.
        self.tags: Mapping[str, str] = file_tags(dataset)
        self.driver = str(dataset.driver)
        self.overviews = tuple(dataset.overviews(1))
        self.block = tuple(dataset.block_shapes[0])
        self.has_gcps = bool(dataset.gcps[0])
        self.has_rpcs = dataset.rpcs is not None
        complex_bands = [t for t in dataset.dtypes if str(t).startswith("complex")]
        if complex_bands and self._complex is None:
            raise OpenError(
                f"{self.path}: holds complex numbers ({complex_bands[0]}); say complex='amplitude' or "
                "complex='intensity' to take the one or the other"
            )
        if dataset.transform.is_identity and (self.has_gcps or self.has_rpcs):
            by = "ground control points" if self.has_gcps else "RPCs"
            if self._place is None:
                raise OpenError(
                    f"{self.path}: has no grid of its own, only {by}; say grid='warp' to warp it through them onto a "
                    "north-up grid, or grid='pixels' to keep rows and columns without a place"
                )
            self.warps = self._place == "warp"
            with _warped(dataset) if self.warps else nullcontext(dataset) as placed:
                self._take_grid(placed)
            if self.warps and self.grid.affine.a == 1 and tuple(self.grid.shape) == dataset.shape:
                raise OpenError(
                    f"{self.path}: states a transform (of one unit per pixel) beside its {by}, which GDAL takes first; "
                    "write it without the transform (gdal_translate -a_gt none), or say grid='pixels'"
                )
        else:
            self.warps = False
            self._take_grid(dataset)
        self._masks = tuple(mask_mode(flags) for flags in dataset.mask_flag_enums)
        self.stored = tuple(stored_band(dataset, i) for i in range(dataset.count))

    @property
    def is_masked(self) -> bool:
        """Whether something besides the numbers themselves says which pixels are valid: a mask, or transparency."""
        return self.warps or "mask" in self._masks

    def _take_grid(self, dataset: Any) -> None:
        self.grid = GeoBox((dataset.height, dataset.width), dataset.transform, crs_of(dataset))

    def read(
        self, window: Roi, indexes: Sequence[int], shape: tuple[int, int] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """See `Reader.read`."""
        self._check_unchanged()
        if self._broken:
            raise ReadError(self._broken)
        rows, columns = window
        where = Window(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        bands = [i + 1 for i in indexes]
        options: dict[str, Any] = {"window": where}
        if shape is not None and shape != roi_shape(window):
            options["out_shape"] = (len(bands), *shape)
        masks = {self._masks[i] for i in indexes}
        try:
            dataset = self._handle()
            by_mask = "mask" in masks or self.warps
            smooth = "out_shape" in options and not by_mask and all(self._is_smooth(i) for i in indexes)
            values = dataset.read(bands, resampling=Resampling.average if smooth else Resampling.nearest, **options)
            if self.warps:
                # The warped dataset has one band more, which tells where the source has pixels.
                alpha = dataset.read([dataset.count] * len(bands), resampling=Resampling.nearest, **options)
                valid = alpha.real > 0
            elif by_mask:
                valid = dataset.read_masks(bands, **options).astype(bool)
            else:
                valid = np.ones(values.shape, dtype=bool)
        except RasterioError as error:
            # Kept, since GDAL reports a missing part of a VRT once and gives zeros from then on.
            self._broken = f"{self.name}: pixels cannot be read, the file is damaged or incomplete: {_brief(error)}"
            raise ReadError(self._broken) from error
        self._check_unchanged()
        for position, index in enumerate(indexes):
            nodata = self.stored[index].nodata
            if nodata is not None and not by_mask:
                np.logical_not(equals_nodata(values[position], nodata), out=valid[position])
        if np.iscomplexobj(values):
            values = np.abs(values).astype(np.float32)
            values = values * values if self._complex == "intensity" else values
        return values, valid

    def _is_smooth(self, index: int) -> bool:
        return self.stored[index].classes is None and self.stored[index].interpretation != "palette"

    def _handle(self) -> Any:
        handles: OrderedDict[Any, Any] | None = getattr(_local, "handles", None)
        if handles is None:
            handles = _local.handles = OrderedDict()
        # A forked process must not read through its parent's handles: both would move one file position.
        key = (os.getpid(), self.path, self._stamp, self.warps)
        if key in handles:
            handles.move_to_end(key)
        else:
            dataset = open_raster(self.path)
            handles[key] = _warped(dataset) if self.warps else dataset
            if len(handles) > _OPEN_FILES:
                handles.popitem(last=False)[1].close()
        return handles[key]

    def _stamp_now(self) -> tuple[int, int] | None:
        if not self._is_local:
            return None
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise ReadError(f"{self.path}: is gone since it was opened ({error.strerror}); open it again") from error
        return status.st_size, status.st_mtime_ns

    def _check_unchanged(self) -> None:
        if self._is_local and self._stamp_now() != self._stamp:
            raise ReadError(f"{self.path}: has changed since it was opened; open it again once it is written")


def equals_nodata(values: NDArray[Any], nodata: float) -> NDArray[np.bool_]:
    """Where stored numbers are the nodata number, compared in the numbers' own type; bool of the same shape.

    Nodata is kept as text in many files, so large floats (-3.4e38) are compared to one part in a million.

    Args:
        values: numbers as stored, of any shape.
        nodata: a number that the type may be unable to hold, in which case no pixel has it; NaN for NaN.
    """
    if np.isnan(nodata):
        return np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, dtype=bool)
    if values.dtype.kind in "iu":
        info = np.iinfo(values.dtype)
        if not (info.min <= nodata <= info.max and float(nodata).is_integer()):
            return np.zeros(values.shape, dtype=bool)
        return np.asarray(values == values.dtype.type(int(nodata)))
    if abs(nodata) >= 1e6:
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(np.abs(values / values.dtype.type(nodata) - 1) <= 1e-6)
    return np.asarray(values == values.dtype.type(nodata))


def _missing_sources(path: Path) -> list[str]:
    """Files that a VRT is made of and that do not exist."""
    missing = []
    for element in ElementTree.parse(path).iter("SourceFilename"):
        name = element.text or ""
        if "://" in name or name.startswith("/vsi") or ":" in name.lstrip("/")[2:]:
            continue
        source = path.parent / name if element.get("relativeToVRT") == "1" else Path(name)
        if name and not source.exists():
            missing.append(str(source))
    return missing


def _warped(dataset: Any) -> Any:
    points, crs = dataset.gcps
    source_crs = crs if points else "EPSG:4326"
    # Complex numbers must not be averaged: their phases cancel, and half of the amplitude is lost.
    smooth = not any(str(dtype).startswith("complex") for dtype in dataset.dtypes)
    method = Resampling.bilinear if smooth and dataset.colorinterp[0] != ColorInterp.palette else Resampling.nearest
    return WarpedVRT(dataset, src_crs=source_crs, crs=source_crs, resampling=method, add_alpha=True)


def _brief(error: BaseException) -> str:
    """The innermost cause on one line: rasterio's outer message only says that reading failed."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()).partition(" (this error can be turned")[0][:200]


def _explain(path: str, error: RasterioError) -> str:
    text = _brief(error)
    if isinstance(error, RasterioIOError) and ("No such file" in text or "does not exist" in text):
        return f"{path}: no such file"
    return f"{path}: GDAL cannot open it as a raster: {text}"
