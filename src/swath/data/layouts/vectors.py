"""Shapes over rasters: GeoJSON, GeoPackage, Shapefile, FlatGeobuf or GeoParquet, burned into the pixels of images.

One vector file goes with every image that its shapes touch; of several, each goes with the image whose name its own
holds (`paris.tif`, `paris_labels.geojson`). Images on one grid are dates of one place. Pixels outside all shapes are
unlabelled, unless `background` is among the classes that are asked for. Of shapes that overlap the smallest counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from swath.data.burned import Place, found_of, told_apart
from swath.data.files import visible
from swath.data.layouts import Asked, Found, Stray, listing
from swath.data.layouts.sensors import is_of_several
from swath.data.vector_files import Shapes, read_shapes, vector_files
from swath.errors import DataError, SwathError
from swath.scene.gather import RASTER_SUFFIXES
from swath.scene.open import open_scene
from swath.scene.scene import Scene
from swath.scene.words import many


def recognise(folder: Path, asked: Asked) -> Found | None:
    """Vector files over rasters.

    Raises:
        DataError: it cannot be told which column holds the class, or which rasters are imagery.
    """
    if asked.task not in (None, "segmentation"):
        return None
    files = vector_files(folder)
    paths = visible(folder, RASTER_SUFFIXES) if files else []
    if not paths or (asked.layout is None and is_of_several(folder, asked)):
        return None
    every = [one for path in files if (one := read_shapes(path, asked.label_field, asked.buffer)) is not None]
    if not every:
        return None
    strays: list[Stray] = []
    pairs = _pairs(folder, every, _scenes(folder, paths, asked, strays), strays)
    return found_of(folder, every, pairs, strays, asked)


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
        raise DataError(f"{folder}: no raster in it can be opened as imagery ({len(paths)} tried); {refused[0].why}")
    kinds: dict[int, list[Path]] = defaultdict(list)
    for path, scene in scenes.items():
        kinds[len(scene.bands)].append(path)
    if len(kinds) > 1 and 1 in kinds:
        strays += [Stray(path, "one band, beside images of several: taken for a map") for path in kinds.pop(1)]
    if len(kinds) > 1:
        told = listing(
            [f"{many(count, 'band')} ({listing([path.name for path in kinds[count]], 2)})" for count in sorted(kinds)]
        )
        raise DataError(f"{folder}: holds rasters of {told}; say sensor= or bands= of those that are imagery")
    (kept,) = kinds.values()
    return {path: scenes[path] for path in kept}


def _pairs(
    folder: Path, every: Sequence[Shapes], scenes: Mapping[Path, Scene], strays: list[Stray]
) -> list[tuple[Shapes, Place]]:
    """Each vector file with the places that it may label.

    Raises:
        DataError: names do not tell which of several vector files goes with which image.
    """
    mine = told_apart(folder, every, scenes)
    strays += [Stray(one.path, "no image is named like it") for one in every if one.path not in mine]
    taken = {path for paths in mine.values() for path in paths}
    strays += [Stray(path, "no vector file is named like it") for path in scenes if path not in taken]
    return [
        (shapes, place)
        for shapes in every
        for place in _places(folder, {path: scenes[path] for path in mine.get(shapes.path, ())})
    ]


def _places(folder: Path, scenes: Mapping[Path, Scene]) -> list[Place]:
    """Images on one grid as dates of one place, in the order of time, or of their names where no date is known."""
    alike: dict[object, list[Path]] = defaultdict(list)
    for path, scene in scenes.items():
        grid = scene.grid
        alike[(tuple(grid.shape), tuple(grid.affine), str(grid.crs)) if grid.crs else path].append(path)
    places = []
    for paths in alike.values():
        dated = all(scenes[path].dates[0] is not None for path in paths)
        order = sorted(paths, key=lambda path: (str(scenes[path].dates[0]) if dated else "", path.as_posix()))
        name = order[0].relative_to(folder).with_suffix("").as_posix()
        places.append(Place(name, tuple(order), scenes[order[0]]))
    return places
