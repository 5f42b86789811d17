"""Masks as run lengths, the way COCO writes them: column by column, counted or compressed.

Counts are lengths of runs of 0 and 1 in turn, beginning with 0. Compressed, each is a number in digits of five bits,
the lowest first, as characters from `0` on; bit 6 says that more follow, the highest bit of the last is the sign, and
from the fourth run on it is the difference to the run two before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from swath.errors import DataError


def decoded(told: Mapping[str, Any]) -> NDArray[np.uint8]:
    """The mask `[H, W]` of `{"size": [H, W], "counts": ...}`.

    Raises:
        DataError: the runs do not fill the mask, or are none.
    """
    try:
        height, width = (int(one) for one in told["size"])
        counts = told["counts"]
        runs = _decompressed(counts) if isinstance(counts, str) else [int(one) for one in counts]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"run lengths need a size and counts; found {', '.join(map(str, told))}") from error
    if sum(runs) != height * width or any(run < 0 for run in runs):
        raise DataError(f"run lengths of {sum(runs)} pixels do not fill a mask of {height} x {width}")
    values = np.arange(len(runs), dtype=np.uint8) % 2
    return np.repeat(values, runs).reshape(width, height).T


def _decompressed(text: str) -> list[int]:
    runs: list[int] = []
    number = shift = 0
    for letter in text:
        digit = ord(letter) - 48
        number |= (digit & 0x1F) << shift
        shift += 5
        if digit & 0x20:
            continue
        if digit & 0x10:
            number -= 1 << shift
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
        number = shift = 0
    return runs


def traced(mask: NDArray[np.uint8]) -> shapely.Geometry:
    """The outline of a mask along the edges of its pixels; burned again it gives the same mask."""
    from rasterio.features import shapes
    from shapely.geometry import shape

    inside = mask.astype(bool)
    parts = [shape(one) for one, _ in shapes(mask.astype(np.uint8), mask=inside)]
    return shapely.union_all(parts)
