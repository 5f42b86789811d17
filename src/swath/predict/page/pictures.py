"""The pictures of a page: what was seen on each date, and what the product says of it, all on one small grid."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.scene.look_pixels import make_picture, nearest_pixels
from swath.scene.whereabouts import pixel_on_ground
from swath.tasks.change import Change
from swath.tasks.pairs import FIRST, FIRST_LAYER, is_of_pairs
from swath.tasks.task import MAIN

if TYPE_CHECKING:
    from swath.predict.product import Product
    from swath.scene.scene import Scene
    from swath.scene.write import Layer

MOST_DATES = 8
MOST_LAYERS = 6
_PLAIN_COLOUR = "#d55e00"
_QUALITY = 84


@dataclass(frozen=True)
class Image:
    """A picture inside the page."""

    name: str
    """A date, or what a layer shows."""
    data: str
    """`data:image/...`."""


@dataclass(frozen=True)
class Ramp:
    """Numbers as colours."""

    low: str
    high: str
    colours: tuple[str, ...]
    """Evenly from low to high, `#rrggbb`."""


@dataclass(frozen=True)
class Overlay:
    """A layer of the product as a picture to lay over what was seen."""

    key: str
    image: Image
    ramp: Ramp | None = None
    """None: colours are classes'."""


@dataclass(frozen=True)
class Pictures:
    """All pictures of a product.

    Attributes:
        grid: of their pixels, north up.
        dates: what was seen; none where the scene is not there any more.
        caption: which bands are shown and how.
        overlays: the map first; of a series before it the date of the first change.
        pixel: metres on the ground of a pixel, across and down; None without a CRS.
        native: pixels of the product per pixel of the pictures, at least 1 where they are shrunken.
    """

    grid: GeoBox
    dates: tuple[Image, ...]
    caption: str
    overlays: tuple[Overlay, ...]
    pixel: tuple[float, float] | None
    native: float


def pictures_of(product: Product, scene: Scene | None, size: int) -> Pictures:
    """Draw a product and its scene, at most `size` pixels wide and high.

    Raises:
        ReadError: pixels cannot be read.
    """
    height, width = product.shape
    shrunken = min(1.0, size / max(height, width))
    shape = (max(1, round(height * shrunken)), max(1, round(width * shrunken)))
    # A scene of another CRS than the map's lies elsewhere and cannot be shown beneath it.
    if scene is None or scene.grid.crs != product.grid.crs:
        grid, caption = product.grid.zoom_to(shape), ""
        dates: tuple[Image, ...] = ()
    else:
        picks = range(len(scene.dates))
        if len(picks) > MOST_DATES:
            picks = np.linspace(0, len(picks) - 1, MOST_DATES).round().astype(int).tolist()
        seen = make_picture(scene, dates=list(picks), longest=size)
        names = [scene.names[i] if scene.dates[i] is not None or len(scene.dates) > 1 else "Image" for i in picks]
        grid, caption = seen.grid, seen.caption
        dates = tuple(Image(name, jpeg(one)) for name, one in zip(names, seen.pixels, strict=True))
    overlays = [_overlay(product, FIRST, 0, grid, shape)] if is_of_pairs(product.files) else []
    overlays += [_overlay(product, MAIN, i, grid, shape) for i in range(min(len(product.files[MAIN]), MOST_LAYERS))]
    if "confidence" in product.files:
        overlays.append(_overlay(product, "confidence", 0, grid, shape))
    return Pictures(grid, dates, caption, tuple(overlays), pixel_on_ground(grid), width / shape[1])


def clear_class(layer: Layer) -> int | None:
    """Of two classes, of kinds of change and of its dates, the first, which says no, is left clear."""
    says_no = layer.classes and (len(layer.classes) == 2 or layer.name in (Change.layer, FIRST_LAYER))
    return next(iter(layer.classes)) if layer.classes and says_no else None


