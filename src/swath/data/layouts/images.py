"""Images without labels, to learn from alone: every raster and every product below a folder.

Taken only where that is asked for (`task="pretraining"`), since all labelled folders hold images. What is a label or a
preview by its name is left out, so that a labelled folder serves too; the dates of a place, `A/1.png` and `B/1.png`,
are an image each and share their place.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path

from swath.data.files import part_of
from swath.data.given import given_parts
from swath.data.item import Item
from swath.data.layouts import Asked, Found, Stray, held
from swath.data.roles import PAIRS, TRANSITION, role_of
from swath.errors import DataError
from swath.scene.gather import RASTER_SUFFIXES
from swath.scene.products import is_product

_WORDS = {word: role for word, role in {**PAIRS, **TRANSITION}.items() if not word.isdigit()}
_LABELS = ("mask", "map", "from", "to")
_PREVIEW = re.compile(r"(^|[_\-. ])(thumbnail|preview|quicklook|browse)([_\-. ]|$)", re.IGNORECASE)


def recognise(folder: Path, asked: Asked) -> Found | None:
    """Take images as they are.

    Raises:
        DataError: there are none, or a list of parts names none of them.
    """
    if asked.task != "pretraining":
        return None
    items, strays = [], []
    for path in _images(folder):
        inner = path.relative_to(folder)
        role, key = role_of(inner, _WORDS) if inner.name else ("plain", folder.name)
        if role in _LABELS or _PREVIEW.search(inner.stem):
            strays.append(Stray(path, "a label, by its name" if role in _LABELS else "a preview, by its name"))
        else:
            name = inner.with_suffix("").as_posix() if inner.name else folder.name
            items.append(Item(name, (path,), None, key))
    if not items:
        raise DataError(f"{folder}: holds no image to learn from; it holds {held(folder)}")
    return Found("pretraining", (), tuple(items), tuple(strays), _parts(folder, items))


def _images(folder: Path) -> list[Path]:
    """Rasters and folders that are products, in order, none of them hidden; what lies in a product belongs to it."""
    found: list[Path] = []
    for here, folders, names in os.walk(folder):
        if is_product(here):
            found.append(Path(here))
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        taken = [name for name in names if name.casefold().endswith(tuple(RASTER_SUFFIXES)) and name[0] != "."]
        found += [Path(here, name) for name in taken]
    return sorted(found)


def _parts(folder: Path, items: list[Item]) -> dict[str, str]:
    """Parts by names, else by the lists that the folder brings along; what they say of a date holds for its place.

    What no folder or name holds back is to be learnt from.
    """
    told = {one.name: part_of(one.images[0], folder) for one in items}
    if any(told.values()):
        return {name: part or "train" for name, part in told.items()}
    by_place: dict[str, list[Path]] = defaultdict(list)
    for one in items:
        by_place[one.place] += one.images
    places = [Item(place, tuple(paths), None, place) for place, paths in by_place.items()]
    listed = given_parts(folder, places)
    return {one.name: listed[one.place] for one in items if one.place in listed}
