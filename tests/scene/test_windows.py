"""Windows, selections and alignment: a pixel's value does not depend on how it is asked for, and does not move."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

import swath
from swath.errors import GridError, OpenError, SensorError
from swath.scene.align import align, offset_between, resampling_for, same_grid
from swath.scene.arrays import ArrayReader
from swath.scene.reader import Stored

few = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def paris(own_data: Path) -> swath.Scene:
    """Real Sentinel-2 pixels, 4 bands, two dates."""
    return swath.open(
        own_data / "paris_2015.tif",
        own_data / "paris_2018.tif",
        sensor="sentinel-2-l1c@pre-04.00",
        dates=["2015", "2018"],
    )


def windows(height: int, width: int) -> st.SearchStrategy[tuple[slice, slice]]:
    def ends(size: int) -> st.SearchStrategy[slice]:
        return st.tuples(st.integers(0, size - 1), st.integers(1, size)).map(
            lambda pair: slice(pair[0], min(size, pair[0] + pair[1]))
        )

    return st.tuples(ends(height), ends(width))


@few
@given(data=st.data())
def test_any_window_is_cut_from_the_whole(paris: swath.Scene, data: st.DataObject) -> None:
    values, valid = paris.read()
    window = data.draw(windows(*paris.grid.shape))
    part, part_valid = paris.read(window)
    np.testing.assert_array_equal(part, values[:, :, window[0], window[1]])
    np.testing.assert_array_equal(part_valid, valid[:, :, window[0], window[1]])
    moved = paris.select(window=window)
    assert moved.grid == paris.grid[window]
    np.testing.assert_array_equal(moved.read()[0], part)


@few
@given(top=st.integers(-40, 300), left=st.integers(-40, 300), height=st.integers(1, 90), width=st.integers(1, 90))
def test_boundless_windows_are_invalid_outside(
    paris: swath.Scene, top: int, left: int, height: int, width: int
) -> None:
    values, valid = paris.read(np.s_[top : top + height, left : left + width], boundless=True)
    assert values.shape == (2, 4, height, width)
    rows, columns = np.arange(top, top + height), np.arange(left, left + width)
    inside = ((rows >= 0) & (rows < paris.grid.shape.y))[:, None] & ((columns >= 0) & (columns < paris.grid.shape.x))
    assert not valid[:, :, ~inside].any()
    assert np.isnan(values[:, :, ~inside]).all()
    whole, whole_valid = paris.read()
    if inside.any():
        r, c = rows[(rows >= 0) & (rows < whole.shape[2])], columns[(columns >= 0) & (columns < whole.shape[3])]
        np.testing.assert_array_equal(values[:, :, inside].reshape(2, 4, len(r), len(c)), whole[:, :, r][:, :, :, c])
        np.testing.assert_array_equal(
            valid[:, :, inside].reshape(2, 4, len(r), len(c)), whole_valid[:, :, r][:, :, :, c]
        )


@few
@given(data=st.data())
def test_a_shrunken_window_of_a_moved_source_stays_in_its_place(data: st.DataObject) -> None:
    """Numbers that say where they are: a shrunken pixel holds what lies in it, or is invalid beyond the source."""
    draw = data.draw
    height, width, top, left = (draw(st.integers(20, 60)) for _ in range(4))
    grid = GeoBox((height, width), Affine(10, 0, 10 * left, 0, -10, -10 * top), "EPSG:32633")
    y, x = np.mgrid[top : top + height, left : left + width]
    target = GeoBox((140, 150), Affine(10, 0, 0, 0, -10, 0), "EPSG:32633")
    moved, _ = align(ArrayReader(np.stack([y, x]), grid), target, ("continuous",) * 2)
    window = draw(windows(*target.shape))
    full = (window[0].stop - window[0].start, window[1].stop - window[1].start)
    shape = (draw(st.integers(1, full[0])), draw(st.integers(1, full[1])))
    values, valid = moved.read(window, [0, 1], shape)
    assert values.shape == valid.shape == (2, *shape)
    places = np.meshgrid(*(np.arange(count) + 0.5 for count in shape), indexing="ij")
    spans = ((top, top + height), (left, left + width))
    inside = np.ones(shape, dtype=bool)
    for axis in (0, 1):
        step = full[axis] / shape[axis]
        at = window[axis].start + places[axis] * step
        # Off by half a shrunken pixel and half a pixel at most.
        assert (np.abs(values[axis] + 0.5 - at)[valid[axis]] <= step / 2 + 0.5 + 1e-9).all()
        inside &= (at > spans[axis][0] + step / 2) & (at < spans[axis][1] - step / 2)
    assert valid[:, inside].all()


def test_a_large_source_in_a_larger_grid_is_not_read_whole(shared_data: Path) -> None:
    path = "worldcover_huge_cog/tests/data-files/ESA_WorldCover_10m_2021_v200_N00E006"
    (source,) = (shared_data / path).glob("*_Map.tif")
    grid = swath.open(source).grid
    scene = swath.open(source, grid=grid.pad(1000))
    tracemalloc.start()
    values, valid = scene.read(shape=(380, 380))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16e6  # the whole has 1.4e9 bytes
    inner, ok = swath.open(source).read(shape=(360, 360))
    np.testing.assert_array_equal(values[:, :, 10:-10, 10:-10], inner)
    np.testing.assert_array_equal(valid[:, :, 10:-10, 10:-10], ok)
    assert ok.any()
    assert not valid[:, :, :10].any()


def test_bands_of_several_types_in_one_file(own_data: Path, tmp_path: Path) -> None:
    from rasterio import shutil

    from swath.scene.export import save_scene

    source = own_data / "paris_2015.tif"
    path = tmp_path / "mixed.vrt"
    shutil.copy(source, path, driver="VRT")
    path.write_text(path.read_text().replace('dataType="UInt16" band="2"', 'dataType="Float32" band="2"'))
    mixed = swath.open(path, bands=["blue", "green", "red", "nir"])
    assert {one.dtype for one in mixed.planes[0][0].reader.stored} == {"uint16", "float32"}
    expected = swath.open(source, bands=["blue", "green", "red", "nir"]).read()[0]
    np.testing.assert_array_equal(mixed.read()[0], expected)
    (copy,) = save_scene(mixed, tmp_path / "copy.tif")
    with rasterio.open(copy) as file, rasterio.open(source) as original:
        np.testing.assert_array_equal(file.read(), original.read())


def grids_near(grid: GeoBox) -> st.SearchStrategy[GeoBox]:
    """Grids in other CRSs, resolutions and offsets that overlap the given one."""

    def build(epsg: int, resolution: float, dx: float, dy: float) -> GeoBox:
        area = grid.extent.to_crs(f"EPSG:{epsg}")
        box = area.boundingbox
        step = resolution if epsg != 4326 else resolution / 111_000
        height, width = int((box.top - box.bottom) / step) + 2, int((box.right - box.left) / step) + 2
        corner = Affine.translation(box.left + dx * step, box.top + dy * step)
        return GeoBox((height, width), corner @ Affine.scale(step, -step), f"EPSG:{epsg}")

    return st.builds(
        build,
        st.sampled_from([32631, 32630, 4326, 3035]),
        st.sampled_from([7.0, 10.0, 33.0]),
        st.floats(-3, 3),
        st.floats(-3, 3),
    )


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_any_window_of_a_warped_scene_is_cut_from_the_whole(own_data: Path, data: st.DataObject) -> None:
    plain = swath.open(own_data / "paris_2015.tif")
    grid = data.draw(grids_near(plain.grid))
    scene = swath.open(own_data / "paris_2015.tif", grid=grid)
    values, valid = scene.read()
    assert valid.any()
    for _ in range(4):
        window = data.draw(windows(*grid.shape))
        # Opened anew, so that no block that was warped before is used again.
        part, part_valid = swath.open(own_data / "paris_2015.tif", grid=grid).read(window)
        np.testing.assert_array_equal(part, values[:, :, window[0], window[1]])
        np.testing.assert_array_equal(part_valid, valid[:, :, window[0], window[1]])


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_the_value_of_a_point_does_not_move(own_data: Path, data: st.DataObject) -> None:
    """A smooth surface, its height a function of the place: after warping, every pixel holds its own place's height."""
    plain = swath.open(own_data / "paris_2015.tif").grid
    grid = data.draw(grids_near(plain))

    def height(box: GeoBox) -> np.ndarray:
        rows, columns = np.mgrid[0 : box.shape.y, 0 : box.shape.x] + 0.5
        x, y = box.affine @ (columns.ravel(), rows.ravel())
        if box.crs != plain.crs:
            x, y = box.crs.transformer_to_crs(plain.crs)(x, y)
        east, north = ~plain.affine @ (np.asarray(x), np.asarray(y))
        return (east * 0.5 + north * 0.25).reshape(box.shape)

    surface = ArrayReader(height(plain)[None], plain, stored=(Stored(dtype="float64"),))
    warped, said = align(surface, grid, ["continuous"])
    assert said is not None
    values, valid = warped.read((slice(0, grid.shape.y), slice(0, grid.shape.x)), [0])
    # Half a kernel at the source's edge holds means over fewer pixels.
    deep = valid[0].copy()
    expected = height(grid)
    rows, columns = np.mgrid[0 : grid.shape.y, 0 : grid.shape.x]
    x, y = grid.affine @ (columns.ravel() + 0.5, rows.ravel() + 0.5)
    if grid.crs != plain.crs:
        x, y = grid.crs.transformer_to_crs(plain.crs)(x, y)
    east, north = ~plain.affine @ (np.asarray(x), np.asarray(y))
    margin = 5
    inside = (east > margin) & (east < plain.shape.x - margin) & (north > margin) & (north < plain.shape.y - margin)
    deep &= inside.reshape(deep.shape)
    assert deep.any()
    # A tenth of a pixel, times the slope of the surface: the linear kernel is sampled.
    assert np.abs(values[0][deep] - expected[deep]).max() < 0.1 * 0.75


