"""Files of places that several sensors saw, by sensor and place, as folders and names tell them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from swath.data.files import visible
from swath.data.layouts import Asked, Stray, listing
from swath.data.roles import PAIRS, Vocabulary, role_of
from swath.errors import DataError
from swath.scene.everywhere import SUFFIX, is_everywhere
from swath.scene.gather import RASTER_SUFFIXES
from swath.scene.words import many

_WORDS = (
    "s1 s2 s3 sentinel1 sentinel2 sentinel3 sentinel-1 sentinel-2 sentinel-3 sentinel_1 sentinel_2 sentinel_3 "
    "sen1 sen2 s1_asc s1_des s1-asc s1-des s1a s1d l5 l7 l8 l9 landsat landsat5 landsat7 landsat8 landsat9 modis viirs "
    "hls aster planet planetscope spot pleiades naip palsar enmap prisma aerial drone uav sar radar optical "
    "multispectral hyperspectral hsi msi pan thermal lidar dem dsm dtm dhm ndsm chm hag elevation height heights slope "
    "aspect terrain srtm weather climate meteo era5"
)
SENSORS = frozenset(_WORDS.split())
"""Names of folders and last words of names that tell a sensor; `sensor={...}` tells others."""
_ALSO = {"s1hand": "sensor s1", "s2hand": "sensor s2", "labelhand": "mask"}
"""Last words of names in Sen1Floods11 (doi:10.1109/CVPRW50498.2020.00113)."""
_SHARE = 0.5
"""Share of the places that must have a sensor for it to take part."""
_DATE = re.compile(r"[-_. ]?(?:19|20)\d\d(?:-[01]\d-[0-3]\d|_[01]\d_[0-3]\d|[01]\d[0-3]\d)(?:T\d{4,6}Z?)?$")


@dataclass(frozen=True)
class Sensed:
    """Files by what they are of: masks by key; those of sensors by sensor and key, the empty key for all places."""

    folder: Path
    masks: Mapping[str, list[Path]]
    images: Mapping[str, Mapping[str, list[Path]]]

    def of(self, sensor: str, key: str) -> list[Path]:
        """The files of a sensor at the place of a key: under its name, its name without a date, or for all places."""
        own = self.images[sensor]
        return next((own[one] for one in (key, _undated(key), "") if one in own), [])

    @property
    def keys(self) -> list[str]:
        """Of the places that imagery tells; the empty one alone where all files lie at the top."""
        return sorted({key for own in self.images.values() for key in own if key}) or [""]

    def without(self, names: Sequence[str]) -> Sensed:
        """The same without some sensors."""
        return replace(self, images={name: own for name, own in self.images.items() if name not in names})

    def seen_by_several(self, asked: Asked, keys: Sequence[str]) -> bool:
        """Whether two sensors saw one of these places, and one of all is known by its name."""
        told = SENSORS | frozenset(_in_order(asked))
        some = any(name in told for name in self.images)
        return some and any(sum(bool(self.of(name, key)) for name in self.images) > 1 for key in keys)


@dataclass(frozen=True)
class Complete:
    """Places that all sensors saw.

    Attributes:
        files: of each place by its key: all of them, and how many of them are of each sensor in turn.
        strays: what lies beside, and why it takes no part.
    """

    files: Mapping[str, tuple[tuple[Path, ...], tuple[tuple[str, int], ...]]]
    strays: list[Stray]


def sensed(folder: Path, asked: Asked) -> Sensed:
    """The files of a folder that are of sensors, or masks."""
    words: Vocabulary = {**PAIRS, **_ALSO, **{name: f"sensor {name}" for name in (*SENSORS, *_in_order(asked))}}
    masks: dict[str, list[Path]] = defaultdict(list)
    seen: list[tuple[str, str, str, Path]] = []
    for path in visible(folder, (*RASTER_SUFFIXES, SUFFIX)):
        inner = path.relative_to(folder)
        role, key = _role(inner, words)
        if path.suffix.casefold() == SUFFIX and (not role.startswith("sensor ") or not is_everywhere(path)):
            continue
        if role == "mask":
            masks[key].append(path)
        elif role != "plain":
            name = _folder_word(inner, "image", words) if role == "image" else role.removeprefix("sensor ")
            seen.append((name, key, _role(_undated_path(inner), words)[1], path))
    images: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for name, key, undated, path in seen:
        images[name][key if key in masks else undated].append(path)
    return Sensed(folder, dict(masks), {name: dict(keys) for name, keys in images.items()})


def complete(files: Sensed, labels: Mapping[str, Path | None], asked: Asked, bare: str) -> Complete:
    """Places with a label that all sensors saw; a sensor that few of them have takes no part.

    Args:
        files: of the folder.
        labels: what the label of each place lies in, by its key; None: nothing of its own.
        asked: `sensor` and `bands` name sensors, in order.
        bare: what an image without a label is, in words.

    Raises:
        DataError: `sensor=` or `bands=` names sensors that are not there, or no place has all.
    """
    has = Counter(name for name in files.images for key in labels if files.of(name, key))
    order = [*(name for name in _in_order(asked) if name in has), *sorted(set(has) - {*_in_order(asked)})]
    sensors = [name for name in order if has[name] >= _SHARE * len(labels)]
    _check(files.folder, asked, order)
    strays = [
        Stray(path, f"{name} was seen at {has[name]} of {many(len(labels), 'place')} only")
        for name in files.images
        if name not in sensors
        for paths in files.images[name].values()
        for path in paths
    ]
    made, used = {}, set[Path]()
    for key, label in labels.items():
        found = {name: files.of(name, key) for name in sensors}
        paths = tuple(path for own in found.values() for path in own)
        used |= {*paths}
        if lacking := [name for name, own in found.items() if not own]:
            why = f"lacks {' and '.join(lacking)}"
            strays += [Stray(path, why) for path in (paths if label is None else (label,))]
        else:
            made[key] = paths, tuple((name, len(own)) for name, own in found.items())
    strays += [
        Stray(path, bare)
        for name in sensors
        for paths in files.images[name].values()
        for path in paths
        if path not in used
    ]
    if not made:
        raise DataError(
            f"{files.folder}: no place has all of {listing(sensors)}; {strays[0].path} {strays[0].why}, for one; give "
            "the files of a place one name"
        )
    return Complete(made, strays)


def _role(inner: Path, words: Vocabulary) -> tuple[str, str]:
    """`(role, key)` of a path in the folder; what lies at the top and is called like a sensor is of all places."""
    if len(inner.parts) == 1 and words.get(inner.stem.casefold(), "").startswith("sensor "):
        return words[inner.stem.casefold()], ""
    role, key = role_of(inner, words)
    if role == "plain":
        role, key = role_of(_undated_path(inner), words)  # `a_s2_2020-01-13.tif`: the word stands before the date
    head, _, last = key.rpartition("_")
    return role, head if head and words.get(last.casefold()) == role else key  # `s2/a_s2.tif`


def _folder_word(inner: Path, role: str, words: Vocabulary) -> str:
    """What images are called whose role a folder or name tells: `images`, `rgb`."""
    parts = [part.casefold() for part in inner.with_suffix("").parts]
    return next((part for part in reversed(parts) if words.get(part) == role), role)


def _undated(key: str) -> str:
    """A key without the date at its end."""
    return _DATE.sub("", key).rstrip("/")


def _undated_path(inner: Path) -> Path:
    """A path without the date at the end of its name; of a name that is nothing else, its folder's."""
    stem = _DATE.sub("", inner.stem)
    if stem == inner.stem:
        return inner
    return inner.with_name(stem + inner.suffix) if stem else inner.parent.with_name(inner.parent.name + inner.suffix)


def _in_order(asked: Asked) -> tuple[str, ...]:
    """Sensors that the caller named, in that order."""
    named = [name for one in (asked.sensor, asked.bands) if isinstance(one, Mapping) for name in one]
    return tuple(dict.fromkeys(str(name).casefold() for name in (*named, *asked.apart)))


def _check(folder: Path, asked: Asked, order: list[str]) -> None:
    if unknown := [name for name in _in_order(asked) if name not in (*order, *asked.apart)]:
        raise DataError(f"{folder}: sensor= names {listing(unknown)}, and the folder holds {listing(order)}")
    if asked.sensor is not None and not isinstance(asked.sensor, Mapping) and not (asked.apart and len(order) == 1):
        ways = ", ".join(f"'{name}': ..." for name in order)
        alone = ", or layout='pairs' for the images alone" if any(name in PAIRS for name in order) else ""
        raise DataError(f"{folder}: holds {listing(order)}: say which sensor is which, sensor={{{ways}}}{alone}")
