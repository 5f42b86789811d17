"""Tables of labelled series: CSV, Parquet or NPZ files, see `swath.scene.series_table`; a column names the class.

Each series is a pixel of its own, without neighbours: for networks that look at single pixels (`tempcnn`, `ltae`,
`random-forest-series`), and without augmentation that mixes pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from swath.data.classes import classes_of
from swath.data.files import visible
from swath.data.item import Item
from swath.data.layouts import Asked, Found, listing
from swath.data.sample import IGNORE
from swath.errors import DataError, OpenError, ReadError
from swath.scene.reader import Roi, common_roi, roi_shape, shifted
from swath.scene.series_table import SIDE, SUFFIXES, SeriesTable, is_table, read_table

_LABELS = ("label", "class", "class_name", "label_name", "crop", "crop_type", "landcover", "land_cover", "lulc")


@dataclass(frozen=True, eq=False)
class SeriesLabel:
    """The classes of the series of an item.

    Attributes:
        positions: `[h, SIDE]`, IGNORE where there is no series, or none with a class.
        files: the table.
    """

    positions: NDArray[np.int64]
    files: tuple[Path, ...]

    def read(self, grid: GeoBox, window: Roi) -> NDArray[np.int64]:
        """See `Label.read`; `[H, W]`."""
        target = np.full(roi_shape(window), IGNORE, dtype=np.int64)
        height, width = self.positions.shape
        inside = common_roi(window, (slice(0, height), slice(0, width)))
        if inside is not None:
            target[shifted(inside, -window[0].start, -window[1].start)] = self.positions[inside]
        return target

    def counts(self, grid: GeoBox | None = None) -> Mapping[int, int]:
        """See `Label.counts`."""
        known = self.positions[self.positions != IGNORE]
        return {int(one): int(times) for one, times in zip(*np.unique(known, return_counts=True), strict=True)}


def recognise(folder: Path, asked: Asked) -> Found | None:
    """Tables of series with a column of classes.

    Raises:
        DataError: a table cannot be read as one of series, or no column names the class.
    """
    if asked.task not in (None, "segmentation"):
        return None
    try:
        tables = {path: read_table(path) for path in visible(folder, SUFFIXES) if is_table(path)}
    except (OpenError, ReadError) as error:
        raise DataError(str(error)) from error
    if not tables:
        return None
    names = {path: _labels(path, table, asked.label_field) for path, table in tables.items()}
    counted = Counter(name for each in names.values() for name in each.tolist() if name)
    classes = classes_of(counted, asked, str(folder))
    items = [
        item for path, table in tables.items() for item in _items(folder, path, table, names[path], classes.position)
    ]
    notes = [f"{path.name}: {note}" for path, table in tables.items() for note in table.notes]
    series = sum(len(table.values) for table in tables.values())
    notes.append(f"{series:,} series; taken as pixels without neighbours, {SIDE} to a line")
    return Found("segmentation", classes.labels, tuple(items), notes=(*notes, *classes.notes))


def _labels(path: Path, table: SeriesTable, told: str | None) -> NDArray[Any]:
    """The name of the class of each series as text; empty where it has none."""
    by_name = {name.casefold(): name for name in table.columns}
    wanted = _LABELS if told is None else (told.casefold(),)
    column = next((by_name[one] for one in wanted if one in by_name), None)
    if column is None:
        raise DataError(
            f"{path}: no column names the class; say label_field= with one of {listing(table.columns) or 'none'}"
        )
    values = table.columns[column]
    if values.dtype.kind == "f" and all(float(one).is_integer() for one in values[np.isfinite(values)]):
        return np.array([str(int(one)) if np.isfinite(one) else "" for one in values])
    return np.array(["" if one is None or one != one else str(one).strip() for one in values.tolist()])


def _items(
    folder: Path, path: Path, table: SeriesTable, names: NDArray[Any], position: Mapping[str, int]
) -> list[Item]:
    """Windows of lines of one place."""
    positions = np.append([position.get(name, IGNORE) for name in names.tolist()], IGNORE)
    stem = path.relative_to(folder).with_suffix("").as_posix()
    items, top = [], 0
    for place, height in Counter(table.places).items():
        for number, start in enumerate(range(top, top + height, SIDE)):
            lines = table.lines[start : min(start + SIDE, top + height)]
            label = SeriesLabel(positions[lines], (path,))
            window = Window(0, start, SIDE, len(lines))
            items.append(Item(f"{stem}/{place}/{number}", (path,), label, place, window))
        top += height
    return items
