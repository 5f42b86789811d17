"""A scene against a card: what is matched how, what is refused with which cure, and what the network then gets."""

from __future__ import annotations

import doctest
import itertools
import pickle
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

import swath
from swath.errors import MatchError
from swath.models import Card, CardBand, ClassLabel, DatesRule, GsdRule, Input, Output, registry
from swath.models.light import POLARISATION_NM
from swath.models.weights import save_weights
from swath.predict.match import can_take, fits, match
from swath.sensors import find_sensor

L1C = "sentinel-2-l1c@pre-04.00"
FOUR = ("B02", "B03", "B04", "B08")
GRID = GeoBox((40, 50), Affine(10, 0, 600_000, 0, -10, 5_000_000), "EPSG:32631")
OUTPUT = Output(kind="classes", classes=(ClassLabel(value=0, name="land"), ClassLabel(value=1, name="water")))
quick = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def image(names: tuple[str, ...] = FOUR, sensor: str = L1C, gsd: Any = 10.0, units: str = "", **about: Any) -> Input:
    own = {band.name: band for band in find_sensor(sensor).bands}
    rule = GsdRule.around(gsd) if isinstance(gsd, float | int) else gsd
    bands = tuple(CardBand.of(own[name].with_(**({"units": units} if units else {}))) for name in names)
    return Input(**{"bands": bands, "gsd": rule, "sensors": (sensor,), **about})


def card_of(*inputs: Input, task: Any = "segmentation", **about: Any) -> Card:
    return Card(name="water-s2", task=task, inputs=inputs or (image(),), output=OUTPUT, **about)


def refused(scene: Any, card: Card, **said: Any) -> str:
    with pytest.raises(MatchError) as caught:
        match(scene, card, **said)
    text = str(caught.value)
    assert "\n" not in text
    assert not text.endswith(".")
    return text


def whole(scene: swath.Scene) -> tuple[slice, slice]:
    return slice(0, scene.shape[2]), slice(0, scene.shape[3])


@pytest.fixture(scope="module")
def paris() -> swath.Scene:
    return swath.open(Path(__file__).parents[1] / "data" / "paris_2015.tif", sensor=L1C)


# --- bands ---


def test_bands_of_the_same_sensor_are_known_by_name_whatever_their_order(paris: swath.Scene) -> None:
    expected, seen = paris.read()
    for order in itertools.permutations(FOUR):
        feed = match(paris.select(bands=list(order)), card_of())
        (one,) = feed.inputs
        assert [(band.wanted, band.band, band.how) for band in one.bands] == [(name, name, "name") for name in FOUR]
        values, valid = one.read(whole(paris))
        np.testing.assert_array_equal(values, expected)
        np.testing.assert_array_equal(valid, seen[0].all(axis=0))


def test_more_bands_than_needed_are_left_out(shared_data: Path) -> None:
    scene = swath.open(*sorted((shared_data / "sen1floods11" / "S2").glob("*.tif")), sensor=L1C)
    (one,) = match(scene, card_of()).inputs
    values, valid = one.read(np.s_[0:64, 10:80])
    expected, seen = scene.read(np.s_[0:64, 10:80], bands=list(FOUR))
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(valid, seen[0].all(axis=0))


def of_bands(sensor: str, *names: str) -> swath.Scene:
    own = {band.name: band for band in find_sensor(sensor).bands}
    values = np.ones((len(names), 40, 50), np.float32) * np.arange(1, len(names) + 1, dtype=np.float32)[:, None, None]
    # Values are said to be reflectance already: how the sensor stores them is not what is tested here.
    plain = {"scale": 1.0, "offset": 0.0, "dtype": None, "nodata": None, "units": "reflectance"}
    bands = [own[name].with_(**plain) for name in names]
    return swath.Scene.from_array(values, GRID, bands=bands)


@pytest.mark.parametrize(
    ("sensor", "wanted", "found", "distances"),
    [
        ("landsat-oli-l1", ("B2", "B3", "B4", "B5"), ("B02", "B03", "B04", "B8A"), (8.0, 1.5, 10.5, 0.0)),
        ("pleiades-reflectance-bgrn", ("B0", "B1", "B2", "B3"), ("B02", "B03", "B04", "B08"), (0.0, 0.0, 15.0, 2.0)),
        ("rapideye-sr", ("red", "rededge"), ("B04", "B05"), (7.5, 5.0)),
    ],
)
def test_other_sensors_are_matched_by_wavelength_the_nearest_first(
    sensor: str, wanted: tuple[str, ...], found: tuple[str, ...], distances: tuple[float, ...]
) -> None:
    scene = of_bands(L1C, "B08", "B8A", "B05", "B04", "B03", "B02")
    (one,) = match(scene, card_of(image(wanted, sensor, None, "reflectance"))).inputs
    assert tuple(band.band for band in one.bands) == found
    assert {band.how for band in one.bands} == {"wavelength"}
    assert tuple(band.distance for band in one.bands) == pytest.approx(distances)


