"""Objects as label files tell them, image by image, become items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from swath.data.boxes import BoxesLabel, around
from swath.data.classes import Classes, classes_of
from swath.data.files import Images, part_of
from swath.data.item import Item, Label
from swath.data.layouts import Asked, Found, Stray, listing
from swath.data.sample import IGNORE, Boxes
from swath.data.shapes import ShapesLabel
from swath.scene.words import many


@dataclass
class Marked:
    """The objects of one image, in the order in which a label file tells them.

    Attributes:
        told: what the label calls the image, for messages.
        source: file that tells them.
        image: the image; None where it is not here.
        names: class of each object.
        outlines: `[P, 2]` float64 each, x and y in pixels or in shares: two opposite corners of an upright box,
            the four corners of an oriented one.
        polygons: shapely polygon of each object, where its pixels are asked for and not its box.
        ignored: whether each neither counts as found nor as missed.
        part: `train`, `val` or `test`, where the files say so.
        dropped: numbers of the lines of its file that are no object, from 1 on.
    """

    told: str
    source: Path
    image: Path | None
    names: list[str] = field(default_factory=list)
    outlines: list[NDArray[np.float64]] = field(default_factory=list)
    polygons: list[shapely.Geometry] = field(default_factory=list)
    ignored: list[bool] = field(default_factory=list)
    part: str | None = None
    dropped: list[int] = field(default_factory=list)

    def add(self, name: str, outline: Iterable[float], *, ignored: bool = False) -> None:
        """One more object, by `x, y, x, y, ...`."""
        self.names.append(name)
        self.outlines.append(np.asarray(list(outline), dtype=np.float64).reshape(-1, 2))
        self.ignored.append(ignored)

    def add_polygon(self, name: str, polygon: shapely.Geometry) -> None:
        """One more object, by its pixels."""
        self.names.append(name)
        self.polygons.append(polygon)


def found_of(
    marked: Sequence[Marked],
    strays: Sequence[Stray],
    images: Images,
    asked: Asked,
    *,
    task: str = "detection",
    in_shares: bool = False,
    codes: Mapping[int, str] | None = None,
    own_files: bool = True,
    notes: Sequence[str] = (),
) -> Found | None:
    """Items from objects, and what is odd about these.

    Args:
        marked: per image; those whose image is not here become strays.
        strays: files that cannot be read.
        images: of the folder.
        asked: by the caller.
        task: `detection`, or `segmentation` where the objects are polygons.
        in_shares: whether coordinates are shares of width and height.
        codes: names by number, where a file tells them.
        own_files: whether each label file is of one image alone.
        notes: said before.

    Returns:
        None where there is no object in any image that is here.

    Raises:
        DataError: classes were asked for that do not occur.
    """
    here = {one.image: one for one in marked if one.image is not None}
    if not any(one.names for one in here.values()):
        return None
    odd: Counter[str] = Counter()
    segment = task == "segmentation"
    counted = Counter(name for one in here.values() for name in one.names)
    classes = classes_of(counted, asked, f"{images.folder}", codes=codes, rest=segment)
    items, parts = [], {}
    for image, one in here.items():
        name = images.item_name(image)
        files = (one.source,) if own_files else ()
        label: Label
        if segment:
            label = _shapes(one, classes, files, in_shares=in_shares)
        else:
            label = BoxesLabel(stacked(one, classes.position, odd), files, in_shares)
        items.append(Item(name, (image,), label, name))
        if part := one.part or part_of(image, images.folder):
            parts[name] = part
    lone = [Stray(path, "image without label") for path in images.paths if path not in here]
    lone += [Stray(one.source, f"labels of {one.told}, which is not here") for one in marked if one.image is None]
    empty = sum(not one.names for one in here.values())
    dropped = [
        f"{one.source.relative_to(images.folder).as_posix()}:{line}" for one in here.values() for line in one.dropped
    ]
    said = [*notes, *(f"{many(times, 'object')} {what}" for what, times in sorted(odd.items())), *classes.notes]
    if dropped:
        said.append(f"{many(len(dropped), 'line')} of label files without an object ({listing(dropped, 3)}); left out")
    if empty:
        said.append(f"{empty} of {many(len(here), 'image')} with labels but no object; taken as empty")
    if segment and classes.background is not None:
        said.append(
            "pixels outside all objects bear no label; they are of class 'background': say classes= without it to "
            "leave them out"
        )
    return Found(task, classes.labels, tuple(items), (*strays, *lone), parts, tuple(said))


def stacked(one: Marked, positions: Mapping[str, int], odd: Counter[str]) -> Boxes:
    """The boxes of an image; without those of no extent, those told twice, and those of no class.

    Args:
        one: the image.
        positions: of classes by name.
        odd: what is odd, counted here.
    """
    outlines, labels, ignored = [], [], []
    seen: set[tuple[bytes, str]] = set()
    for name, outline, skip in zip(one.names, one.outlines, one.ignored, strict=True):
        if name not in positions:
            continue
        if not np.isfinite(outline).all() or (outline.max(axis=0) <= outline.min(axis=0)).any():
            odd["without extent; left out"] += 1
        elif (key := (outline.astype(np.float32).tobytes(), name)) in seen:
            odd["told twice; taken once"] += 1
        else:
            seen.add(key)
            outlines.append(outline)
            labels.append(positions[name])
            ignored.append(skip)
    oriented = any(len(outline) == 4 for outline in outlines)
    points = 4 if oriented else 2
    corners = np.asarray([_four(one) if oriented else one for one in outlines], dtype=np.float32)
    corners = corners.reshape(-1, points, 2)
    return Boxes(
        around(corners),
        np.asarray(labels, dtype=np.int64),
        corners if oriented else None,
        np.asarray(ignored, dtype=np.bool_),
    )


def _four(outline: NDArray[np.float64]) -> NDArray[np.float64]:
    """The four corners of a box told by two, clockwise on the screen; others as they are."""
    if len(outline) == 4:
        return outline
    (x0, y0), (x1, y1) = outline.min(axis=0), outline.max(axis=0)
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def _shapes(one: Marked, classes: Classes, files: tuple[Path, ...], *, in_shares: bool) -> ShapesLabel:
    kept = [at for at, name in enumerate(one.names) if name in classes.position]
    shapes = np.empty(len(kept), dtype=object)
    shapes[:] = [one.polygons[at] for at in kept]
    positions = np.asarray([classes.position[one.names[at]] for at in kept], dtype=np.int64)
    outside = IGNORE if classes.background is None else classes.background
    return ShapesLabel(shapes, positions, outside, "shares" if in_shares else "pixels", files)
