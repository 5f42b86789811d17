"""What a page says of a product in words and numbers: gathered here, laid out elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.models.card import Card
from swath.predict.areas import cell_areas
from swath.predict.page.part import Part
from swath.predict.page.pictures import clear_class, colour_of
from swath.scene.describe import place_words
from swath.scene.footprint import footprint
from swath.scene.write import record_path
from swath.tasks.pairs import FIRST, is_of_pairs
from swath.tasks.task import MAIN

if TYPE_CHECKING:
    from swath.predict.product import Product

BINS = 10
_SHAPES = (".gpkg", ".parquet", ".geojson", ".fgb")
_HECTARE = 10_000.0


@dataclass(frozen=True)
class ClassRow:
    """A class in the legend."""

    value: int
    name: str
    colour: str
    area: float
    """m², pixels without a CRS."""
    share: float
    """Of all that has an answer."""
    is_clear: bool
    """Whether it is left clear in the picture."""


@dataclass(frozen=True)
class File:
    """A file beside the page."""

    path: Path
    what: str
    bytes: int


@dataclass(frozen=True)
class Facts:
    """What a page says of a product.

    Attributes:
        task: what was asked.
        place: where, in words.
        size: rows and columns.
        classes: with their areas; none for a map of numbers.
        first: of a series: each date at which change was seen first, with the area; none else.
        in_metres: whether areas are m², and not pixels.
        valid: share of pixels that have an answer.
        confidence: mean, 0 to 1; None where it was not kept.
        histogram: share of pixels by confidence, in `BINS` steps from 0 to 1; empty where it was not kept.
        card: of the network; None where no record tells it.
        weights: hash of the weights, shortened.
        match: how the scene was matched: `inputs` and `notes`.
        sensors: what the scene was seen by.
        files: to link to.
    """

    task: str
    place: str
    size: tuple[int, int]
    classes: tuple[ClassRow, ...]
    first: tuple[ClassRow, ...]
    in_metres: bool
    valid: float
    confidence: float | None
    histogram: tuple[float, ...]
    card: Card | None
    weights: str
    match: Mapping[str, Any]
    sensors: tuple[str, ...]
    files: tuple[File, ...]


def facts_of(part: Part) -> Facts:
    """Gather them; the map is made first where it was not."""
    product = part.product
    product.make()
    record = product.record or {}
    model = record.get("swath:model") or {}
    classes, in_metres, valid = _classes(product)
    mean, histogram = _confidence(product)
    scene = part.scene or product.scene
    return Facts(
        task=str(record.get("swath:task", "")),
        place=part.place or place_words(footprint(product.grid)),
        size=product.shape,
        classes=classes,
        first=_classes(product, FIRST)[0] if is_of_pairs(product.files) else (),
        in_metres=in_metres,
        valid=valid,
        confidence=mean,
        histogram=histogram,
        card=Card.model_validate(model["card"]) if "card" in model else None,
        weights=str(model.get("hash") or "")[:12],
        match=record.get("swath:match") or {},
        sensors=() if scene is None else tuple(one.title for one in scene.sensors),
        files=_files(part),
    )


def _classes(product: Product, key: str = MAIN) -> tuple[tuple[ClassRow, ...], bool, float]:
    """Classes with areas, whether these are in m², and the share of pixels with an answer."""
    layers = product.files[key]
    cells = cell_areas(product.grid)
    weights = np.ones(product.shape[0]) if cells is None else cells
    totals = [dict.fromkeys(layer.classes or {}, 0.0) for layer in layers]
    whole, answered = 0.0, 0.0
    for (rows, columns), numbers in product.blocks(key):
        weight = weights[rows]
        whole += float(weight.sum()) * (columns.stop - columns.start)
        answered += float(_answered(numbers[0], layers[0].nodata).sum(axis=1) @ weight)
        for plane, total in zip(numbers, totals, strict=True):
            for value in total:
                total[value] += float((plane == value).sum(axis=1) @ weight)
    found = []
    for layer, total in zip(layers, totals, strict=True):
        clear, among = clear_class(layer), sum(total.values()) or 1.0
        for value, area in total.items():
            name = (layer.classes or {})[value]
            words = name if len(layers) == 1 else f"{layer.name}: {name}"
            found.append(ClassRow(value, words, colour_of(layer, value), area, area / among, value == clear))
    return tuple(found), cells is not None, answered / whole


def _answered(numbers: NDArray[Any], nodata: float | None) -> NDArray[np.bool_]:
    held = np.asarray(np.isfinite(numbers))
    return held if nodata is None or np.isnan(nodata) else np.asarray(held & (numbers != nodata))


def _confidence(product: Product) -> tuple[float | None, tuple[float, ...]]:
    if "confidence" not in product.files:
        return None, ()
    layer = product.files["confidence"][0]
    counts, total, number = np.zeros(BINS), 0.0, 0
    for _, numbers in product.blocks("confidence"):
        stored = numbers[0][_answered(numbers[0], layer.nodata)]
        values = stored * layer.scale + layer.offset
        counts += np.histogram(values, bins=BINS, range=(0, 1))[0]
        total, number = total + float(values.sum()), number + values.size
    if not number:
        return None, ()
    return total / number, tuple((counts / number).tolist())


def _files(part: Part) -> tuple[File, ...]:
    """The product's own files and shapes of its name beside it, or those that were named; absent ones are left out."""
    main = part.product.path
    found: list[tuple[Path, str]] = []
    if main is not None:
        found.append((main, "the map, a Cloud Optimized GeoTIFF"))
        for key in part.product.files:
            if key != MAIN:
                found.append((main.with_name(f"{main.stem}.{key}{main.suffix}"), f"{key}, a Cloud Optimized GeoTIFF"))
        found += [(main.with_suffix(suffix), "its shapes as polygons") for suffix in _SHAPES]
        found.append((record_path(main), "the record: what made it, as a STAC item"))
    if part.files is not None:
        words = dict(found)
        found = [(path, words.get(path, "")) for path in part.files]
    return tuple(File(path, what, path.stat().st_size) for path, what in found if path.is_file())


def area_words(area: float, *, in_metres: bool, small: bool = False) -> str:
    """An area for people: hectares with three digits, square metres where all are `small`, or pixels."""
    if not in_metres:
        return f"{area:,.0f} px"
    if small:
        return f"{area:,.0f} m²" if area >= 10 else f"{area:.1f} m²"
    hectares = area / _HECTARE
    if hectares >= 100 or not area:
        return f"{hectares:,.0f} ha"
    if hectares < 0.001:
        return f"{float(f'{area:.2g}'):g} m²"
    return f"{hectares:.{2 - math.floor(math.log10(hectares))}f} ha"