def test_alignment_is_idempotent(own_data: Path) -> None:
    first = swath.open(own_data / "paris_2015.tif")
    target = GeoBox.from_bbox(first.grid.extent.to_crs("EPSG:3035").boundingbox, "EPSG:3035", resolution=20)
    once = swath.open(own_data / "paris_2015.tif", grid=target)
    values, _ = once.read()
    again = swath.open((values[0], target), grid=target)
    assert not any("warped" in note for note in again.notes)
    np.testing.assert_array_equal(again.read()[0], values)


def test_same_pixels_on_another_extent_are_not_resampled(own_data: Path) -> None:
    first = swath.open(own_data / "paris_2015.tif")
    grid = GeoBox((100, 120), first.grid.affine @ Affine.translation(-20, 30), first.grid.crs)
    assert offset_between(first.grid, grid) == (30, -20)
    moved = swath.open(own_data / "paris_2015.tif", grid=grid)
    assert any("cut or filled up" in note for note in moved.notes)
    values, valid = moved.read()
    assert not valid[..., :20].any()
    np.testing.assert_array_equal(values[..., 20:], first.read(np.s_[30:130, 0:100])[0])


def test_resampling_fits_the_kind_of_data() -> None:
    assert resampling_for("categorical", 1.0) == "nearest"
    assert resampling_for("categorical", 4.0) == "mode"
    assert resampling_for("flags", 4.0) == "nearest"
    assert resampling_for("continuous", 0.5) == "bilinear"
    assert resampling_for("continuous", 4.0) == "average"


