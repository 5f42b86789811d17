"""Look at a scene: one picture of it, dates side by side, with all that a reader needs to trust it."""

from __future__ import annotations

import os
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from odc.geo.geobox import GeoBox

from swath.errors import WriteError
from swath.scene.look_marks import (
    FAINT,
    INK,
    ClassMap,
    draw_classes,
    draw_hatch,
    draw_legend,
    draw_north,
    draw_nothing,
    draw_overlay,
    draw_ramp,
    draw_scale,
    entry,
    legend_entries,
)
from swath.scene.look_pixels import Picture, Swatch, make_picture
from swath.scene.whereabouts import pixel_on_ground

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from swath.scene.scene import BandKey, Scene

__all__ = ["ClassMap", "draw_classes", "look"]

MOST_PANELS = 12
_DPI = 100
_MARGIN, _GAP, _LABEL, _LINE = 14, 10, 22, 15  # all in pixels, as are the sizes below
_RAMP, _NARROWEST, _SMALLEST = 86, 420, 480
_CHARACTER = 6.3  # mean width of a character at the legend's size


def look(
    scene: Scene,
    path: str | os.PathLike[str] | None = None,
    *,
    bands: Literal["natural", "false"] | Sequence[BandKey] | BandKey | None = None,
    percentiles: tuple[float, float] | None = None,
    size: int = 1000,
    dates: Any = None,
    title: str | None = None,
    overlay: Any = None,
) -> Figure:
    """A picture of a scene. Pixels are read shrunken, so that a scene of any size is looked at in the same memory.

    Natural colour where the scene has red, green and blue, else false colour (near infrared, red, green), else radar
    polarisations and their ratio, else one band: classes in their colours with a legend, quantities with a colour bar.
    Grids that are rotated or stored bottom up are drawn north up. Where nothing was seen, a light hatch shows.

    Args:
        scene: what is shown.
        path: where to save the picture; the suffix says the format (`.png`, `.jpg`, `.pdf`, `.svg`). None: not saved.
        bands: `natural`, `false`, three bands for red, green and blue, or one band.
        percentiles: part of the values that fills the range of brightness, over all dates shown together; None: 2 to
            98, and 8-bit pictures as they are.
        size: longest side of the picture of one date in pixels; several dates share one of at most twice that.
        dates: which, as `Scene.select` takes them; None: all, and of more than twelve, twelve evenly chosen.
        title: words above the picture.
        overlay: shapes to outline (a vector file, a GeoDataFrame, shapely geometries), or a `ClassMap`.

    Returns:
        A matplotlib figure, which belongs to no window.

    Raises:
        SensorError: the scene has no such bands.
        GridError: no such date, or an overlay that cannot be placed.
        ReadError: pixels cannot be read.
        WriteError: the picture cannot be saved.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picks = list(range(len(scene.dates))) if dates is None else scene.date_indexes(dates)
    note = ""
    if len(picks) > MOST_PANELS:
        note = f"{MOST_PANELS} of {len(picks)} dates, evenly chosen"
        picks = [picks[i] for i in np.linspace(0, len(picks) - 1, MOST_PANELS).round().astype(int)]
    native = max(scene.grid.shape)
    single = min(size, max(_SMALLEST, 4 * native)) if len(picks) == 1 else size
    columns, panel = _arrange(len(picks), _ratio(scene.grid), single)
    picture = make_picture(scene, bands, dates=picks, longest=max(panel), percentiles=percentiles)
    columns, panel = _arrange(len(picks), _ratio(picture.grid), single)
    swatches = picture.swatches
    if isinstance(overlay, ClassMap):
        names = {value: name for value, name, _ in overlay.labels}
        swatches = tuple(Swatch(value, name, "#000000", 0.5) for value, name in names.items())
    rows = -(-len(picks) // columns)
    has_labels = len(picks) > 1 or scene.dates[picks[0]] is not None
    step = (panel[0] + _GAP, panel[1] + _GAP + (_LABEL if has_labels else 0))
    content = columns * step[0] - _GAP
    side = _legend_width(swatches) if swatches else _RAMP if picture.ramp else 0
    width = max(_NARROWEST, content + side + 2 * _MARGIN)
    said = _footer(scene, picture, note, int((width - 2 * _MARGIN) / (_CHARACTER * 0.86)))
    header = 34 if title else 0
    body = max(rows * step[1] - _GAP, 22 * min(len(swatches) + 1, 17) if swatches else 0)
    height = _MARGIN + header + body + 10 + _LINE * len(said) + _MARGIN
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)

    def axes(left: float, top: float, wide: float, high: float) -> Any:
        return figure.add_axes((left / width, 1 - (top + high) / height, wide / width, high / height))

    left = (width - content - side) / 2
    for place, (position, pixels) in enumerate(zip(picks, picture.pixels, strict=True)):
        row, column = divmod(place, columns)
        top = _MARGIN + header + row * step[1] + (_LABEL if has_labels else 0)
        ax = axes(left + column * step[0], top, *panel)
        ax.imshow(pixels, interpolation="nearest", aspect="auto")
        ax.set(xticks=[], yticks=[], gid="panel")
        ax.spines[:].set(color="#b9bec3", linewidth=0.6)
        draw_hatch(ax)
        if not pixels[..., 3].any():
            draw_nothing(ax)
        if overlay is not None:
            found = draw_overlay(ax, overlay, picture.grid)
            swatches = found or swatches
        if has_labels:
            ax.set_title(
                _short(scene.names[position], panel[0]), fontsize=10, color=INK, loc="left", pad=5, parse_math=False
            )
        if place == 0:
            draw_scale(ax, picture.grid, scene.grid.shape.x / picture.grid.shape.x, panel[0] * 72 / _DPI)
            if picture.is_turned:
                draw_north(ax)
    edge = left + content + 12
    top = _MARGIN + header + (_LABEL if has_labels else 0)
    if swatches:
        beside = axes(edge, top, side, body - _LABEL)
        beside.set_axis_off()
        draw_legend(beside, swatches)
    elif picture.ramp:
        draw_ramp(axes(edge, top, 14, min(panel[1], 420)), picture.ramp)
    if title:
        figure.text(
            left / width, 1 - 12 / height, title, fontsize=13, color=INK, weight="bold", va="top", parse_math=False
        )
    for i, line in enumerate(reversed(said)):
        figure.text(_MARGIN / width, (_MARGIN + i * _LINE) / height, line, fontsize=7.5, color=FAINT, parse_math=False)
    if path is not None:
        save(figure, path)
    return figure


def picture_kind(path: str | os.PathLike[str]) -> str:
    """The format of a picture by its suffix: `png`, `jpg`, `pdf`, `svg`, ...

    Raises:
        WriteError: there is none such.
    """
    from matplotlib.backend_bases import FigureCanvasBase

    target = Path(path)
    kind = target.suffix.lstrip(".").casefold()
    if kind not in FigureCanvasBase.get_supported_filetypes():
        raise WriteError(f"{target}: no picture can be saved as {target.suffix or 'a file without suffix'}; use .png")
    return kind


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Save a figure whole or not at all.

    Raises:
        WriteError: the format is unknown, or the folder cannot be written to.
    """
    from swath.scene.write.atomic import atomic_path

    target, kind = Path(path), picture_kind(path)
    with atomic_path(target, overwrite=True) as temporary, _quiet_glyphs():
        figure.savefig(temporary, format=kind, dpi=_DPI)
    return target


