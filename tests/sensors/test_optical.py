"""Optical sensors: the files are consistent, published names are recognised, stored numbers become the right values."""

from __future__ import annotations

import runpy
import time
from pathlib import Path

import numpy as np
import pytest

from swath.errors import SensorError
from swath.sensors import find_sensor, read_sensor, recognise, sensors

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

# Ranges of the common names in nm, after the STAC eo extension's table, widened where vendors' bands need it.
RANGES = {
    "pan": (500, 800),
    "coastal": (400, 450),
    "blue": (450, 530),
    "green05": (510, 550),
    "green": (510, 600),
    "yellow": (580, 620),
    "red": (620, 690),
    "rededge": (690, 790),
    "rededge071": (690, 730),
    "rededge075": (730, 760),
    "rededge078": (760, 790),
    "nir": (750, 1000),
    "nir08": (800, 900),
    "nir09": (900, 1050),
    "cirrus": (1350, 1400),
    "swir16": (1550, 1750),
    "swir22": (2050, 2450),
    "lwir": (8000, 15000),
    "lwir11": (10500, 11500),
    "lwir12": (11500, 12500),
}

WITHOUT_LIGHT = {("zy-3", "NAD")}
"""Optical bands whose limits no source at hand states."""


@pytest.mark.parametrize("name", list(sensors()))
def test_every_level_gives_bands_that_can_be_told_apart(name: str) -> None:
    sensor = sensors()[name]
    assert all(len(source) > 20 for source in sensor.sources)
    for level in sensor.levels:
        bands = find_sensor(f"{name}-{level}").bands
        spelled = [spelling.casefold() for band in bands for spelling in (band.name, *band.aliases)]
        twice = {spelling for spelling in spelled if spelled.count(spelling) > 1}
        assert not twice, f"{name}-{level}"


@pytest.mark.parametrize("name", [name for name, one in sensors().items() if one.kind in ("optical", "aerial")])
def test_common_names_fit_the_wavelengths(name: str) -> None:
    for level in sensors()[name].levels:
        bands = sensors()[name].bands_of(level)
        common = [band.common_name for band in bands if band.common_name is not None]
        assert len(set(common)) == len(common), f"{name}-{level}: a common name stands for two bands"
        for band in bands:
            if band.common_name is not None:
                low, high = RANGES[band.common_name]
                assert band.centre is None or low <= band.centre <= high, f"{name}-{level} {band.name}"


@pytest.mark.parametrize("name", [name for name, one in sensors().items() if one.kind == "optical"])
def test_optical_bands_have_light_and_pixel_size(name: str) -> None:
    for band in sensors()[name].bands:
        assert band.gsd is not None, band.name
        if band.common_name is not None and (name, band.name) not in WITHOUT_LIGHT:
            assert band.wavelength is not None, band.name


@pytest.mark.parametrize(
    ("spec", "band", "stored", "value", "units"),
    [
        ("landsat-oli-l2", "SR_B4", 7273, 7.5e-6, "reflectance"),
        ("landsat-oli-l2", "B4", 18639, 0.3125725, "reflectance"),
        ("landsat-oli-l2", "ST_B10", 44177, 299.99786954, "kelvin"),
        ("landsat-etm-l2", "ST_B6", 1, 149.00341802, "kelvin"),
        ("landsat-tm-l2", "SR_B7", 43636, 0.99999, "reflectance"),
        ("landsat-oli-l1", "B4", 8000, 8000, "dn"),
        ("sentinel-2-l2a@pre-04.00", "B04", 1000, 0.1, "reflectance"),
        ("sentinel-2-l2a@04.00", "B04", 1000, 0.0, "reflectance"),
        ("sentinel-2-l1c@04.00", "B12", 11000, 1.0, "reflectance"),
        ("sentinel-2-l2a@04.00", "AOT", 150, 0.15, "1"),
        ("hls-s30", "B8A", 2500, 0.25, "reflectance"),
        ("hls-l30", "B10", 2150, 21.5, "celsius"),
        ("modis-09", "sur_refl_b02", 3000, 0.3, "reflectance"),
        ("modis-13", "NDVI", 8123, 0.8123, "index"),
        ("modis-13", "250m 16 days NIR reflectance", 3500, 0.35, "reflectance"),
        ("viirs-13", "EVI2", -200, -0.02, "index"),
        ("aster-07", "B3N", 450, 0.45, "reflectance"),
        ("aster-l1t", "B13", 1200, 1200, "dn"),
        ("sentinel-3-olci-l1", "Oa08_radiance", 10000, 87.6539, "radiance"),
        ("planetscope-8band-sr", "nir", 3100, 0.31, "reflectance"),
        ("planetscope-4band-analytic", "red", 5000, 50, "radiance"),
        ("rapideye-sr", "rededge", 2100, 0.21, "reflectance"),
        ("worldview-3-ms", "N2", 512, 512, "dn"),
        ("naip", "nir", 200, 200, "display"),
    ],
)
def test_stored_number_becomes_the_value(spec: str, band: str, stored: int, value: float, units: str) -> None:
    found = find_sensor(spec).band(band)
    assert stored * found.scale + found.offset == pytest.approx(value, abs=1e-7)
    assert found.units == units


