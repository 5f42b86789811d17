"""A few pixels of a scene of any size, to say what is in it: bounded in memory and in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import ReadError
from swath.scene.reader import Reader
from swath.scene.words import many

if TYPE_CHECKING:
    from swath.scene.scene import Scene

_LONGEST = 512
_MOST_VALUES = 8_000_000
_MOST_DATES = 24
_LARGE = 16_000_000
"""Pixels of a plane that are not worth reading wholly only to be shrunken."""
_SIDE, _WINDOWS = 128, 5


@dataclass(frozen=True)
class Sample:
    """Values of some pixels.

    Attributes:
        values: `[time, band, y, x]` in the bands' units, NaN where invalid.
        valid: of the same shape.
        dates: positions along time that were sampled.
        is_exact: whether these are all pixels of these dates.
        has_edges: whether the first and last rows and columns are those of the scene.
        how: words for people.
        damage: what could not be read, one message per source.
    """

    values: NDArray[np.float32]
    valid: NDArray[np.bool_]
    dates: tuple[int, ...]
    is_exact: bool
    has_edges: bool
    how: str
    damage: tuple[str, ...]


def take_sample(scene: Scene) -> Sample:
    """Read a scene wholly where it is small, shrunken where that is cheap, else in windows spread over it.

    What cannot be read is invalid in the sample and named in `damage`. At most some 8 million numbers are held.
    """
    count, bands, height, width = scene.shape
    dates = range(count)
    if count > _MOST_DATES:
        dates = sorted({int(i) for i in np.linspace(0, count - 1, _MOST_DATES).round()})  # type: ignore[assignment]  # a list serves as the range did
    side = min(_LONGEST, max(16, int((_MOST_VALUES / (len(dates) * bands)) ** 0.5)))
    when = "" if len(dates) == count else f" of {len(dates)} of {many(count, 'date')}"
    if max(height, width) <= side:
        values, valid, damage = _read(scene, dates, None, None)
        return Sample(values, valid, tuple(dates), True, True, f"every pixel{when}", damage)
    if height * width > _LARGE and not _shrinks_well(scene):
        parts = [_read(scene, dates, window, None) for window in _spread(height, width, bands * len(dates))]
        values, valid = (np.concatenate([part[i] for part in parts], axis=2) for i in (0, 1))
        damage = tuple(dict.fromkeys(text for part in parts for text in part[2]))
        how = f"{many(len(parts), 'window')} of {values.shape[3]} x {values.shape[3]} pixels{when}"
        return Sample(values, valid, tuple(dates), False, False, how, damage)
    factor = side / max(height, width)
    shape = (max(1, round(height * factor)), max(1, round(width * factor)))
    values, valid, damage = _read(scene, dates, None, shape)
    damage = tuple(dict.fromkeys((*damage, *_probe(scene, dates))))
    return Sample(values, valid, tuple(dates), False, True, f"shrunken to {shape[0]} x {shape[1]} pixels{when}", damage)


def _probe(scene: Scene, dates: Sequence[int]) -> Iterator[str]:
    """Messages about damage that overviews hide: pixels at the corners and the centre, as they are stored."""
    height, width = scene.grid.shape
    for y, x in ((0, 0), (0, width - 1), (height // 2, width // 2), (height - 1, 0), (height - 1, width - 1)):
        yield from _read(scene, dates, np.s_[y : y + 1, x : x + 1], None)[2]


def readers_of(scene: Scene) -> list[Reader]:
    """The sources of a scene's planes, each once."""
    return list({id(plane.reader): plane.reader for row in scene.planes for plane in row if plane is not None}.values())


def innermost(reader: Any) -> Any:
    """The file behind readers that shift, warp or pick."""
    while (inner := getattr(reader, "_source", None)) is not None:
        reader = inner
    return reader


def _shrinks_well(scene: Scene) -> bool:
    return all(getattr(innermost(reader), "overviews", ()) for reader in readers_of(scene))


def _spread(height: int, width: int, planes: int) -> Iterator[Any]:
    """Windows on an even lattice; fewer where there are many planes."""
    each = max(1, min(_WINDOWS, int((_MOST_VALUES / planes) ** 0.5 / _SIDE)))
    rows, columns = min(_SIDE, height), min(_SIDE, width)
    for y in np.linspace(0, height - rows, each).round().astype(int) if each > 1 else [(height - rows) // 2]:
        for x in np.linspace(0, width - columns, each).round().astype(int) if each > 1 else [(width - columns) // 2]:
            yield np.s_[int(y) : int(y) + rows, int(x) : int(x) + columns]


def _read(
    scene: Scene, dates: Sequence[int], window: Any, shape: tuple[int, int] | None
) -> tuple[NDArray[np.float32], NDArray[np.bool_], tuple[str, ...]]:
    """Read date by date; where a date fails, band by band, so that one bad file does not hide the others."""
    values: list[NDArray[np.float32]] = []
    valid: list[NDArray[np.bool_]] = []
    damage: dict[str, None] = {}
    for date in dates:
        try:
            one, ok = scene.read(window, dates=date, shape=shape)
        except ReadError:
            planes = []
            for band in scene.bands:
                try:
                    planes.append(scene.read(window, dates=date, bands=band.name, shape=shape))
                except ReadError as error:
                    damage[str(error)] = None
                    planes.append((np.empty((0, 0, 0, 0), np.float32), np.empty((0, 0, 0, 0), bool)))
            full = shape or next((part[0].shape[2:] for part in planes if part[0].size), _size(scene, window))
            blank = np.full((1, 1, *full), np.nan, np.float32), np.zeros((1, 1, *full), bool)
            one = np.concatenate([part[0] if part[0].size else blank[0] for part in planes], axis=1)
            ok = np.concatenate([part[1] if part[1].size else blank[1] for part in planes], axis=1)
        values.append(one)
        valid.append(ok)
    return np.concatenate(values), np.concatenate(valid), tuple(damage)


def _size(scene: Scene, window: Any) -> tuple[int, int]:
    if window is None:
        return int(scene.grid.shape.y), int(scene.grid.shape.x)
    return window[0].stop - window[0].start, window[1].stop - window[1].start
