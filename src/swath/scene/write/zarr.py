"""A series as a Zarr store, in the CF conventions and with the grid where rioxarray, odc-geo and GDAL look for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odc.geo.geobox import GeoBox

from swath.errors import WriteError
from swath.scene.write.atomic import atomic_path

if TYPE_CHECKING:
    import xarray as xr

_SIDE = 512  # pixels of a chunk's sides in space; one date and one band in each
_KEPT = ("_FillValue", "scale_factor", "add_offset", "dtype", "units", "calendar", "grid_mapping")


def write_zarr(
    path: str | os.PathLike[str],
    dataset: xr.Dataset,
    *,
    grid: GeoBox | None = None,
    chunks: Mapping[str, int] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a Dataset of dims such as `(time, band, y, x)`; what is lazy is computed chunk by chunk.

    The store is of Zarr's version 2, which every reader has; metadata are consolidated. Coordinates of the pixel
    centres, a `spatial_ref` with the CRS and the affine, and each variable's `grid_mapping` are set. Numbers are stored
    as they are, with Zstandard; a variable's own `encoding` (`_FillValue`, `scale_factor`, `dtype`) is kept.

    Args:
        path: the store, a folder.
        dataset: variables whose last two dims are rows and columns; others are stored beside them.
        grid: where the pixels lie; what the Dataset itself says when None.
        chunks: size of chunks by dim where it is not to be 1 (512 for rows and columns).
        overwrite: replace a store that is there.

    Returns:
        The path.

    Raises:
        WriteError: the Dataset says no grid and none is given, the grid does not fit, is one that a store without
            a CRS does not hold, or the disk does not take it.
    """
    path = Path(path)
    grid = _grid_of(path, dataset) if grid is None else grid
    placed = _place(path, dataset, grid)
    rows, columns = grid.dimensions
    sides = {rows: _SIDE, columns: _SIDE} | dict(chunks or {})
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in placed.data_vars.items():
        shape = tuple(min(sides.get(str(dim), 1), size) or 1 for dim, size in variable.sizes.items())
        kept = {key: value for key, value in variable.encoding.items() if key in _KEPT}
        encoding[str(name)] = kept | {"chunks": shape}
        if variable.chunks is not None:
            # Dask must write whole chunks, or two of its tasks would write into one.
            placed[name] = variable.chunk(dict(zip(variable.dims, shape, strict=True)))
    with atomic_path(path, overwrite=overwrite) as temporary:
        placed.to_zarr(temporary, mode="w", zarr_format=2, consolidated=True, encoding=encoding)
        _check(path, temporary, grid)
    return path


def _grid_of(path: Path, dataset: xr.Dataset) -> GeoBox:
    import odc.geo.xr  # noqa: F401  gives Datasets their `.odc`

    grid = dataset.odc.geobox
    if not isinstance(grid, GeoBox):
        raise WriteError(f"{path} cannot be written: the Dataset does not say where it lies: pass grid=GeoBox(...)")
    return grid


def _place(path: Path, dataset: xr.Dataset, grid: GeoBox) -> xr.Dataset:
    """The Dataset with the coordinates of the grid, as odc-geo makes them."""
    from odc.geo.xr import xr_coords

    rows, columns = grid.dimensions
    spatial = {name for name, v in dataset.data_vars.items() if len(v.dims) > 1 and v.shape[-2:] == tuple(grid.shape)}
    if not spatial:
        sizes = ", ".join(f"{dim}: {size}" for dim, size in dataset.sizes.items())
        raise WriteError(f"{path} cannot be written: no variable has the grid's {grid.shape} pixels ({sizes})")
    old = {dataset[name].dims[-2:] for name in spatial}
    if len(old) > 1:
        raise WriteError(f"{path} cannot be written: its variables name rows and columns differently: {sorted(old)}")
    names = dict(zip(old.pop(), (rows, columns), strict=True))
    placed = dataset.drop_vars([v for v in ("spatial_ref", *names) if v in dataset.coords])
    placed = placed.rename_dims({a: b for a, b in names.items() if a != b})
    placed = placed.assign_coords(xr_coords(grid))
    for name in spatial if grid.crs is not None else ():
        placed[name] = placed[name].copy(deep=False)
        placed[name].attrs.pop("grid_mapping", None)
        placed[name].encoding = placed[name].encoding | {"grid_mapping": "spatial_ref"}
    return placed.assign_attrs(Conventions="CF-1.10")


def _check(path: Path, store: Path, grid: GeoBox) -> None:
    """Read the place back as anybody will, before the store gets its name."""
    import odc.geo.xr  # noqa: F401  gives Datasets their `.odc`
    import xarray as xr

    with xr.open_zarr(store, decode_coords="all", chunks=None) as again:
        found = again.odc.geobox
    if found != grid:
        raise WriteError(
            f"{path} cannot be written: without a CRS, readers of Zarr find a grid only when it is not rotated and "
            "more than one pixel wide and high: give the grid its CRS, or write a GeoTIFF"
        )
