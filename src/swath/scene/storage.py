"""How the numbers of a scene are stored when it is written: as they were where that loses nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.scene.align import Shifted, offset_between
from swath.scene.arrays import ArrayReader
from swath.scene.plane import read_planes
from swath.scene.raster import RasterReader, equals_nodata
from swath.scene.reader import Picked, Roi, shifted
from swath.scene.write.layer import Layer, fits

if TYPE_CHECKING:
    from swath.scene.plane import Plane
    from swath.scene.scene import Scene
    from swath.sensors import Band

_WIDER = {"uint8": "int16", "int8": "int16", "uint16": "int32", "int16": "int32", "uint32": "int64", "int32": "int64"}
_VALUES = "float32"


@dataclass(frozen=True)
class BandStoring:
    """One band: type and nodata in the file, and whether its numbers are those of the source or values in units."""

    dtype: str
    nodata: float | None
    scale: float = 1.0
    offset: float = 0.0
    is_raw: bool = True


@dataclass(frozen=True)
class Storing:
    """The storage of all bands of a scene."""

    bands: tuple[BandStoring, ...]

    def layers(self, scene: Scene, date: str | None) -> list[Layer]:
        """The layers of a raster that holds the scene at one date."""
        return [_layer(band, how, date) for band, how in zip(scene.bands, self.bands, strict=True)]

    def attributes(self, scene: Scene, b: int) -> dict[str, Any]:
        """CF attributes of a band's variable."""
        band, how = scene.bands[b], self.bands[b]
        found: dict[str, Any] = {"units": band.units}
        if how.nodata is not None:
            found["_FillValue"] = np.dtype(how.dtype).type(how.nodata)
        if how.scale != 1.0:
            found["scale_factor"] = how.scale
        if how.offset != 0.0:
            found["add_offset"] = how.offset
        if band.classes:
            found["flag_values"] = np.array(list(band.classes), dtype=np.int32)
            found["flag_meanings"] = " ".join(name.replace(" ", "_") for name in band.classes.values())
        return found

    def read(self, scene: Scene, date: int, window: Roi, bands: Iterable[int]) -> NDArray[Any]:
        """Numbers to store, `[band, y, x]`, nodata where nothing was seen; of the bands' common type.

        Args:
            scene: the scene that the storage was decided for.
            date: position along time.
            window: rows and columns of its grid.
            bands: positions of bands.

        Raises:
            ReadError: a source is damaged.
        """
        bands = list(bands)
        raw = [scene.planes[date][b] if self.bands[b].is_raw else None for b in bands]
        numbers: dict[int, NDArray[Any]] = {}
        for at, plane, stored, valid in read_planes(raw, shifted(window, *scene.origin)):
            how = self.bands[bands[at]]
            seen = valid if plane.nodata is None else valid & ~equals_nodata(stored, plane.nodata)
            if scene.outline is not None:
                from swath.scene.place import inside_outline

                seen = seen & inside_outline(scene.outline, scene.grid[window])
            kept = stored.astype(how.dtype, copy=False)
            numbers[at] = kept if how.nodata is None else np.where(seen, kept, kept.dtype.type(how.nodata))
        for at, b in enumerate(bands):
            if at not in numbers:
                # Invalid values are NaN, which is the nodata of all that is stored as values.
                numbers[at] = scene.read(window, dates=date, bands=scene.bands[b].name)[0][0, 0]
        return np.stack([numbers[at] for at in range(len(bands))])


def storing(scene: Scene, dates: Sequence[int]) -> Storing:
    """Decide how each band is stored, the same at all these dates.

    A band keeps its type, scale, offset and nodata where each of the dates has it, stored alike, and no pixel is
    resampled. One that may hold invalid pixels and declares no nodata gets a number that it cannot hold otherwise: a
    free class number, or the lowest of the next wider type. Bands of one file with different nodata get the latter.

    Args:
        scene: what is written.
        dates: positions along time.
    """
    found = [_of_band(scene, [scene.planes[t][b] for t in dates], band) for b, band in enumerate(scene.bands)]
    whole = {how.nodata for how in found if np.dtype(how.dtype).kind in "iu"}
    if len(whole) > 1 and all(np.dtype(how.dtype).kind in "iu" for how in found):
        wide = _WIDER.get(np.result_type(*(how.dtype for how in found)).name)
        if wide is None:
            found = [_in_values() for _ in found]
        else:
            lowest = float(np.iinfo(wide).min)
            found = [BandStoring(wide, lowest, how.scale, how.offset) for how in found]
    return Storing(tuple(found))