@contextmanager
def _quiet_glyphs() -> Iterator[None]:
    """A letter that the font lacks is drawn as a box; that is no reason to warn whoever looks at a picture."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def _ratio(grid: GeoBox) -> float:
    """Width over height of the grid on the ground."""
    ground = pixel_on_ground(grid) or (abs(grid.affine.a) or 1.0, abs(grid.affine.e) or 1.0)
    return float(grid.shape.x * ground[0] / (grid.shape.y * ground[1]))


def _arrange(count: int, ratio: float, size: int) -> tuple[int, tuple[int, int]]:
    """Columns, and the `(width, height)` of a panel, so that panels are as large as the picture allows."""
    if count == 1:
        width = size if ratio >= 1 else size * ratio
        return 1, (max(8, round(width)), max(8, round(width / ratio)))
    best = (1, 0.0)
    for columns in range(1, count + 1):
        rows = -(-count // columns)
        width = min(2 * size / columns - _GAP, (1.2 * size / rows - _GAP - _LABEL) * ratio, size, size * ratio)
        if width > best[1]:
            best = (columns, width)
    return best[0], (max(8, round(best[1])), max(8, round(best[1] / ratio)))


def _legend_width(swatches: Sequence[Swatch]) -> int:
    shown, rest = legend_entries(swatches)
    longest = max([len(rest), *(len(entry(one)) for one in shown)])
    return round(50 + longest * _CHARACTER)


def _footer(scene: Scene, picture: Picture, note: str, width: int) -> list[str]:
    """Where it comes from and what is shown, in lines of at most `width` characters."""
    names = source_names(scene)
    sensor = ", ".join(one.title for one in scene.sensors) or "sensor not stated"
    hatched = "hatched: nothing seen" if (picture.pixels[..., 3] == 0).any() else ""
    turned = "turned north up" if picture.is_turned else ""
    parts = [names, sensor, picture.caption, note, turned, hatched]
    return textwrap.wrap("  |  ".join(part for part in parts if part), max(width, 30))[:4]


def source_names(scene: Scene, most: int = 2) -> str:
    """Names of the sources without their folders: `a.tif`, `a.tif, b.tif`, `a.tif ... h.tif (8 sources)`."""
    readers = {plane.reader.name: None for row in scene.planes for plane in row if plane is not None}
    names = [name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] for name in readers]
    return ", ".join(names) if len(names) <= most else f"{names[0]} ... {names[-1]} ({len(names)} sources)"


def _short(name: str, width: int) -> str:
    room = max(6, int(width / 7.4))
    return name if len(name) <= room else name[: room - 1] + "…"
