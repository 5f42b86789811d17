"""What is said of scenes: facts against rasterio, oddities of real files, text and HTML."""

from __future__ import annotations

import base64
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

import swath
from swath.scene.describe import describe, text
from swath.scene.facts import Description
from swath.scene.sample import take_sample

ODD = "odd_geotiffs"
UTM = Affine(10, 0, 500000, 0, -10, 5000000)


def kinds(found: Description) -> set[str]:
    return {one.kind for one in found.oddities}


def array_scene(values: Any, *, crs: str | None = "EPSG:32633", **arguments: Any) -> Any:
    values = np.asarray(values)
    return swath.Scene.from_array(values, GeoBox(values.shape[-2:], UTM, crs), **arguments)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rasterio/float32.tif", {"no-crs", "south-up", "sensor-unknown"}),
        ("rasterio/rotated.tif", {"no-crs", "rotated"}),
        ("rio_cogeo/validate/cog_no_offest.tif", {"no-crs"}),
        ("rio_tiler/inverted_lat.tif", {"south-up", "all-nodata"}),
        ("rasterio/all-nodata.tif", {"all-nodata"}),
        ("rio_tiler/cog_dateline.tif", {"date-line"}),
        ("rio_tiler/cog_hirise_mars.tif", {"not-earth", "stretched"}),
        ("rio_tiler/cog_nonearth.tif", {"not-earth"}),
        ("rio_tiler/cog_uint8_rgba.tif", {"alpha"}),
        ("rio_tiler/cog_scale.tif", {"scale-tags"}),
        ("rio_cogeo/image_with_offsets.tif", {"scale-tags"}),
        ("rio_cogeo/image_colormap.tif", {"palette"}),
        ("rio_cogeo/image_missing_nodata.tif", {"undeclared-nodata"}),
        ("rio_cogeo/image_float.tif", {"wide-numbers"}),
        ("rasterio/corrupt.tif", {"damaged", "stretched"}),
        ("rasterio/goes.tif", {"beside-the-disk"}),
        ("geotiff_test_data/utm.tif", {"oblong-pixels", "palette"}),
    ],
)
def test_oddities_of_real_files(shared_data: Path, name: str, expected: set[str]) -> None:
    assert expected <= kinds(describe(swath.open(shared_data / ODD / name)))


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        # Nodata is declared, the border is full of it, and that is as it should be.
        ("rasterio/RGB.byte.tif", {"undeclared-nodata", "all-nodata", "sensor-unknown", "alpha", "damaged"}),
        ("rio_tiler/cog_fullearth.tif", {"date-line", "beyond-the-poles", "no-crs"}),
        ("rio_tiler/cog_nodata_nan.tif", {"undeclared-nodata", "all-nodata", "wide-numbers"}),
    ],
)
def test_what_is_not_odd_is_not_said(shared_data: Path, name: str, absent: set[str]) -> None:
    assert not absent & kinds(describe(swath.open(shared_data / ODD / name)))


def test_advice_names_the_argument(shared_data: Path) -> None:
    found = describe(swath.open(shared_data / "oscd_s2_4band/paris_t1.tif"))
    (said,) = [one.text for one in found.oddities if one.kind == "sensor-unknown"]
    assert "sensor='NAME'" in said
    assert "bands=['NAME', ...]" in said


def test_bands_whose_light_is_named_are_not_asked_for_again(own_data: Path) -> None:
    asked = []
    for bands in (None, [490, 560, 665, 842]):
        found = describe(swath.open(own_data / "paris_2015.tif", bands=bands), pixels=False)
        asked += ["or name its 4 bands" in one.text for one in found.oddities if one.kind == "sensor-unknown"]
    assert asked == [True, False]


def test_values_beyond_their_unit_are_odd() -> None:
    wrong = array_scene(np.full((1, 20, 20), 3000, np.float32), bands=[swath.Band(name="B04", units="reflectance")])
    right = array_scene(np.full((1, 20, 20), 0.3, np.float32), bands=[swath.Band(name="B04", units="reflectance")])
    assert "out-of-range" in kinds(describe(wrong))
    assert "out-of-range" not in kinds(describe(right))


def test_a_number_along_the_border_of_all_bands_is_odd() -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(100, 200, (3, 40, 40)).astype(np.uint16)
    values[:, :, :10] = 0
    assert "undeclared-nodata" in kinds(describe(array_scene(values)))
    values[2, :, :10] = 7  # one band holds something there
    assert "undeclared-nodata" not in kinds(describe(array_scene(values)))


