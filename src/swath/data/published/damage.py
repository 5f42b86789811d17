"""`DamageLabel`: polygons with levels of damage in a JSON file, as xBD has them (arXiv:1911.09296)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.data.shapes import ShapesLabel
from swath.errors import DataError, ReadError
from swath.scene.reader import Roi


@dataclass(frozen=True)
class DamageLabel:
    """Buildings of the last date, outlined in pixels.

    Attributes:
        path: the file, with the outlines as WKT under `features.xy`.
        positions: level and position of its class, or IGNORE.
        outside: position of the class of all other pixels.
    """

    path: Path
    positions: tuple[tuple[str, int], ...]
    outside: int

    @property
    def files(self) -> tuple[Path, ...]:
        """See `Label.files`."""
        return (self.path,)

    def read(self, grid: GeoBox, window: Roi) -> NDArray[np.int64]:
        """See `Label.read`; `[H, W]`."""
        return _shapes(self).read(grid, window)

    def counts(self, grid: GeoBox) -> Mapping[int, int]:
        """See `Label.counts`."""
        return _shapes(self).counts(grid)


@lru_cache(maxsize=1024)
def _shapes(label: DamageLabel) -> ShapesLabel:
    """The polygons of a file.

    Raises:
        ReadError: it is gone, or no JSON.
        DataError: it holds no polygons in pixels, or a level that is none of the classes.
    """
    try:
        told = json.loads(label.path.read_text(encoding="utf-8"))["features"]["xy"]
        outlines = [shapely.make_valid(shapely.from_wkt(one["wkt"])) for one in told]
        levels = [str(one["properties"].get("subtype", "un-classified")) for one in told]
    except (OSError, json.JSONDecodeError) as error:
        raise ReadError(f"{label.path}: cannot be read: {error}") from error
    except (KeyError, TypeError, shapely.errors.ShapelyError) as error:
        raise DataError(
            f"{label.path}: holds no polygons under features.xy, each with wkt and properties; get the file again"
        ) from error
    known = dict(label.positions)
    if lacking := [level for level in levels if level not in known]:
        raise DataError(f"{label.path}: holds the level {lacking[0]!r}; there are {', '.join(known)}")
    shapes = np.empty(len(outlines), dtype=object)
    shapes[:] = outlines
    return ShapesLabel(shapes, np.array([known[level] for level in levels], dtype=np.int64), label.outside, "pixels")