def test_classes_are_never_mixed(own_data: Path) -> None:
    """Classes 10 and 80 must not make a 45 between them when the map is warped."""
    path = own_data / "worldcover_2021.tif"
    plain = swath.open(path)
    for resolution in (7.0, 35.0):
        grid = GeoBox.from_bbox(plain.grid.extent.to_crs("EPSG:32632").boundingbox, "EPSG:32632", resolution=resolution)
        values, valid = swath.open(path, grid=grid).read()
        assert set(np.unique(values[valid])) <= set(np.unique(plain.read()[0]))


def test_sources_that_lie_elsewhere_are_refused(own_data: Path) -> None:
    with pytest.raises(GridError, match="lies elsewhere"):
        swath.open(own_data / "paris_2015.tif", own_data / "worldcover_2021.tif", dates=["2015", "2021"])


def test_windows_that_are_none(paris: swath.Scene) -> None:
    for bad in (np.s_[10:5, 0:3], np.s_[0:10:2, 0:3], np.s_[0:3, 0:100000], np.s_[-3:3, 0:3], (1, 2), "all"):
        with pytest.raises(GridError):
            paris.read(bad)
    values, _ = paris.read(Window(5, 7, 30, 20))
    np.testing.assert_array_equal(values, paris.read(np.s_[7:27, 5:35])[0])


