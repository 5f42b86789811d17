"""Every collection of real imagery, with what opening it must give."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import swath
from swath.errors import OpenError
from tests.scene.test_odd_files import one_line, same_as_rasterio


@dataclass(frozen=True)
class Set:
    """Files of a collection, opened together as one scene."""

    files: str
    """Glob below the collection; `|` separates several."""
    shape: tuple[int | None, int | None] = (1, None)
    """Dates and bands."""
    sensor: str | None = None
    """What it is recognised as."""
    units: set[str] | None = None
    first_date: str | None = None
    gsd: float | None = None
    valid: tuple[float, float] = (0.99, 1.0)
    """Lower and upper bound of the share of valid pixels."""
    arguments: dict[str, Any] = field(default_factory=dict)
    limit: int = 1
    """How many of the files that match are opened, each as its own scene, when they are no series."""
    together: bool = False


TWELVE = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"]

SETS: dict[str, Set] = {
    "eurosat_rgb": Set("*/*.jpg", (1, 3), units={"display"}, limit=12),
    "ucmerced": Set("*/*.jpg", (1, 3), units={"display"}, limit=12),
    "hotosm_buildings": Set("images/*.png", (1, 3), units={"display"}, limit=12),
    "dubai_landcover": Set("images/*.jpg", (1, 3), units={"display"}, limit=6),
    "inshore_ships": Set("*.jpg", (1, 3), units={"display"}, limit=6),
    "neon_trees": Set("images/*.tif", (1, 3), units={"display"}, limit=6, gsd=0.1, valid=(0.5, 1)),
    "oscd_s2_4band": Set(
        "paris_t*.tif",
        (2, 4),
        units={"reflectance"},
        arguments={"sensor": "sentinel-2-l1c@pre-04.00"},
        together=True,
        gsd=10.52,
    ),
    "sztaki_airchange": Set("archieve/im1.jpg|archieve/im2.jpg", (2, 3), units={"display"}, together=True),
    "cd_levir_samples": Set("A/*.png", (1, 3), units={"display"}, limit=3),
    "cd_dsifn_samples": Set("A/*.png", (1, 3), units={"display"}, limit=3),
    "landsat_cd_taizhou": Set("Taizhou/2000TM|Taizhou/2003TM", (2, 6), together=True, units={"dn"}),
    "sar_change": Set("*/san_1.bmp|*/san_2.bmp", (2, 1), together=True, arguments={"dates": ["2003", "2004"]}),
    "agrifieldnet": Set("source/02248", (1, 12), arguments={"bands": TWELVE}, gsd=10, units={"dn"}),
    "sen1floods11": Set("S2/*.tif", (1, 13), arguments={"sensor": "sentinel-2-l1c@pre-04.00"}, units={"reflectance"}),
    "rstoolbox_s2_landsat": Set(
        "converted/sen2.tif", (1, 12), arguments={"sensor": "sentinel-2-l2a@values"}, units={"reflectance"}
    ),
    "eolearn_s2_slovenia": Set("converted/S2_L1C_13band_2015*.tif", (5, 13), first_date="2015-07-11", together=True),
    "sits_modis_brazil": Set("mod13q1_jp2/raster/mod13q1/*.jp2", (12, 1), first_date="2013-09-14", together=True),
    "sits_formosat2": Set("test_img.tif", (1, 447), units={"dn"}),
    "fields_denmark_s2": Set("RGB_small.tif", (1, 3), units={"dn"}, gsd=10),
    "osm_buildings_wv3": Set("sample_geotiff.tif", (1, 1), gsd=0.5, valid=(0.5, 1)),
    "dsm_dtm_buildings": Set(
        "elevation/*.tif", (1, 3), arguments={"bands": ["dsm", "dtm", "hag"]}, together=True, gsd=2
    ),
    "canopy_height": Set("CHM_test.tif", (1, 1), gsd=0.25, valid=(0.5, 1)),
    "eotdl_boadella_eurosat": Set(
        "eotdl/tests/unit/curation/stac/test_data/sentinel_2/*.tif",
        (2, 12),
        arguments={"sensor": "sentinel-2-l2a@pre-04.00"},
        units={"reflectance"},
        first_date="2020-01-13",
        together=True,
    ),
    "landsat_peru_8dates": Set("landsat", (8, 4), first_date="1985", valid=(0.9, 1)),
    "landsat7_belize_two_dates": Set(
        "LE*.gtif", (2, 8), arguments={"dates": ["1999-11-18", "2002-04-16"]}, together=True, valid=(0.8, 1)
    ),
    "dtwsat_mod13q1": Set("*.tif", (23, 7), first_date="2011-09-14", together=True, gsd=231.66),
    "lai_timeseries_s2": Set("*.nc", (333, 1), valid=(0.5, 0.75), gsd=20),
    "togo_s1s2era5_24m": Set("*.tif", (1, 206)),
    "treesat_multimodal": Set("*.tif", (1, 3), units={"display"}, gsd=0.2),
    "worldcover_huge_cog": Set("**/*_Map.tif", (1, 1), sensor="worldcover", first_date="2021", gsd=9.24, valid=(0, 1)),
}

NOT_IMAGERY = {
    "ucm_text": "text about the images of ucmerced",
    "sits_cawa_centralasia": "tables of pixel series without rasters",
    "odd_geotiffs": "in test_odd_files.py",
}


def test_every_collection_has_an_expectation(shared_data: Path) -> None:
    assert {path.name for path in shared_data.iterdir() if path.is_dir()} == set(SETS) | set(NOT_IMAGERY)


@pytest.mark.parametrize("name", SETS)
def test_collection(name: str, shared_data: Path) -> None:
    expected = SETS[name]
    paths = [path for part in expected.files.split("|") for path in sorted((shared_data / name).glob(part))]
    assert paths
    groups = [paths] if expected.together else [[path] for path in paths[: expected.limit]]
    for group in groups:
        scene = swath.open(*group, **expected.arguments)
        for found, wanted in zip(scene.shape, expected.shape, strict=False):
            assert wanted is None or found == wanted
        if expected.units is not None:
            assert {band.units for band in scene.bands} == expected.units
        if expected.sensor is not None:
            assert scene.sensor is not None
            assert scene.sensor.name == expected.sensor
        if expected.first_date is not None:
            assert str(scene.dates[0])[: len(expected.first_date)] == expected.first_date
        if expected.gsd is not None:
            assert scene.gsd == pytest.approx(expected.gsd, rel=0.01)
        height, width = scene.grid.shape
        values, valid = scene.read(np.s_[: min(height, 800), : min(width, 800)])
        assert expected.valid[0] <= valid.mean() <= expected.valid[1]
        assert np.isfinite(values[valid]).all()
        assert np.isnan(values[~valid]).all()
        if len(group) == 1 and group[0].is_file() and not expected.arguments and group[0].suffix != ".nc":
            same_as_rasterio(scene, group[0])


def test_values_of_series_lie_where_their_files_say(shared_data: Path) -> None:
    """Dates and bands of a series are those of the files, whatever the order in which they were given."""
    files = sorted((shared_data / "dtwsat_mod13q1").glob("*.tif"))
    scene = swath.open(*reversed(files))
    values, _ = scene.read()
    for date, path in enumerate(files):
        with rasterio.open(path) as dataset:
            stored, mask = dataset.read(), dataset.read_masks() > 0
        np.testing.assert_array_equal(values[date][mask], stored[mask])
        assert np.isnan(values[date][~mask]).all()


def test_bands_in_files_of_their_own(shared_data: Path) -> None:
    folder = shared_data / "agrifieldnet/source/02248"
    scene = swath.open(folder, bands=TWELVE)
    named = swath.open(folder, sensor="sentinel-2-l2a@values")
    for index, name in enumerate(TWELVE):
        with rasterio.open(folder / f"{name}.tif") as dataset:
            stored = dataset.read(1)
        for one in (scene, named):
            assert one.bands[index].name == name
            np.testing.assert_array_equal(one.read(bands=name)[0][0, 0], stored)
    two = swath.open(folder, bands=["B8A", "B02"])
    assert [band.name for band in two.bands] == ["B8A", "B02"]
    np.testing.assert_array_equal(two.read()[0][0, 0], scene.read(bands="B8A")[0][0, 0])
    with pytest.raises(OpenError, match="in the order of bands="):
        swath.open(folder, bands=[f"x{i}" for i in range(12)])


def test_slovenia_dates_and_digits(shared_data: Path) -> None:
    """Sentinel-2 kept as reflectance in floats: refused as digital numbers, taken as values."""
    path = next((shared_data / "eolearn_s2_slovenia/converted").glob("S2_L1C_13band_2015-07-11.tif"))
    with rasterio.open(path) as dataset:
        stored, dtype = dataset.read(), dataset.dtypes[0]
    assert dtype.startswith("float")
    with pytest.raises(OpenError) as refused:
        swath.open(path, sensor="sentinel-2-l1c@pre-04.00")
    assert "@values" in one_line(refused.value)
    scene = swath.open(path, sensor="sentinel-2-l1c@values")
    np.testing.assert_array_equal(scene.read()[0][0], stored)
    assert [band.name for band in scene.bands][:3] == ["B01", "B02", "B03"]
