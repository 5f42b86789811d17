"""What is drawn on a picture besides its pixels: scale bar, north arrow, legend, colour bar, outlines, class maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.errors import GridError, OpenError
from swath.scene.look_pixels import Ramp, Swatch, colour_classes, nearest_pixels
from swath.scene.whereabouts import pixel_on_ground
from swath.scene.words import ground_words, many, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, FAINT = "#22262a", "#6d747b"
_OUTLINE = "#ffd60a"
_LARGEST_EVEN = 3_000_000.0
"""Ground extent in m beyond which one scale bar would not hold for the whole picture."""
_MOST_SWATCHES = 16


@dataclass(frozen=True)
class ClassMap:
    """Class numbers to lay over a scene, such as a prediction.

    Attributes:
        classes: `[y, x]` integers.
        grid: where they lie; in the CRS of the scene that they are laid over.
        labels: `(number, name, colour #rrggbb)` per class.
        valid: `[y, x]`, True where there is an answer; None: everywhere.
        opacity: 0 to 1.
        clear: classes that are counted and not drawn, such as "no change".
    """

    classes: NDArray[Any]
    grid: GeoBox
    labels: Sequence[tuple[int, str, str]]
    valid: NDArray[np.bool_] | None = None
    opacity: float = 0.6
    clear: tuple[int, ...] = ()


def draw_classes(
    ax: Axes,
    classes: NDArray[Any],
    labels: Sequence[tuple[int, str, str]],
    *,
    valid: NDArray[np.bool_] | None = None,
    opacity: float = 1.0,
    legend: bool = True,
    extent: tuple[float, float, float, float] | None = None,
    clear: Sequence[int] = (),
) -> tuple[Swatch, ...]:
    """Draw class numbers into axes, over whatever they hold.

    Args:
        ax: matplotlib axes.
        classes: `[y, x]` integers.
        labels: `(number, name, colour #rrggbb)` per class.
        valid: `[y, x]`, pixels to draw; None: all.
        opacity: 0 to 1.
        legend: whether to add a legend of the classes present, with their shares, beside the axes.
        extent: `(left, right, bottom, top)` in the coordinates of the axes; None: pixels.
        clear: classes that are counted and not drawn.

    Returns:
        The classes present and drawn.
    """
    names = {value: name for value, name, _ in labels}
    colours = {value: colour for value, _, colour in labels}
    shown = np.ones(classes.shape, dtype=bool) if valid is None else valid
    pixels, swatches = colour_classes(classes, shown, names, colours)
    pixels[np.isin(classes, clear)] = 0
    swatches = tuple(swatch for swatch in swatches if swatch.value not in clear)
    ax.imshow(pixels, interpolation="nearest", alpha=opacity, extent=extent, aspect=ax.get_aspect())
    if legend:
        draw_legend(ax, swatches, beside=True)
    return swatches


def draw_legend(ax: Axes, swatches: Sequence[Swatch], *, beside: bool = False) -> None:
    """A legend of classes, the most frequent first where they are too many for one; `beside` puts it outside."""
    from matplotlib.patches import Patch

    shown, rest = legend_entries(swatches)
    handles = [Patch(facecolor=one.colour, edgecolor=FAINT, linewidth=0.4, label=entry(one)) for one in shown]
    if rest:
        handles.append(Patch(facecolor="none", edgecolor="none", label=rest))
    place: dict[str, Any] = {"loc": "upper left", "borderaxespad": 0}
    if beside:
        place["bbox_to_anchor"] = (1.02, 1.0)
    legend = ax.legend(handles=handles, frameon=False, fontsize=9, labelcolor=INK, handlelength=1.2, **place)
    for text in legend.get_texts():
        text.set_parse_math(False)


def legend_entries(swatches: Sequence[Swatch]) -> tuple[list[Swatch], str]:
    """The classes that a legend has room for, in the order of their numbers, and words for the others."""
    if len(swatches) <= _MOST_SWATCHES:
        return list(swatches), ""
    kept = sorted(swatches, key=lambda one: -one.share)[: _MOST_SWATCHES - 1]
    rest = 1 - sum(one.share for one in kept)
    return sorted(kept, key=lambda one: one.value), f"{many(len(swatches) - len(kept), 'other')}  {percent(rest)}"


def entry(swatch: Swatch) -> str:
    """A class and its share, as a legend has it."""
    name = swatch.name if len(swatch.name) <= 34 else swatch.name[:32] + "…"
    return f"{name}  {percent(swatch.share)}"


def draw_hatch(ax: Axes) -> None:
    """A light hatch behind the picture, seen where nothing was."""
    from matplotlib.patches import Rectangle

    ax.add_patch(
        Rectangle((0, 0), 1, 1, transform=ax.transAxes, facecolor="white", edgecolor="#d4d7da", hatch="////", zorder=-1)
    )


def draw_ramp(ax: Axes, ramp: Ramp) -> None:
    """A colour bar that fills its axes."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Normalize

    bar = Colorbar(ax, ScalarMappable(Normalize(ramp.low, ramp.high), ramp.colours), extend="both", extendfrac=0.02)
    bar.ax.spines["outline"].set_visible(False)
    bar.set_label(ramp.label, color=INK, fontsize=9, parse_math=False)
    ax.tick_params(labelsize=8, colors=INK, width=0.6, length=3)