def test_names_of_other_sensors_mean_nothing() -> None:
    # B4 of Landsat TM is near infrared; of Sentinel-2, as an alias, it is red.
    card = card_of(image(("B04",), gsd=None))
    (one,) = match(of_bands("landsat-tm-l1", "B3", "B4"), card).inputs
    assert (one.bands[0].band, one.bands[0].distance) == ("B3", 5.0)


def test_responses_that_overlap_by_half_are_the_same_light() -> None:
    scene = of_bands("rapideye-sr", "nir")  # 760..850, centre 805; the card's 784.5..899.5, centre 842
    assert "37 nm off, 20 are allowed" in refused(scene, card_of(image(("B08",), gsd=None)))
    own = image(("B08",), gsd=None)
    near = own.bands[0].model_copy(update={"wavelength": (770.0, 830.0, 860.0)})
    (one,) = match(scene, card_of(own.model_copy(update={"bands": (near,)}))).inputs
    assert (one.bands[0].how, one.bands[0].distance) == ("wavelength", 25.0)


def test_a_panchromatic_band_is_no_red_band_though_its_centre_is_near() -> None:
    text = refused(of_bands("pleiades-pan", "P"), card_of(image(("B04",), gsd=None)))
    assert "none of its bands P is B04 (red, 665 nm) (P is 360 nm broad)" in text


def test_a_missing_band_is_named_with_what_may_stand_in(paris: swath.Scene) -> None:
    text = refused(paris.select(bands=["B02", "B03", "B04"]), card_of())
    assert "it has 3 of the 4 bands that the model takes" in text
    assert "none of its bands B02, B03, B04 is B08 (nir, 842 nm)" in text
    text = refused(paris, card_of(image((*FOUR, "B8A"))))
    assert "is B8A (nir08, 865 nm) (B08 is 23 nm off, 20 are allowed)" in text
    assert "bands={'B8A': 'B08'}" in text
    other = card_of(image(("B02", "B03", "B04", "B8A")))
    (one,) = match(paris, other, bands={"B8A": "B08"}).inputs
    assert (one.bands[3].band, one.bands[3].how, one.bands[3].distance) == ("B08", "given", 23.0)
    assert match(paris, other, bands=["blue", 560, "B04", "nir"]).inputs[0].bands[3].band == "B08"


def test_one_band_does_not_feed_two() -> None:
    given = image(("B08", "B8A"), gsd=None, wavelength_tolerance=40.0)
    text = refused(of_bands(L1C, "B8A", "B04"), card_of(given))
    assert "is B08 (nir, 842 nm) (B8A feeds another band)" in text


def test_two_bands_that_fit_alike_are_not_chosen_between(paris: swath.Scene) -> None:
    red = paris.bands[2]
    bands = [red.with_(name="red one"), red.with_(name="red two")]
    scene = swath.Scene.from_array(np.ones((2, 40, 50), np.uint16), GRID, bands=bands)
    card = card_of(image(("B04",), gsd=None))
    text = refused(scene, card)
    assert "red one and red two fit B04 (red, 665 nm) equally well" in text
    assert "say bands={'B04': 'red one'} or bands={'B04': 'red two'}" in text
    assert match(scene, card, bands={"B04": "red two"}).inputs[0].bands[0].band == "red two"


def test_neighbours_in_a_spectrum_are_one_as_good_as_the_other() -> None:
    enmap = find_sensor("enmap-l2a").bands
    near = [band for band in enmap if band.centre and 640 < band.centre < 690]
    middle = (near[2].centre + near[3].centre) / 2
    wanted = CardBand(name="red", wavelength=(middle - 3, middle, middle + 3), units="reflectance")
    (one,) = match(of_bands("enmap-l2a", *(band.name for band in near)), card_of(Input(bands=(wanted,)))).inputs
    assert one.bands[0].band in (near[2].name, near[3].name)


def test_pictures_are_matched_by_common_name_in_any_order(shared_data: Path) -> None:
    path = shared_data / "hotosm_buildings" / "images" / "OAM-1238448-1046528-21.png"
    scene = swath.open(path)
    card = card_of(image(("blue", "green", "red"), "drone-rgb", 0.1))
    (one,) = match(scene, card, gsd=0.1).inputs
    assert [(band.band, band.how) for band in one.bands] == [(name, "common name") for name in ("blue", "green", "red")]
    np.testing.assert_array_equal(one.read(whole(scene))[0], scene.read(bands=["blue", "green", "red"])[0])


def test_bands_without_any_light_are_matched_by_name_and_that_is_said(own_data: Path) -> None:
    scene = swath.open(own_data / "paris_2015.tif")
    wanted = Input(bands=tuple(CardBand.of(band) for band in scene.bands[::-1]))
    feed = match(scene, card_of(wanted))
    assert [band.band for band in feed.inputs[0].bands] == list(FOUR[::-1])
    assert "matched by name alone" in " ".join(feed.notes)