@pytest.mark.parametrize(
    ("spec", "band", "nodata", "dtype"),
    [
        ("landsat-oli-l2", "SR_B4", 0, "uint16"),
        ("landsat-oli-l2", "QA_PIXEL", 1, "uint16"),
        ("landsat-tm-l1", "B4", 0, "uint8"),
        ("hls-l30", "B05", -9999, "int16"),
        ("hls-l30", "Fmask", 255, "uint8"),
        ("modis-09", "sur_refl_b07", -28672, "int16"),
        ("modis-13", "EVI", -3000, "int16"),
        ("modis-13", "red", -1000, "int16"),
        ("viirs-09", "M5", -28672, "int16"),
        ("aster-l1t", "B10", 0, "uint16"),
        ("sentinel-3-olci-l1", "Oa21", 65535, "uint16"),
        ("planetscope-4band-sr", "blue", 0, "uint16"),
    ],
)
def test_nodata_and_type(spec: str, band: str, nodata: float, dtype: str) -> None:
    found = find_sensor(spec).band(band)
    assert (found.nodata, found.dtype) == (nodata, dtype)


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ("landsat-oli-l2", "SR_B1 SR_B2 SR_B3 SR_B4 SR_B5 SR_B6 SR_B7 ST_B10"),
        ("landsat-mss-l1-123", "B4 B5 B6 B7"),
        ("planetscope-4band-sr", "blue green red nir"),
        ("planetscope-8band-sr", "coastal_blue blue green_i green yellow red rededge nir"),
        ("worldview-2-ms", "C B G Y R RE N N2"),
        ("pleiades-ms-rgbn", "B2 B1 B0 B3"),
        ("pleiades-neo-ned", "NIR RE DB"),
        ("aerial-rgbn-cir", "nir red green"),
    ],
)
def test_order_in_the_stack(spec: str, names: str) -> None:
    expected = names.split()
    assert [band.name for band in find_sensor(spec).bands][: len(expected)] == expected


def test_planetscope_instruments_lie_within_the_common_limits() -> None:
    common = find_sensor("planetscope-4band").bands
    for level in ("sr-ps2", "sr-ps2sd", "sr-psbsd"):
        for band, wide in zip(find_sensor(f"planetscope-4band-{level}").bands, common, strict=True):
            assert band.wavelength is not None
            assert wide.wavelength is not None
            assert wide.wavelength[0] <= band.wavelength[0] <= band.wavelength[2] <= wide.wavelength[2]


def test_sentinel_2_date_alone_settles_only_what_it_can() -> None:
    level = find_sensor("sentinel-2-l2a")
    assert level.settled(np.datetime64("2023-06-01")).variant == "04.00"
    with pytest.raises(SensorError, match=r"sentinel-2-l2a@pre-04.00.*sentinel-2-l2a@04.00"):
        level.settled(np.datetime64("2019-06-01"))


@pytest.mark.parametrize(
    ("properties", "variant"),
    [
        ({"s2:processing_baseline": "05.10"}, "04.00"),
        ({"s2:processing_baseline": "02.14"}, "pre-04.00"),
        ({"s2:processing_baseline": "05.10", "earthsearch:boa_offset_applied": True}, "pre-04.00"),
        ({"s2:processing_baseline": "05.10", "earthsearch:boa_offset_applied": False}, "04.00"),
    ],
)
def test_sentinel_2_variant_from_the_catalogue(properties: dict[str, object], variant: str) -> None:
    found = recognise(stac={"collection": "sentinel-2-l2a", **properties})
    assert found is not None
    assert found.settled(None).variant == variant


def test_all_files_load_in_less_than_two_tenths_of_a_second() -> None:
    def load() -> float:
        sensors.cache_clear()
        start = time.process_time()
        sensors()
        return time.process_time() - start

    assert any(load() < 0.2 for _ in range(10))


def test_page_of_sensors_is_what_the_data_say() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_sensors.py"))["page"]()
    assert (ROOT / "docs" / "sensors.md").read_text(encoding="utf-8") == made, "run docs/make_sensors.py --write"


def test_example_of_the_page_is_a_sensor_file(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "sensors.md").read_text(encoding="utf-8")
    example = text.split("```yaml\n", 1)[1].split("```", 1)[0]
    path = tmp_path / "mine.yaml"
    path.write_text(example, encoding="utf-8")
    sensor = read_sensor(path)
    found = find_sensor(f"{path}:{next(iter(sensor.levels))}")
    assert found.bands
