"""What a scene is: facts gathered from it, and text for people."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from swath.scene.facts import BandFacts, DateFacts, Description, GridFacts, SensorFacts
from swath.scene.footprint import Footprint, footprint
from swath.scene.oddities import oddities
from swath.scene.sample import Sample, readers_of, take_sample
from swath.scene.whereabouts import facing
from swath.scene.words import ground_words, many

if TYPE_CHECKING:
    from swath.scene.scene import Scene

_WIDTH = 96
_MOST_SHIFTS = 24
_MOST_CLASSES = 64


def describe(scene: Scene, *, pixels: bool = True) -> Description:
    """Say what a scene is.

    Args:
        scene: the scene.
        pixels: whether to read a sample of its pixels for value ranges, nodata shares and misregistration; what cannot
            be read is then among the oddities.

    Returns:
        Facts, in the units that the scene's bands have; lengths in m, shifts in pixels, shares from 0 to 1.

    Warns:
        SwathWarning: a date lies more than one pixel off the first.
    """
    sample = take_sample(scene) if pixels else None
    outline = footprint(scene.grid)
    return Description(
        sources=tuple(dict.fromkeys(reader.name for reader in readers_of(scene))),
        sensors=tuple(SensorFacts(one.name, one.title, one.how) for one in scene.sensors),
        grid=_grid_facts(scene, outline),
        bands=tuple(_band_facts(scene, b, sample) for b in range(len(scene.bands))),
        dates=_date_facts(scene, sample),
        sample=sample.how if sample else None,
        is_exact=bool(sample and sample.is_exact),
        notes=scene.notes,
        oddities=oddities(scene, sample, outline),
    )


def _grid_facts(scene: Scene, outline: Footprint | None) -> GridFacts:
    grid = scene.grid
    crs = None if grid.crs is None else f"EPSG:{grid.crs.epsg}" if grid.crs.epsg else grid.crs.to_wkt()
    box = grid.boundingbox
    return GridFacts(
        height=int(grid.shape.y),
        width=int(grid.shape.x),
        crs=crs,
        crs_name=None if grid.crs is None else str(grid.crs.proj.name),
        transform=tuple(float(number) for number in grid.affine[:6]),  # type: ignore[arg-type]  # six numbers
        bounds=(float(box.left), float(box.bottom), float(box.right), float(box.top)),
        facing=facing(grid),
        gsd=scene.gsd,
        lonlat_bounds=None if outline is None else outline.bounds,
    )


def _band_facts(scene: Scene, b: int, sample: Sample | None) -> BandFacts:
    band = scene.bands[b]
    plane = next((row[b] for row in scene.planes if row[b] is not None), None)
    stored = None if plane is None else plane.reader.stored[plane.index]
    facts: dict[str, Any] = {}
    if sample is not None:
        seen = sample.values[:, b][sample.valid[:, b]]
        facts["nodata_share"] = float(1 - sample.valid[:, b].mean())
        if seen.size:
            low, high = np.percentile(seen, (2, 98))
            facts |= {
                "minimum": float(seen.min()),
                "maximum": float(seen.max()),
                "low": float(low),
                "high": float(high),
            }
        if seen.size and band.kind == "categorical":
            numbers, counts = np.unique(seen.astype(np.int64), return_counts=True)
            if len(numbers) <= _MOST_CLASSES:
                pairs = zip(numbers.tolist(), counts.tolist(), strict=True)
                facts["class_shares"] = {number: count / seen.size for number, count in pairs}
    return BandFacts(
        name=band.name,
        title=band.title,
        common_name=band.common_name,
        wavelength=band.wavelength,
        polarisation=band.polarisation,
        frequency=band.frequency,
        units=band.units,
        kind=band.kind,
        dtype=stored.dtype if stored else None,
        scale=plane.scale if plane else 1.0,
        offset=plane.offset if plane else 0.0,
        nodata=(stored.nodata if stored and stored.nodata is not None else plane.nodata) if plane else None,
        classes=band.classes,
        **facts,
    )


def _date_facts(scene: Scene, sample: Sample | None) -> tuple[DateFacts, ...]:
    shares: dict[int, float] = {}
    shifts: tuple[Any, ...] = (None,) * len(scene.dates)
    if sample is not None:
        shares = {date: float(1 - sample.valid[t].mean()) for t, date in enumerate(sample.dates)}
        if 1 < len(scene.dates) <= _MOST_SHIFTS and sample.valid.any() and not sample.damage:
            shifts = scene.misregistration()
    return tuple(
        DateFacts(
            date=None if date is None else str(date),
            name=scene.names[t],
            nodata_share=shares.get(t),
            shift=None if t == 0 or shifts[t] is None else _shift_facts(shifts[t]),
        )
        for t, date in enumerate(scene.dates)
    )


def _shift_facts(shift: Any) -> dict[str, float]:
    return {key: float(getattr(shift, key)) for key in ("rows", "columns", "pixels", "confidence")}


def text(scene: Scene) -> str:
    """A scene in a few lines of at most 96 columns; no pixel is read."""
    count, bands, height, width = scene.shape
    outline = footprint(scene.grid)
    size = "" if scene.gsd is None else f" of {ground_words(scene.gsd)}"
    when = f"{many(count, 'date')}, " if count > 1 else ""
    lines = [f"Scene: {when}{many(bands, 'band')}, {height} x {width} pixels{size}"]
    rows = [
        ("sensor", ", ".join(f"{one.title} ({one.name})" for one in scene.sensors) or "not stated"),
        ("grid", grid_words(scene)),
        ("place", place_words(outline)),
        ("bands", _some([band_words(band) for band in scene.bands], 12)),
        ("units", ", ".join(dict.fromkeys(band.units for band in scene.bands))),
        ("dates" if count > 1 else "date", _dates_words(scene)),
        ("odd", "; ".join(one.kind for one in oddities(scene, None, outline))),
    ]
    for key, words in rows:
        if words:
            lines += textwrap.wrap(words, _WIDTH, initial_indent=f"  {key:<7}", subsequent_indent=" " * 9)
    return "\n".join(lines)


def grid_words(scene: Scene) -> str:
    """The CRS and which way the grid faces, in one phrase."""
    crs, way = scene.grid.crs, facing(scene.grid)
    if crs is None:
        name = "no CRS"
    elif crs.proj.name in ("unknown", "unnamed"):
        name = f"EPSG:{crs.epsg}" if crs.epsg else "a CRS without name or EPSG code"
    else:
        name = f"EPSG:{crs.epsg} ({crs.proj.name})" if crs.epsg else f"{crs.proj.name} (without EPSG code)"
    return name if way in ("north-up", "pixels") else f"{name}, {way}"


def place_words(outline: Footprint | None) -> str:
    """Longitudes and latitudes in one phrase; nothing where there are none."""
    if outline is None:
        return ""
    west, south, east, north = outline.bounds
    digits = 1 if max(north - south, abs(east - west)) > 10 else 4
    across = ", across the date line" if outline.crosses_date_line else ""
    return (
        f"{_degrees(west, 'E', 'W', digits)} to {_degrees(east, 'E', 'W', digits)}, "
        f"{_degrees(south, 'N', 'S', digits)} to {_degrees(north, 'N', 'S', digits)}{across}"
    )


def band_words(band: Any) -> str:
    """A band in one phrase: `B04 red 665 nm`."""
    return " ".join(dict.fromkeys(part for part in (band.name, band.common_name, band.light()) if part))


def _degrees(value: float, positive: str, negative: str, digits: int) -> str:
    return f"{abs(value):.{digits}f}°{negative if value < 0 else positive}"


def _dates_words(scene: Scene) -> str:
    if len(scene.names) == 1:
        return str(scene.dates[0]) if scene.dates[0] is not None else "not stated"
    return _some(list(scene.names), 8)


def _some(words: Sequence[str], most: int) -> str:
    """The first few and the last of many."""
    if len(words) <= most:
        return ", ".join(words)
    return f"{', '.join(words[: most - 1])}, ... {words[-1]} ({len(words)} in all)"


def html(scene: Scene) -> str:
    """A scene for notebooks; see `scene.describe_html`."""
    from swath.scene.describe_html import page

    return page(scene)