def _in_values() -> BandStoring:
    return BandStoring(_VALUES, float("nan"), is_raw=False)


def _of_band(scene: Scene, planes: Sequence[Plane | None], band: Band) -> BandStoring:
    present = [plane for plane in planes if plane is not None]
    if len(present) < len(planes) or not all(_is_untouched(plane.reader) for plane in present):
        return _in_values()
    stored = [plane.reader.stored[plane.index] for plane in present]
    alike = {(one.dtype, plane.scale, plane.offset) for one, plane in zip(stored, present, strict=True)}
    if len(alike) > 1 or stored[0].dtype.startswith("complex") or np.dtype(stored[0].dtype).kind not in "iuf":
        return _in_values()
    dtype, scale, offset = alike.pop()
    numbers = [
        one.nodata if one.nodata is not None else plane.nodata for one, plane in zip(stored, present, strict=True)
    ]
    declared = {number for number in numbers if number is not None and fits(number, dtype)}
    if np.dtype(dtype).kind == "f":
        only = declared.pop() if len(declared) == 1 and None not in numbers else float("nan")
        return BandStoring(dtype, only, scale, offset)
    if len(declared) == 1 and None not in numbers:
        return BandStoring(dtype, declared.pop(), scale, offset)
    if not declared and not any(_may_hide(scene, plane) for plane in present):
        return BandStoring(dtype, None, scale, offset)
    if (free := _free_class(band, dtype)) is not None and not declared:
        return BandStoring(dtype, free, scale, offset)
    wide = _WIDER.get(dtype)
    return _in_values() if wide is None else BandStoring(wide, float(np.iinfo(wide).min), scale, offset)


def _is_untouched(reader: Any) -> bool:
    """Whether the reader gives numbers as they are stored, none of them resampled."""
    while isinstance(reader, Shifted | Picked):
        reader = reader._source
    if isinstance(reader, RasterReader):
        return not reader.warps
    return isinstance(reader, ArrayReader)


def _may_hide(scene: Scene, plane: Plane) -> bool:
    """Whether pixels of the plane may be invalid although no number says so."""
    if scene.outline is not None:
        return True
    reader: Any = plane.reader
    while isinstance(reader, Shifted | Picked):
        if isinstance(reader, Shifted):
            moved = offset_between(reader._source.grid, reader.grid)
            height, width = reader._source.grid.shape
            rows, columns = (0, 0) if moved is None else moved
            top, left = scene.origin[0] + rows, scene.origin[1] + columns
            if top < 0 or left < 0 or top + scene.shape[2] > height or left + scene.shape[3] > width:
                return True
        reader = reader._source
    return not isinstance(reader, RasterReader) or reader.is_masked


def _free_class(band: Band, dtype: str) -> float | None:
    """A number that no class has, where all classes are known."""
    taken = {*(band.classes or {}), *(band.colours or {})}
    if band.kind != "categorical" or not taken or dtype not in ("uint8", "uint16"):
        return None
    return next((float(number) for number in (0, 255, *range(254, 0, -1)) if number not in taken), None)


def _layer(band: Band, how: BandStoring, date: str | None) -> Layer:
    return Layer(
        name=band.name,
        dtype=how.dtype,
        nodata=how.nodata,
        kind=band.kind,
        units=band.units,
        scale=how.scale,
        offset=how.offset,
        description=band.title,
        classes=band.classes if band.kind == "categorical" else None,
        colours=band.colours if band.kind == "categorical" else None,
        common_name=band.common_name,
        wavelength=band.wavelength,
        date=date,
    )