def test_values_are_in_units(paris: swath.Scene, own_data: Path) -> None:
    with rasterio.open(own_data / "paris_2015.tif") as dataset:
        stored = dataset.read()
    values, valid = paris.read(dates=0)
    np.testing.assert_allclose(values[0][valid[0]], (stored * 1e-4)[valid[0]], rtol=1e-6)
    np.testing.assert_array_equal(valid[0], stored != 0)
    assert {band.units for band in paris.bands} == {"reflectance"}


def test_the_offset_of_the_later_baseline_is_applied_once(own_data: Path) -> None:
    old = swath.open(own_data / "paris_2015.tif", sensor="sentinel-2-l1c@pre-04.00").read()[0]
    new = swath.open(own_data / "paris_2015.tif", sensor="sentinel-2-l1c@04.00").read()[0]
    np.testing.assert_allclose(old - new, 0.1, atol=1e-6)
    with pytest.raises(SensorError, match="stored in more than one way"):
        swath.open(own_data / "paris_2015.tif", sensor="sentinel-2-l1c")


def test_bands_by_name_common_name_and_wavelength(paris: swath.Scene) -> None:
    red = paris["red"].read()[0]
    for key in ("B04", "b4", 665, 660.0):
        np.testing.assert_array_equal(paris[key].read()[0], red)
    assert [band.name for band in paris[["nir", "red"]].bands] == ["B08", "B04"]
    with pytest.raises(SensorError, match="no band 'swir16'"):
        paris["swir16"]


def test_unknown_sources_are_not_guessed(own_data: Path) -> None:
    scene = swath.open(own_data / "paris_2015.tif")
    assert scene.sensor is None
    assert {band.units for band in scene.bands} == {"dn"}
    with pytest.raises(SensorError, match="sensor='NAME'"):
        scene["red"]


def test_selection_by_bounds_geometry_and_dates(paris: swath.Scene) -> None:
    box = paris.grid[50:80, 20:70].extent
    part = paris.select(bounds=tuple(box.boundingbox))
    assert part.grid == paris.grid[50:80, 20:70]
    assert part.origin == (50, 20)
    lonlat = box.to_crs("EPSG:4326")
    by_geometry = paris.select(geometry=lonlat.geom, crs="EPSG:4326")
    assert by_geometry.read()[1].any()
    triangle = {"type": "Polygon", "coordinates": [[*map(list, box.exterior.points[:3]), list(box.exterior.points[0])]]}
    _, valid = paris.select(geometry=triangle).read()
    assert valid[0, 0].mean() == pytest.approx(0.5, abs=0.05)
    assert paris.select(dates="2018").names == ("2018",)
    assert paris.select(dates=slice("2014", "2016")).names == ("2015",)
    with pytest.raises(GridError, match="no date 1999"):
        paris.select(dates="1999")
    with pytest.raises(GridError, match="do not touch"):
        paris.select(bounds=(0, 0, 1e-3, 1e-3))


