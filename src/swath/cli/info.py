"""`swath info`: what a file holds, how it is known, and what is odd about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swath.cli.options import BandNames, Complex, Dates, Paths, Place, SensorName, open_paths
from swath.cli.words import as_options, indented, show, stored_words, table
from swath.scene.words import ground_words, many, percent

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from swath.scene.facts import BandFacts, Description
    from swath.scene.scene import Scene

_MOST_ROWS = 60


def info(
    paths: Paths,
    sensor: SensorName = None,
    bands: BandNames = None,
    dates: Dates = None,
    grid: Place = None,
    complex: Complex = None,
    together: Annotated[
        bool, typer.Option("--together", help="Open all paths as one scene: its bands, or its dates.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    no_pixels: Annotated[
        bool, typer.Option("--no-pixels", help="Read no pixels: no value ranges, no shares, no shifts.")
    ] = False,
    models: Annotated[
        bool, typer.Option("--models", help="Also which models can take it; slower, since networks are loaded.")
    ] = False,
) -> None:
    """Say what each file is: sensor, grid, bands, dates, values, and what is odd about it."""
    from swath.cli import say
    from swath.errors import SwathError

    groups = [paths] if together or len(paths) == 1 else [[path] for path in paths]
    answers: list[dict[str, Any]] = []
    failed = False
    for group in groups:
        try:
            scene = open_paths(group, sensor=sensor, bands=bands, dates=dates, grid=grid, complex=complex)
            found = _described(scene, pixels=not no_pixels, models=models)
        except SwathError as error:
            if len(groups) == 1:
                raise
            failed = True
            answers.append({"sources": group, "error": as_options(str(error))})
            say(f"error: {as_options(str(error))}")
            continue
        if as_json:
            answers.append(found.to_dict())
        else:
            if group is not groups[0]:
                typer.echo("")
            _print(found, scene)
    if as_json:
        typer.echo(
            json.dumps(answers if len(groups) > 1 else answers[0], indent=2, ensure_ascii=False, allow_nan=False)
        )
    if failed:
        raise typer.Exit(1)


def _described(scene: Scene, *, pixels: bool, models: bool) -> Description:
    from swath.scene.describe import describe

    found = describe(scene, pixels=pixels)
    if not models:
        return found
    from swath.predict.match import can_take

    return replace(found, models=tuple(can_take(scene)))


def _print(found: Description, scene: Scene) -> None:
    from rich.text import Text

    more = f" and {len(found.sources) - 1} more" if len(found.sources) > 1 else ""
    facts = table("", "", header=False)
    for key, words in _facts(found, scene):
        facts.add_row(Text(key, style="dim"), words)
    parts: list[RenderableType] = [Text(f"{found.sources[0]}{more}", style="bold"), indented(facts)]
    if len(found.bands) > 1:
        parts.append(indented(_band_table(found), above=1))
    if len(found.bands) > _MOST_ROWS:
        parts.append(f"  and {many(len(found.bands) - _MOST_ROWS, 'more band')} (--json lists all)")
    parts += [indented(_class_table(band), above=1) for band in found.bands if band.class_shares]
    if len(found.dates) > 1:
        parts.append(indented(_date_table(found), above=1))
    if found.sample and not found.is_exact:
        parts += ["", f"  Values and shares are approximate: {found.sample}."]
    for title, texts in (("odd", [one.text for one in found.oddities]), ("notes", list(found.notes))):
        listed = table("", "", header=False)
        for words in texts:
            listed.add_row("-", as_options(_without_folders(words, found.sources)))
        if texts:
            parts += ["", Text(f"  {title}", style="bold"), indented(listed)]
    show(*parts)


def _facts(found: Description, scene: Scene) -> Iterator[tuple[str, str]]:
    from swath.scene.describe import grid_words, place_words
    from swath.scene.footprint import footprint
    from swath.sensors import UNITS

    known = [f"{one.title} ({one.name}), {'as' if one.how == 'given' else 'by'} {one.how}" for one in found.sensors]
    yield "sensor", "; ".join(known) or "not stated"
    size = "" if found.grid.gsd is None else f" of {ground_words(found.grid.gsd)}"
    yield "grid", f"{found.grid.height} x {found.grid.width} pixels{size}, {grid_words(scene)}"
    if place := place_words(footprint(scene.grid)):
        yield "place", place
    yield "date", (found.dates[0].date or "not stated") if len(found.dates) == 1 else f"{len(found.dates)}, see below"
    if (units := _common(band.units for band in found.bands)) is not None:
        yield "values", UNITS[units]
    if (stored := _common(map(_stored, found.bands))) is not None:
        yield "stored", stored
    if len(found.bands) == 1:
        (band,) = found.bands
        yield "band", f"{_named(band)} {_light(band)}".strip()
        if _range(band):
            yield "range", _range(band)
        if band.nodata_share is not None:
            yield "no data", percent(band.nodata_share)
    if found.models is not None:
        yield "models", ", ".join(found.models) or "none of the registry can take it"


def _band_table(found: Description) -> Table:
    cells: dict[str, Callable[[BandFacts], str]] = {"band": _named, "light": _light}
    if _common(band.units for band in found.bands) is None:
        cells["units"] = lambda band: band.units
    if _common(map(_stored, found.bands)) is None:
        cells["stored"] = _stored
    if found.sample:
        cells |= {">2 % to 98 %": _range, ">no data": lambda band: percent(band.nodata_share or 0)}
    shown = {title: [cell(band) for band in found.bands[:_MOST_ROWS]] for title, cell in cells.items()}
    listed = table(*(title for title, column in shown.items() if any(column)))
    for row in zip(*(column for column in shown.values() if any(column)), strict=True):
        listed.add_row(*row)
    return listed


def _common(words: Iterable[str]) -> str | None:
    """What all of them say, or None."""
    found = set(words)
    return found.pop() if len(found) == 1 else None


def _named(band: BandFacts) -> str:
    return f"{band.name} {band.common_name}" if band.common_name not in (None, band.name) else band.name


def _light(band: BandFacts) -> str:
    if band.wavelength:
        return f"{band.wavelength[1]:g} nm"
    return " ".join(part for part in (band.polarisation, f"{band.frequency:g} GHz" if band.frequency else "") if part)


def _stored(band: BandFacts) -> str:
    return stored_words(band.dtype, band.scale, band.offset, band.nodata)


def _range(band: BandFacts) -> str:
    if band.low is None or band.high is None or band.class_shares:
        return ""
    return " to ".join(f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}" for value in (band.low, band.high))


def _class_table(band: BandFacts) -> Table:
    listed = table(f"{band.name}: class", "name", ">share")
    for number, share in (band.class_shares or {}).items():
        listed.add_row(str(number), (band.classes or {}).get(number, ""), percent(share))
    return listed


def _date_table(found: Description) -> Table:
    undated = any(one.date is None for one in found.dates)
    pixels = [">no data", ">shift against the first"] if found.sample else []
    listed = table("date", *(["source"] if undated else []), *pixels)
    for one in found.dates[:_MOST_ROWS]:
        row = [one.date or "not stated", *([one.name] if undated else [])]
        if found.sample:
            row.append("" if one.nodata_share is None else percent(one.nodata_share))
            row.append("" if one.shift is None else f"{one.shift['pixels']:.2f} px")
        listed.add_row(*row)
    if len(found.dates) > _MOST_ROWS:
        listed.add_row(f"and {len(found.dates) - _MOST_ROWS} more (--json lists all)")
    return listed


def _without_folders(words: str, sources: Iterable[str]) -> str:
    """The same with the sources called by their file names."""
    for source in sources:
        words = words.replace(source, source.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1])
    return words