def draw_scale(ax: Axes, grid: GeoBox, pixels_per_pixel: float, panel_width: float) -> None:
    """A scale bar in ground units, or in the scene's pixels where it has no place; none where it would mislead.

    Args:
        ax: axes whose coordinates are pixels of `grid`.
        grid: the grid of the picture.
        pixels_per_pixel: pixels of the scene per pixel of the picture.
        panel_width: width of the axes on paper, in points.
    """
    from matplotlib.lines import Line2D
    from matplotlib.offsetbox import AnchoredOffsetbox, DrawingArea, TextArea, VPacker

    height, width = grid.shape
    ground = pixel_on_ground(grid)
    if ground is not None and ground[1] * height > _LARGEST_EVEN:
        return
    unit = ground[0] if ground is not None else pixels_per_pixel
    length = round_length(unit * width * 0.28, whole=ground is None)
    if length is None or panel_width < 80:
        return
    points = length / unit / width * panel_width
    bar = DrawingArea(points, 3)
    bar.add_artist(Line2D([0, points], [1.5, 1.5], color=INK, linewidth=2, solid_capstyle="butt"))
    words = TextArea(ground_words(length) if ground is not None else f"{length:g} px", textprops=_WORDS)
    ax.add_artist(_plate(AnchoredOffsetbox("lower left", child=VPacker(children=[words, bar], pad=0, sep=2), **_PLATE)))


def draw_north(ax: Axes) -> None:
    """An arrow to grid north, for pictures that were turned."""
    from matplotlib.offsetbox import AnchoredText

    ax.add_artist(_plate(AnchoredText("▲\nN", "upper right", prop={**_WORDS, "ha": "center"}, **_PLATE)))


_WORDS = {"color": INK, "fontsize": 8.5}
_PLATE: dict[str, Any] = {"pad": 0.35, "borderpad": 0.5, "frameon": True}


def _plate(box: Any) -> Any:
    """A box whose words are read on any ground."""
    box.patch.set(boxstyle="round,pad=0.1,rounding_size=0.3", facecolor="white", edgecolor="none", alpha=0.82)
    return box


def draw_nothing(ax: Axes) -> None:
    """Words for a date without one valid pixel."""
    from matplotlib.offsetbox import AnchoredText

    ax.add_artist(_plate(AnchoredText("no valid pixel", "center", prop=dict(_WORDS), **_PLATE)))


def draw_overlay(ax: Axes, overlay: Any, grid: GeoBox) -> tuple[Swatch, ...]:
    """Outlines of shapes, or a class map, over a picture whose axes count pixels of `grid`.

    Raises:
        GridError: the overlay has another CRS than it may, or is of no kind that can be drawn.
    """
    if isinstance(overlay, ClassMap):
        if overlay.grid.crs != grid.crs:
            raise GridError("a class map is laid over a scene of the same CRS; reproject one of them first")
        rows, columns, inside = nearest_pixels(overlay.grid, grid)
        valid = inside if overlay.valid is None else inside & overlay.valid[rows, columns]
        picked = overlay.classes[rows, columns]
        return draw_classes(
            ax, picked, overlay.labels, valid=valid, opacity=overlay.opacity, legend=False, clear=overlay.clear
        )
    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import withStroke
    from shapely import get_coordinates

    lines = [get_coordinates(part) for shape in _shapes(overlay, grid) for part in _rings(shape)]
    to_pixels = ~grid.affine
    paths = [np.column_stack(to_pixels @ (line[:, 0], line[:, 1])) - 0.5 for line in lines]
    ax.add_collection(
        LineCollection(
            paths, colors=_OUTLINE, linewidths=1.0, path_effects=[withStroke(linewidth=2.2, foreground="#00000080")]
        ),
        autolim=False,
    )
    return ()


def _shapes(overlay: Any, grid: GeoBox) -> list[Any]:
    """Shapely geometries in the grid's CRS."""
    from shapely.geometry.base import BaseGeometry

    if isinstance(overlay, BaseGeometry):
        return [overlay]
    if isinstance(overlay, str | Path):
        import geopandas
        from pyogrio.errors import DataSourceError

        try:
            overlay = geopandas.read_file(overlay)
        except DataSourceError as error:
            raise OpenError(f"{overlay}: cannot be read as shapes; give a vector file, such as .gpkg") from error
    if hasattr(overlay, "geometry") and hasattr(overlay, "to_crs"):
        if overlay.crs is not None and grid.crs is not None:
            overlay = overlay.to_crs(grid.crs.to_wkt())
        return [shape for shape in overlay.geometry if shape is not None and not shape.is_empty]
    if isinstance(overlay, Sequence) and all(isinstance(one, BaseGeometry) for one in overlay):
        return list(overlay)
    raise GridError(
        f"cannot lay a {type(overlay).__name__} over the scene; give a vector file, a GeoDataFrame, shapely "
        "geometries, or a ClassMap"
    )


def _rings(shape: Any) -> list[Any]:
    if hasattr(shape, "geoms"):
        return [ring for part in shape.geoms for ring in _rings(part)]
    if shape.geom_type == "Polygon":
        return [shape.exterior, *shape.interiors]
    return [shape.buffer(0).exterior] if shape.geom_type == "Point" and not shape.buffer(0).is_empty else [shape]


def round_length(longest: float, *, whole: bool = False) -> float | None:
    """The longest of 1, 2 and 5 times a power of ten that is not longer; None where not even one whole unit fits."""
    if not longest > 0 or (whole and longest < 1):
        return None
    power = 10.0 ** math.floor(math.log10(longest))
    return next(step * power for step in (5, 2, 1) if step * power <= longest * (1 + 1e-9))
