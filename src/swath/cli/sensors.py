"""`swath sensors`: which instruments are known, and their bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from swath.cli.words import show, stored_words, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from swath.sensors import Recognition, Sensor


def sensors(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One of them: its levels and bands.", show_default=False)
    ] = None,
) -> None:
    """List the sensors that `--sensor` takes, or the levels and bands of one."""
    from swath.errors import SensorError
    from swath.sensors import find_sensor
    from swath.sensors import sensors as known

    if name is None:
        _print_all(list(known().values()))
        return
    sensor = known().get(name.casefold())
    try:
        recognition = find_sensor(name)
    except SensorError:
        # A bare name with several levels is enough to look them up.
        if sensor is None:
            raise
        recognition = None
    _print_one(sensor or find_sensor(name).sensor, recognition)


def _print_all(found: list[Sensor]) -> None:
    listed = table("name", "levels", "kind", ">bands", "what")
    for sensor in found:
        levels = ", ".join(sensor.levels) if len(sensor.levels) > 1 else ""
        listed.add_row(sensor.name, levels, sensor.kind, str(len(sensor.bands)), sensor.title)
    show(listed, "--sensor takes NAME or NAME-LEVEL; `swath sensors NAME` says more.")


def _print_one(sensor: Sensor, recognition: Recognition | None) -> None:
    parts: list[RenderableType] = [f"{sensor.name}: {sensor.title}"]
    for key, level in sensor.levels.items():
        default = " (meant by the bare name)" if key == sensor.default_level else ""
        parts.append(f"  --sensor {sensor.name}-{key}: {level.title}{default}")
        parts += [f"    @{name}: {variant.title}" for name, variant in level.variants.items()]
    listed = table("band", "common name", "light", ">width", ">GSD", "units", "stored")
    for band in recognition.bands if recognition is not None else sensor.bands:
        width = f"{band.width:g} nm" if band.width else ""
        gsd = f"{band.gsd:g} m" if band.gsd else ""
        common = band.common_name or band.title or ""
        stored = stored_words(band.dtype, band.scale, band.offset)
        listed.add_row(band.name, common, band.light(), width, gsd, band.units, stored)
    notes = [sensor.notes.strip()] if sensor.notes else []
    show(*parts, listed, *notes, *(f"source: {source}" for source in sensor.sources))
