"""A scene on another grid, lazily: each source is resampled once, from its own pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from odc.geo.geobox import GeoBox

from swath.errors import GridError
from swath.scene.align import Shifted, align
from swath.scene.place import geometry_on
from swath.scene.reader import Reader
from swath.scene.warped import Warped

if TYPE_CHECKING:
    from swath.scene.plane import Plane
    from swath.scene.scene import Scene


def regrid(scene: Scene, grid: GeoBox, resampling: str | None = None) -> Scene:
    """The scene on a grid of any CRS, resolution and extent.

    Args:
        scene: a scene with a place.
        grid: where to; pixels beyond the scene are invalid.
        resampling: GDAL's name of one; None: fitted to each band's kind, as `swath.open` does.

    Raises:
        GridError: a source has no place, or lies elsewhere.
    """
    kinds: dict[int, dict[int, str]] = {}
    for row in scene.planes:
        for band, plane in zip(scene.bands, row, strict=True):
            if plane is not None:
                kinds.setdefault(id(plane.reader), {})[plane.index] = band.kind
    moved: dict[int, tuple[Reader, str | None]] = {}

    def move(plane: Plane) -> Plane:
        key = id(plane.reader)
        if key not in moved:
            own = _own(plane.reader)
            known = kinds[key]
            moved[key] = align(own, grid, [known.get(i, "continuous") for i in range(len(own.stored))], resampling)
        return replace(plane, reader=moved[key][0])

    planes = tuple(tuple(None if plane is None else move(plane) for plane in row) for row in scene.planes)
    notes = dict.fromkeys([*scene.notes, *(said for _, said in moved.values() if said)])
    outline = None if scene.outline is None else geometry_on(grid, scene.outline, scene.grid.crs)
    return replace(scene, grid=grid, planes=planes, notes=tuple(notes), origin=(0, 0), outline=outline)


def grid_like(scene: Scene, crs: str | None = None, resolution: float | None = None) -> GeoBox:
    """A north-up grid over a scene in another CRS, or at another resolution.

    Args:
        scene: a scene with a place.
        crs: `EPSG:32633` or any text that names a CRS; None: the scene's own.
        resolution: side of a pixel in units of the CRS; None: that at which the scene loses nothing.

    Raises:
        GridError: the scene has no CRS, the CRS is unknown, or does not hold the scene.
    """
    from odc.geo.crs import CRS
    from pyproj.exceptions import CRSError

    if scene.grid.crs is None:
        raise GridError("the scene has no CRS, so it cannot be brought into another; give it its own first")
    if resolution is not None and not resolution > 0:
        raise GridError(f"a resolution is a length above 0; found {resolution:g}")
    try:
        target = CRS(crs) if crs is not None else scene.grid.crs
        options: dict[str, Any] = {"resolution": "auto" if resolution is None else resolution}
        found = scene.grid.to_crs(target, **options)
    except CRSError as error:
        raise GridError(f"{crs!r} names no CRS; write it as EPSG:32633") from error
    except (ValueError, OverflowError) as error:
        raise GridError(f"the scene cannot be brought into {crs}: {error}") from error
    return found


def _own(reader: Any) -> Reader:
    """The reader before it was aligned; what has no place of its own keeps the one that it was given."""
    while isinstance(reader, Shifted | Warped) and reader._source.grid.crs is not None:
        reader = reader._source
    return reader  # type: ignore[no-any-return]  # what Shifted and Warped hold is a Reader
