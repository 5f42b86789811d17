"""Polygons put together from blocks are those of the whole map, to the last vertex; borders stay shared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.features
import rasterio.warp
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Geod
from rasterio.windows import Window

from swath.predict.areas import cell_areas
from swath.predict.vectors import Shapes, Sieve, whole_polygons
from swath.predict.vectors.regions import NOTHING

WORLDCOVER = "worldcover_huge_cog/tests/data-files/ESA_WorldCover_10m_2021_v200_N00E006"
Map = NDArray[np.int32]


def polygons(classes: Map, *, side: int, numbers: Any = None, min_area: float = 0, **options: Any) -> Shapes:
    cells = np.ones(classes.shape[0])

    def read(window: Any) -> tuple[Map, Any]:
        return classes[window], None if numbers is None else numbers[window]

    sieve = Sieve(read, classes.shape, cells, min_area, side=side) if min_area else None
    found = list(whole_polygons(read, classes.shape, cells, side=side, sieve=sieve, **options))
    parts = ([getattr(one, name) for one in found] for name in ("polygons", "classes", "areas", "means"))
    return Shapes(*(np.concatenate(part) if part else np.empty(0) for part in parts))


def by_gdal(classes: Map) -> list[tuple[str, int]]:
    found = rasterio.features.shapes(classes.astype(np.int16), mask=classes != NOTHING)
    return sorted((as_text(shapely.geometry.shape(shape)), int(value)) for shape, value in found)


def as_text(shape: Any) -> str:
    return str(shapely.normalize(shape).wkt)


def texts(shapes: Shapes) -> list[tuple[str, int]]:
    return sorted(zip(map(as_text, shapes.polygons), shapes.classes.tolist(), strict=True))


def random_map(seed: int, shape: tuple[int, int], classes: int, gaps: float) -> Map:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, classes, shape).astype(np.int32)
    values[rng.random(shape) < gaps] = NOTHING
    return values


@pytest.fixture(scope="module")
def worldcover(shared_data: Path) -> Map:
    """Land cover of a rugged coast, 2000 x 2000 px of 10 m."""
    folder = shared_data / WORLDCOVER
    with rasterio.open(folder / "ESA_WorldCover_10m_2021_v200_N00E006_Map.tif") as dataset:
        classes = dataset.read(1, window=Window(5400, 31400, 2000, 2000)).astype(np.int32)
    classes[classes == 0] = NOTHING
    assert len(np.unique(classes)) > 5
    return classes


maps = st.builds(
    random_map,
    st.integers(0, 2**31),
    st.tuples(st.integers(1, 19), st.integers(1, 19)),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.1, 0.5]),
)


@settings(max_examples=60, deadline=None)
@given(classes=maps, side=st.integers(2, 21))
def test_polygons_are_those_of_the_whole_map(classes: Map, side: int) -> None:
    numbers = np.random.default_rng(0).integers(0, 201, classes.shape).astype(np.uint8)
    found = polygons(classes, side=side, numbers=numbers)
    assert texts(found) == by_gdal(classes)
    assert shapely.is_valid(found.polygons).all()
    np.testing.assert_array_equal(shapely.area(found.polygons), found.areas)
    for shape, mean in zip(found.polygons, found.means, strict=True):
        inside = rasterio.features.geometry_mask([shape], classes.shape, Affine.identity(), invert=True)
        assert mean == pytest.approx(numbers[inside].mean(), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(classes=maps, side=st.integers(2, 21), simplify=st.sampled_from([0.8, 1.5, 3.0]))
def test_simplified_borders_stay_shared(classes: Map, side: int, simplify: float) -> None:
    found, exact = polygons(classes, side=side, simplify=simplify), polygons(classes, side=side)
    assert len(found) == len(exact)
    assert shapely.is_valid(found.polygons).all()
    assert shapely.coverage_is_valid(found.polygons)
    assert sorted(found.areas) == sorted(exact.areas)
    covered = shapely.union_all(found.polygons).area
    assert shapely.area(found.polygons).sum() == pytest.approx(covered, abs=1e-6)
    if (classes != NOTHING).all():
        assert covered == pytest.approx(classes.size, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(classes=maps, sides=st.tuples(st.integers(2, 21), st.integers(2, 21)), least=st.integers(2, 9))
def test_small_regions_join_whatever_the_blocks(classes: Map, sides: tuple[int, int], least: int) -> None:
    found = [polygons(classes, side=side, min_area=least) for side in sides]
    assert texts(found[0]) == texts(found[1])
    assert (found[0].areas >= least).all()
    kept = shapely.union_all(found[0].polygons)
    dropped = [
        shape for shape, _ in by_gdal(classes) if not kept.covers(shapely.from_wkt(shape).representative_point())
    ]
    # Only what lies amid pixels without an answer may go, and only where it is too small as a whole.
    island = polygons(np.where(classes == NOTHING, NOTHING, 0).astype(np.int32), side=64)
    small = shapely.union_all(island.polygons[island.areas < least])
    assert all(small.covers(shapely.from_wkt(shape)) for shape in dropped)


def test_a_small_region_joins_the_neighbour_with_the_longest_border() -> None:
    classes = np.array(
        [
            [1, 1, 1, 1, 2, 2],
            [1, 1, 1, 3, 2, 2],
            [1, 1, 1, 3, 2, 2],
            [1, 1, 1, 3, 2, 2],
            [1, 1, 1, 3, 3, 2],
        ],
        dtype=np.int32,
    )
    found = polygons(classes, side=4, min_area=6)
    # The five pixels of class 3 share 5 edges with class 1 and 5 with class 2; class 1 is larger.
    assert dict(zip(found.classes.tolist(), found.areas.tolist(), strict=True)) == {1: 21.0, 2: 9.0}
    classes[0, 3] = 2
    found = polygons(classes, side=4, min_area=6)
    assert dict(zip(found.classes.tolist(), found.areas.tolist(), strict=True)) == {1: 15.0, 2: 15.0}


def test_only_wanted_classes_come_out() -> None:
    classes = random_map(3, (40, 33), 3, 0.1)
    found = polygons(classes, side=16, keep={2})
    assert texts(found) == [one for one in by_gdal(classes) if one[1] == 2]
    assert len(polygons(np.full((5, 5), NOTHING, np.int32), side=4)) == 0


@pytest.mark.parametrize("side", [700, 1024])
def test_real_land_cover(worldcover: Map, side: int) -> None:
    found = polygons(worldcover, side=side)
    assert texts(found) == by_gdal(worldcover)


def test_real_land_cover_simplified_and_sieved(worldcover: Map) -> None:
    part = worldcover[:1100, :1300]
    found = polygons(part, side=512, simplify=1.5, min_area=20)
    assert shapely.coverage_is_valid(found.polygons)
    assert shapely.is_valid(found.polygons).all()
    assert found.areas.min() >= 20
    assert found.areas.sum() == (part != NOTHING).sum()
    exact = polygons(part, side=512, min_area=20)
    assert shapely.get_num_coordinates(found.polygons).sum() < 0.7 * shapely.get_num_coordinates(exact.polygons).sum()
    # Simplified outlines stay within some pixels of the true ones.
    changed = np.concatenate([abs(shapely.area(found.polygons) - found.areas)])
    assert changed.sum() < 0.05 * found.areas.sum()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # the masks have no place of their own
@pytest.mark.parametrize("place", ["abudhabi", "pisa", "hongkong"])
def test_real_change_masks(shared_data: Path, place: str) -> None:
    with rasterio.open(shared_data / "oscd_s2_4band" / f"{place}_mask.tif") as dataset:
        mask = dataset.read(1).astype(np.int32)
    for side in (64, 333):
        assert texts(polygons(mask, side=side)) == by_gdal(mask)


def grids() -> Sequence[Any]:
    step = 8.333333333333333e-05
    return [
        pytest.param(GeoBox((30, 20), Affine(step, 0, 6, 0, -step, 0.01), "EPSG:4326"), id="equator"),
        pytest.param(GeoBox((30, 20), Affine(0.25, 0, -3, 0, -0.25, 66), "EPSG:4326"), id="north, coarse"),
        pytest.param(GeoBox((20, 30), Affine(0.003, 0.001, 10, 0.001, -0.003, 47), "EPSG:4326"), id="turned"),
        pytest.param(GeoBox((30, 20), Affine(10, 0, 1.2e6, 0, -10, 8.4e6), "EPSG:3857"), id="web mercator"),
    ]


@pytest.mark.parametrize("grid", grids())
def test_pixels_have_their_area_on_the_ellipsoid(grid: GeoBox) -> None:
    areas = cell_areas(grid)
    assert areas is not None
    for row in (0, grid.shape.y - 1):
        x = grid.shape.x // 2
        # Along the parallels in small steps, since the edges of a geodesic polygon would leave them.
        edge = [(x + t, row) for t in np.linspace(0, 1, 40)] + [(x + 1 - t, row + 1) for t in np.linspace(0, 1, 40)]
        xs, ys = zip(*(grid.affine @ point for point in edge), strict=True)
        longitudes, latitudes = rasterio.warp.transform(grid.crs.to_wkt() if grid.crs else None, "EPSG:4326", xs, ys)
        expected, _ = Geod(ellps="WGS84").polygon_area_perimeter(longitudes, latitudes)
        assert areas[row] == pytest.approx(abs(expected), rel=2e-5)


def test_pixels_of_a_map_projection_have_its_area() -> None:
    metres = GeoBox((5, 4), Affine(10, 0, 6e5, 0, -20, 5e6), "EPSG:32631")
    feet = GeoBox((5, 4), Affine(100, 0, 6e5, 0, -100, 5e5), "EPSG:2263")
    np.testing.assert_allclose(cell_areas(metres), 200.0)
    np.testing.assert_allclose(cell_areas(feet), (100 * 1200 / 3937) ** 2)
    assert cell_areas(GeoBox((5, 4), Affine.identity(), None)) is None
