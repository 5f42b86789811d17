"""Scenes as files: the same numbers where nothing is resampled, the right places where something is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

import swath
from swath.errors import GridError, ReadError, WriteError
from swath.scene.export import save_scene
from swath.scene.regrid import grid_like, regrid
from swath.scene.storage import storing

UTM = Affine(10, 0, 500000, 0, -10, 5000000)
WORLDCOVER = "worldcover_huge_cog/tests/data-files/ESA_WorldCover_10m_2021_v200_N00E006"
PARIS = ("oscd_s2_4band/paris_t1.tif", "oscd_s2_4band/paris_t2.tif")


def layout(path: Path) -> str | None:
    with rasterio.open(path) as file:
        return file.tags(ns="IMAGE_STRUCTURE").get("LAYOUT")


@pytest.mark.parametrize(
    "name",
    [
        "odd_geotiffs/rasterio/RGB.byte.tif",
        "odd_geotiffs/rasterio/rotated.tif",
        "odd_geotiffs/rasterio/float32.tif",
        "odd_geotiffs/rio_tiler/cog_scale.tif",
        "odd_geotiffs/rio_tiler/cog_dateline.tif",
        "odd_geotiffs/rio_tiler/inverted_lat.tif",
        "odd_geotiffs/rio_cogeo/image_colormap.tif",
        "odd_geotiffs/rio_cogeo/image_float.tif",
        "odd_geotiffs/titiler/above_cog.tif",
        "togo_s1s2era5_24m/98-togo_2019-02-06_2020-02-01.tif",
        "canopy_height/CHM_test.tif",
        "oscd_s2_4band/paris_t1.tif",
    ],
)
def test_stored_numbers_are_the_same(shared_data: Path, tmp_path: Path, name: str) -> None:
    scene = swath.open(shared_data / name)
    (path,) = save_scene(scene, tmp_path / "out.tif")
    assert layout(path) == "COG"
    with rasterio.open(shared_data / name) as source, rasterio.open(path) as copy:
        assert copy.dtypes == source.dtypes
        # A file of floats may say NaN where the source says nothing; its numbers are those of the source all the same.
        np.testing.assert_array_equal(copy.read(), source.read())
        assert copy.transform == source.transform
        assert copy.crs == source.crs or source.crs is None or copy.crs.to_epsg() == source.crs.to_epsg()
        assert copy.scales == source.scales
        assert copy.offsets == source.offsets
        if source.nodata is not None:
            assert copy.nodata == pytest.approx(source.nodata, nan_ok=True)
    before, after = scene.read(), swath.open(path).read()
    np.testing.assert_array_equal(before[1], after[1])
    np.testing.assert_array_equal(before[0], after[0])


def test_a_part_keeps_its_numbers_and_its_place(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / WORLDCOVER / "ESA_WorldCover_10m_2021_v200_N00E006_Map.tif"
    part = swath.open(path).select(bounds=(6.55, 0.2, 6.65, 0.35))
    (out,) = save_scene(part, tmp_path / "part.tif")
    with rasterio.open(path) as source, rasterio.open(out) as copy:
        window = source.window(*copy.bounds)
        assert (round(window.width), round(window.height)) == (copy.width, copy.height)
        rounded = window.round_offsets().round_lengths()
        np.testing.assert_array_equal(copy.read(), source.read(window=rounded))
        assert copy.colormap(1)[80][:3] == source.colormap(1)[80][:3]
        assert copy.nodata == 0


def test_a_mask_becomes_a_number_that_no_pixel_has(shared_data: Path, tmp_path: Path) -> None:
    scene = swath.open(shared_data / "odd_geotiffs/rio_tiler/cog_rgb_mask.tif")
    (path,) = save_scene(scene, tmp_path / "out.tif")
    with rasterio.open(path) as file:
        assert set(file.dtypes) == {"int16"}
        assert file.nodata == -32768
    values, valid = scene.read()
    again, seen = swath.open(path).read()
    np.testing.assert_array_equal(valid, seen)
    np.testing.assert_array_equal(values, again)
    assert not valid.all()


def test_pixels_outside_a_geometry_are_nodata(own_data: Path, tmp_path: Path) -> None:
    from shapely import Point

    scene = swath.open(own_data / "worldcover_2021.tif", sensor="worldcover")
    box = scene.grid.boundingbox
    middle = ((box.left + box.right) / 2, (box.bottom + box.top) / 2)
    disk = Point(*middle).buffer((box.right - box.left) / 3)
    part = scene.select(geometry=disk)
    (path,) = save_scene(part, tmp_path / "disk.tif")
    _, valid = part.read()
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1) != file.nodata, valid[0, 0])
        assert file.dtypes == ("uint8",)
    assert 0.3 < valid.mean() < 0.9


def test_classes_without_nodata_get_a_free_number() -> None:
    classes = {0: "no", 1: "yes"}
    band = swath.Band(name="map", kind="categorical", units="class", classes=classes, dtype="uint8")
    values = np.array([[[0, 1], [1, 0]]], np.uint8)
    scene = swath.Scene.from_array(values, GeoBox((2, 2), UTM, "EPSG:32633"), bands=[band])
    (how,) = storing(scene, [0]).bands
    assert (how.dtype, how.nodata) == ("uint8", 255)


def test_bands_with_different_nodata_share_one_that_neither_holds(tmp_path: Path) -> None:
    paths = [tmp_path / "red.tif", tmp_path / "green.tif"]
    for path, nodata, offset in zip(paths, (0, 255), (0, 100), strict=True):
        with rasterio.open(
            path, "w", driver="GTiff", height=16, width=16, count=1, dtype="uint8", nodata=nodata, crs="EPSG:32633",
            transform=UTM,
        ) as file:  # fmt: skip
            file.write((np.arange(256) + offset).astype(np.uint8).reshape(1, 16, 16))
    scene = swath.open(*paths, bands=["red", "green"])
    (path,) = save_scene(scene, tmp_path / "out.tif")
    values, valid = scene.read()
    again, seen = swath.open(path).read()
    np.testing.assert_array_equal(valid, seen)
    np.testing.assert_array_equal(values, again)
    assert valid.sum() == 2 * 255


def test_reprojected_scenes_hold_values_in_units(shared_data: Path, tmp_path: Path) -> None:
    scene = swath.open(shared_data / PARIS[0], sensor="sentinel-2-l1c@pre-04.00")
    moved = regrid(scene, grid_like(scene, "EPSG:32631", 10))
    assert moved.grid.crs.epsg == 32631
    (path,) = save_scene(moved, tmp_path / "utm.tif")
    with rasterio.open(path) as file:
        assert set(file.dtypes) == {"float32"}
        assert np.isnan(file.nodata)
        assert file.crs.to_epsg() == 32631
        assert file.res == (10, 10)
        values = file.read()
        # A point's value does not move: compare with what the source holds there, away from edges.
        import pyproj

        to_lonlat = pyproj.Transformer.from_crs(32631, 4326, always_xy=True)
        source, _ = scene.read()
        checked = 0
        for row in range(100, 400, 37):
            for column in range(60, 280, 23):
                x, y = to_lonlat.transform(*(file.transform @ (column + 0.5, row + 0.5)))
                at_x, at_y = ~scene.grid.affine @ (x, y)
                near = source[0, :, int(at_y) - 1 : int(at_y) + 2, int(at_x) - 1 : int(at_x) + 2]
                assert (values[:, row, column] >= near.min(axis=(1, 2)) - 1e-6).all()
                assert (values[:, row, column] <= near.max(axis=(1, 2)) + 1e-6).all()
                checked += 1
        assert checked > 50
    assert np.isnan(values).any()  # the corners of the turned square


def test_classes_are_never_mixed_when_they_are_reprojected(own_data: Path, tmp_path: Path) -> None:
    scene = swath.open(own_data / "worldcover_2021.tif", sensor="worldcover")
    moved = regrid(scene, grid_like(scene, "EPSG:3857", 25))
    values, valid = moved.read()
    assert set(np.unique(values[valid])) <= set(np.unique(scene.read()[0][scene.read()[1]]))


def test_a_cut_scene_is_regridded_where_it_lies(shared_data: Path) -> None:
    scene = swath.open(shared_data / PARIS[0])
    part = scene.select(window=np.s_[100:200, 50:150])
    same = regrid(part, part.grid)
    np.testing.assert_array_equal(same.read()[0], part.read()[0])
    np.testing.assert_array_equal(regrid(scene, part.grid).read()[0], part.read()[0])


def test_one_file_per_date(shared_data: Path, tmp_path: Path) -> None:
    scene = swath.open(shared_data / "landsat_peru_8dates/landsat").select(dates=["1985", "2020"])
    with pytest.raises(WriteError, match=r"\{date\}.*dates=\['1985'\].*out\.zarr"):
        save_scene(scene, tmp_path / "out.tif")
    assert list(tmp_path.iterdir()) == []
    paths = save_scene(scene, tmp_path / "out_{date}.tif")
    assert [path.name for path in paths] == ["out_1985.tif", "out_2020.tif"]
    for t, path in enumerate(paths):
        again = swath.open(path)
        assert again.dates == (scene.dates[t],)
        np.testing.assert_array_equal(again.read()[0][0], scene.read()[0][t])


def test_a_store_of_all_dates_keeps_stored_numbers(shared_data: Path, tmp_path: Path) -> None:
    import xarray as xr

    dates = ["2016-01-01", "2018-01-01"]
    scene = swath.open(*(shared_data / name for name in PARIS), sensor="sentinel-2-l1c@pre-04.00", dates=dates)
    (path,) = save_scene(scene, tmp_path / "pair.zarr")
    raw = xr.open_zarr(path, mask_and_scale=False, chunks=None)
    for t, name in enumerate(PARIS):
        with rasterio.open(shared_data / name) as file:
            for b, band in enumerate(scene.bands):
                assert raw[band.name].dtype == np.uint16
                np.testing.assert_array_equal(raw[band.name][t].values, file.read(b + 1))
    again = swath.open(path)
    assert [band.name for band in again.bands] == [band.name for band in scene.bands]
    assert [band.common_name for band in again.bands] == ["blue", "green", "red", "nir"]
    assert [str(date) for date in again.dates] == dates
    np.testing.assert_allclose(again.read()[0], scene.read()[0], rtol=1e-6)


def test_the_record_tells_sources_and_dates(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / PARIS[0]
    scene = swath.open(source, sensor="sentinel-2-l1c@pre-04.00", dates=["2016-01-01"])
    (path,) = save_scene(scene, tmp_path / "out.tif")
    record = json.loads((tmp_path / f"{path.name}.stac.json").read_text())
    assert record["properties"]["swath:sensors"] == ["sentinel-2-l1c@pre-04.00"]
    assert record["properties"]["datetime"].startswith("2016-01-01")
    assert [link["href"] for link in record["links"] if link["rel"] == "derived_from"] == [source.resolve().as_uri()]


def test_progress_ends_at_all(shared_data: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    scene = swath.open(shared_data / "landsat_peru_8dates/landsat").select(dates=["1985", "1990"])
    save_scene(scene, tmp_path / "{date}.tif", progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_nothing_is_left_when_a_source_is_damaged(shared_data: Path, tmp_path: Path) -> None:
    scene = swath.open(shared_data / "odd_geotiffs/rasterio/corrupt.tif")
    for name in ("out.tif", "out.zarr"):
        with pytest.raises(ReadError, match="damaged"):
            save_scene(scene, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_replaced_unasked(shared_data: Path, tmp_path: Path) -> None:
    scene = swath.open(shared_data / "odd_geotiffs/rasterio/float32.tif")
    path = tmp_path / "out.tif"
    path.write_text("mine")
    with pytest.raises(WriteError, match="overwrite=True"):
        save_scene(scene, path)
    assert path.read_text() == "mine"
    save_scene(scene, path, overwrite=True)
    assert layout(path) == "COG"
    with pytest.raises(WriteError, match=r"\.zarr"):
        save_scene(scene, tmp_path / "out.png")


@pytest.mark.parametrize(
    ("crs", "resolution", "words"),
    [("EPSG:99999", None, "EPSG:32633"), (None, -1.0, "above 0"), ("nonsense", 10, "names no")],
)
def test_a_wrong_target_is_refused(shared_data: Path, crs: Any, resolution: Any, words: str) -> None:
    scene = swath.open(shared_data / PARIS[0])
    with pytest.raises(GridError, match=words):
        grid_like(scene, crs, resolution)
    with pytest.raises(GridError, match="no CRS"):
        grid_like(swath.open(shared_data / "odd_geotiffs/rasterio/float32.tif"), "EPSG:32633")
