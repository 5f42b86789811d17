"""Which shapes a product has: its classes as polygons, or its pixels as boxes or points."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from swath.errors import PredictError
from swath.predict.areas import cell_areas
from swath.predict.vectors.frames import area_frames, pixel_frames
from swath.predict.vectors.from_to import KEYS, FromTo
from swath.predict.vectors.regions import NOTHING, Window
from swath.predict.vectors.sieve import Sieve
from swath.predict.vectors.whole import SIDE, whole_polygons
from swath.scene.place import ground_resolution
from swath.tasks.pairs import is_of_pairs
from swath.tasks.task import MAIN

if TYPE_CHECKING:
    import geopandas as gpd

    from swath.predict.product import Product

ShapeKind = Literal["areas", "boxes", "points"]
CONFIDENCE = "confidence"


def frames_of(
    product: Product,
    *,
    shapes: ShapeKind | None = None,
    classes: Collection[str | int] | str | int | None = None,
    simplify: float = 0.0,
    min_area: float = 0.0,
    block: int = SIDE,
) -> Iterator[gpd.GeoDataFrame]:
    """Shapes of a product, frame by frame; see `Product.vectors`.

    Raises:
        PredictError: the map has no classes, no such class, or options contradict each other.
    """
    layers = product.files[MAIN]
    is_map = (len(layers) == 1 or is_of_pairs(product.files)) and bool(layers[0].classes)
    kind = shapes or ("areas" if is_map and not product.is_of_tiles else "boxes")
    if kind not in ("areas", "boxes", "points"):
        raise PredictError(f"shapes={shapes!r}: give 'areas', 'boxes' or 'points'")
    if kind == "areas" and not is_map:
        told = ", ".join(layer.name for layer in layers)
        raise PredictError(f"areas are of one layer of classes, and the map has {told}; say shapes='boxes' or 'points'")
    if min(simplify, min_area) < 0 or block < 2:
        raise PredictError("simplify and min_area are not negative, and block is at least 2 px")
    if kind != "areas" and (simplify or min_area):
        raise PredictError(f"simplify= and min_area= are for areas, and shapes are {kind}; leave them out")
    wanted = _numbers(product, classes)
    if kind == "areas":
        return itertools.chain.from_iterable(
            _areas(product, index, wanted, simplify, min_area, block) for index in range(len(layers))
        )
    return pixel_frames(lambda window: _columns(product, window, wanted), product.grid, points=kind == "points")


def _areas(
    product: Product, index: int, wanted: set[int] | None, simplify: float, min_area: float, block: int
) -> Iterator[gpd.GeoDataFrame]:
    """Polygons of a layer of the map; of several pairs of dates there is one for each."""
    layer, of_pairs = product.files[MAIN][index], is_of_pairs(product.files)
    has_confidence = CONFIDENCE in product.files
    # Of semantic change the confidence has several layers for each of the map's; the first is that of change.
    sure = index * (len(product.files[CONFIDENCE]) // len(product.files[MAIN])) if has_confidence else 0
    keys = [MAIN, CONFIDENCE] if has_confidence else [MAIN]
    pairs = FromTo.of(product.files, index)
    if pairs is not None:
        keys, wanted = [*keys, *KEYS], pairs.wanted(wanted)

    def read(window: Window) -> tuple[NDArray[np.int32], NDArray[np.generic] | None]:
        found = product.stored(window, keys)
        numbers = found[MAIN][index].astype(np.int64) if pairs is None else pairs.numbers(found)
        classes = np.where(found[MAIN][index] == layer.nodata, NOTHING, numbers).astype(np.int32)
        return classes, found[CONFIDENCE][sure] if has_confidence else None

    product.make()
    cells = cell_areas(product.grid)
    areas = np.ones(product.shape[0]) if cells is None else cells
    sieve = Sieve(read, product.shape, areas, min_area, side=block) if min_area > 0 else None
    # A tolerance in metres is one in pixels of the size that they have at the map's centre.
    pixels = simplify / (ground_resolution(product.grid) or 1.0)
    found = whole_polygons(read, product.shape, areas, keep=wanted, sieve=sieve, simplify=pixels, side=block)
    scale = product.files[CONFIDENCE][0].scale if has_confidence else None
    names = layer.classes or {}
    plain: dict[str, dict[int, Any]] = {"class": {value: value for value in names}, "name": dict(names)}
    columns = plain if pairs is None else pairs.columns()
    if of_pairs:
        columns = {"pair": dict.fromkeys(columns["class"], layer.name), **columns}
    return area_frames(found, product.grid, columns, in_metres=cells is not None, confidence=scale)


def _columns(
    product: Product, window: Window, wanted: set[int] | None
) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
    """What each file says of the pixels of a window."""
    columns: dict[str, NDArray[Any]] = {}
    seen = np.zeros((window[0].stop - window[0].start, window[1].stop - window[1].start), dtype=bool)
    product.make()
    for key, layers in product.files.items():
        values, valid = product.read(window, key)
        if key == MAIN:
            kept = valid if wanted is None else valid & np.isin(values, list(wanted))
            seen = np.asarray(kept.any(axis=0))
        for layer, plane in zip(layers, values, strict=True):
            column = layer.name if key in (MAIN, CONFIDENCE) else f"{key}_{layer.name}"
            columns[column] = plane
            if key == MAIN and len(layers) == 1 and layer.classes:
                names = np.array(
                    [layer.classes.get(value, "") for value in range(max(layer.classes) + 1)], dtype=object
                )
                columns["name"] = names[np.where(seen, plane, 0).astype(np.intp)]
    return columns, seen


def _numbers(product: Product, classes: Collection[str | int] | str | int | None) -> set[int] | None:
    """Class numbers of classes that were named."""
    if classes is None:
        return None
    known = product.classes
    by_name = {name: value for value, name in known.items()}
    wanted = set()
    for one in [classes] if isinstance(classes, str | int) else classes:
        number = by_name.get(one) if isinstance(one, str) else one
        if number not in known:
            raise PredictError(f"no class {one!r}; the map has {', '.join(by_name) or 'no classes'}")
        wanted.add(int(number))
    return wanted
