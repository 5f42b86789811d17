"""When was it seen? Dates from arguments, tags and names, as `numpy.datetime64` with the precision that was given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

import numpy as np

from swath.errors import OpenError

Date = np.datetime64
"""Always UTC; the unit says how much is known: `1985` (Y), `2020-01` (M), `2020-01-13` (D), or seconds."""

# Tags that say when the sensor looked. TIFFTAG_DATETIME is not among them: it is when the file was written.
_TAGS = (
    "ACQUISITIONDATETIME",
    "SENSING_TIME",
    "PRODUCT_START_TIME",
    "DATE_ACQUIRED",
    "ACQUISITION_DATE",
    "DATETIME",
    "DATE",
    "time_coverage_start",
    "EXIF_DateTimeOriginal",
)

_YEAR = r"(?:19[5-9]\d|20[0-9]\d)"
_MONTH = r"(?:0[1-9]|1[0-2])"
_DAY = r"(?:0[1-9]|[12]\d|3[01])"
_PATTERNS = (
    # 20200113T104411, 2020-01-13T10:44:11, 20200113_104411, 20200113104411
    re.compile(rf"(?<!\d)({_YEAR})([-_.]?)({_MONTH})\2({_DAY})[Tt_ ]?([01]\d|2[0-3])([-:]?)([0-5]\d)\6([0-5]\d)(?!\d)"),
    # 20200113, 2020-01-13, 2020_01_13
    re.compile(rf"(?<!\d)({_YEAR})([-_.]?)({_MONTH})\2({_DAY})(?!\d)"),
    # A2014257: year and day of year, as NASA writes them
    re.compile(rf"(?<![A-Za-z0-9])A({_YEAR})(\d{{3}})(?!\d)"),
    # 2020-01
    re.compile(rf"(?<![\d-])({_YEAR})([-_])({_MONTH})(?![\d-])"),
)


def parse_date(value: object) -> Date:
    """A date that a person or a catalogue gave.

    Args:
        value: ISO text, a year, `YYYYMMDD` or `YYYYDDD` with or without a time behind `T`, a `datetime` (UTC where it
            names no zone), `date` or `datetime64`.

    Returns:
        The date in UTC; its unit is the precision that was given.

    Raises:
        OpenError: it cannot be read as a date.
    """
    if isinstance(value, np.datetime64):
        return value
    if isinstance(value, datetime):
        aware = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return np.datetime64(aware, "s")
    if isinstance(value, date):
        return np.datetime64(value, "D")
    if isinstance(value, int) and 1800 <= value <= 2200:
        return np.datetime64(str(value), "Y")
    text = str(value).strip()
    try:
        if re.fullmatch(r"\d{4}(-\d{2}){0,2}", text):
            return np.datetime64(text)
        if re.fullmatch(r"\d{8}", text):
            return np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:]}")
        if re.fullmatch(r"\d{7}", text):
            return day_of_year(int(text[:4]), int(text[4:]))
        if re.fullmatch(r"\d{8}T\d{6}", text):
            return parse_date(datetime.strptime(text, "%Y%m%dT%H%M%S"))
        if re.fullmatch(r"\d{7}T\d{6}", text):
            return parse_date(datetime.strptime(text, "%Y%jT%H%M%S"))
        if re.fullmatch(r"\d{4}:\d{2}:\d{2} \d{2}:\d{2}:\d{2}", text):
            return parse_date(datetime.strptime(text, "%Y:%m:%d %H:%M:%S"))
        return parse_date(datetime.fromisoformat(text.replace("Z", "+00:00")))
    except ValueError as error:
        raise OpenError(f"{text!r} is not a date; write it as 2020-01-13 or 2020-01-13T10:44:11") from error


def day_of_year(year: int, day: int) -> Date:
    """The date of the `day`-th day of `year`, counted from 1.

    Raises:
        OpenError: no year has that day.
    """
    if not 1 <= day <= 366:
        raise OpenError(f"day {day} of the year {year} does not exist")
    return np.datetime64(f"{year:04d}-01-01") + np.timedelta64(day - 1, "D")


def period(start: Date, end: Date) -> Date:
    """One date for a period: the year or month that it fills, else its start."""
    first: Date = start.astype("datetime64[D]")
    last: Date = end.astype("datetime64[D]")
    for unit in ("Y", "M"):
        whole: Date = start.astype(f"datetime64[{unit}]")
        left = (whole + 1).astype("datetime64[D]") - last
        # The end is the last moment of the period, or the first after it.
        if whole.astype("datetime64[D]") == first and left.astype(int) in (0, 1):
            return whole
    return start


def date_in_name(name: str) -> Date | None:
    """The one date that a file name holds, or None where it holds none, or several that differ.

    A bare year counts only when it is the whole name (`1985.tif`): four digits elsewhere mean too many things.
    """
    stem = re.sub(r"\.[A-Za-z]\w*$", "", name.rsplit("/", 1)[-1])
    for pattern in _PATTERNS:
        found = {_from_match(match) for match in pattern.finditer(stem)} - {None}
        if len(found) == 1:
            return found.pop()
        if len(found) > 1:
            return None
    return np.datetime64(stem, "Y") if re.fullmatch(_YEAR, stem) else None


def _from_match(match: re.Match[str]) -> Date | None:
    parts = match.groups()
    try:
        if len(parts) == 8:
            return np.datetime64(f"{parts[0]}-{parts[2]}-{parts[3]}T{parts[4]}:{parts[6]}:{parts[7]}")
        if len(parts) == 4:
            return np.datetime64(f"{parts[0]}-{parts[2]}-{parts[3]}")
        if len(parts) == 3:
            return np.datetime64(f"{parts[0]}-{parts[2]}")
        return day_of_year(int(parts[0]), int(parts[1]))
    except (ValueError, OpenError):
        return None


def date_in_tags(tags: Mapping[str, str]) -> Date | None:
    """The date of acquisition that a file's metadata state, or None."""
    lower = {key.casefold(): value for key, value in tags.items()}
    for key in _TAGS:
        value = lower.get(key.casefold())
        if value:
            try:
                return parse_date(value)
            except OpenError:
                continue
    return None


def dates_of_names(names: Iterable[str | None]) -> list[Date] | None:
    """One date per band when every band's description is nothing but a date, else None."""
    dates = []
    for name in names:
        if name is None or not re.fullmatch(rf"\W*({_YEAR})[-_.]?({_MONTH})[-_.]?({_DAY})(T[\d:]+Z?)?\W*", name):
            return None
        found = date_in_name(name)
        if found is None:
            return None
        dates.append(found)
    return dates if len(set(dates)) == len(dates) and len(dates) > 1 else None


def matches(date: Date | None, wanted: Date) -> bool:
    """Whether a date falls into what was asked for: `2020` takes the whole year, `2020-01` the month."""
    if date is None:
        return False
    unit = np.datetime_data(wanted)[0]
    return bool(date.astype(f"datetime64[{unit}]") == wanted)
