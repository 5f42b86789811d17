"""Shapes over rasters: GeoJSON, GeoPackage, Shapefile, FlatGeobuf or GeoParquet, burned into the pixels of images.

One vector file goes with every image that its shapes touch; of several, each goes with the image whose name its own
holds (`paris.tif`, `paris_labels.geojson`). Images on one grid are dates of one place. Pixels outside all shapes are
unlabelled, unless `background` is among the classes that are asked for. Of shapes that overlap the smallest counts.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from swath.data.classes import Classes, classes_of
from swath.data.files import Images, part_of, visible
from swath.data.item import Item
from swath.data.layouts import Asked, Found, Stray, listing
from swath.data.sample import IGNORE
from swath.data.shapes import ShapesLabel
from swath.data.vector_files import SUFFIXES, Shapes, overlaps, read_shapes
from swath.errors import DataError, SwathError
from swath.scene.open import open_scene
from swath.scene.scene import Scene


@dataclass(frozen=True)
class _Place:
    """The images of one place in the order of time, and the scene of the first."""

    images: tuple[Path, ...]
    scene: Scene


def recognise(folder: Path, asked: Asked) -> Found | None:
    """Vector files over rasters.

    Raises:
        DataError: it cannot be told which column holds the class, or which rasters are imagery.
    """
    if asked.task not in (None, "segmentation"):
        return None
    files = visible(folder, SUFFIXES)
    images = Images(folder)
    if not files or not images.paths:
        return None
    every = [one for path in files if (one := read_shapes(path, asked.label_field, asked.buffer)) is not None]
    if not every:
        return None
    strays: list[Stray] = []
    pairs = _pairs(folder, every, _scenes(folder, images.paths, asked, strays), strays)
    found: list[tuple[str, _Place, Shapes, np.ndarray[tuple[int], np.dtype[np.object_]], list[int]]] = []
    used: dict[Path, set[int]] = defaultdict(set)
    for shapes, place in pairs:
        if not place.scene.grid.crs and shapes.frame.crs:
            strays += [Stray(path, "has no CRS, so that no shape can be placed on it") for path in place.images]
            continue
        here, which = shapes.on(place.scene.grid)
        used[shapes.path].update(which.tolist())
        if len(here):
            found.append((images.item_name(place.images[0]), place, shapes, here, which.tolist()))
        else:
            strays += [Stray(path, f"no shape of {shapes.path.name} touches it") for path in place.images]
    if not found:
        raise DataError(f"{folder}: no shape touches an image; look at their CRS: {_where(every, pairs)}")
    counted = Counter(str(shapes.names[at]) for _, _, shapes, _, which in found for at in which)
    classes = classes_of(counted, asked, str(folder))
    items = tuple(
        Item(name, place.images, _label(shapes, here, which, classes), name)
        for name, place, shapes, here, which in found
    )
    parts = {name: part for name, place, *_ in found if (part := part_of(place.images[0], folder)) is not None}
    taken = [shapes for shapes in every if shapes.path in used]
    notes = [note for shapes in taken for note in shapes.notes]
    for shapes in taken:
        if lost := len(shapes.names) - len(used[shapes.path]):
            notes.append(f"{shapes.path.name}: {lost} of {len(shapes.names)} shapes touch no image")
        if shapes.frame.crs is None:
            notes.append(f"{shapes.path.name}: tells no CRS; that of the images is taken")
        for (a, b), times in overlaps(np.asarray(shapes.frame.values, dtype=object), shapes.names).most_common(3):
            notes.append(f"{shapes.path.name}: {times} shapes of {a!r} and {b!r} overlap: the smaller one counts")
    if any(len(place.images) > 1 for _, place, *_ in found):
        notes.append("images on one grid are taken as dates of one place")
    if len(classes.labels) == 1:
        only = classes.labels[0].name
        notes.append(
            f"{only!r} is the only class: say classes=['background', {only!r}] to tell it from all other pixels"
        )
    return Found("segmentation", classes.labels, items, tuple(strays), parts, (*notes, *classes.notes))


def _label(
    shapes: Shapes, here: np.ndarray[tuple[int], np.dtype[np.object_]], which: Sequence[int], classes: Classes
) -> ShapesLabel:
    kept = [at for at, index in enumerate(which) if shapes.names[index] in classes.position]
    positions = [classes.position[shapes.names[which[at]]] for at in kept]
    outside = IGNORE if classes.background is None else classes.background
    return ShapesLabel(here[kept], np.asarray(positions, dtype=np.int64), outside, "crs", (shapes.path,))


def _scenes(folder: Path, paths: Sequence[Path], asked: Asked, strays: list[Stray]) -> Mapping[Path, Scene]:
    """The rasters that are imagery of the kind that was asked for.

    Raises:
        DataError: there are several kinds, or none that can be opened.
    """
    scenes: dict[Path, Scene] = {}
    refused: list[Stray] = []
    for path in paths:
        try:
            scenes[path] = open_scene(str(path), sensor=asked.sensor, bands=asked.bands)
        except SwathError as error:
            refused.append(Stray(path, str(error)))
    strays += refused
    if not scenes:
        raise DataError(f"{folder}: none of its {len(paths)} rasters can be opened as imagery; {refused[0].why}")
    kinds: dict[int, list[Path]] = defaultdict(list)
    for path, scene in scenes.items():
        kinds[len(scene.bands)].append(path)
    if len(kinds) > 1 and 1 in kinds:
        strays += [Stray(path, "one band, beside images of several: taken for a map") for path in kinds.pop(1)]
    if len(kinds) > 1:
        told = listing(
            [f"{count} bands ({listing([path.name for path in kinds[count]], 2)})" for count in sorted(kinds)]
        )
        raise DataError(f"{folder}: holds rasters of {told}; say sensor= or bands= of those that are imagery")
    (kept,) = kinds.values()
    return {path: scenes[path] for path in kept}


def _pairs(
    folder: Path, every: Sequence[Shapes], scenes: Mapping[Path, Scene], strays: list[Stray]
) -> list[tuple[Shapes, _Place]]:
    """Each vector file with the places that it may label.

    Raises:
        DataError: names do not tell which of several vector files goes with which image.
    """
    if len(every) == 1:
        return [(every[0], place) for place in _places(scenes)]
    mine: dict[Path, list[Path]] = defaultdict(list)
    for path in scenes:
        if (near := _named_after(path, every)) is not None:
            mine[near].append(path)
    if not mine:
        names = listing([shapes.path.relative_to(folder).as_posix() for shapes in every])
        raise DataError(
            f"{folder}: holds several vector files ({names}), and no name tells which image they label; keep one, or "
            "give them the names of their images"
        )
    strays += [Stray(one.path, "no image is named like it") for one in every if one.path not in mine]
    taken = {path for paths in mine.values() for path in paths}
    strays += [Stray(path, "no vector file is named like it") for path in scenes if path not in taken]
    return [
        (shapes, place)
        for shapes in every
        for place in _places({path: scenes[path] for path in mine.get(shapes.path, ())})
    ]


def _named_after(image: Path, every: Sequence[Shapes]) -> Path | None:
    """The vector file whose name holds that of an image, at the borders of words."""
    edge = r"(^|$|[-_. ])"
    found = [one.path for one in every if re.search(edge + re.escape(image.stem) + edge, one.path.stem, re.IGNORECASE)]
    return min(found, key=lambda path: (path.parent != image.parent, len(path.stem)), default=None)


def _places(scenes: Mapping[Path, Scene]) -> list[_Place]:
    """Images on one grid as dates of one place, in the order of time, or of their names where no date is known."""
    alike: dict[object, list[Path]] = defaultdict(list)
    for path, scene in scenes.items():
        grid = scene.grid
        alike[(tuple(grid.shape), tuple(grid.affine), str(grid.crs)) if grid.crs else path].append(path)
    places = []
    for paths in alike.values():
        dated = all(scenes[path].dates[0] is not None for path in paths)
        order = sorted(paths, key=lambda path: (str(scenes[path].dates[0]) if dated else "", path.as_posix()))
        places.append(_Place(tuple(order), scenes[order[0]]))
    return places


def _where(every: Sequence[Shapes], pairs: Sequence[tuple[Shapes, _Place]]) -> str:
    shapes, grid = every[0], pairs[0][1].scene.grid if pairs else None
    bounds = ", ".join(f"{one:.6g}" for one in shapes.frame.total_bounds)
    there = (
        "" if grid is None else f", the first image {tuple(round(one, 4) for one in grid.boundingbox.bbox)} {grid.crs}"
    )
    return f"{shapes.path.name} covers ({bounds}) {shapes.frame.crs}{there}"