def test_radar_is_matched_by_polarisation_and_frequency(shared_data: Path) -> None:
    path = shared_data / "sen1floods11" / "S1" / "Spain_7370579_S1Hand.tif"
    scene = swath.open(path, sensor="sentinel-1-db")
    given = image(("VH", "VV"), "sentinel-1-rtc")
    feed = match(scene, card_of(given.model_copy(update={"sensors": ()})))
    assert [(band.band, band.how) for band in feed.inputs[0].bands] == [("VH", "polarisation"), ("VV", "polarisation")]
    told = match(scene, card_of(given, takes=("wavelengths",))).told
    assert told["wavelengths"].tolist() == [POLARISATION_NM["VH"], POLARISATION_NM["VV"]]
    text = refused(scene, card_of(image(("VV",), "alos-palsar-2-mosaic", gsd=None)))
    assert "is VV (VV is at 5.405 GHz, the model's at 1.2" in text


def test_bands_that_nothing_is_known_of_are_refused_with_the_ways_to_say_it(own_data: Path) -> None:
    text = refused(swath.open(own_data / "paris_2015.tif"), card_of())
    assert text.startswith("paris_2015.tif does not fit water-s2: nothing says what light its bands B02, B03, B04, B08")
    assert "B04 (red, 665 nm)" in text
    assert f"open it with sensor='{L1C}', sensor='sentinel-2-l1c@04.00', sensor='sentinel-2-l2a@pre-04.00'" in text
    assert "bands={'B02': 'B02', 'B03': 'B03', 'B04': 'B04', 'B08': 'B08'}" in text
    assert "are dn, numbers without calibration, and the model takes reflectance: sensor= settles this too" in text
    assert "units=" not in text, "whole numbers without a scale are no reflectance"


def test_two_hundred_bands_still_make_a_message_that_can_be_read() -> None:
    own = [band.name for band in find_sensor("prisma-l2d").bands if band.wavelength]
    other = [band.name for band in find_sensor("enmap-l2a").bands if band.wavelength]
    text = refused(of_bands("enmap-l2a", *other), card_of(image(tuple(own), "prisma-l2d", None, "reflectance")))
    assert "it has 224 of the 234 bands that the model takes" in text
    assert "B001, B002, B003, B004, B005 and 219 more" in text
    assert len(text) < 1000


@pytest.mark.parametrize(
    ("bands", "words"),
    [
        ({"B99": "B02"}, "bands= names 'B99', which is none of the model's bands: B02, B03, B04, B08"),
        ({"B04": "B12"}, "bands={'B04': 'B12'}: no band 'B12' in this scene; it has B02 (blue)"),
        (["B02", "B03"], "bands= names 2 bands, and the model takes 4"),
    ],
)
def test_wrong_bands_are_refused(paris: swath.Scene, bands: Any, words: str) -> None:
    assert words in refused(paris, card_of(), bands=bands)


def test_networks_of_any_bands_take_those_within_their_limits(shared_data: Path) -> None:
    scene = swath.open(*sorted((shared_data / "sen1floods11" / "S2").glob("*.tif")), sensor=L1C)
    any_bands = CardBand(name="any", wavelength=(480, 900, 1700), units="reflectance")
    card = card_of(Input(any_bands=any_bands), takes=("wavelengths", "gsd"))
    feed = match(scene, card)
    assert [band.band for band in feed.inputs[0].bands][:3] == ["B02", "B03", "B04"]
    assert "B01, B12 left out: no wavelength between 480 and 1700 nm" in feed.notes[0]
    assert feed.told["wavelengths"].tolist()[:3] == [490, 560, 665]
    assert feed.told["gsd"] == pytest.approx(scene.gsd)
    chosen = match(scene, card, bands=["B11", "red"])
    assert chosen.told["wavelengths"].tolist() == [1610, 665]
    assert "bands= names B12, of no wavelength between 480 and 1700 nm" in refused(scene, card, bands=["B12"])
    bare = swath.Scene.from_array(np.ones((2, 40, 50), np.float32), GRID)
    assert "none of its bands 1, 2 has a known wavelength" in refused(bare, card)


# --- units ---


def test_digital_numbers_of_a_known_sensor_come_as_reflectance(own_data: Path) -> None:
    import rasterio

    scene = swath.open(own_data / "paris_2015.tif", sensor=L1C)
    values, _ = match(scene, card_of()).inputs[0].read(whole(scene))
    with rasterio.open(own_data / "paris_2015.tif") as source:
        np.testing.assert_allclose(values[0], source.read() * np.float32(1e-4), rtol=1e-6)


