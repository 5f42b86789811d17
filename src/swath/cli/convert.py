"""`swath convert`: a scene, or a part of it, as Cloud Optimized GeoTIFF or Zarr."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from swath.cli.options import BandNames, Complex, Dates, Paths, Place, SensorName, numbers, open_paths, shapes
from swath.cli.progress import Bar

if TYPE_CHECKING:
    from swath.scene.scene import Scene


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
    bounds: Annotated[
        str | None, typer.Option("--bounds", metavar="LEFT,BOTTOM,RIGHT,TOP", help="Only what lies in there.")
    ] = None,
    bounds_crs: Annotated[
        str | None, typer.Option("--bounds-crs", metavar="CRS", help="CRS of --bounds; else that of the scene.")
    ] = None,
    geometry: Annotated[
        str | None, typer.Option("--geometry", metavar="FILE", help="Only what lies in the shapes of a vector file.")
    ] = None,
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
    part = _part(scene, bounds, bounds_crs, geometry)
    if crs is not None or resolution is not None:
        from swath.scene.regrid import grid_like, regrid

        part = regrid(part, grid_like(part, crs, resolution), resampling)
    from swath.scene.export import save_scene

    with Bar("writing") as bar:
        written = save_scene(part, out, overwrite=overwrite, progress=bar)
    for path in written:
        typer.echo(str(path))


def _part(scene: Scene, bounds: str | None, bounds_crs: str | None, geometry: str | None) -> Scene:
    if bounds is not None:
        left, bottom, right, top = numbers(bounds, 4, "write LEFT,BOTTOM,RIGHT,TOP")
        scene = scene.select(bounds=(left, bottom, right, top), crs=bounds_crs)
    if geometry is not None:
        shape, of = shapes(geometry)
        scene = scene.select(geometry=shape, crs=of)
    return scene
