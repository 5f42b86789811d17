"""From vector files paired with images to what a layout has found: shapes on each image, classes, what is odd."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swath.data.classes import Classes, classes_of
from swath.data.files import part_of
from swath.data.item import Item
from swath.data.layouts import Asked, Found, Stray, listing
from swath.data.sample import IGNORE
from swath.data.shapes import ShapesLabel
from swath.data.vector_files import Shapes, overlaps
from swath.errors import DataError
from swath.scene.scene import Scene
from swath.scene.words import many

_MOST_OVERLAPS = 3  # pairs of classes that are named


@dataclass(frozen=True)
class Place:
    """The images of one place in the order of time, and the scene of the first; or what several sensors saw.

    Attributes:
        name: of its item.
        images: as `Item.images`.
        scene: on whose grid shapes are burned.
        sensors: as `Item.sensors`.
    """

    name: str
    images: tuple[Path, ...]
    scene: Scene
    sensors: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class _Touched:
    """A place with the shapes that touch it, in its CRS, and which of the file's they are."""

    place: Place
    source: Shapes
    shapes: NDArray[np.object_]
    which: NDArray[np.intp]

    @property
    def names(self) -> list[str]:
        return [str(name) for name in self.source.names[self.which]]


def found_of(
    folder: Path, every: Sequence[Shapes], pairs: Sequence[tuple[Shapes, Place]], strays: list[Stray], asked: Asked
) -> Found:
    """Items with burned shapes.

    Raises:
        DataError: no shape touches an image, or classes were asked for that do not occur.
    """
    touched = []
    used: dict[Path, set[int]] = defaultdict(set)
    for source, place in pairs:
        if not place.scene.grid.crs and source.frame.crs:
            strays += [Stray(path, "has no CRS, so that no shape can be placed on it") for path in place.images]
            continue
        shapes, which = source.on(place.scene.grid)
        used[source.path].update(which.tolist())
        if len(which):
            touched.append(_Touched(place, source, shapes, which))
        else:
            strays += [Stray(path, f"no shape of {source.path.name} touches it") for path in place.images]
    if not touched:
        raise DataError(f"{folder}: no shape touches an image; look at their CRS: {_where(every, pairs)}")
    classes = classes_of(Counter(name for one in touched for name in one.names), asked, str(folder))
    items, parts = [], {}
    for one in touched:
        name = one.place.name
        items.append(Item(name, one.place.images, _label(one, classes), name, sensors=one.place.sensors))
        if part := part_of(folder / name if one.place.sensors else one.place.images[0], folder):
            parts[name] = part
    notes = [note for source in every if source.path in used for note in _notes(source, used[source.path])]
    if any(len(one.place.images) > 1 and not one.place.sensors for one in touched):
        notes.append("there are images on one grid; they are taken as dates of one place")
    if len(classes.labels) == 1:
        only = classes.labels[0].name
        notes.append(
            f"{only!r} is the only class; say classes=['background', {only!r}] to tell it from all other pixels"
        )
    return Found("segmentation", classes.labels, tuple(items), tuple(strays), parts, (*notes, *classes.notes))


def told_apart(folder: Path, every: Sequence[Shapes], names: Iterable[Path]) -> dict[Path, list[Path]]:
    """What each vector file may label: a single one all, each of several what is named in its name.

    Args:
        folder: of the data.
        every: the vector files.
        names: paths of images or places, of which the last part without suffix is the name.

    Raises:
        DataError: names do not tell which of several vector files goes with what.
    """
    if len(every) == 1:
        return {every[0].path: [*names]}
    mine: dict[Path, list[Path]] = defaultdict(list)
    for path in names:
        if (near := _named_after(path, every)) is not None:
            mine[near].append(path)
    if not mine:
        told = listing([shapes.path.relative_to(folder).as_posix() for shapes in every])
        raise DataError(
            f"{folder}: holds several vector files ({told}), and no name tells which image they label; keep one, or "
            "give them the names of their images"
        )
    return dict(mine)


def _named_after(image: Path, every: Sequence[Shapes]) -> Path | None:
    """The vector file whose name holds that of an image, at the borders of words."""
    edge = r"(^|$|[-_. ])"
    found = [one.path for one in every if re.search(edge + re.escape(image.stem) + edge, one.path.stem, re.IGNORECASE)]
    return min(found, key=lambda path: (path.parent != image.parent, len(path.stem)), default=None)


def _label(one: _Touched, classes: Classes) -> ShapesLabel:
    kept = np.array([name in classes.position for name in one.names], dtype=np.bool_)
    positions = [classes.position[name] for name in one.names if name in classes.position]
    outside = IGNORE if classes.background is None else classes.background
    return ShapesLabel(one.shapes[kept], np.asarray(positions, dtype=np.int64), outside, "crs", (one.source.path,))


def _notes(source: Shapes, used: set[int]) -> list[str]:
    """What is odd about the shapes of a file."""
    name, notes = source.path.name, list(source.notes)
    if lost := len(source.names) - len(used):
        notes.append(f"{name}: {lost} of {many(len(source.names), 'shape')} outside all images")
    if source.frame.crs is None:
        notes.append(f"{name}: tells no CRS; that of the images is taken")
    for (a, b), times in overlaps(source.geometries, source.names).most_common(_MOST_OVERLAPS):
        notes.append(f"{name}: {many(times, 'overlap')} of {a!r} with {b!r}; the smaller shape counts")
    return notes


def _where(every: Sequence[Shapes], pairs: Sequence[tuple[Shapes, Place]]) -> str:
    """Where the first shapes and the first image lie, in words."""
    bounds = ", ".join(f"{one:.6g}" for one in every[0].frame.total_bounds)
    said = f"{every[0].path.name} covers ({bounds}) {every[0].frame.crs}"
    if not pairs:
        return said
    grid = pairs[0][1].scene.grid
    bounds = ", ".join(f"{one:.6g}" for one in grid.boundingbox.bbox)
    return f"{said}, the first image ({bounds}) {grid.crs}"