def test_decibels_become_power_where_the_card_takes_power(shared_data: Path) -> None:
    path = shared_data / "sen1floods11" / "S1" / "Spain_7370579_S1Hand.tif"
    scene = swath.open(path, sensor="sentinel-1-db")
    feed = match(scene, card_of(image(("VV", "VH"), "sentinel-1-rtc")))
    values, valid = feed.inputs[0].read(np.s_[0:50, 0:60])
    expected, seen = scene.read(np.s_[0:50, 0:60])
    np.testing.assert_allclose(values, 10 ** (expected / 10), rtol=1e-5)
    np.testing.assert_array_equal(valid, seen[0].all(axis=0))
    assert str(feed.inputs[0].bands[0]).endswith("db to linear")
    assert "trained on sentinel-1-rtc; this is sentinel-1-db" in feed.notes[0]


def test_what_a_conversion_makes_of_nothing_is_invalid() -> None:
    values = np.full((1, 40, 50), 2.0, np.float32)
    values[0, :3] = 0
    bands = [find_sensor("sentinel-1-rtc").band("VV").with_(nodata=None)]
    scene = swath.Scene.from_array(values, GRID, bands=bands)
    got, valid = match(scene, card_of(image(("VV",), "sentinel-1-db", gsd=None))).inputs[0].read(whole(scene))
    assert not valid[:3].any()
    assert valid[3:].all()
    assert np.isnan(got[0, 0, :3]).all()


def test_a_stretched_picture_is_no_reflectance_whatever_is_said(shared_data: Path) -> None:
    path = shared_data / "hotosm_buildings" / "images" / "OAM-1238448-1046528-21.png"
    card = card_of(image(("B02", "B03", "B04"), gsd=None))
    text = refused(swath.open(path), card)
    assert "are display, a picture of 0 to 255 stretched for the eye, and the model takes reflectance" in text
    assert "stretching has lost the calibration, so no argument settles this" in text
    text = refused(swath.open(path), card, units="reflectance")
    assert "units='reflectance' is for numbers of unknown units, and blue is display" in text


def test_sixteen_bit_numbers_are_no_picture(shared_data: Path) -> None:
    scene = swath.open(shared_data / "fields_denmark_s2" / "RGB_small.tif", bands=["red", "green", "blue"])
    card = card_of(image(("red", "green", "blue"), "drone-rgb", gsd=None))
    text = refused(scene, card)
    assert "uint16 numbers go above 255, and how to stretch them would be a guess" in text
    text = refused(scene, card, units="display")
    assert "units='display' cannot be: its numbers go from 376 to 3905, and display lies within 0 to 255" in text


def test_all_that_differs_stands_in_one_message(shared_data: Path) -> None:
    scene = swath.open(shared_data / "fields_denmark_s2" / "RGB_small.tif")
    pair = DatesRule(min=2, max=2, given="arguments")
    text = refused(scene, card_of(image(("red", "green", "blue"), "drone-rgb", 0.3, dates=pair)))
    assert "bands={'red': ..., 'green': ..., 'blue': ...}" in text
    assert "uint16 numbers go above 255" in text
    assert "it has 1 date (RGB_small), the model takes 2: open all of them as one scene" in text
    assert "its pixels are 10 m, and the model was trained at 0.3 m (0.15 to 0.6 m): say gsd='native'" in text


def test_units_may_be_said_of_numbers_that_can_be_in_them(shared_data: Path) -> None:
    scene = swath.open(shared_data / "rstoolbox_s2_landsat" / "converted" / "sen2.tif")
    said = {"bands": {"B02": "B2", "B03": "B3", "B04": "B4", "B08": "B8"}}
    assert "or say units='reflectance' if the numbers are that already" in refused(scene, card_of(), **said)
    feed = match(scene, card_of(), units="reflectance", **said)
    np.testing.assert_array_equal(
        feed.inputs[0].read(np.s_[0:9, 0:9])[0], scene.read(np.s_[0:9, 0:9], bands=["B2", "B3", "B4", "B8"])[0]
    )
    assert "units='reflektanz' is not known" in refused(scene, card_of(), units="reflektanz", **said)


def test_reflectance_is_no_picture_and_radiance_no_reflectance(paris: swath.Scene) -> None:
    rgb = image(("red", "green", "blue"), "drone-rgb", gsd=None)
    assert "B04, B03, B02 are reflectance, and the model takes display" in refused(paris, card_of(rgb))
    radiance = [band.with_(units="radiance", scale=1.0) for band in paris.bands]
    scene = swath.Scene.from_array(np.ones((4, 40, 50), np.float32), GRID, bands=radiance)
    assert "that needs the Sun's distance and height" in refused(scene, card_of())
    counts = tuple(CardBand.of(band.with_(units="dn")) for band in paris.bands)
    text = refused(paris, card_of(Input(bands=counts)))
    assert "open the scene with bands=[swath.Band(name=..., units='dn'" in text


