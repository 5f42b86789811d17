"""`swath look`: a picture of a scene."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from swath.cli.options import Complex, Dates, Paths, Place, SensorName, band_keys, numbers, open_paths


def look(
    paths: Paths,
    out: Annotated[str, typer.Option("--out", "-o", metavar="FILE", help="The picture: .png, .jpg, .pdf or .svg.")],
    sensor: SensorName = None,
    bands: Annotated[
        str | None,
        typer.Option(
            "--bands", metavar="natural|false|A,B,C|A", help="What to show; names also where nothing tells them."
        ),
    ] = None,
    dates: Dates = None,
    grid: Place = None,
    complex: Complex = None,
    size: Annotated[int, typer.Option("--size", min=64, max=8000, help="Longest side in pixels.")] = 1000,
    title: Annotated[str | None, typer.Option("--title", help="Words above the picture.")] = None,
    overlay: Annotated[
        str | None, typer.Option("--overlay", metavar="FILE", help="A vector file whose shapes are outlined.")
    ] = None,
    percentiles: Annotated[
        str | None, typer.Option("--percentiles", metavar="LOW,HIGH", help="Which values fill the range; else 2,98.")
    ] = None,
) -> None:
    """Make a picture of a scene: all paths together, several dates side by side."""
    from swath.errors import SensorError

    limits = None
    if percentiles is not None:
        low, high = numbers(percentiles, 2, "write LOW,HIGH such as 2,98")
        if not 0 <= low < high <= 100:
            raise typer.BadParameter(f"{percentiles!r}: 0 <= LOW < HIGH <= 100", param_hint="--percentiles")
        limits = (low, high)
    scene = open_paths(paths, sensor=sensor, dates=dates, grid=grid, complex=complex)
    shown: Any = bands
    if bands is not None and bands not in ("natural", "false"):
        keys = band_keys(bands)
        # A band that is called by a number is meant before a wavelength is.
        shown = [str(key) if any(band.answers_to(str(key)) for band in scene.bands) else key for key in keys]
        try:
            scene.band_indexes(shown)
        except SensorError:
            if scene.sensors or len(keys) != len(scene.bands):
                raise
            scene = open_paths(paths, sensor=sensor, bands=bands, dates=dates, grid=grid, complex=complex)
            shown = None
    from swath.scene.look import look as draw

    draw(scene, out, bands=shown, size=size, title=title, overlay=overlay, percentiles=limits)
    typer.echo(out)
