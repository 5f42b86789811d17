"""Dates out of real product names, tags and arguments; and no date where there is none."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from swath.errors import OpenError
from swath.scene.dates import (
    date_in_name,
    date_in_tags,
    dates_of_names,
    day_of_year,
    matches,
    parse_date,
    period,
)

NAMES = {
    # Sentinel
    "T31UDQ_20200113T105401_B04_10m.jp2": "2020-01-13T10:54:01",
    "S1A_IW_20200113T173953_DVP_RTC30_G_gpuned_AB12_VV.tif": "2020-01-13T17:39:53",
    "s1a-iw-grd-vv-20210809t173953-20210809t173953-039156-049f13-001.tiff": "2021-08-09T17:39:53",
    "S2_2020-01-13.tif": "2020-01-13",
    "sentinel2_2020_01_13_clip.tif": "2020-01-13",
    # NASA: year and day of year; what follows is when the file was made
    "MOD13Q1.A2014257.h12v09.006.2015289173053.hdf": "2014-09-14",
    "MOD09GA.A2020013.h18v04.061.2020015041036.tif": "2020-01-13",
    "VNP09GA.A2024060.h18v04.002.2024061073210.h5": "2024-02-29",
    # Planet, Maxar, NAIP, drones
    "20200113_104411_1032_3B_AnalyticMS.tif": "2020-01-13T10:44:11",
    "20200113_104411_55_24b9_3B_AnalyticMS_SR_8b.tif": "2020-01-13T10:44:11",
    "m_3807511_se_18_060_20180815.tif": "2018-08-15",
    "DJI_20230415103022_0001_V.JPG": "2023-04-15T10:30:22",
    # Series of one's own
    "LAI 2020-01-13.tif": "2020-01-13",
    "ndvi.2020.01.13.tif": "2020-01-13",
    "2020-01-13T10:44:11.tif": "2020-01-13T10:44:11",
    "composite_2020-01.tif": "2020-01",
    "1985.tif": "1985",
    "field_19991231.tif": "1999-12-31",
}


@pytest.mark.parametrize(("name", "expected"), NAMES.items())
def test_names_that_hold_a_date(name: str, expected: str) -> None:
    found = date_in_name(name)
    assert found == np.datetime64(expected)
    assert np.datetime_data(found) == np.datetime_data(np.datetime64(expected))
    assert date_in_name(f"some/folder/{name}") == found


@pytest.mark.parametrize(
    "name",
    [
        # Two different dates: acquisition and processing; only the sensor's own pattern knows which is which.
        "LC08_L2SP_146040_20230821_20230823_02_T1_SR_B4.TIF",
        "S2A_MSIL2A_20230821T052651_N0509_R105_T43RGM_20230821T091825.SAFE",
        "m_3807511_se_18_1_20110601_20111021.tif",
        # A year that is a version, a size, a tile or a product's edition
        "ESA_WorldCover_10m_2021_v200_N00E006_Map.tif",
        "tile_2048_2048.tif",
        "image_1985.tif",
        "img2020.tif",
        # Numbers that are no dates
        "20201301.tif",
        "20200132.tif",
        "LC80470272020339LGN00_B1.TIF",
        "scene_120200113.tif",
        "AST_L1T_00301132020104411_20200114.x.tif".replace("_20200114", ""),
        "paris_t1.tif",
        "abc.A2014400.tif",
        "",
    ],
)
def test_names_that_hold_none_or_several(name: str) -> None:
    assert date_in_name(name) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2020", "2020"),
        (1985, "1985"),
        ("2020-01", "2020-01"),
        ("2020-01-13", "2020-01-13"),
        ("20200113", "2020-01-13"),
        ("2020013", "2020-01-13"),
        ("20200113T104411", "2020-01-13T10:44:11"),
        ("2020:01:13 10:44:11", "2020-01-13T10:44:11"),
        ("2020-01-13T10:44:11Z", "2020-01-13T10:44:11"),
        ("2020-01-13T12:44:11.123+02:00", "2020-01-13T10:44:11"),
        (dt.date(2020, 1, 13), "2020-01-13"),
        (dt.datetime(2020, 1, 13, 12, 44, 11, tzinfo=dt.timezone(dt.timedelta(hours=2))), "2020-01-13T10:44:11"),
        (np.datetime64("2020-01-13"), "2020-01-13"),
    ],
)
def test_dates_that_a_person_or_catalogue_gives(value: object, expected: str) -> None:
    assert parse_date(value) == np.datetime64(expected)


@pytest.mark.parametrize("value", ["yesterday", "2020-13-01", "2020-02-30", "13.01.2020", "2020400", "", 12, None])
def test_what_is_no_date_is_refused(value: object) -> None:
    with pytest.raises(OpenError, match=r"is not a date; write it as 2020-01-13|does not exist"):
        parse_date(value)


def test_days_of_the_year() -> None:
    assert day_of_year(2020, 366) == np.datetime64("2020-12-31")
    assert day_of_year(2019, 60) == np.datetime64("2019-03-01")
    with pytest.raises(OpenError, match="day 400 of the year 2020 does not exist"):
        day_of_year(2020, 400)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"DATE_ACQUIRED": "2020-01-13"}, "2020-01-13"),
        ({"AcquisitionDateTime": "2020-01-13T10:44:11.5Z"}, "2020-01-13T10:44:11"),
        ({"EXIF_DateTimeOriginal": "2023:04:15 10:30:22"}, "2023-04-15T10:30:22"),
        ({"time_coverage_start": "2020-01-13T00:00:00Z"}, "2020-01-13"),
        ({"SENSING_TIME": "unknown", "DATE": "20200113"}, "2020-01-13"),
    ],
)
def test_tags_that_tell_the_acquisition(tags: dict[str, str], expected: str) -> None:
    assert date_in_tags(tags) == np.datetime64(expected)


@pytest.mark.parametrize("tags", [{"TIFFTAG_DATETIME": "2020:01:13 10:44:11"}, {"DATE": "spring"}, {}])
def test_tags_that_do_not(tags: dict[str, str]) -> None:
    assert date_in_tags(tags) is None


def test_a_series_of_one_band_is_told_by_the_names_of_its_layers() -> None:
    assert dates_of_names(["2020-01-13", "20200118", "(2020_01_23)"]) == [
        np.datetime64(day) for day in ("2020-01-13", "2020-01-18", "2020-01-23")
    ]
    assert dates_of_names(["NDVI 2020-01-13", "NDVI 2020-01-18"]) is None
    assert dates_of_names(["2020-01-13", None]) is None
    assert dates_of_names(["2020-01-13", "2020-01-13"]) is None
    assert dates_of_names(["2020-01-13"]) is None


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2021-01-01T00:00:00", "2021-12-31T23:59:59", "2021"),
        ("2021-01-01", "2022-01-01", "2021"),
        ("2020-02-01", "2020-02-29", "2020-02"),
        ("2020-02-03", "2020-02-29", "2020-02-03"),
        ("2020-01-13T10:00:00", "2020-01-13T10:00:20", "2020-01-13T10:00:00"),
        ("2021-01-01", "2023-12-31", "2021-01-01"),
    ],
)
def test_a_period_is_the_year_or_month_that_it_fills(start: str, end: str, expected: str) -> None:
    found = period(np.datetime64(start), np.datetime64(end))
    assert str(found) == expected


@pytest.mark.parametrize(
    ("date", "wanted", "yes"),
    [
        ("2020-01-13T10:44:11", "2020", True),
        ("2020-01-13T10:44:11", "2020-01", True),
        ("2020-01-13T10:44:11", "2020-01-13", True),
        ("2020-01-13T10:44:11", "2020-01-14", False),
        ("2019-12-31", "2020", False),
    ],
)
def test_what_a_date_matches(date: str, wanted: str, yes: bool) -> None:
    assert matches(np.datetime64(date), np.datetime64(wanted)) is yes
    assert matches(None, np.datetime64(wanted)) is False
