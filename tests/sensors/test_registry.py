"""Finding sensors: by what a person wrote, from a file of their own, and the variant that a source is stored in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from swath.errors import SensorError
from swath.sensors import Recognition, Sensor, find_sensor, read_sensor, recognise, sensors

OWN = """
name: kite
title: Kite camera
kind: aerial
sources: [the camera's own data sheet, measured in the laboratory]
bands:
  - {name: R, common_name: red, aliases: [rouge], wavelength: [600, 650, 700], gsd: 0.2}
  - {name: N, common_name: nir, wavelength: [780, 840, 900], gsd: 0.2}
  - {name: mask, kind: flags, units: flags, dtype: uint8}
levels:
  raw: {title: numbers}
  refl:
    title: reflectance
    units: reflectance
    dtype: uint16
    scale: 0.001
    nodata: 0
    changes: {N: {gsd: 0.4}}
    variants:
      old: {title: before the recalibration, until: 2020-12-31, pattern: '^1'}
      new: {title: with an offset, offset: -0.1, since: 2021-01-01, pattern: '^2'}
"""

ONE_LEVEL = OWN.split("  refl:", maxsplit=1)[0]


@pytest.fixture
def kite(tmp_path: Path) -> Path:
    path = tmp_path / "kite.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_all_sensors_have_unique_names_and_load() -> None:
    known = sensors()
    assert all(name == sensor.name for name, sensor in known.items())
    assert {"sentinel-2", "sentinel-1", "enmap"} <= known.keys()


def test_names_as_people_write_them() -> None:
    found = find_sensor("Sentinel-2-L2A@04.00")
    assert (found.sensor.name, found.level, found.variant) == ("sentinel-2", "l2a", "04.00")
    assert found.name == "sentinel-2-l2a@04.00"
    assert find_sensor("worldcover").level == "map"
    assert find_sensor("sentinel-2-l2a@values").bands[0].scale == 1


def test_what_is_found_already_is_kept() -> None:
    found = find_sensor("enmap-l2a")
    assert find_sensor(found) is found
    assert find_sensor(sensors()["worldcover"]).level == "map"


def test_every_recognition_can_be_written_and_found_again() -> None:
    for sensor in sensors().values():
        for level, spec in sensor.levels.items():
            for variant in (None, "values", *spec.variants):
                found = Recognition(sensor, level, variant)
                again = find_sensor(found.name)
                assert (again.sensor, again.level, again.variant) == (sensor, level, variant)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sentinel2-l2a", r"unknown sensor 'sentinel2-l2a'; near: .*sentinel-2-l2a.*YAML file"),
        ("qqqqqqqq", r"unknown sensor 'qqqqqqqq'; known: .*enmap.*sentinel-2"),
        ("sentinel-2", r"Sentinel-2 MSI comes at several levels: say sensor='sentinel-2-l1c'"),
        ("sentinel-2-l2a@05", r"sentinel-2-l2a has no variant '05'; it has pre-04.00, 04.00, values"),
        ("enmap-l2a@x", r"enmap-l2a has no variant 'x'; it has values"),
        # Where the order of bands is unknown, it must be said.
        ("pleiades", r"sensor='pleiades-ms-bgrn'.*sensor='pleiades-ms-rgbn'"),
    ],
)
def test_a_name_that_is_none_lists_those_there_are(name: str, message: str) -> None:
    with pytest.raises(SensorError, match=message):
        find_sensor(name)


def test_unknown_band_lists_those_there_are() -> None:
    found = find_sensor("sentinel-1-rtc")
    assert found.band("vv").name == "VV"
    with pytest.raises(SensorError, match=r"sentinel-1-rtc has no band 'VW'; it has VV, VH, HH, HV"):
        found.band("VW")


def test_own_file(kite: Path) -> None:
    short = kite.with_suffix(".yml")
    short.write_bytes(kite.read_bytes())
    found = find_sensor(f"{kite}:refl")
    assert (found.sensor.name, found.level) == ("kite", "refl")
    assert find_sensor(f"{short}:refl") == found
    red, nir, mask = found.bands
    assert (red.units, red.scale, red.nodata, red.gsd) == ("reflectance", 0.001, 0, 0.2)
    assert nir.gsd == 0.4
    assert (mask.units, mask.scale, mask.dtype) == ("flags", 1, "uint8")
    assert found.band("ROUGE").name == "R"
    assert found.title == "Kite camera, reflectance"


def test_own_file_with_one_level_needs_no_level(tmp_path: Path) -> None:
    path = tmp_path / "kite.yaml"
    path.write_text(ONE_LEVEL, encoding="utf-8")
    assert find_sensor(path).level == "raw"
    assert find_sensor(str(path)).level == "raw"


def test_own_file_with_several_levels_must_be_told(kite: Path) -> None:
    with pytest.raises(SensorError, match=r"Kite camera comes at several levels: say sensor='kite-raw' \(numbers\), "):
        find_sensor(kite)
    with pytest.raises(SensorError, match="comes at several levels"):
        find_sensor(f"{kite}:l9")


TABLE = ONE_LEVEL.replace(
    "bands:\n", "bands:\n  - table: |\n      T1 900 905 910\n\n      T2 910 915 920\n    gsd: 5\n    units: radiance\n"
)


def test_own_file_with_a_table(tmp_path: Path) -> None:
    path = tmp_path / "kite.yaml"
    path.write_text(TABLE)
    bands = read_sensor(path).bands
    assert [band.name for band in bands] == ["T1", "T2", "R", "N", "mask"]
    assert [band.wavelength for band in bands[:2]] == [(900, 905, 910), (910, 915, 920)]
    assert {(band.gsd, band.units) for band in bands[:2]} == {(5, "radiance")}
    path.write_text(TABLE.replace(" 905 910", " 905"))
    with pytest.raises(SensorError, match=r"kite.yaml: bands.0.wavelength"):
        read_sensor(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SensorError, match=r"none\.yaml: cannot read the sensor file: No such file"):
        find_sensor(tmp_path / "none.yaml")


def test_broken_yaml(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("name: [kite", encoding="utf-8")
    with pytest.raises(SensorError, match=r"broken\.yaml: not valid YAML: .*line 1") as caught:
        read_sensor(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("gsd: 0.2}", "resolution: 0.2}", r"bands\.0\.resolution: Extra inputs"),
        ("name: kite", "name: Kite Camera", r"name: String should match pattern"),
        ("kind: aerial", "kind: camera", r"kind: Input should be"),
        ("[600, 650, 700]", "[700, 650, 600]", r"bands\.0\.wavelength: .*in that order"),
        ("units: flags", "units: furlong", r"bands\.2\.units: .*unknown units 'furlong'; known: reflectance"),
        ("kind: flags", "classes: {1: a}", r"bands\.2: .*band mask has classes, so its kind must be 'categorical'"),
        ("name: N", "name: R", r"the file: .*band names are not unique"),
        ("changes: {N:", "changes: {Q:", r"the file: .*level refl: no band is called 'Q'"),
        ("title: Kite camera", "title: Kite\ndefault_level: l3", r"the file: .*default_level 'l3' is not one of"),
        ("title: numbers", "title: numbers, bands: [X]", r"the file: .*level raw: no band is called 'X'"),
        ("'^1'", "'^('", r"levels\.refl\.variants\.old\.pattern: .*not a regular expression: missing \)"),
        ("title: numbers", "title: n, marks: [{where: tag, pattern: a}]", r"levels\.raw\.marks\.0: .*needs a key"),
        (
            "title: numbers",
            "title: n, marks: [{where: name, pattern: '('}]",
            r"levels\.raw\.marks\.0\.pattern: .*not a regular",
        ),
    ],
)
def test_wrong_field_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "kite.yaml"
    assert old in OWN
    path.write_text(OWN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SensorError, match=message) as caught:
        read_sensor(path)
    assert str(path) in str(caught.value)
    assert "found)" in str(caught.value)


def test_a_sensor_is_read_from_mappings_only(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("- 1\n- 2\n", encoding="utf-8")
    with pytest.raises(SensorError, match=r"list\.yaml: the file: "):
        read_sensor(path)


@pytest.fixture
def refl(kite: Path) -> Recognition:
    return find_sensor(f"{kite}:refl")


def test_variant_by_date(refl: Recognition) -> None:
    before = refl.settled(np.datetime64("2020-12-31T23:59"))
    after = refl.settled(np.datetime64("2021-01-01"))
    assert (before.variant, after.variant) == ("old", "new")
    assert (before.band("R").offset, after.band("R").offset) == (0, -0.1)
    assert after.band("mask").offset == 0, "a mask keeps its own storage"
    assert after.how == "given; variant by the date 2021-01-01"
    assert after.name == "kite-refl@new"


def test_variant_by_fact_goes_before_the_date(refl: Recognition) -> None:
    told = replace(refl, facts={"variant": "1.7"})
    assert told.settled(np.datetime64("2024-05-05")).variant == "old"


def test_fact_that_fits_no_variant_leaves_it_to_the_date(refl: Recognition) -> None:
    told = replace(refl, facts={"variant": "9"})
    assert told.settled(np.datetime64("2024-05-05")).variant == "new"


def test_undecided_variant_says_every_way_out(refl: Recognition) -> None:
    with pytest.raises(SensorError) as caught:
        refl.settled(None)
    message = str(caught.value)
    assert "Kite camera REFL numbers are stored in more than one way" in message
    for way in ("sensor='kite-refl@old' (before the recalibration)", "sensor='kite-refl@new'", "'kite-refl@values'"):
        assert way in message


def test_date_that_fits_two_variants_decides_nothing(kite: Path) -> None:
    kite.write_text(OWN.replace("since: 2021-01-01", "since: 2019-01-01"), encoding="utf-8")
    found = find_sensor(f"{kite}:refl")
    assert found.settled(np.datetime64("2018-06-01")).variant == "old"
    with pytest.raises(SensorError, match="more than one way"):
        found.settled(np.datetime64("2020-06-01"))


def test_settled_already_or_with_nothing_to_settle(refl: Recognition) -> None:
    given = replace(refl, variant="old")
    assert given.settled(np.datetime64("2024-01-01")) is given
    plain = find_sensor("enmap-l2a")
    assert plain.settled(None) is plain


def test_values_variant_undoes_the_storage(refl: Recognition) -> None:
    red = replace(refl, variant="values").band("R")
    assert (red.scale, red.offset, red.dtype, red.nodata, red.units) == (1, 0, None, None, "reflectance")


@pytest.mark.parametrize(
    ("name", "variant", "offset"),
    [
        ("S2A_MSIL2A_20211018T101031_N0301_R022_T33UUP_20211018T130000.SAFE", "pre-04.00", 0),
        ("S2A_MSIL2A_20220713T101031_N0400_R022_T33UUP_20220713T130000.SAFE", "04.00", -0.1),
        ("S2B_MSIL1C_20180101T101031_N0500_R022_T33UUP_20230713T130000.SAFE", "04.00", -0.1),  # reprocessed
    ],
)
def test_sentinel_2_baseline_from_the_name(name: str, variant: str, offset: float) -> None:
    found = recognise(name)
    assert found is not None
    settled = found.settled(None)
    assert (settled.variant, settled.band("B04").offset) == (variant, offset)


def test_marks_of_several_sensors_tell_nothing() -> None:
    assert recognise("PRS_L2D_STD_20200418101701_20200418101706_0001.he5/N27E086.hgt") is None


def test_no_mark_tells_nothing() -> None:
    assert recognise("image.tif", {"AREA_OR_POINT": "Area"}, {"collection": "mine"}) is None
    assert recognise() is None


def test_mark_in_a_tag_and_in_stac() -> None:
    by_stac = recognise(stac={"collection": "sentinel-2-l2a", "s2:processing_baseline": "05.09"})
    assert by_stac is not None
    assert by_stac.how == "STAC collection sentinel-2-l2a"
    assert by_stac.settled(None).variant == "04.00"


def test_sensor_can_be_given_as_an_object(kite: Path) -> None:
    sensor: Sensor = read_sensor(kite)
    with pytest.raises(SensorError, match="several levels"):
        find_sensor(sensor)
    assert find_sensor(sensor.model_copy(update={"default_level": "raw"})).level == "raw"
