"""Tables of series: dates and bands of single pixels or fields, without an image, as a scene of pixels without place.

| form | what |
| --- | --- |
| a row per series | a column per band and date, `NDVI_2013-09-14` or `2013-09-14_NDVI`; `.csv`, `.parquet` |
| a row per date | columns `id` and `date`, and one per band; what is the same on all dates of each id is no band |
| arrays, `.npz` | `x` `[N, T, C]` or `[N, T]`, `dates` `[N, T]` or `[T]`, `bands` `[C]`, and others of length N |

Empty cells were not seen. All other columns stay beside the series: labels, and where it lies (`longitude`, `latitude`,
or a column `place`). Series of one place lie together in the scene, 16 to a line, and a line holds one place only, so
that windows of lines part places.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.errors import OpenError, ReadError
from swath.scene.arrays import ArrayReader
from swath.scene.reader import Stored
from swath.scene.source import Source
from swath.scene.words import many

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".parquet", ".npz")
SIDE = 16
"""Series in a line."""
_DATE = r"(?P<date>\d{4}-\d{2}-\d{2}|(?:19|20)\d{6})"
_COLUMN = (re.compile(rf"(?P<band>.+?)[_ .:-]{_DATE}"), re.compile(rf"{_DATE}[_ .:-](?P<band>.+)"))
_IDS = ("id", "sample", "sample_id", "series", "fid", "point", "point_id", "plot", "plotid")
_DATES = ("date", "time", "datetime", "timestamp", "day")
_PLACES = ("place", "site", "region", "tile")
_X, _Y = ("longitude", "lon", "x"), ("latitude", "lat", "y")
_NEAR = 4
"""Days that the dates of series may differ by and count as the same."""
_CELLS = 12
"""Cells along each side of the ground that series lie on, which are taken for places."""
_YEAR = 365.2425

Dates = NDArray[np.datetime64]


@dataclass(frozen=True, eq=False)
class SeriesTable:
    """Series on the same days of the year, and what is known of each.

    Attributes:
        values: `[N, T, C]` float32, NaN where nothing was seen.
        dates: `[T]` in days, those of the first series; others were seen on these days of other years, too.
        bands: names.
        columns: one text or number per series, by name.
        lines: number of the series in each pixel of the scene `[H, SIDE]`, -1 where there is none.
        places: of each line, `[H]`.
        notes: what was done to bring them together.
    """

    values: NDArray[np.float32]
    dates: Dates
    bands: tuple[str, ...]
    columns: Mapping[str, NDArray[Any]]
    lines: NDArray[np.int64]
    places: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def sources(self, name: str) -> list[Source]:
        """The scene of all series, a source for each date."""
        grid = GeoBox(self.lines.shape, Affine.identity(), None)
        stored = tuple(Stored(dtype="float32", description=band) for band in self.bands)
        there = self.lines >= 0
        made = []
        for at, date in enumerate(self.dates):
            values = np.moveaxis(self.values[self.lines, at], -1, 0)
            values = np.where(there, values, np.float32(np.nan))
            made.append(Source(ArrayReader(values, grid, stored=stored, name=name), str(date), date=date))
        return made


def is_table(path: Path) -> bool:
    """Whether a file may hold series, by its name and what its columns are called."""
    if path.suffix.casefold() not in SUFFIXES:
        return False
    try:
        if path.suffix.casefold() == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return {"x", "dates", "bands"} <= set(arrays.files)
        names = _names(path)
    except (OSError, ValueError):
        return False
    return len(_dated(names)) > 1 or (_one(names, _IDS) is not None and _one(names, _DATES) is not None)


def read_table(path: Path) -> SeriesTable:
    """A table of series.

    Raises:
        OpenError: it is none; the message says what is missing.
        ReadError: it cannot be read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise OpenError(f"{path}: cannot be opened: {error.strerror}") from error
    return _read(path, (status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=8)
def _read(path: Path, stamp: tuple[int, int]) -> SeriesTable:
    try:
        if path.suffix.casefold() == ".npz":
            return _of_arrays(path)
        import pandas as pd

        frame = pd.read_parquet(path) if path.suffix.casefold() == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: cannot be read as a table: {' '.join(str(error).split())[:200]}") from error
    frame.columns = frame.columns.map(str)
    return _of_columns(path, frame) if len(_dated(list(frame.columns))) > 1 else _of_rows(path, frame)


def _names(path: Path) -> list[str]:
    if path.suffix.casefold() == ".parquet":
        import pyarrow.parquet

        return list(pyarrow.parquet.read_schema(path).names)
    import pandas as pd

    return [str(one) for one in pd.read_csv(path, nrows=0).columns]


def _dated(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Band and date of the columns that have one."""
    found = {}
    for name in names:
        match = next((one for pattern in _COLUMN if (one := pattern.fullmatch(name.strip()))), None)
        if match is not None:
            found[name] = match["band"], match["date"]
    return found


def _one(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The column that is called like one of these."""
    by_name = {name.casefold(): name for name in names}
    return next((by_name[one] for one in wanted if one in by_name), None)


def _of_columns(path: Path, frame: pd.DataFrame) -> SeriesTable:
    """A row per series."""
    dated = _dated(list(frame.columns))
    bands = tuple(dict.fromkeys(band for band, _ in dated.values()))
    days = {text: _day(text) for _, text in dated.values()}
    dates = np.array(sorted(set(days.values())), dtype="datetime64[D]")
    values = np.full((len(frame), len(dates), len(bands)), np.nan, dtype=np.float32)
    for name, (band, text) in dated.items():
        at = int(np.searchsorted(dates, days[text]))
        values[:, at, bands.index(band)] = _numbers(frame[name], path)
    columns = {name: frame[name].to_numpy() for name in frame.columns if name not in dated}
    return _arranged(path, values, dates, bands, columns)


def _of_rows(path: Path, frame: pd.DataFrame) -> SeriesTable:
    """A row per date."""
    import pandas as pd

    one, when = _one(list(frame.columns), _IDS), _one(list(frame.columns), _DATES)
    if one is None or when is None:
        raise OpenError(
            f"{path}: is no table of series: there must be columns such as NDVI_2013-09-14, or columns id and date; it "
            f"has {', '.join(list(frame.columns)[:8])}"
        )
    frame = frame.assign(**{when: pd.to_datetime(frame[when]).to_numpy().astype("datetime64[D]")})
    frame = frame.drop_duplicates([one, when]).sort_values([one, when], kind="stable")
    groups = frame.groupby(one, sort=False)
    changing = groups.nunique(dropna=False).max() > 1
    bands = tuple(
        str(name) for name in frame.columns if name not in (one, when) and changing[name] and _is_number(frame[name])
    )
    if not bands:
        raise OpenError(f"{path}: no column of numbers changes along the dates of a series, so there is no band")
    first = groups.first().reset_index()
    columns = {str(name): first[name].to_numpy() for name in first.columns if name not in (*bands, when)}
    series = [
        (part[when].to_numpy().astype("datetime64[D]"), part[list(bands)].to_numpy(np.float32)) for _, part in groups
    ]
    values, dates, notes = _together(series)
    return _arranged(path, values, dates, bands, columns, notes)


def _of_arrays(path: Path) -> SeriesTable:
    with np.load(path, allow_pickle=False) as arrays:
        held = {name: arrays[name] for name in arrays.files}
    if lacking := [name for name in ("x", "dates", "bands") if name not in held]:
        raise OpenError(f"{path}: has no array {lacking[0]!r}; a file of series has x [N, T, C], dates and bands")
    values = held.pop("x").astype(np.float32)
    values = values[..., None] if values.ndim == 2 else values
    dates, bands = held.pop("dates").astype("datetime64[D]"), tuple(map(str, held.pop("bands")))
    if values.ndim != 3 or dates.shape not in (values.shape[:1] + values.shape[1:2], values.shape[1:2]):
        raise OpenError(f"{path}: x is {values.shape} and dates are {dates.shape}; they must be [N, T, C] and [N, T]")
    if len(bands) != values.shape[2]:
        raise OpenError(f"{path}: x has {many(values.shape[2], 'band')}, and {len(bands)} are named")
    columns = {name: one for name, one in held.items() if one.ndim == 1 and len(one) == len(values)}
    if (xy := held.get("lonlat")) is not None and xy.shape == (len(values), 2):
        columns |= {"longitude": xy[:, 0], "latitude": xy[:, 1]}
    if dates.ndim == 1:
        return _arranged(path, values, dates, bands, columns)
    values, dates, notes = _together(list(zip(dates, values, strict=True)))
    return _arranged(path, values, dates, bands, columns, notes)


def _day(text: str) -> np.datetime64:
    plain = text.replace("-", "")
    return np.datetime64(f"{plain[:4]}-{plain[4:6]}-{plain[6:]}", "D")


def _numbers(column: Any, path: Path) -> NDArray[np.float32]:
    if not _is_number(column):
        raise OpenError(f"{path}: column {column.name} holds text; a band holds numbers, and empty cells for no data")
    return np.asarray(column.to_numpy(dtype=np.float32, na_value=np.nan))


def _is_number(column: Any) -> bool:
    return column.dtype.kind in "iuf"


def _together(
    series: Sequence[tuple[Dates, NDArray[np.float32]]],
) -> tuple[NDArray[np.float32], Dates, tuple[str, ...]]:
    """Series of different years and dates on the days of the first that is longest; whole years count as none."""
    dates = max((one for one, _ in series), key=len)
    wanted = (dates - dates[0]).astype(float)
    values = np.full((len(series), len(dates), series[0][1].shape[1]), np.nan, dtype=np.float32)
    moved = 0
    for at, (own, given) in enumerate(series):
        since = (own - dates[0]).astype(float)
        since -= np.round(since[0] / _YEAR) * _YEAR
        if len(since) == len(wanted) and np.abs(since - wanted).max() <= _NEAR:
            values[at] = given
            continue
        moved += 1
        for band, known in enumerate(np.isfinite(given).T):
            if known.any():
                values[at, :, band] = np.interp(wanted, since[known], given[known, band], np.nan, np.nan)
    notes = (f"{moved:,} series seen on other days of the year; brought onto the first's along lines",)
    return values, dates, notes if moved else ()


def _arranged(
    path: Path,
    values: NDArray[np.float32],
    dates: Dates,
    bands: tuple[str, ...],
    columns: Mapping[str, NDArray[Any]],
    notes: tuple[str, ...] = (),
) -> SeriesTable:
    if not len(values):
        raise OpenError(f"{path}: holds no series")
    of = _places(columns, len(values))
    lines, places = [], []
    for place in sorted(set(of.tolist())):
        members = np.flatnonzero(of == place)
        padded = np.full(-(-len(members) // SIDE) * SIDE, -1, dtype=np.int64)
        padded[: len(members)] = members
        lines.append(padded.reshape(-1, SIDE))
        places += [str(place)] * len(lines[-1])
    return SeriesTable(values, dates, bands, columns, np.concatenate(lines), tuple(places), notes)


def _places(columns: Mapping[str, NDArray[Any]], count: int) -> NDArray[np.str_]:
    """The place of each series: a column that names it, cells of the ground, or runs of rows."""
    names = list(columns)
    if (named := _one(names, _PLACES)) is not None and len(set(columns[named].tolist())) > _CELLS // 2:
        return columns[named].astype(str)
    x, y = _one(names, _X), _one(names, _Y)
    if x is not None and y is not None and all(columns[name].dtype.kind in "iuf" for name in (x, y)):
        across, down = (
            np.minimum(((one - one.min()) / max(float(np.ptp(one)), 1e-9) * _CELLS).astype(int), _CELLS - 1)
            for one in (columns[x].astype(float), columns[y].astype(float))
        )
        return np.array([f"cell{chr(97 + a)}{chr(97 + b)}" for a, b in zip(across, down, strict=True)])
    run = max(SIDE, -(-count // (2 * _CELLS)))
    return np.array([f"rows{chr(97 + at // run // 26)}{chr(97 + at // run % 26)}" for at in range(count)])