def test_an_uncalibrated_level_is_told_to_be_calibrated(shared_data: Path) -> None:
    vv = find_sensor("sentinel-1-grd").band("VV").with_(nodata=None)
    scene = swath.Scene.from_array(np.ones((1, 40, 50), np.uint16), GRID, bands=["VV"], sensor="sentinel-1-grd")
    assert scene.bands[0].units == vv.units == "dn"
    text = refused(scene, card_of(image(("VV",), "sentinel-1-db", gsd=None)))
    assert "is not calibrated; calibrate it first, and open it with sensor='sentinel-1-" in text
    assert "sensor='sentinel-1-db'" in text


# --- ground sampling distance ---


def denmark(folder: Path) -> swath.Scene:
    path = folder / "fields_denmark_s2" / "RGB_small.tif"
    return swath.open(path, sensor=L1C, bands=["B04", "B03", "B02"])


RGB = ("B04", "B03", "B02")


def test_pixels_near_the_nominal_size_are_left_alone(paris: swath.Scene) -> None:
    feed = match(paris, card_of())
    assert feed.grid == paris.grid
    assert feed.extent == (slice(0, 256), slice(0, 256))
    assert feed.inputs[0].resampling == "as it is"
    assert not feed.notes


def test_a_coarser_grid_is_averaged_and_said(shared_data: Path) -> None:
    scene = denmark(shared_data)
    feed = match(scene, card_of(image(RGB, gsd=20.0)))
    assert tuple(feed.grid.shape) == (207, 226)
    assert feed.grid.affine == scene.grid.affine @ Affine.scale(2, 2)
    assert feed.inputs[0].gsd == 20
    assert feed.describe()["inputs"][0]["resampling"] == "resampled from 10 m to 20 m by averaging"
    assert feed.notes == ("image: resampled from 10 m to 20 m by averaging",)
    values, valid = feed.inputs[0].read(np.s_[0:206, 0:226])
    full, _ = scene.read()
    expected = full[:, :, :412].reshape(1, 3, 206, 2, 226, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    assert valid.all()
    last, seen = feed.inputs[0].read(np.s_[206:207, 0:226])
    np.testing.assert_allclose(last[:, :, 0], full[:, :, 412].reshape(1, 3, 226, 2).mean(axis=3), rtol=1e-5)
    assert seen.all()


def test_a_finer_grid_keeps_values_at_their_places() -> None:
    y, x = np.mgrid[0:40, 0:50]
    values = np.stack([x * 10 + 5.0, y * 10 + 5.0]).astype(np.float32)  # m from the corner, at pixel centres
    bands = [band.with_(scale=1.0, dtype=None, nodata=None) for band in find_sensor(L1C).bands[1:3]]
    scene = swath.Scene.from_array(values, GRID, bands=bands)
    feed = match(scene, card_of(image(("B02", "B03"), gsd=5.0)))
    assert feed.inputs[0].resampling == "resampled from 10 m to 5 m by bilinear interpolation"
    got, valid = feed.inputs[0].read(np.s_[0:80, 0:100])
    assert valid.all()
    y, x = np.mgrid[0:80, 0:100]
    np.testing.assert_allclose(got[0, 0, :, 1:-1], (x * 5 + 2.5)[:, 1:-1], atol=1e-3)
    np.testing.assert_allclose(got[0, 1, 1:-1], (y * 5 + 2.5)[1:-1], atol=1e-3)


def test_a_grid_far_off_is_refused_unless_asked_for(paris: swath.Scene) -> None:
    text = refused(paris, card_of(image(gsd=0.3)))
    assert "its pixels are 10.5 m, and the model was trained at 0.3 m (0.15 to 0.6 m)" in text
    assert text.endswith("say gsd='native' to run on them anyway")
    native = match(paris, card_of(image(gsd=0.3)), gsd="native")
    assert native.grid == paris.grid
    assert "as gsd='native' asks; the model was trained at 0.3 m" in native.notes[0]
    text = refused(paris, card_of(image(gsd=30.0)))
    assert "say gsd='nominal' to average them first, or gsd='native' to run on them anyway" in text
    nominal = match(paris, card_of(image(gsd=30.0)), gsd="nominal")
    assert nominal.inputs[0].gsd == pytest.approx(30, rel=0.02)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("fine", "gsd='fine' is not known: give metres, 'native' or 'nominal'"),
        (-1, "gsd=-1: give metres per pixel, more than 0"),
        (0.3, "gsd=0.3 is not so, for by its CRS its pixels are 10.5 m"),
    ],
)
def test_a_wrong_gsd_is_refused(paris: swath.Scene, said: Any, words: str) -> None:
    assert words in refused(paris, card_of(), gsd=said)


