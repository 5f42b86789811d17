"""Footprints: right anywhere on the Earth, and none elsewhere."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry, point

import swath
from swath.scene.footprint import Footprint, footprint

ODD = "odd_geotiffs"


def of_grid(affine: Affine, shape: tuple[int, int], crs: str) -> Footprint:
    """The footprint of a grid, once it has stood up to RFC 7946."""
    found = footprint(GeoBox(shape, affine, crs))
    assert found is not None
    assert found.outline.is_valid
    assert shapely.box(-180, -90, 180, 90).contains(found.outline)
    for part in shapely.get_parts(found.outline):
        assert part.exterior.is_ccw
    west, south, east, north = found.bounds
    if not found.crosses_date_line:
        assert (west, south, east, north) == found.outline.bounds
    return found


@pytest.mark.parametrize(
    ("name", "bounds", "date_line", "pole"),
    [
        ("rio_tiler/cog_dateline.tif", (177.9986, 50.5819, -178.5138, 52.7737), True, False),
        ("rio_tiler/cog_fullearth.tif", (-180, -90, 180, 90), False, False),
        ("geotiff_test_data/nt_20201024_f18_nrt_s.tif", (-180, -90, 180, -39.2309), False, True),
        ("rasterio/RGB.byte.tif", (-78.9586, 23.5650, -76.5749, 25.5509), False, False),
        ("geotiff_test_data/nz_habitat_anticross_4326_1deg.tif", (-180, -56.5424, 180, -25.5424), False, False),
    ],
)
def test_real_files(shared_data: Path, name: str, bounds: tuple[float, ...], date_line: bool, pole: bool) -> None:
    grid = swath.open(shared_data / ODD / name).grid
    found = of_grid(grid.affine, grid.shape, grid.crs)
    assert found.bounds == pytest.approx(bounds, abs=1e-3)
    assert (found.crosses_date_line, found.holds_pole, found.is_whole) == (date_line, pole, True)
    assert found.outline.geom_type == ("MultiPolygon" if date_line else "Polygon")


@pytest.mark.parametrize("name", ["rio_tiler/cog_hirise_mars.tif", "rio_tiler/cog_nonearth.tif"])
def test_other_bodies_have_no_place_on_earth(shared_data: Path, name: str) -> None:
    assert footprint(swath.open(shared_data / ODD / name).grid) is None


def test_without_a_crs_there_is_none() -> None:
    assert footprint(GeoBox((10, 10), Affine.identity(), None)) is None


def test_a_plain_grid_has_four_corners() -> None:
    found = of_grid(Affine(0.5, 0, 10, 0, -0.5, 50), (20, 40), "EPSG:4326")
    assert len(found.outline.exterior.coords) == 5
    assert found.outline.equals(shapely.box(10, 40, 30, 50))
    assert found.bounds == (10, 40, 30, 50)


@given(longitude=st.floats(-179.9, 179.9), latitude=st.floats(-80, 80), degrees=st.floats(0.01, 5))
def test_a_small_geographic_grid_is_its_box(longitude: float, latitude: float, degrees: float) -> None:
    found = of_grid(Affine(degrees / 10, 0, longitude, 0, -degrees / 10, latitude), (10, 10), "EPSG:4326")
    west, south, east, north = found.bounds
    assert west == pytest.approx(longitude)
    assert (east - west) % 360 == pytest.approx(degrees)
    assert (south, north) == pytest.approx((latitude - degrees, latitude))
    assert found.crosses_date_line == (longitude + degrees > 180 + 1e-9)


def test_the_edge_of_a_grid_is_a_curve() -> None:
    """A Lambert grid over Europe: with corners alone it would miss what bulges north."""
    outline = of_grid(Affine(1000, 0, 2500000, 0, -1000, 5500000), (4000, 5000), "EPSG:3035").outline
    corners = shapely.convex_hull(shapely.MultiPoint(shapely.get_coordinates(outline)[::64]))
    assert outline.area > corners.area
    assert outline.contains(point(5000000, 5499000, "EPSG:3035").to_crs("EPSG:4326").geom)


@pytest.mark.parametrize(
    ("affine", "shape", "crs"),
    [
        (Affine(0.5, 0, 170, 0, -0.5, -10), (20, 40), "EPSG:4326"),
        (Affine(0.5, 0, -190, 0, -0.5, -10), (20, 40), "EPSG:4326"),
        (Affine(1000, 0, 100000, 0, -1000, 8900000), (1100, 200), "EPSG:32701"),
    ],
)
def test_the_date_line(affine: Affine, shape: tuple[int, int], crs: str) -> None:
    found = of_grid(affine, shape, crs)
    assert found.crosses_date_line
    assert found.outline.geom_type == "MultiPolygon"
    assert found.outline.bounds[::2] == (-180, 180)
    assert found.bounds[0] > 160
    assert found.bounds[2] < -160


@pytest.mark.parametrize(("crs", "pole"), [("EPSG:3413", 90), ("EPSG:3031", -90)])
def test_the_poles(crs: str, pole: int) -> None:
    found = of_grid(Affine(1000, 0, -1000000, 0, -1000, 1000000), (2000, 2000), crs)
    assert found.holds_pole
    assert found.bounds[::2] == (-180, 180)
    assert pole in found.bounds
    # A cap of 1000 km each way: it reaches the latitude of the edges' middles all around.
    for longitude in range(-175, 180, 10):
        assert found.outline.contains(shapely.Point(longitude, math.copysign(82, pole)))
        assert not found.outline.contains(shapely.Point(longitude, math.copysign(70, pole)))


@pytest.mark.parametrize(
    "affine", [Affine(1, 0, -180, 0, -1, 90), Affine(1, 0, 0, 0, -1, 90), Affine(1, 0, -180, 0, 1, -90)]
)
def test_the_whole_world(affine: Affine) -> None:
    found = of_grid(affine, (180, 360), "EPSG:4326")
    assert found.outline.area == pytest.approx(360 * 180)
    assert found.bounds == (-180, -90, 180, 90)
    assert not found.holds_pole


@pytest.mark.parametrize(
    ("crs", "half", "inside", "outside", "pole"),
    [
        # The full disk of a geostationary satellite: it sees to 81 degrees from where it stands.
        (
            "+proj=geos +h=35786023 +lon_0=-75 +sweep=x +ellps=GRS80",
            (5.5e6, 5.5e6),
            [(-75, 0), (-10, 0), (-140, 0), (-75, 70), (-75, -70), (-50, 60)],
            [(10, 0), (-160, 0), (-75, 85), (105, 0)],
            False,
        ),
        # A world map in an oval.
        (
            "ESRI:54009",
            (18.05e6, 9.05e6),
            [(0, 0), (170, 0), (-170, 0), (0, 80), (0, -80), (120, 50), (-150, -60), (100, 75)],
            [],
            False,
        ),
        # A hemisphere around the North Pole, as from space.
        (
            "+proj=ortho +lat_0=90 +lon_0=0 +R=6378137",
            (6.5e6, 6.5e6),
            [(longitude, latitude) for longitude in range(-175, 180, 25) for latitude in (20, 50, 89)],
            [(0, -10), (120, -10)],
            True,
        ),
    ],
)
def test_what_lies_beside_the_earth_is_left_out(
    crs: str, half: tuple[float, float], inside: list[tuple[int, int]], outside: list[tuple[int, int]], pole: bool
) -> None:
    width, height = half
    found = of_grid(Affine(width / 200, 0, -width, 0, -height / 200, height), (400, 400), crs)
    assert not found.is_whole
    assert found.holds_pole == pole
    assert [place for place in inside if not found.outline.contains(shapely.Point(place))] == []
    assert [place for place in outside if found.outline.contains(shapely.Point(place))] == []


def test_a_real_view_from_geostationary_orbit(shared_data: Path) -> None:
    found = footprint(swath.open(shared_data / ODD / "rasterio" / "goes.tif").grid)
    assert found is not None
    assert not found.is_whole
    assert not found.holds_pole
    assert (found.bounds[0] + found.bounds[2]) / 2 == pytest.approx(-75, abs=0.5)  # GOES-East


def test_shapes_have_footprints_too() -> None:
    across = Geometry(shapely.box(100000, 8000000, 300000, 8100000), "EPSG:32701")
    both = Geometry(shapely.MultiPolygon([across.geom, shapely.box(600000, 8000000, 610000, 8010000)]), "EPSG:32701")
    found, more = footprint(across), footprint(both)
    assert found is not None
    assert more is not None
    assert found.crosses_date_line
    assert len(more.outline.geoms) == len(found.outline.geoms) + 1
    assert found.bounds[0] == more.bounds[0] > 178
    assert more.bounds[2] > found.bounds[2]
    assert footprint(Geometry(shapely.Polygon(), "EPSG:32701")) is None
