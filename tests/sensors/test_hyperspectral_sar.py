"""Hyperspectral, radar, reanalysis and elevation sensors: their numbers, and the products that bear their marks."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import swath.sensors
from swath.sensors import Sensor, conversion, find_sensor, read_sensor, recognise, sensors

MINE = (
    "alos-palsar-2",
    "aviris",
    "aviris-ng",
    "dem",
    "desis",
    "enmap",
    "era5",
    "hyperion",
    "prisma",
    "sentinel-1",
    "terrasar-x",
    "worldcover",
)
DATA = Path(swath.sensors.__file__).parent / "data"

# Band ranges of the detectors, whose centres ascend on their own: the first band of each.
DETECTORS = {
    "aviris": ("B001", "B033", "B097", "B161"),
    "aviris-ng": ("B001",),
    "desis": ("B001",),
    "enmap": ("B001",),
    "hyperion": ("B001", "B071"),
    "prisma": ("VNIR_01", "SWIR_001"),
}


@pytest.mark.parametrize("name", MINE)
def test_file_loads_and_every_level_gives_bands(name: str) -> None:
    sensor = read_sensor(DATA / f"{name}.yaml")
    assert sensor.name == name
    for level in sensor.levels:
        found = find_sensor(f"{name}-{level}")
        assert (found.sensor.name, found.level) == (name, level)
        assert found.bands
        for band in found.bands:
            assert found.band(band.name) is band


# Published counts: EnMAP 91 VNIR + 133 SWIR; PRISMA 63 + 171 valid; DESIS without binning; AVIRIS 32 + 3 x 64;
# AVIRIS-NG; Hyperion 242, of which 198 are calibrated; ERA5 five variables on 37 pressure levels.
@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ("enmap-l2a", 224),
        ("enmap-l1c", 224),
        ("enmap-l1b-vnir", 91),
        ("enmap-l1b-swir", 133),
        ("prisma-l2d", 63 + 171),
        ("desis-l2a", 235),
        ("aviris-l1b", 32 + 3 * 64),
        ("aviris-ng-l1b", 425),
        ("hyperion-l1t", 242),
        ("hyperion-calibrated", 198),
        ("era5-pressure", 5 * 37),
        ("sentinel-1-rtc", 4),
        ("worldcover", 1),
    ],
)
def test_band_counts(spec: str, count: int) -> None:
    assert len(find_sensor(spec).bands) == count


@pytest.mark.parametrize("name", DETECTORS)
def test_centres_ascend_within_each_detector(name: str) -> None:
    bands = sensors()[name].bands
    names = [band.name for band in bands]
    starts = [names.index(first) for first in DETECTORS[name]]
    for start, end in pairwise([*starts, len(bands)]):
        centres = [band.centre for band in bands[start:end] if band.centre is not None]
        assert len(centres) == end - start
        assert all(np.diff(centres) > 0)
    for start in starts[1:]:
        before, after = bands[start - 1].centre, bands[start].centre
        assert before is not None
        assert after is not None
        assert after < before, "detectors overlap"


@pytest.mark.parametrize(
    ("name", "nearest", "width"),
    [
        ("enmap", 12.0, (5.5, 11.5)),
        ("prisma", 12.0, (8.5, 15.5)),
        ("desis", 5.0, (2.0, 7.0)),
        ("aviris", 12.0, (9.0, 12.0)),
        ("aviris-ng", 5.02, (5.5, 6.1)),
        ("hyperion", 11.0, (10.0, 12.0)),
    ],
)
def test_widths_and_spacing_are_the_instruments(name: str, nearest: float, width: tuple[float, float]) -> None:
    bands = sensors()[name].bands
    for band in bands:
        assert band.width is not None
        assert width[0] <= band.width <= width[1]
        assert band.wavelength is not None
        low, centre, high = band.wavelength
        assert low + high == pytest.approx(2 * centre, abs=0.02), "limits lie half a width on either side"
    centres = np.sort([band.centre for band in bands])
    steps = np.diff(centres)
    assert np.quantile(steps, 0.98) <= nearest
    assert centres[0] > 350
    assert centres[-1] < 2600


# Two or three values of each table as published, so that a slip in the files shows.
@pytest.mark.parametrize(
    ("name", "band", "centre", "width"),
    [
        ("enmap", "B001", 418.24, 6.99561),
        ("enmap", "B224", 2445.53, 7.1581),
        ("prisma", "VNIR_01", 402.5, 11.4),
        ("prisma", "SWIR_171", 2496.9, None),
        ("desis", "B001", 402.0, 2.4),
        ("desis", "B235", 999.5, None),
        ("hyperion", "B008", 426.82, 11.3871),
        ("hyperion", "B224", 2395.5, 10.4077),
        ("aviris", "B001", 365.92981, 9.852108),
        ("aviris", "B224", 2495.33569, 9.99943392),
        ("aviris-ng", "B001", 376.86, 5.57),
        ("aviris-ng", "B425", 2500.54, 6.03),
    ],
)
def test_values_as_published(name: str, band: str, centre: float, width: float | None) -> None:
    found = next(one for one in sensors()[name].bands if one.name == band)
    assert found.centre == pytest.approx(centre, abs=0.006)
    if width is not None:
        assert found.width == pytest.approx(width, abs=0.011)


def test_hyperion_scales_and_calibrated_bands() -> None:
    by_name = {band.name: band for band in find_sensor("hyperion-l1t").bands}
    for number, scale in ((1, 1 / 40), (70, 1 / 40), (71, 1 / 80), (242, 1 / 80)):
        band = by_name[f"B{number:03d}"]
        assert (band.scale, band.units, band.dtype) == (scale, "radiance", "int16")
    calibrated = [int(band.name[1:]) for band in find_sensor("hyperion-calibrated").bands]
    assert calibrated == [*range(8, 58), *range(77, 225)]


@pytest.mark.parametrize(
    ("spec", "units", "scale", "nodata", "dtype"),
    [
        ("enmap-l2a", "reflectance", 0.0001, -32768, "int16"),
        ("enmap-l1c", "dn", 1, None, None),
        ("enmap-radiance", "radiance", 1, None, "float32"),
        ("prisma-l1", "dn", 1, None, "uint16"),
        ("prisma-l2d", "dn", 1, None, "uint16"),
        ("prisma-reflectance", "reflectance", 1, None, "float32"),
        ("desis-l1c", "dn", 1, None, None),
        ("desis-l2a", "reflectance", 0.0001, -32768, "int16"),
        ("aviris-l1b", "dn", 1, None, "int16"),
        ("aviris-ng-l1b", "radiance", 10, None, "float32"),  # uW cm-2 nm-1 sr-1 to W m-2 sr-1 um-1
        ("sentinel-1-grd", "dn", 1, 0, "uint16"),
        ("sentinel-1-slc", "dn", 1, None, None),
        ("sentinel-1-rtc", "linear", 1, -32768, "float32"),
        ("sentinel-1-db", "db", 1, None, "float32"),
        ("terrasar-x-eec", "dn", 1, None, "uint16"),
        ("dem-srtm", "metre", 1, -32768, "int16"),
        ("dem-copernicus-30", "metre", 1, None, "float32"),
        ("enmap-l2a@values", "reflectance", 1, None, None),
    ],
)
def test_storage(spec: str, units: str, scale: float, nodata: float | None, dtype: str | None) -> None:
    for band in find_sensor(spec).bands:
        assert (band.units, band.scale, band.offset, band.nodata, band.dtype) == (units, scale, 0, nodata, dtype)


@pytest.mark.parametrize(
    ("name", "frequency"), [("sentinel-1", 5.405), ("terrasar-x", 9.65), ("alos-palsar-2", 1.2575)]
)
def test_radar_frequency_and_polarisation(name: str, frequency: float) -> None:
    radar = [band for band in sensors()[name].bands if band.frequency is not None]
    assert {band.polarisation for band in radar} == {"VV", "VH", "HH", "HV"}
    assert {band.frequency for band in radar} == {frequency}
    assert all(band.polarisation == band.name for band in radar)


@pytest.mark.parametrize(("spec", "factor"), [("l2.1", -83.0), ("mosaic", -83.0), ("l2.2", -83.0), ("l1.1", -115.0)])
def test_palsar_numbers_give_the_published_db(spec: str, factor: float) -> None:
    band = find_sensor(f"alos-palsar-2-{spec}").band("HV")
    numbers = np.array([1, 100, 3000, 65535], dtype=np.float64)
    to_db = conversion(band.units, "db")
    assert to_db is not None
    # float64 only for the scaling, as a scene does before it hands out float32
    found = to_db((numbers * band.scale).astype(np.float32))
    np.testing.assert_allclose(found, 20 * np.log10(numbers) + factor, atol=1e-4)


def test_palsar_mosaic_side_layers_are_not_amplitudes() -> None:
    found = find_sensor("alos-palsar-2-mosaic")
    assert found.band("mask").classes == {50: "water", 100: "layover", 150: "shadow", 255: "land"}
    assert (found.band("linci").units, found.band("linci").scale) == ("degree", 1)
    assert found.band("date").kind == "categorical"


def test_era5_names_units_and_levels() -> None:
    single = find_sensor("era5-single")
    expected = {
        "t2m": "kelvin",
        "d2m": "kelvin",
        "u10": "m s-1",
        "v10": "m s-1",
        "sp": "pascal",
        "msl": "pascal",
        "tp": "metre",
        "ssrd": "J m-2",
        "tcwv": "kg m-2",
        "tcc": "fraction",
        "z": "m2 s-2",
    }
    assert {name: single.band(name).units for name in expected} == expected
    for alias, name in (("2t", "t2m"), ("2m_temperature", "t2m"), ("air_pressure_at_mean_sea_level", "msl")):
        assert single.band(alias).name == name
    pressure = find_sensor("era5-pressure")
    for name, units in (("t_850", "kelvin"), ("q_700", "kg kg-1"), ("z_500", "m2 s-2"), ("u_1", "m s-1")):
        assert pressure.band(name).units == units
    levels = [int(band.name[2:]) for band in pressure.bands if band.name.startswith("v_")]
    assert len(levels) == 37
    assert levels == sorted(levels)
    assert (levels[0], levels[-1]) == (1, 1000)


def test_worldcover_of_the_file_itself(shared_data: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    (path,) = shared_data.glob("worldcover_huge_cog/tests/**/*_Map.tif")
    with rasterio.open(path) as dataset:
        tags, table, nodata, dtype = dataset.tags(), dataset.colormap(1), dataset.nodata, dataset.dtypes[0]
    by_tag = recognise("renamed.tif", tags)
    assert by_tag is not None
    assert (by_tag.name, by_tag.facts["date"]) == ("worldcover", "2021")
    (band,) = by_tag.bands
    assert band.classes is not None
    assert band.colours is not None
    assert (band.nodata, band.dtype, band.kind) == (nodata, dtype, "categorical")
    legend = dict(line.split(maxsplit=1) for line in tags["legend"].splitlines())
    assert {str(key): text.replace(" / ", "/") for key, text in band.classes.items()} == legend
    assert len(legend) == 11
    for key, colour in band.colours.items():
        assert colour == "#{:02x}{:02x}{:02x}".format(*table[key][:3])


def test_every_sensor_says_where_its_numbers_come_from() -> None:
    for name in MINE:
        sensor: Sensor = sensors()[name]
        assert all(len(source) > 40 for source in sensor.sources)