def test_without_crs_the_size_of_pixels_is_asked_for(shared_data: Path) -> None:
    scene = swath.open(shared_data / "hotosm_buildings" / "images" / "OAM-1238448-1046528-21.png")
    card = card_of(image(("red", "green", "blue"), "drone-rgb", 0.3))
    text = refused(scene, card)
    assert "it has no CRS, so nothing says how large its pixels are" in text
    assert "say so in metres, gsd=0.3, or gsd='native'" in text
    assert match(scene, card, gsd="native").grid == match(scene, card, gsd=0.3).grid == scene.grid
    coarser = match(scene, card, gsd=0.15)
    assert coarser.grid.crs is None
    assert tuple(coarser.grid.shape) == (128, 128)
    values, valid = coarser.inputs[0].read(np.s_[0:128, 0:128])
    full, _ = scene.read()
    np.testing.assert_allclose(values, full.reshape(1, 3, 128, 2, 128, 2).mean(axis=(3, 5)), rtol=1e-5)
    assert valid.all()
    unknown = card_of(image(("red", "green", "blue"), "drone-rgb", gsd=None))
    assert "the card does not say at which GSD" in match(scene, unknown).notes[0]
    told = card_of(image(("red", "green", "blue"), "drone-rgb", gsd=None), takes=("gsd",))
    assert "say gsd=METRES" in refused(scene, told)
    assert match(scene, told, gsd=0.2).told == {"gsd": 0.2}


def test_a_cut_is_an_extent_of_the_same_grid(paris: swath.Scene) -> None:
    card = card_of(image(gsd=20.0))
    feed = match(paris, card)
    cut = match(paris.select(window=np.s_[100:171, 51:150]), card)
    assert cut.grid == feed.grid
    factor = cut.factor
    rows, columns = cut.extent
    assert rows.start <= 100 / factor < rows.start + 1
    assert columns.stop - 1 < 150 / factor <= columns.stop
    np.testing.assert_array_equal(cut.inputs[0].read(cut.extent)[0], feed.inputs[0].read(cut.extent)[0])


@quick
@given(top=st.integers(-20, 200), left=st.integers(-20, 200), height=st.integers(1, 90), width=st.integers(1, 90))
@pytest.mark.parametrize("gsd", [10.0, 20.0, 6.0])
def test_any_window_is_cut_from_the_whole(
    gsd: float, top: int, left: int, height: int, width: int, paris: swath.Scene
) -> None:
    feed = match(paris, card_of(image(gsd=gsd)))
    rows, columns = feed.grid.shape
    values, valid = feed.inputs[0].read((slice(-20, rows + 100), slice(-20, columns + 100)))
    got, ok = feed.inputs[0].read((slice(top, top + height), slice(left, left + width)))
    own = np.s_[top + 20 : top + 20 + height, left + 20 : left + 20 + width]
    expected = values[:, :, *own]
    np.testing.assert_array_equal(got[..., : expected.shape[-2], : expected.shape[-1]], expected)
    np.testing.assert_array_equal(ok[: expected.shape[-2], : expected.shape[-1]], valid[own])
    assert not valid[:20].any()
    assert valid[20 : 20 + rows, 20 : 20 + columns].all()


@quick
@given(order=st.permutations(FOUR))
def test_the_order_of_bands_changes_nothing_on_a_resampled_grid(order: list[str], paris: swath.Scene) -> None:
    card = card_of(image(gsd=20.0))
    expected = match(paris, card).inputs[0].read(np.s_[3:40, 5:60])
    got = match(paris.select(bands=order), card).inputs[0].read(np.s_[3:40, 5:60])
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)


# --- dates ---


@pytest.fixture(scope="module")
def series(shared_data: Path) -> swath.Scene:
    paths = sorted((shared_data / "eolearn_s2_slovenia" / "converted").glob("S2_L1C*.tif"))
    return swath.open(*paths, sensor="sentinel-2-l1c@values")


PAIR = DatesRule(min=2, max=2, given="arguments")


def test_too_many_dates_are_refused_with_two_to_choose(series: swath.Scene) -> None:
    card = card_of(image(dates=PAIR), task="segmentation")
    text = refused(series, card)
    assert "it has 5 dates (2015-07-11, 2015-07-31, 2015-08-20, 2015-08-30, 2015-09-09), the model takes 2" in text
    assert "say which, such as dates=[0, 4]" in text
    feed = match(series, card, dates=[4, 0])
    assert feed.inputs[0].dates == ("2015-07-11", "2015-09-09"), "in the order of time"
    values, _ = feed.inputs[0].read(whole(series))
    np.testing.assert_array_equal(values, series.read(bands=list(FOUR), dates=[0, 4])[0])
    assert match(series, card, dates=["2015-08-20", "2015-07-31"]).inputs[0].dates == ("2015-07-31", "2015-08-20")
    assert "dates=['1999']: no date 1999; the scene has 2015-07-11" in refused(series, card, dates=["1999"])
    assert "the model takes 2: open all of them as one scene" in refused(series, card, dates=[1])


def test_one_date_of_a_series_is_chosen_by_who_asks(series: swath.Scene) -> None:
    assert "the model takes 1: say which, such as dates=[4]" in refused(series, card_of())
    assert match(series, card_of(), dates=2).inputs[0].dates == ("2015-08-20",)


