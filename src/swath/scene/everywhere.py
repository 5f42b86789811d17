"""Tables of numbers that hold for a whole scene: weather, a few numbers per date and no grid.

A CSV file with a column of dates (`date`, `day` or `time`) and a column per quantity. Units may stand behind a name, as
in `t2m [kelvin]`. Such a table opens as a scene of one pixel; `swath.stack` spreads it over the grid of the imagery.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.errors import OpenError, ReadError
from swath.scene.reader import Roi, Stored, roi_shape
from swath.scene.source import Source

if TYPE_CHECKING:
    import pandas as pd

SUFFIX = ".csv"
_DATES = ("date", "day", "time", "datetime")
_WITH_UNITS = re.compile(r"(?P<name>.+?) *[\[(](?P<units>[^\])]+)[\])]")


class Everywhere:
    """One number per band, for every pixel of a grid; NaN is invalid.

    Args:
        values: `[band]`.
        grid: where they hold.
        stored: one per band.
        name: what messages call it.
    """

    def __init__(self, values: NDArray[np.float64], grid: GeoBox, stored: Sequence[Stored], name: str) -> None:
        self._values = values
        self.grid, self.stored, self.name = grid, tuple(stored), name
        self.tags: dict[str, str] = {}

    def on(self, grid: GeoBox) -> Everywhere:
        """The same for another grid."""
        return Everywhere(self._values, grid, self.stored, self.name)

    def read(
        self, window: Roi, indexes: Sequence[int], shape: tuple[int, int] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """See `Reader.read`."""
        size = shape or roi_shape(window)
        values = np.repeat(self._values[list(indexes)], size[0] * size[1]).reshape(len(indexes), *size)
        return values, np.isfinite(values)


def is_everywhere(path: Path) -> bool:
    """Whether a file may be such a table, by its name and what its columns are called."""
    if path.suffix.casefold() != SUFFIX:
        return False
    try:
        import pandas as pd

        names = [str(one) for one in pd.read_csv(path, nrows=0).columns]
    except (OSError, ValueError):
        return False
    return _date_column(names) is not None and len(names) > 1


def sources_of_table(path: Path) -> list[Source]:
    """A source per date, in the order of time.

    Raises:
        OpenError: a date or a number is none, or two rows have one date.
        ReadError: the file cannot be read.
    """
    import pandas as pd

    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: cannot be read as a table: {' '.join(str(error).split())[:200]}") from error
    column = _date_column([str(one) for one in frame.columns])
    if column is None or frame.empty:
        raise OpenError(f"{path}: has no column of dates or no row; a table has `date` and a column per quantity")
    dates = pd.to_datetime(frame.pop(column), errors="coerce")
    if dates.isna().any():
        raise OpenError(f"{path}: {column} is no date in row {int(dates.isna().argmax()) + 1}; write YYYY-MM-DD")
    days = dates.to_numpy().astype("datetime64[D]")
    if len(set(days.tolist())) < len(days):
        raise OpenError(f"{path}: has several rows of one day; keep one row per date")
    values = np.stack([_numbers(path, frame, name) for name in frame.columns], axis=1)
    stored = [_stored(str(name)) for name in frame.columns]
    point = GeoBox((1, 1), Affine.identity(), None)
    return [
        Source(Everywhere(values[row], point, stored, str(path)), f"{path.stem} {days[row]}", date=days[row])
        for row in np.argsort(days, kind="stable")
    ]


def _date_column(names: Sequence[str]) -> str | None:
    by_name = {name.strip().casefold(): name for name in names}
    return next((by_name[one] for one in _DATES if one in by_name), None)


def _numbers(path: Path, frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    import pandas as pd

    try:
        return np.asarray(pd.to_numeric(frame[name]), dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise OpenError(f"{path}: column {name} holds what is no number; leave it out") from error


def _stored(column: str) -> Stored:
    found = _WITH_UNITS.fullmatch(column.strip())
    name, units = (found["name"], found["units"]) if found else (column.strip(), None)
    return Stored(dtype="float64", description=name, units=units)
