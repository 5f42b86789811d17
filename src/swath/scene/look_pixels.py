"""From values to a picture: which bands are shown, how they are stretched, which way is up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.scene.look_bands import UNIT_LABELS, Show, choose_bands, label
from swath.scene.whereabouts import facing
from swath.sensors import Band, conversion

if TYPE_CHECKING:
    from swath.scene.scene import BandKey, Scene

_PLAIN = frozenset(["reflectance", "radiance", "dn", "display", "db", "linear", "amplitude"])
"""Units of what a sensor sees: shown in grey. All else is a quantity: shown in colours of an even lightness."""

# Colours for classes that bring none: Okabe and Ito's eight, told apart by people with any colour vision
# (https://jfly.uni-koeln.de/color/), black left out, then lighter and darker shades of the same.
_CYCLE = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#8c8c8c",
    "#003b5c", "#8f6300", "#005c43", "#7d3a5f", "#a8d8f4", "#f2a777", "#8a8210", "#4d4d4d",
)  # fmt: skip
_MOST_CLASSES = 256


@dataclass(frozen=True)
class Swatch:
    """One class in a legend."""

    value: int
    name: str
    colour: str
    share: float
    """Part of the valid pixels, 0 to 1."""


@dataclass(frozen=True)
class Ramp:
    """How numbers of one band become colours."""

    colours: str
    """Name of a matplotlib colour map."""
    low: float
    high: float
    label: str


@dataclass(frozen=True)
class Picture:
    """Pixels ready to be drawn, north up.

    Attributes:
        pixels: `[time, y, x, 4]` uint8, red, green, blue and opacity; invalid pixels have opacity 0.
        grid: the grid of these pixels, shrunken and turned north up.
        caption: which bands are shown and how.
        ramp: for a single band of numbers.
        swatches: for classes, those present, in the order of their numbers.
        is_turned: whether the picture faces another way than the scene's own rows and columns.
    """

    pixels: NDArray[np.uint8]
    grid: GeoBox
    caption: str
    ramp: Ramp | None
    swatches: tuple[Swatch, ...]
    is_turned: bool


def make_picture(
    scene: Scene,
    bands: Show | Sequence[BandKey] | BandKey | None = None,
    *,
    dates: Sequence[int] = (0,),
    longest: int = 1000,
    percentiles: tuple[float, float] | None = None,
) -> Picture:
    """Read a scene shrunken and turn it into colours.

    Args:
        scene: what is shown.
        bands: `natural`, `false`, three bands (as red, green, blue), one band, or None: what suits the scene.
        dates: positions along time; all are stretched alike.
        longest: longest side in pixels; the scene is never enlarged.
        percentiles: which part of the values fills the range of brightness; None: 2 to 98, and 8-bit pictures as they
            are.

    Raises:
        SensorError: the scene has no such band, or their number is neither one nor three.
        ReadError: pixels cannot be read.
    """
    indexes = choose_bands(scene, bands)
    chosen = [scene.bands[i] for i in indexes]
    shape, small = _shrunken(scene.grid, longest)
    names = [scene.bands[i].name for i in indexes]
    values, valid = scene.select(bands=names).read(dates=list(dates), shape=shape)
    turned = facing(scene.grid) not in ("north-up", "pixels")
    if turned:
        values, valid, small = _turned(values, valid, small)
    if len(chosen) == 1 and _is_classes(chosen[0], values, valid):
        pixels, swatches = colour_classes(values[:, 0], valid[:, 0], chosen[0].classes, chosen[0].colours)
        return Picture(pixels, small, label(chosen[0]), None, swatches, turned)
    stack, units = _decibel(chosen, values)
    valid = valid & np.isfinite(stack)
    caption = " · ".join(label(band) for band in chosen)
    if len(chosen) == 2:
        stack = np.stack([stack[:, 0], stack[:, 1], stack[:, 0] - stack[:, 1]], axis=1)
        valid = np.repeat(valid.all(axis=1, keepdims=True), 3, axis=1)
        caption = f"{names[0]} · {names[1]} · {names[0]}/{names[1]}"
    if not valid.any():
        return Picture(np.zeros((*valid.shape[:1], *valid.shape[2:], 4), np.uint8), small, caption, None, (), turned)
    if len(chosen) == 1:
        # A scale with numbers beside it must hold for all dates: their values count together.
        together = stack[:, 0].reshape(1, -1, stack.shape[-1]), valid[:, 0].reshape(1, -1, stack.shape[-1])
        limits = [_limits(*together, units, percentiles)]
    else:
        limits = [_limits(stack[:, b], valid[:, b], units, percentiles) for b in range(3)]
    said = "as stored" if limits[0] == (0.0, 255.0) and units == "display" else _stretch_words(percentiles)
    if len(chosen) == 1:
        colours = "gray" if units in _PLAIN else "viridis"
        words = UNIT_LABELS.get(units, units)
        ramp = Ramp(colours, *limits[0], f"{label(chosen[0])} ({words})" if words else label(chosen[0]))
        return Picture(_ramped(stack[:, 0], valid[:, 0], ramp), small, f"{caption}, {said}", ramp, (), turned)
    bright = np.stack([_scaled(stack[:, b], *limits[b]) for b in range(3)], axis=-1)
    bright[~np.moveaxis(valid, 1, -1)] = 0
    opacity = np.where(valid.any(axis=1), 255, 0).astype(np.uint8)
    pixels = np.concatenate([bright, opacity[..., None]], axis=-1)
    return Picture(pixels, small, f"{caption} as red, green, blue, {said}", None, (), turned)


def colour_classes(
    classes: NDArray[np.generic],
    valid: NDArray[np.bool_],
    names: Mapping[int, str] | None = None,
    colours: Mapping[int, str] | None = None,
) -> tuple[NDArray[np.uint8], tuple[Swatch, ...]]:
    """Class numbers `[..., y, x]` as colours `[..., y, x, 4]`, and the classes present with their shares."""
    numbers = np.where(valid, classes, 0).astype(np.int64)
    present, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    if (~valid).any():
        counts = counts - np.where(present == 0, (~valid).sum(), 0)
    table, swatches = np.zeros((len(present), 4), dtype=np.uint8), []
    total = max(1, int(valid.sum()))
    for i, (value, count) in enumerate(zip(present.tolist(), counts.tolist(), strict=True)):
        colour = (colours or {}).get(value) or _CYCLE[value % len(_CYCLE)]
        table[i] = (*bytes.fromhex(colour[1:]), 255)
        if count:
            swatches.append(Swatch(value, (names or {}).get(value, f"class {value}"), colour, count / total))
    pixels = table[inverse.reshape(numbers.shape)]
    pixels[~valid] = 0
    return pixels, tuple(swatches)


def _is_classes(band: Band, values: NDArray[np.float32], valid: NDArray[np.bool_]) -> bool:
    """Class numbers, and flags of few values; a band of very many "classes" is drawn as numbers."""
    if band.kind == "continuous":
        return False
    return len(np.unique(values[valid])) <= _MOST_CLASSES


def _decibel(bands: Sequence[Band], values: NDArray[np.float32]) -> tuple[NDArray[np.float32], str]:
    """Radar power and amplitude in dB, the scale on which eyes see backscatter; other units unchanged."""
    out = values.copy()
    for b, band in enumerate(bands):
        convert = conversion(band.units, "db") if band.units in ("linear", "amplitude") else None
        if convert is not None:
            out[:, b] = convert(values[:, b])
    units = bands[0].units
    return out, "db" if units in ("linear", "amplitude") else units


def _limits(
    values: NDArray[np.float32], valid: NDArray[np.bool_], units: str, percentiles: tuple[float, float] | None
) -> tuple[float, float]:
    """The values `[time, y, x]` that become darkest and brightest, the same at all dates.

    The darkest of the dates' own lower limits, so that none is cut off; of their upper limits the median, so that
    clouds on a few dates do not darken the others.
    """
    if units == "display" and percentiles is None:
        return 0.0, 255.0
    own = [np.percentile(one[ok], percentiles or (2, 98)) for one, ok in zip(values, valid, strict=True) if ok.any()]
    if not own:
        return 0.0, 1.0
    low, high = float(np.min(own, axis=0)[0]), float(np.median(own, axis=0)[1])
    if high <= low:
        low, high = float(values[valid].min()), float(values[valid].max())
    # One value everywhere: shown in the middle of the range.
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _stretch_words(percentiles: tuple[float, float] | None) -> str:
    low, high = percentiles or (2, 98)
    return f"stretched from percentile {low:g} to {high:g}"


def _scaled(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    with np.errstate(invalid="ignore"):
        part = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(np.rint(np.nan_to_num(part) * 255), dtype=np.uint8)


def _ramped(values: NDArray[np.float32], valid: NDArray[np.bool_], ramp: Ramp) -> NDArray[np.uint8]:
    from matplotlib import colormaps

    table = np.asarray(np.rint(np.asarray(colormaps[ramp.colours](np.arange(256))) * 255), dtype=np.uint8)
    pixels: NDArray[np.uint8] = table[_scaled(values, ramp.low, ramp.high)]
    pixels[~valid] = 0
    return pixels


def _shrunken(grid: GeoBox, longest: int) -> tuple[tuple[int, int] | None, GeoBox]:
    height, width = grid.shape
    factor = longest / max(height, width)
    if factor >= 1:
        return None, grid
    shape = (max(1, round(height * factor)), max(1, round(width * factor)))
    return shape, grid.zoom_to(shape)


def _turned(
    values: NDArray[np.float32], valid: NDArray[np.bool_], grid: GeoBox
) -> tuple[NDArray[np.float32], NDArray[np.bool_], GeoBox]:
    """The same pixels on a grid that faces north."""
    height, width = grid.shape
    affine = grid.affine
    corners = [affine @ corner for corner in ((0, 0), (width, 0), (width, height), (0, height))]
    (left, right), (bottom, top) = ((min(axis), max(axis)) for axis in zip(*corners, strict=True))
    x_size, y_size = abs(affine.a), abs(affine.e)
    if facing(grid) == "rotated":
        x_size = y_size = abs(affine.determinant) ** 0.5
    shape = (max(1, round((top - bottom) / y_size)), max(1, round((right - left) / x_size)))
    target = GeoBox(shape, Affine(x_size, 0, left, 0, -y_size, top), grid.crs)
    rows, columns, inside = nearest_pixels(grid, target)
    return values[..., rows, columns], valid[..., rows, columns] & inside, target


def nearest_pixels(source: GeoBox, target: GeoBox) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """For each pixel of a target grid, the source pixel that its centre lies in; both grids have one CRS.

    Returns:
        `rows` and `columns` of the source and whether they are on it, each `[y, x]` of the target.
    """
    height, width = source.shape
    to_source = ~source.affine @ target.affine
    x, y = np.meshgrid(np.arange(target.shape.x) + 0.5, np.arange(target.shape.y) + 0.5)
    columns = np.floor(to_source.a * x + to_source.b * y + to_source.c).astype(np.intp)
    rows = np.floor(to_source.d * x + to_source.e * y + to_source.f).astype(np.intp)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    return np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1), inside
