"""Tables of series in three forms give the same scene; what is no table is said to be none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import swath
from swath.errors import OpenError
from swath.scene.series_table import read_table

CLASSES = ["Cerrado", "Forest", "Pasture", "Soy_Corn"]


@pytest.fixture(scope="module")
def archive(shared_data: Path) -> Path:
    return shared_data / "sits_modis_brazil/mod13q1_jp2/converted/samples_modis_ndvi.npz"


def as_columns(archive: Path, to: Path) -> Path:
    """A row per series, dates of the first for all."""
    with np.load(archive) as held:
        frame = pd.DataFrame({"label": held["label"], "longitude": held["lonlat"][:, 0]})
        frame["latitude"] = held["lonlat"][:, 1]
        for at, date in enumerate(held["dates"][0]):
            frame[f"NDVI_{date}"] = held["x"][:, at, 0]
    frame.to_csv(to, index=False)
    return to


def as_rows(archive: Path, to: Path) -> Path:
    """A row per series and date, each on its own dates."""
    with np.load(archive) as held:
        n, t = held["dates"].shape
        frame = pd.DataFrame(
            {
                "id": np.repeat(np.arange(n), t),
                "date": held["dates"].ravel().astype(str),
                "label": np.repeat(held["label"], t),
                "longitude": np.repeat(held["lonlat"][:, 0], t),
                "latitude": np.repeat(held["lonlat"][:, 1], t),
                "NDVI": held["x"][:, :, 0].ravel(),
            }
        )
    frame.sample(frac=1, random_state=0).to_parquet(to)
    return to


def test_three_forms_are_one_scene(archive: Path, tmp_path: Path) -> None:
    with np.load(archive) as held:
        count, x, dates = len(held["x"]), held["x"], held["dates"]
    scenes = [
        swath.open(path, sensor="modis-13@values")
        for path in (archive, as_columns(archive, tmp_path / "a.csv"), as_rows(archive, tmp_path / "b.parquet"))
    ]
    values, valid = scenes[0].read()
    assert scenes[0].shape[:2] == (12, 1)
    assert [str(one)[:10] for one in scenes[0].dates] == [str(one) for one in dates[0]]
    assert valid.all((0, 1)).sum() == count
    assert [band.units for band in scenes[0].bands] == ["index"]
    np.testing.assert_array_equal(np.sort(values[0, 0][valid[0, 0]]), np.sort(x[:, 0, 0]))
    for scene in scenes[1:]:
        others, seen = scene.read()
        np.testing.assert_array_equal(seen, valid)
        np.testing.assert_allclose(others[seen], values[valid], atol=1e-6)


def test_series_of_other_years_and_days_come_together(tmp_path: Path) -> None:
    days = {
        "a": pd.date_range("2013-09-14", periods=6, freq="32D"),
        "b": pd.date_range("2016-09-13", periods=6, freq="32D"),
    }
    days["c"] = pd.date_range("2015-09-30", periods=5, freq="32D")
    rows = [
        (key, day, float(at if key != "c" else at + 0.5)) for key, dates in days.items() for at, day in enumerate(dates)
    ]
    pd.DataFrame(rows, columns=["id", "date", "ndvi"]).to_csv(tmp_path / "a.csv", index=False)
    table = read_table(tmp_path / "a.csv")
    np.testing.assert_array_equal(table.values[:2, :, 0], [range(6), range(6)])
    assert np.isnan(table.values[2, [0, 5], 0]).tolist() == [True, False] or np.isnan(table.values[2, 0, 0])
    np.testing.assert_allclose(table.values[2, 1:5, 0], [1, 2, 3, 4], atol=0.05)
    assert table.notes == ("1 series seen on other days of the year; brought onto the first's along lines",)


def test_classes_and_places_of_a_table(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    as_columns(archive, tmp_path / "set" / "samples.csv")
    data = swath.data.open(tmp_path / "set", sensor="modis-13@values")
    assert data.layout == "series"
    assert [one.name for one in data.classes] == CLASSES
    totals = np.sum([[data.counts(item).get(at, 0) for at in range(4)] for item in data.items], axis=0)
    assert totals.tolist() == [379, 131, 344, 364]
    sample = data.sample(data.items[0])
    assert isinstance(sample.target, np.ndarray)
    np.testing.assert_array_equal(sample.target >= 0, sample.valid.all((0, 1)))
    parts = swath.data.split(data)
    places = [{data[name].place for name in parts.part(part)} for part in ("train", "val", "test")]
    assert not places[0] & (places[1] | places[2])


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("id,longitude,latitude,label\n1,2,3,a\n")
    with pytest.raises(OpenError):
        swath.open(path)
    path.write_text("label,NDVI_2013-09-14,NDVI_2013-09-30\na,high,low\n")
    with pytest.raises(OpenError, match="holds text"):
        swath.open(path)