def colour_of(layer: Layer, value: int) -> str:
    """The colour that a class is drawn in."""
    return (layer.colours or {}).get(value, _PLAIN_COLOUR)


def _overlay(product: Product, key: str, index: int, grid: GeoBox, shape: tuple[int, int]) -> Overlay:
    layer = product.files[key][index]
    whole = (slice(0, product.shape[0]), slice(0, product.shape[1]))
    stored, valid = product.reader(key).read(whole, [index], shape)
    rows, columns, inside = nearest_pixels(product.grid.zoom_to(shape), grid)
    numbers, shown = stored[0][rows, columns], valid[0][rows, columns] & inside
    name = layer.name.replace("_", " ")
    if layer.classes:
        clear = clear_class(layer)
        colours = {value: colour_of(layer, value) for value in layer.classes if value != clear}
        return Overlay(f"{key or 'map'}-{index}", Image(name, classes_png(numbers, shown, colours)))
    values = numbers * layer.scale + layer.offset
    shown &= np.isfinite(values)
    low, high = np.percentile(values[shown], (2, 98)) if shown.any() else (0.0, 1.0)
    if key == "confidence":
        low, high = min(low, 0.5), 1.0
        words = [f"{100 * low:.0f} %", "100 %"]
    else:
        words = [f"{one:.4g} {layer.units or ''}".strip() for one in (low, high)]
    ramp = Ramp(words[0], words[1], _colours("magma" if key else "viridis", 9))
    part = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    return Overlay(f"{key or 'map'}-{index}", Image(name, ramp_png(part, shown, ramp)), ramp)


def jpeg(pixels: NDArray[np.uint8]) -> str:
    """`[y, x, 4]` as a JPEG picture; where nothing was seen it is grey."""
    from PIL import Image as Pillow

    plain = np.where(pixels[..., 3:] > 0, pixels[..., :3], np.uint8(128))
    held = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(plain)).save(held, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return _uri("jpeg", held)


def classes_png(numbers: NDArray[np.generic], shown: NDArray[np.bool_], colours: Mapping[int, str]) -> str:
    """Class numbers `[y, x]` as a picture with a palette; all others, and what is not shown, are clear."""
    drawn = np.zeros(numbers.shape, np.uint8)
    for place, value in enumerate(list(colours)[:255], 1):
        drawn[shown & (numbers == value)] = place
    return _palette_png(drawn, ["#000000", *colours.values()][:256])


def ramp_png(part: NDArray[np.floating], shown: NDArray[np.bool_], ramp: Ramp) -> str:
    """Numbers 0 to 1 `[y, x]` as a picture in steps between the ramp's colours."""
    stops = np.array([list(bytes.fromhex(colour[1:])) for colour in ramp.colours], dtype=float)
    steps = np.linspace(0, len(stops) - 1, 64)
    table = np.stack([np.interp(steps, np.arange(len(stops)), stops[:, i]) for i in range(3)], 1).round().astype(int)
    drawn = np.where(shown, 1 + np.rint(np.nan_to_num(part) * 63), 0).astype(np.uint8)
    return _palette_png(drawn, ["#000000", *("#" + bytes(row.tolist()).hex() for row in table)])


def _palette_png(drawn: NDArray[np.uint8], colours: list[str]) -> str:
    """Places in a palette `[y, x]`, of which the first is clear."""
    from PIL import Image as Pillow

    picture = Pillow.fromarray(drawn)
    picture.putpalette(b"".join(bytes.fromhex(colour[1:]) for colour in colours))
    held = io.BytesIO()
    picture.save(held, "PNG", transparency=0, optimize=True)
    return _uri("png", held)


def _uri(kind: str, held: io.BytesIO) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(held.getvalue()).decode('ascii')}"


def _colours(name: str, count: int) -> tuple[str, ...]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return tuple(to_hex(colour) for colour in colormaps[name](np.linspace(0, 1, count)))
