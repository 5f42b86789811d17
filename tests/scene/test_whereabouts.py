"""Where grids lie: facing, ground size and footprint, against numbers known from elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

import swath
from swath.scene.whereabouts import facing, footprint, on_earth, pixel_on_ground

ODD = "odd_geotiffs"


@pytest.mark.parametrize(
    ("affine", "expected"),
    [
        (Affine(10, 0, 500000, 0, -10, 5000000), "north-up"),
        (Affine(10, 0, 500000, 0, 10, 5000000), "south-up"),
        (Affine(-10, 0, 500000, 0, -10, 5000000), "mirrored"),
        (Affine(8, 6, 500000, 6, -8, 5000000), "rotated"),
    ],
)
def test_facing(affine: Affine, expected: str) -> None:
    assert facing(GeoBox((4, 5), affine, "EPSG:32633")) == expected


def test_bare_rows_and_columns_face_nowhere() -> None:
    assert facing(GeoBox((4, 5), Affine.identity(), None)) == "pixels"


@pytest.mark.parametrize("latitude", [0.0, 45.0, -60.0])
def test_a_degree_is_measured_on_the_ellipsoid(latitude: float) -> None:
    grid = GeoBox((2, 2), Affine(0.001, 0, 10, 0, -0.001, latitude + 0.001), "EPSG:4326")
    width, height = pixel_on_ground(grid) or (0, 0)
    # Radii of curvature of WGS 84.
    a, e2 = 6378137.0, 0.00669437999014
    w = 1 - e2 * np.sin(np.radians(latitude)) ** 2
    assert width == pytest.approx(np.radians(0.001) * a / np.sqrt(w) * np.cos(np.radians(latitude)), rel=1e-5)
    assert height == pytest.approx(np.radians(0.001) * a * (1 - e2) / w**1.5, rel=1e-5)


def test_a_mercator_metre_is_no_ground_metre() -> None:
    grid = GeoBox((2, 2), Affine(10, 0, 0, 0, -10, 8399738), "EPSG:3857")  # 60 degrees north
    width, height = pixel_on_ground(grid) or (0, 0)
    assert width == pytest.approx(5.0, rel=0.01)
    assert height == pytest.approx(5.0, rel=0.01)


@pytest.mark.parametrize(
    ("name", "bounds", "date_line", "pole", "whole"),
    [
        ("rio_tiler/cog_dateline.tif", (177.9986, 50.5819, -178.5138, 52.7737), True, False, True),
        ("rio_tiler/cog_fullearth.tif", (-180, -90, 180, 90), False, False, True),
        ("geotiff_test_data/nt_20201024_f18_nrt_s.tif", (-180, -90, 180, -39.2309), False, True, True),
        ("rasterio/RGB.byte.tif", (-78.9586, 23.5650, -76.5749, 25.5509), False, False, True),
        ("geotiff_test_data/nz_habitat_anticross_4326_1deg.tif", (-180, -56.5424, 180, -25.5424), False, False, True),
    ],
)
def test_footprints_of_real_files(
    shared_data: Path, name: str, bounds: tuple[float, ...], date_line: bool, pole: bool, whole: bool
) -> None:
    outline = footprint(swath.open(shared_data / ODD / name).grid)
    assert outline is not None
    assert outline.bounds == pytest.approx(bounds, abs=1e-3)
    assert (outline.crosses_date_line, outline.holds_pole, outline.is_whole) == (date_line, pole, whole)
    # Around a pole the ring ends one turn further.
    ends = np.subtract(outline.ring[0], outline.ring[-1])
    assert abs(ends[0]) == pytest.approx(360 if pole else 0, abs=1e-6)


def test_a_view_from_geostationary_orbit_has_a_disk(shared_data: Path) -> None:
    outline = footprint(swath.open(shared_data / ODD / "rasterio" / "goes.tif").grid)
    assert outline is not None
    assert not outline.is_whole
    assert not outline.holds_pole
    assert (outline.bounds[0] + outline.bounds[2]) / 2 == pytest.approx(-75, abs=0.5)  # GOES-East


@pytest.mark.parametrize("name", ["rio_tiler/cog_hirise_mars.tif", "rio_tiler/cog_nonearth.tif"])
def test_other_bodies_have_no_place_on_earth(shared_data: Path, name: str) -> None:
    grid = swath.open(shared_data / ODD / name).grid
    assert on_earth(grid) is False
    assert footprint(grid) is None
    assert pixel_on_ground(grid) is not None


@given(
    longitude=st.floats(-179.9, 179.9),
    latitude=st.floats(-80, 80),
    degrees=st.floats(0.01, 5),
)
def test_the_footprint_of_a_small_geographic_grid_is_its_box(longitude: float, latitude: float, degrees: float) -> None:
    grid = GeoBox((10, 10), Affine(degrees / 10, 0, longitude, 0, -degrees / 10, latitude), "EPSG:4326")
    outline = footprint(grid)
    assert outline is not None
    west, south, east, north = outline.bounds
    assert west == pytest.approx(longitude)
    assert (east - west) % 360 == pytest.approx(degrees)
    assert (south, north) == pytest.approx((latitude - degrees, latitude))
    assert outline.crosses_date_line == (longitude + degrees > 180 + 1e-9)
