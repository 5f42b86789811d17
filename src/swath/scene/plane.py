"""`Plane`: one band at one date, and how its stored numbers become values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.scene.raster import equals_nodata
from swath.scene.reader import Reader, Roi


@dataclass(frozen=True)
class Plane:
    """One band at one date: where its pixels come from, and how stored numbers become values."""

    reader: Reader
    index: int
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    """A nodata number to be honoured beyond the one that the source declares."""


def read_planes(
    planes: Sequence[Plane | None], window: Roi, shape: tuple[int, int] | None = None
) -> Iterator[tuple[int, Plane, NDArray[Any], NDArray[np.bool_]]]:
    """Stored numbers of planes; those of one source and type are read together.

    Args:
        planes: which; None is passed over.
        window: on the grid of their readers.
        shape: as for `Reader.read`.

    Yields:
        The position in `planes`, the plane, its numbers and what is valid of them, `[height, width]` both.
    """
    together: dict[tuple[int, str], list[tuple[int, Plane]]] = {}
    for position, plane in enumerate(planes):
        if plane is not None:
            key = id(plane.reader), plane.reader.stored[plane.index].dtype
            together.setdefault(key, []).append((position, plane))
    for members in together.values():
        values, valid = members[0][1].reader.read(window, [plane.index for _, plane in members], shape)
        for (position, plane), raw, ok in zip(members, values, valid, strict=True):
            yield position, plane, raw, ok


def to_values(
    raw: NDArray[Any],
    ok: NDArray[np.bool_],
    plane: Plane,
    values: NDArray[np.float32],
    valid: NDArray[np.bool_],
) -> None:
    """Stored numbers as values in the band's units: scale and offset applied once, invalid pixels NaN.

    Args:
        raw: numbers as stored, `[height, width]`.
        ok: what the source says is valid of them.
        plane: how they become values.
        values: filled with the values, `[height, width]`.
        valid: filled with what is valid of them.
    """
    if plane.nodata is not None:
        ok = ok & ~equals_nodata(raw, plane.nodata)
    if (plane.scale, plane.offset) == (1.0, 0.0):
        values[...] = raw
    elif raw.dtype.itemsize <= 2 or raw.dtype == np.float32:
        np.multiply(raw, np.float32(plane.scale), out=values)
        if plane.offset:
            values += np.float32(plane.offset)
    else:
        # Longer numbers would lose digits before the scale makes them small.
        values[...] = raw * plane.scale + plane.offset
    if raw.dtype.kind == "f" or raw.dtype.itemsize > 4:
        np.logical_and(ok, np.isfinite(values), out=valid)
    else:
        valid[...] = ok
    if not valid.all():
        values[~valid] = np.nan