def test_latitudes_beyond_the_poles_are_odd() -> None:
    grid = GeoBox((10, 10), Affine(10, 0, 0, 0, -10, 100), "EPSG:4326")
    assert "beyond-the-poles" in kinds(describe(swath.Scene.from_array(np.ones((1, 10, 10), np.float32), grid)))


def test_long_numbers_that_float32_cannot_hold_are_odd() -> None:
    values = np.full((1, 4, 4), 2**24 + 1, np.int32)
    assert "digits-lost" in kinds(describe(array_scene(values)))
    assert "digits-lost" not in kinds(describe(array_scene(values // 2)))


def test_nodata_that_differs_between_dates_and_an_empty_date(shared_data: Path, tmp_path: Path) -> None:
    paths = []
    for i, nodata in enumerate((0, 9)):
        values = np.full((1, 30, 30), 9, np.uint8) if i else np.arange(900, dtype=np.uint16).reshape(1, 30, 30)
        paths.append(tmp_path / f"2020-01-0{i + 1}.tif")
        with rasterio.open(
            paths[-1], "w", driver="GTiff", height=30, width=30, count=1, dtype=values.dtype, nodata=nodata,
            crs="EPSG:32633", transform=UTM,
        ) as file:  # fmt: skip
            file.write(values)
    found = describe(swath.open(*paths))
    assert {"nodata-differs", "empty-date"} <= kinds(found)
    assert [one.nodata_share for one in found.dates] == [pytest.approx(1 / 900), 1.0]
    assert found.dates[1].shift is None


def test_a_large_file_without_overviews_is_sampled_in_windows(tmp_path: Path) -> None:
    path = tmp_path / "large.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=5000, width=5000, count=1, dtype="uint8", crs="EPSG:32633", transform=UTM,
        compress="deflate", sparse_ok=True,
    ):  # fmt: skip
        pass
    found = describe(swath.open(path))
    (said,) = [one.text for one in found.oddities if one.kind == "no-overviews"]
    assert "in strips" in said
    assert found.sample == "25 windows of 128 x 128 pixels"
    assert not found.is_exact


def test_numbers_equal_those_of_rasterio(shared_data: Path) -> None:
    path = shared_data / "oscd_s2_4band/paris_t1.tif"
    found = describe(swath.open(path, sensor="sentinel-2-l1c@pre-04.00"))
    with rasterio.open(path) as file:
        assert (found.grid.height, found.grid.width) == file.shape
        assert found.grid.transform == tuple(file.transform)[:6]
        assert found.grid.bounds == pytest.approx(tuple(file.bounds))
        assert found.grid.crs == "EPSG:4326"
        values = file.read() * 1e-4
    assert found.is_exact
    assert found.sample == "every pixel"
    for band, plane in zip(found.bands, values, strict=True):
        assert (band.dtype, band.scale, band.offset, band.units) == ("uint16", 0.0001, 0.0, "reflectance")
        assert (band.minimum, band.maximum) == pytest.approx((plane.min(), plane.max()), rel=1e-5)
        assert (band.low, band.high) == pytest.approx(tuple(np.percentile(plane, (2, 98))), rel=1e-5)
        assert band.nodata_share == 0
    assert [band.wavelength[1] for band in found.bands if band.wavelength] == [490, 560, 665, 842]
    assert (found.sensors[0].name, found.sensors[0].how) == ("sentinel-2-l1c@pre-04.00", "given")


def test_class_shares_equal_a_count(own_data: Path) -> None:
    scene = swath.open(own_data / "worldcover_2021.tif", sensor="worldcover")
    (band,) = describe(scene).bands
    values, valid = scene.read()
    seen = values[valid]
    assert band.class_shares is not None
    assert band.class_shares == {int(n): pytest.approx((seen == n).mean()) for n in np.unique(seen)}
    assert set(band.class_shares) <= set(band.classes or {})


def test_a_pair_tells_how_far_it_is_off(shared_data: Path) -> None:
    folder = shared_data / "oscd_s2_4band"
    found = describe(swath.open(folder / "paris_t1.tif", folder / "paris_t2.tif", sensor="sentinel-2-l1c@pre-04.00"))
    assert found.dates[0].shift is None
    assert found.dates[1].shift is not None
    assert found.dates[1].shift["pixels"] < 1
    assert found.dates[1].shift["pixels"] == pytest.approx(
        np.hypot(found.dates[1].shift["rows"], found.dates[1].shift["columns"])
    )


def test_without_pixels_nothing_is_read(shared_data: Path, tmp_path: Path) -> None:
    path = shutil.copy(shared_data / "oscd_s2_4band/paris_t1.tif", tmp_path / "gone.tif")
    scene = swath.open(path)
    Path(path).unlink()
    found = describe(scene, pixels=False)
    assert found.sample is None
    assert found.bands[0].minimum is None
    assert found.dates[0].nodata_share is None
    assert "gone.tif" not in repr(scene)
    damage = [one.text for one in describe(scene).oddities if one.kind == "damaged"]
    assert len(damage) == 1
    assert "is gone since it was opened" in damage[0]


def test_one_bad_file_does_not_hide_the_others(shared_data: Path, tmp_path: Path) -> None:
    paths = [tmp_path / "2020-01-01.tif", tmp_path / "2020-01-02.tif"]
    for path, name in zip(paths, ("paris_t1", "paris_t2"), strict=True):
        with rasterio.open(shared_data / f"oscd_s2_4band/{name}.tif") as file:
            profile = file.profile | {"compress": "deflate", "tiled": True, "blockxsize": 128, "blockysize": 128}
            with rasterio.open(path, "w", **profile) as copy:
                copy.write(file.read())
    damaged = bytearray(paths[1].read_bytes())
    middle = len(damaged) // 2
    damaged[middle - 30_000 : middle + 30_000] = bytes(60_000)  # whole tiles, their heads too
    paths[1].write_bytes(damaged)
    found = describe(swath.open(*paths))
    assert "damaged" in kinds(found)
    assert found.dates[0].nodata_share == 0
    assert found.dates[1].nodata_share > 0
    assert all(band.maximum > 0 for band in found.bands if band.maximum is not None)


def test_a_sample_is_bounded(shared_data: Path) -> None:
    sample = take_sample(swath.open(shared_data / ODD / "titiler/above_cog.tif"))
    assert sample.values.size <= 8_100_000
    assert sample.values.shape[:2] == (1, 31)
    series = take_sample(swath.open(shared_data / "sits_modis_brazil/sinop-crop-ndvi.tif"))
    assert series.is_exact


@pytest.mark.parametrize(
    "name",
    [
        "canopy_height/CHM_test.tif",
        "odd_geotiffs/rasterio/float_raster_with_extra_nodata.tif",
        "togo_s1s2era5_24m/98-togo_2019-02-06_2020-02-01.tif",
        "odd_geotiffs/rio_tiler/cog_fullearth.tif",
    ],
)
def test_facts_are_json_without_loss(shared_data: Path, name: str) -> None:
    plain = describe(swath.open(shared_data / name)).to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_text_is_short(shared_data: Path) -> None:
    for name in ("togo_s1s2era5_24m/98-togo_2019-02-06_2020-02-01.tif", "landsat_peru_8dates/landsat"):
        lines = repr(swath.open(shared_data / name)).splitlines()
        assert len(lines) < 12
        assert max(map(len, lines)) <= 100
    assert "8 dates" in text(swath.open(shared_data / "landsat_peru_8dates/landsat"))
    assert "1985, 1990" in text(swath.open(shared_data / "landsat_peru_8dates/landsat"))


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_holds_thumbnail_footprint_bands_and_dates(shared_data: Path) -> None:
    folder = shared_data / "oscd_s2_4band"
    scene = swath.open(folder / "paris_t1.tif", folder / "paris_t2.tif", sensor="sentinel-2-l1c@pre-04.00")
    page = scene._repr_html_()
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    assert {"img", "svg", "table", "polygon"} <= set(tags.seen)
    png = base64.b64decode(re.findall(r"base64,([^']+)'", page)[0])
    assert png.startswith(b"\x89PNG")
    assert len(page) < 250_000
    for words in ("B04", "665 nm", "reflectance", "paris_t2", "EPSG:4326", "sentinel-2-l1c@pre-04.00"):
        assert words in page


def test_html_escapes_what_comes_from_a_file() -> None:
    bad = "<script>alert('x')</script>"
    scene = array_scene(np.ones((1, 8, 8), np.float32), bands=[swath.Band(name=bad, title=bad)])
    page = scene._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    "name", ["rasterio/float32.tif", "rio_tiler/cog_hirise_mars.tif", "rio_tiler/cog_dateline.tif"]
)
def test_html_of_odd_scenes(shared_data: Path, name: str) -> None:
    tags = _Tags()
    tags.feed(swath.open(shared_data / ODD / name)._repr_html_())
    assert tags.open == []


def test_html_of_a_file_that_is_gone_says_so(shared_data: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(shared_data / "oscd_s2_4band/paris_t1.tif", tmp_path / "gone.tif"))
    scene = swath.open(path)
    path.unlink()
    assert "is gone since it was opened" in scene._repr_html_()