def test_bands_or_dates_is_asked_when_nothing_tells(own_data: Path, tmp_path: Path) -> None:
    with rasterio.open(own_data / "paris_2015.tif") as dataset:
        profile = {**dataset.profile, "count": 1}
        for i, name in enumerate(("a.tif", "b.tif")):
            with rasterio.open(tmp_path / name, "w", **profile) as one:
                one.write(dataset.read(i + 1), 1)
    paths = [tmp_path / "a.tif", tmp_path / "b.tif"]
    with pytest.raises(OpenError, match="bands or dates"):
        swath.open(*paths)
    assert swath.open(*paths, bands=["red", "nir"]).shape[:2] == (1, 2)
    assert swath.open(*paths, dates=["2015", "2018"]).shape[:2] == (2, 1)


def test_a_missing_band_at_one_date_is_said_and_invalid(own_data: Path, tmp_path: Path) -> None:
    with rasterio.open(own_data / "paris_2015.tif") as dataset:
        with rasterio.open(tmp_path / "x_20150101.tif", "w", **{**dataset.profile, "count": 4}) as whole:
            whole.write(dataset.read())
            whole.descriptions = dataset.descriptions
        with rasterio.open(tmp_path / "x_20160101.tif", "w", **{**dataset.profile, "count": 3}) as less:
            less.write(dataset.read([1, 2, 3]))
            less.descriptions = dataset.descriptions[:3]
    scene = swath.open(tmp_path)
    assert scene.shape[:2] == (2, 4)
    assert any("2016-01-01: lacks B08" in note for note in scene.notes)
    _, valid = scene.read(dates=1)
    assert valid[0, :3].any()
    assert not valid[0, 3].any()


def test_a_stack_of_dates_by_argument(own_data: Path) -> None:
    scene = swath.open(own_data / "paris_2015.tif", dates=["2015-01", "2015-02", "2015-03", "2015-04"])
    assert scene.shape[:2] == (4, 1)
    pairs = swath.open(own_data / "paris_2015.tif", dates=["2015-01", "2015-02"], bands=["a", "b"])
    assert pairs.shape[:2] == (2, 2)
    with rasterio.open(own_data / "paris_2015.tif") as dataset:
        stored = dataset.read().astype(np.float32)
    np.testing.assert_array_equal(scene.read()[0][:, 0], stored)
    np.testing.assert_array_equal(pairs.read()[0], stored.reshape(2, 2, *stored.shape[1:]))
    with pytest.raises(OpenError, match="3 dates for 4 layers"):
        swath.open(own_data / "paris_2015.tif", dates=["2015", "2016", "2017"])


def test_pixel_sizes_on_the_ground(own_data: Path) -> None:
    assert swath.open(own_data / "paris_2015.tif").gsd == pytest.approx(10.52, rel=0.01)
    equator = GeoBox((10, 10), Affine(0.001, 0, 10, 0, -0.001, 0.005), "EPSG:4326")
    north = GeoBox((10, 10), Affine(0.001, 0, 10, 0, -0.001, 60.005), "EPSG:4326")
    mercator = GeoBox((10, 10), Affine(100, 0, 0, 0, -100, 8_399_737.9), "EPSG:3857")
    feet = GeoBox((10, 10), Affine(10, 0, 0, 0, -10, 0), "EPSG:2263")
    values = np.zeros((1, 10, 10), np.uint8)
    sizes = [swath.open((values, grid)).gsd for grid in (equator, north, mercator, feet)]
    assert sizes == pytest.approx([110.9, 110.9 * 0.711, 50.1, 3.048], rel=0.01)


def test_same_grid_allows_for_stored_digits() -> None:
    grid = GeoBox((100, 100), Affine(10, 0, 500000, 0, -10, 5000000), "EPSG:32631")
    assert same_grid(grid, GeoBox((100, 100), Affine(10, 0, 500000.001, 0, -10, 5000000), "EPSG:32631"))
    assert not same_grid(grid, GeoBox((100, 100), Affine(10, 0, 500003, 0, -10, 5000000), "EPSG:32631"))