def test_unknown_dates_are_taken_as_given_and_that_is_said(shared_data: Path) -> None:
    folder = shared_data / "oscd_s2_4band"
    scene = swath.open(folder / "pisa_t1.tif", folder / "pisa_t2.tif", sensor=L1C)
    feed = match(scene, card_of(image(dates=PAIR)))
    assert feed.notes == ("dates are not known and are taken in this order: pisa_t1, pisa_t2",)
    days = card_of(image(dates=PAIR), takes=("days",))
    assert "not all dates are known: open with dates=[...]" in refused(scene, days)
    dated = swath.open(folder / "pisa_t1.tif", folder / "pisa_t2.tif", sensor=L1C, dates=["2016-01-01", "1970-01-02"])
    assert match(dated, days).told["days"].tolist() == [1, 16801]


def test_pairs_want_both_dates_valid_and_series_any(paris: swath.Scene) -> None:
    values = np.ones((2, 4, 40, 50), np.float32)
    values[0, 2, :10] = np.nan
    bands = [band.with_(scale=1.0, dtype=None, nodata=None) for band in paris.bands]
    scene = swath.Scene.from_array(values, GRID, bands=bands, dates=["2020", "2021"])
    for rule, task, answered in (
        (PAIR, "segmentation", False),
        (DatesRule(min=2, max=2), "segmentation", True),
        (DatesRule(min=1, max=None), "segmentation", True),
        (DatesRule(min=2, max=2, given="channels"), "segmentation", False),
    ):
        _, valid = match(scene, card_of(image(dates=rule), task=task)).inputs[0].read(whole(scene))
        assert valid[:10].all() == answered
        assert valid[10:].all()
    change = Card(
        name="pair",
        task="change",
        inputs=(image(dates=DatesRule(min=2, max=2)),),
        output=Output(kind="binary", classes=OUTPUT.classes),
    )
    assert not match(scene, change).inputs[0].read(whole(scene))[1][:10].any()


def test_a_date_that_lacks_a_band_is_refused_where_all_are_needed(own_data: Path, tmp_path: Path) -> None:
    import rasterio

    with (
        rasterio.open(own_data / "paris_2018.tif") as source,
        rasterio.open(tmp_path / "three.tif", "w", **source.profile | {"count": 3}) as target,
    ):
        target.write(source.read([1, 2, 3]))
        for index in (1, 2, 3):
            target.set_band_description(index, FOUR[index - 1])
    scene = swath.open(own_data / "paris_2015.tif", tmp_path / "three.tif", sensor=L1C, dates=["2015", "2018"])
    text = refused(scene, card_of(image(dates=PAIR)))
    assert "2018 lacks B08, so no pixel of it can be answered for: leave it out, dates=[...]" in text
    feed = match(scene, card_of(image(dates=DatesRule(min=1, max=None))))
    assert "2018 lacks B08" in feed.notes[0]
    assert feed.inputs[0].read(np.s_[0:20, 0:20])[1].all()


# --- several inputs ---


def heights(folder: Path) -> tuple[swath.Scene, swath.Scene, Card]:
    own = folder / "rstoolbox_s2_landsat" / "converted"
    optical = swath.open(own / "sen2.tif", sensor="sentinel-2-l2a@values")
    dem = swath.open(own / "srtm_sen2.tif", sensor="dem-srtm@values", bands=["elevation"])
    rule = GsdRule(nominal=30, min=5, max=90)
    elevation = Input(name="dem", bands=(CardBand(name="elevation", units="metre"),), gsd=rule)
    return optical, dem, card_of(image(sensor="sentinel-2-l2a@values"), elevation)


