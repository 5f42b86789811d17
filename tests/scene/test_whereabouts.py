"""Where grids lie: facing, ground size, against numbers known from elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

import swath
from swath.scene.whereabouts import facing, on_earth, pixel_on_ground


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


@pytest.mark.parametrize("name", ["rio_tiler/cog_hirise_mars.tif", "rio_tiler/cog_nonearth.tif"])
def test_other_bodies_have_sizes_too(shared_data: Path, name: str) -> None:
    grid = swath.open(shared_data / "odd_geotiffs" / name).grid
    assert on_earth(grid.crs) is False
    assert pixel_on_ground(grid) is not None
