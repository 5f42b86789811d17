"""A scene as HTML for notebooks: thumbnail, footprint, bands, dates, notes."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

from swath.errors import ReadError
from swath.scene.describe import grid_words, place_words
from swath.scene.footprint import Footprint, footprint
from swath.scene.oddities import oddities
from swath.scene.words import ground_words, many

if TYPE_CHECKING:
    from swath.scene.scene import Scene

_THUMBNAIL = 220
_MOST_ROWS = 12
_MAP = (180, 90)
"""Pixels of the map of the world: two degrees each."""

# Rough outlines of the continents as (longitude, latitude), drawn by hand for this small map: enough to see on which of
# them a scene lies, and no more.
_LAND = (
    "-165,66 -130,70 -95,72 -80,66 -60,55 -66,45 -80,32 -82,26 -97,26 -95,18 -83,10 -105,21 -124,38 -130,54 -152,60",
    "-50,60 -22,70 -20,80 -60,82 -58,75",
    "-80,8 -60,10 -35,-6 -40,-22 -58,-36 -68,-54 -74,-48 -71,-18 -81,-4",
    "-17,20 -6,35 10,37 32,31 43,12 51,12 40,-5 40,-16 32,-28 19,-35 12,-18 9,4 -8,5",
    "-9,37 -9,43 -1,47 5,52 10,58 5,61 25,71 60,68 100,77 140,73 180,68 162,58 142,59 135,44 122,40 121,30 108,20 "
    "103,2 98,12 88,22 77,8 72,20 57,26 48,30 56,18 44,13 34,29 36,37 27,37 20,38 10,45",
    "114,-22 130,-12 142,-11 153,-27 147,-39 131,-32 115,-34",
    "-180,-78 -60,-73 0,-70 90,-66 160,-70 180,-78 180,-90 -180,-90",
)


def page(scene: Scene) -> str:
    """A fragment of HTML with everything inlined; whatever comes from a file is escaped."""
    outline = footprint(scene.grid)
    count, bands, height, width = scene.shape
    sensors = ", ".join(f"{one.title} ({one.name})" for one in scene.sensors) or "not stated"
    facts = [
        ("sensor", sensors),
        ("grid", f"{height} x {width} pixels, {grid_words(scene)}"),
        ("place", place_words(outline)),
    ]
    if (gsd := scene.gsd) is not None:
        facts.insert(2, ("pixel", f"{ground_words(gsd)} on the ground"))
    listed = "".join(
        f"<tr><th style='text-align:left'>{key}</th><td>{escape(value)}</td></tr>" for key, value in facts if value
    )
    odd = [*scene.notes, *(one.text for one in oddities(scene, None, outline))]
    return (
        "<div style='display:flex;gap:16px;flex-wrap:wrap;font-size:13px;align-items:flex-start'>"
        f"<div>{_thumbnail(scene)}</div>"
        f"<div><b>Scene</b>: {many(count, 'date')}, {many(bands, 'band')}"
        f"<table>{listed}</table>{_world(outline)}</div>"
        f"<div>{_bands(scene)}</div><div>{_dates(scene)}</div>"
        f"<div style='flex-basis:100%'>{_list('Notes', odd)}</div></div>"
    )


def _thumbnail(scene: Scene) -> str:
    from matplotlib.image import imsave

    from swath.scene.look_pixels import make_picture

    try:
        picture = make_picture(scene, longest=_THUMBNAIL)
    except ReadError as error:
        return f"<div style='width:{_THUMBNAIL}px;color:#a00'>{escape(str(error))}</div>"
    png = io.BytesIO()
    imsave(png, picture.pixels[0], format="png")
    encoded = base64.b64encode(png.getvalue()).decode("ascii")
    longer = "width" if picture.pixels.shape[2] >= picture.pixels.shape[1] else "height"
    return (
        f"<img alt='{escape(picture.caption, quote=True)}' src='data:image/png;base64,{encoded}' "
        f"style='{longer}:{_THUMBNAIL}px;image-rendering:pixelated;background:#eee'/>"
    )


def _world(outline: Footprint | None) -> str:
    """The footprint on a map of the world; its centre is marked, since most scenes are smaller than a pixel there."""
    if outline is None:
        return ""
    import shapely

    shapes = "".join(
        f"<polygon points='{' '.join(f'{x:.4f},{-y:.4f}' for x, y in part.exterior.coords)}'/>"
        for part in shapely.get_parts(outline.outline)
    )
    # Of parts on both sides of the date line, the mark is on the larger.
    middle = max(shapely.get_parts(outline.outline), key=lambda part: part.area).centroid
    land = "".join(f"<polygon points='{_flipped(shape)}' fill='#d9dcd6'/>" for shape in _LAND)
    return (
        f"<svg width='{_MAP[0]}' height='{_MAP[1]}' viewBox='-180 -90 360 180' style='background:#eef3f7'>{land}"
        f"<g fill='#d62728' fill-opacity='0.5' stroke='#d62728' stroke-width='1'>{shapes}</g>"
        f"<circle cx='{middle.x:.4f}' cy='{-middle.y:.4f}' r='5' fill='none' stroke='#d62728' stroke-width='2'/></svg>"
    )


def _flipped(points: str) -> str:
    pairs = (point.split(",") for point in points.split())
    return " ".join(f"{x},{-float(y):g}" for x, y in pairs)


def _bands(scene: Scene) -> str:
    rows = "".join(
        f"<tr><td>{escape(band.name)}</td><td>{escape(band.common_name or band.title or '')}</td>"
        f"<td>{escape(band.light())}</td><td>{escape(band.units)}</td></tr>"
        for band in scene.bands[:_MOST_ROWS]
    )
    rest = len(scene.bands) - _MOST_ROWS
    more = f"<tr><td colspan='4'>and {rest} more</td></tr>" if rest > 0 else ""
    return f"<table><tr><th>band</th><th></th><th>light</th><th>units</th></tr>{rows}{more}</table>"


def _dates(scene: Scene) -> str:
    if len(scene.dates) == 1 and scene.dates[0] is None:
        return ""
    rows = "".join(f"<tr><td>{escape(name)}</td></tr>" for name in scene.names[:_MOST_ROWS])
    rest = len(scene.names) - _MOST_ROWS
    more = f"<tr><td>and {rest} more</td></tr>" if rest > 0 else ""
    return f"<table><tr><th>{'date' if len(scene.names) == 1 else 'dates'}</th></tr>{rows}{more}</table>"


def _list(title: str, items: list[str]) -> str:
    if not items:
        return ""
    listed = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<details><summary>{title} ({len(items)})</summary><ul>{listed}</ul></details>"