def test_two_inputs_lie_on_grids_of_a_fixed_ratio(shared_data: Path) -> None:
    optical, dem, card = heights(shared_data)
    feed = match((optical, dem), card)
    first, second = feed.inputs
    assert (first.ratio, second.ratio) == (1, Fraction(1, 3))
    assert "brought onto the grid of image, 1/3 of its pixels to each" in second.resampling
    values, valid = second.read(np.s_[0:79, 0:83])
    expected = dem.read()[0][0, 0, :237, :246].reshape(79, 3, 82, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(values[0, 0, :, :82], expected, rtol=1e-5)
    assert valid.all()
    named = match({"dem": dem, "image": optical}, card)
    np.testing.assert_array_equal(named.inputs[1].read(np.s_[0:79, 0:83])[0], values)


def test_an_input_of_another_crs_keeps_its_values_at_their_places(paris: swath.Scene) -> None:
    bands = [band.with_(scale=1.0, dtype=None, nodata=None) for band in paris.bands]
    optical = swath.Scene.from_array(np.ones((4, 40, 50), np.float32), GRID, bands=bands)
    around = GRID.pad(30).to_crs("EPSG:4326")
    rows, columns = np.mgrid[0 : around.shape.y, 0 : around.shape.x] + 0.5
    x, y = around.affine @ (columns, rows)
    from pyproj import Transformer

    easting, _ = Transformer.from_crs(4326, 32631, always_xy=True).transform(x, y)
    elevation = find_sensor("dem-srtm").band("elevation").with_(dtype=None, nodata=None)
    dem = swath.Scene.from_array((easting - 600_000).astype(np.float32)[None], around, bands=[elevation])
    wanted = Input(name="dem", bands=(CardBand(name="elevation", units="metre"),), gsd=GsdRule.around(5.0))
    _, second = match((optical, dem), card_of(image(), wanted), gsd={"dem": "native"}).inputs
    assert second.ratio == 2
    values, valid = second.read(np.s_[0:80, 0:100])
    assert valid.all()
    np.testing.assert_allclose(values[0, 0], np.broadcast_to(np.arange(100) * 5 + 2.5, (80, 100)), atol=0.5)


def test_inputs_are_refused_together_and_by_name(shared_data: Path) -> None:
    optical, dem, card = heights(shared_data)
    assert "takes 2 scenes, not 1; give {'image': ..., 'dem': ...}" in refused(optical, card)
    assert "takes the inputs image, dem, and scenes are given for ['dem']" in refused({"dem": dem}, card)
    text = refused((dem, optical), card)
    assert text.startswith("the scenes do not fit water-s2: image (srtm_sen2.tif): ")
    assert "dem (sen2.tif): " in text
    assert "gsd= is given for picture; water-s2 takes image, dem" in refused((optical, dem), card, gsd={"picture": 1})
    stand_in = {"B08": "B8A", "elevation": "elevation"}
    feed = match((optical, dem), card, bands=stand_in, gsd={"dem": "native"})
    assert [band.band for one in feed.inputs for band in one.bands] == ["B02", "B03", "B04", "B8A", "elevation"]
    same = match((optical, dem), card, bands={"image": {"B08": "B8A"}})
    assert same.inputs[0].bands == feed.inputs[0].bands


def test_inputs_must_lie_at_one_place(shared_data: Path, paris: swath.Scene) -> None:
    _, dem, card = heights(shared_data)
    assert "dem (srtm_sen2.tif): it cannot be laid over image" in refused((paris, dem), card)
    folder = shared_data / "hotosm_buildings" / "images"
    rgb = image(("red", "green", "blue"), "drone-rgb", gsd=None)
    two = card_of(rgb, rgb.model_copy(update={"name": "after"}))
    first, second = (swath.open(folder / f"OAM-1238448-104652{k}-21.png") for k in (8, 9))
    assert [one.ratio for one in match((first, second), two).inputs] == [1, 1]
    smaller = swath.open(shared_data / "eurosat_rgb" / "Forest" / sorted_names(shared_data)[0])
    assert "64 x 64 pixels on 256 x 256, all of them without CRS" in refused((first, smaller), two)


def sorted_names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "eurosat_rgb" / "Forest").iterdir())


# --- the whole ---


def test_it_travels_to_other_processes_and_into_the_record(paris: swath.Scene) -> None:
    import json

    feed = match(paris, card_of(image(gsd=20.0)))
    again = pickle.loads(pickle.dumps(feed))
    np.testing.assert_array_equal(again.inputs[0].read(np.s_[0:30, 0:30])[0], feed.inputs[0].read(np.s_[0:30, 0:30])[0])
    told = json.loads(json.dumps(feed.describe()))
    assert told["inputs"][0]["bands"][0] == {
        "card": "B02",
        "scene": "B02",
        "how": "name",
        "distance_nm": 0.0,
        "units": ["reflectance", "reflectance"],
    }
    assert told["sources"][0]["name"].endswith("paris_2015.tif")
    assert "sha256" in told["sources"][0]
    assert "B02 from B02 (name), reflectance" in str(feed)


def test_which_models_can_take_a_scene(
    paris: swath.Scene, own_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build() -> None: ...

    cards = {"fits": card_of(), "too-fine": card_of(image(gsd=0.3)), "other": card_of(image(("VV",), "sentinel-1-db"))}
    for name, card in cards.items():
        weights = save_weights(tmp_path / f"{name}.swath", {"a": torch.ones(1)}, card)
        entry = registry.Entry(name, build, name, ("segmentation",), weights=weights)
        monkeypatch.setitem(registry._ENTRIES, name, entry)
    found = set(can_take(paris)) & set(cards)
    assert found == {"fits"}
    assert not set(can_take(swath.open(own_data / "paris_2015.tif"))) & set(cards)
    assert fits(paris, cards["fits"])
    start = time.perf_counter()
    for _ in range(20):
        fits(paris, cards["fits"])
    assert (time.perf_counter() - start) / 20 < 0.1


def test_the_examples_of_the_manual(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    failed, tried = doctest.testfile(
        str(root / "docs" / "matching.md"),
        module_relative=False,
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert tried > 10
    assert failed == 0
