"""Sets in files of arrays: an image or series and its mask in a file each, or many images and classes in one."""

from __future__ import annotations

from pathlib import Path

from swath.data.arrays import Joined, Within, read_array
from swath.data.inner_mask import InnerMask
from swath.data.inside import Inside
from swath.data.item import ClassIndex, Item
from swath.data.layouts import Asked, Found, Stray
from swath.data.months import Months
from swath.data.published.masks import coding_of, labels_of
from swath.data.published.places import Arranged
from swath.errors import DataError, ReadError
from swath.sensors import Band


def masks(folder: Path, place: Arranged, asked: Asked) -> Found:
    """Images or series with masks of classes, an array each."""
    arrays = place.how.arrays
    mask, coding = Within(arrays["classes"]), coding_of(place.one, asked)
    image = _months(place, asked) if place.how.months else Within(arrays["image"])
    items = []
    for name, one in place.places.items():
        first, *others = one.all("image")
        within = Joined(arrays["image"], tuple(others)) if others else image
        items.append(Item(name, (first,), InnerMask(one["classes"], mask, coding), name, within=within))
    return Found("segmentation", labels_of(place.one), tuple(items), place.strays)


def _months(place: Arranged, asked: Asked) -> Inside:
    """All bands, or those that were asked for.

    Raises:
        DataError: there is no such band.
    """
    known = dict(zip(_names(place.one.bands), place.how.arrays["image"], strict=True))
    wanted = _names(asked.bands or place.one.bands)
    if lacking := [name for name in wanted if name not in known]:
        raise DataError(f"{place.one.title}: has no band {lacking[0]}; there are {', '.join(known)}")
    return Months(tuple(known[name] for name in wanted))


def _names(bands: tuple[str | Band, ...]) -> list[str]:
    return [band.name if isinstance(band, Band) else str(band) for band in bands]


def stacks(folder: Path, place: Arranged, asked: Asked) -> Found:
    """Many images in a file, each with a row of 0 and 1 for its class."""
    how, count = place.how, len(place.one.classes)
    items: list[Item] = []
    strays, parts = list(place.strays), {}
    for name, one in place.places.items():
        try:
            rows = read_array(one["classes"], how.arrays["classes"])
            if rows.ndim != 2 or rows.shape[1] != count:
                raise DataError(f"holds labels of shape {rows.shape}; there are {count} classes")
        except (ReadError, DataError) as error:
            strays.append(Stray(one["image"], str(error)))
            continue
        part = place.one.part(one.words.get("part"))
        for at, row in enumerate(rows.argmax(axis=1).tolist()):
            key = f"{name}/{at:06d}"
            within = Within(how.arrays["image"], at)
            items.append(Item(key, (one["image"],), ClassIndex(row), key, within=within))
            if part is not None:
                parts[key] = part
    return Found("classification", labels_of(place.one), tuple(items), tuple(strays), parts)
