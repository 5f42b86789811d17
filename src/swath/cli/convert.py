"""`swath convert`: a scene, or a part of it, as Cloud Optimized GeoTIFF or Zarr."""

from __future__ import annotations

from typing import Annotated

import typer

from swath.cli.options import (
    BandNames,
    Complex,
    Dates,
    Extent,
    ExtentCrs,
    Paths,
    Place,
    SensorName,
    open_paths,
    part_of,
)
from swath.progress import Bar


def convert(
    paths: Paths,
    out: Annotated[
        str,
        typer.Option("--out", "-o", metavar="OUT.tif|OUT.zarr", help="With several dates OUT_{date}.tif, or OUT.zarr."),
    ],
    sensor: SensorName = None,
    bands: BandNames = None,
    dates: Dates = None,
    grid: Place = None,
    complex: Complex = None,
    extent: Extent = None,
    extent_crs: ExtentCrs = None,
    crs: Annotated[str | None, typer.Option("--crs", metavar="EPSG:CODE", help="Reproject to this CRS.")] = None,
    resolution: Annotated[
        float | None, typer.Option("--resolution", help="Side of a pixel in units of the CRS.", show_default=False)
    ] = None,
    resampling: Annotated[
        str | None, typer.Option("--resampling", metavar="NAME", help="GDAL's name; else fitted to the kind of data.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Write a scene as Cloud Optimized GeoTIFF or Zarr, whole or in part, with its record beside it.

    Stored numbers stay as they are unless --crs, --resolution or different grids make them be resampled; then values in
    units are written as float32.
    """
    scene = open_paths(paths, sensor=sensor, bands=bands, dates=dates, grid=grid, complex=complex)
    part = part_of(scene, extent, extent_crs)
    if crs is not None or resolution is not None:
        from swath.scene.regrid import grid_like, regrid

        part = regrid(part, grid_like(part, crs, resolution), resampling)
    from swath.scene.export import save_scene

    with Bar("writing") as bar:
        written = save_scene(part, out, overwrite=overwrite, progress=bar.count)
    for path in written:
        typer.echo(str(path))
