"""xarray in and out: the same pixels, places, units and dates, whichever way they go."""

from __future__ import annotations

import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

import swath
from swath.errors import OpenError
from swath.scene.exchange import sources_of_file, sources_of_xarray
from swath.scene.reader import Picked
from swath.scene.scene import Scene
from swath.sensors import Band

rioxarray = pytest.importorskip("rioxarray")

UTM = GeoBox((6, 5), Affine(10, 0, 300000, 0, -10, 5000000), "EPSG:32633")
GRIDS = {
    "north-up": UTM,
    "south-up": GeoBox((6, 5), Affine(10, 0, 300000, 0, 10, 4999940), "EPSG:32633"),
    "degrees": GeoBox((6, 5), Affine(0.25, 0, 5, 0, -0.25, 50), "EPSG:4326"),
    "rotated": GeoBox((6, 5), Affine(10, 2, 300000, 2, -10, 5000000), "EPSG:32633"),
    "no CRS": GeoBox((6, 5), Affine(1, 0, 0, 0, 1, 0), None),
    "one pixel": GeoBox((1, 1), Affine(10, 0, 300000, 0, -10, 5000000), "EPSG:32633"),
}


@pytest.fixture
def paris(shared_data: Path) -> Scene:
    folder = shared_data / "oscd_s2_4band"
    return swath.open(
        folder / "paris_t1.tif",
        folder / "paris_t2.tif",
        sensor="sentinel-2-l1c@pre-04.00",
        bands=["B02", "B03", "B04", "B08"],
        dates=["2015-08-29T10:50:00", "2018-03-23"],
    )


def same(a: Scene, b: Scene) -> None:
    plain = {"scale": 1.0, "offset": 0.0, "dtype": "float32", "nodata": None}
    assert a.grid == b.grid
    assert [one.with_(**plain) for one in a.bands] == [one.with_(**plain) for one in b.bands]
    assert a.dates == b.dates
    for left, right in zip(a.read(), b.read(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_real_pair_goes_there_and_back(paris: Scene) -> None:
    back = Scene.from_xarray(paris.to_xarray())
    same(paris, back)
    assert back.bands[2].common_name == "red"
    assert back.bands[2].wavelength == (650, 665, 680)
    assert back.bands[2].units == "reflectance"
    assert back.sensor is not None
    assert back.sensor.name == "sentinel-2-l1c@values"
    same(back, Scene.from_xarray(back.to_xarray()))


@pytest.mark.parametrize("kind", ["nc", "zarr"])
def test_a_real_pair_goes_through_a_file(paris: Scene, tmp_path: Path, kind: str) -> None:
    data, path = paris.to_xarray(), tmp_path / f"a pair.{kind}"
    if kind == "nc":
        data.to_dataset(name="scene").to_netcdf(path, engine="h5netcdf")
    else:
        data.to_dataset(name="scene").to_zarr(path, zarr_format=2)
    same(paris, swath.open(path))


def test_the_conventions_of_odc_and_rioxarray_hold(paris: Scene) -> None:
    data = paris.to_xarray()
    assert data.dims == ("time", "band", "y", "x")
    assert data.odc.geobox == paris.grid
    assert data.rio.crs.to_epsg() == paris.grid.crs.epsg
    assert data.rio.transform().almost_equals(paris.grid.affine, 1e-12)
    assert np.isnan(data.rio.nodata)
    assert data.dtype == np.float32
    assert data.time.dtype == "datetime64[s]"
    assert data.sel(band="B04").wavelength == 665
    assert list(data.units.values) == ["reflectance"] * 4


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_every_grid_survives(grid: GeoBox) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 3, *grid.shape)).astype(np.float32)
    values[0, 1, 0, 0] = np.nan
    scene = Scene.from_array(values, grid, bands=["red", "nir", Band(name="h", units="metre")], dates=[1985, "2020-02"])
    same(scene, Scene.from_xarray(scene.to_xarray()))


def test_dates_that_are_not_known_stay_unknown() -> None:
    scene = Scene.from_array(np.ones((2, 1, *UTM.shape), np.float32), UTM, bands=["red"])
    assert scene.dates == (None, None)
    data = scene.to_xarray()
    assert np.isnat(data.time.values).all()
    same(scene, Scene.from_xarray(data))


def test_classes_survive_and_are_cf_flags_for_others(shared_data: Path) -> None:
    path = next((shared_data / "worldcover_huge_cog").rglob("*2021*_Map.tif"))
    scene = swath.open(path).select(window=np.s_[20000:20040, 20000:20030])
    data = scene.to_xarray()
    back = Scene.from_xarray(data)
    same(scene, back)
    assert back.bands[0].classes is not None
    assert back.bands[0].classes[80] == "Permanent water bodies"
    del data.attrs["swath_bands"]
    plain = Scene.from_xarray(data)
    assert plain.bands[0].kind == "categorical"
    assert plain.bands[0].classes == back.bands[0].classes


def test_dask_blocks_are_read_when_computed(paris: Scene) -> None:
    lazy = paris.to_xarray(chunks=100)
    assert lazy.chunks == ((1, 1), (4,), (100, 100, 100, 100, 8), (100, 100, 100, 90))
    np.testing.assert_array_equal(lazy.values, paris.to_xarray().values)
    part = lazy.isel(y=slice(95, 210), x=slice(300, 390), time=1).sel(band="B08")
    np.testing.assert_array_equal(part.values, paris.read(np.s_[95:210, 300:390], bands="B08", dates=1)[0][0, 0])
    same(paris, Scene.from_xarray(lazy))


def test_lazy_arrays_stay_lazy() -> None:
    import dask
    import dask.array

    def never() -> np.ndarray:
        raise AssertionError("read too early")

    values = dask.array.from_delayed(dask.delayed(never)(), (3, *UTM.shape), np.float32)
    from odc.geo.xr import xr_coords

    data = xr.DataArray(values, dims=("band", "y", "x"), coords=dict(xr_coords(UTM)))
    scene = Scene.from_xarray(data, bands=["red", "green", "blue"])
    assert scene.shape == (1, 3, 6, 5)
    with pytest.raises(AssertionError, match="too early"):
        scene.read()


def test_a_long_uneven_series_opens_fast_with_one_reader(shared_data: Path) -> None:
    path = str(shared_data / "lai_timeseries_s2" / "Unevenly_spaced_time_series.nc")
    swath.open(path)
    start = time.perf_counter()
    scene = swath.open(path)
    assert time.perf_counter() - start < 3
    assert scene.shape == (333, 1, 61, 101)
    assert [band.name for band in scene.bands] == ["LAI"]
    assert (str(scene.dates[0]), str(scene.dates[-1])) == ("2015-07-04", "2024-01-23")
    assert scene.grid.crs.epsg == 32632
    sources = sources_of_file(path)
    assert sources is not None
    assert {id(one.reader._source) for one in sources if isinstance(one.reader, Picked)} == {
        id(sources[0].reader._source)  # type: ignore[attr-defined]  # a Picked, as the set says
    }
    picks = [0, 100, 332]
    values, valid = scene.read(dates=picks)
    with rasterio.open(f'NETCDF:"{path}":LAI') as dataset:
        stored = dataset.read([pick + 1 for pick in picks])
        assert scene.grid.affine.almost_equals(dataset.transform)
    np.testing.assert_array_equal(valid[:, 0], stored != -32000)
    np.testing.assert_allclose(values[:, 0][valid[:, 0]], stored[valid[:, 0]] * 0.001, rtol=1e-5)
    assert 0.6 < scene.read()[1].mean() < 0.68


def test_packed_numbers_are_unpacked_once(tmp_path: Path) -> None:
    data = Scene.from_array(np.full((1, *UTM.shape), 0.25, np.float32), UTM, bands=["red"]).to_xarray()[0, 0]
    packed = data.drop_vars(["band", "units"]).to_dataset(name="red")
    packed.red.attrs = {"units": "reflectance"}
    packed.to_netcdf(
        tmp_path / "packed.nc",
        engine="h5netcdf",
        encoding={"red": {"dtype": "int16", "scale_factor": 0.0001, "add_offset": -0.1, "_FillValue": -9999}},
    )
    opened = swath.open(tmp_path / "packed.nc")
    assert opened.bands[0].scale == 1
    assert opened.bands[0].units == "reflectance"
    np.testing.assert_allclose(opened.read()[0], 0.25, atol=1e-6)
    raw = xr.open_dataset(tmp_path / "packed.nc", engine="h5netcdf", mask_and_scale=False, decode_coords="all")
    np.testing.assert_allclose(Scene.from_xarray(raw).read()[0], 0.25, atol=1e-6)
    raw.close()


def test_numbers_of_a_declared_sensor_are_scaled_although_xarray_masked_them(paris: Scene, tmp_path: Path) -> None:
    """A fill value makes floats of integers, but they are the sensor's stored numbers still."""
    stored = paris.to_xarray().drop_attrs() * 10000
    stored = stored.isel(time=0).drop_vars(["units", "common_name", "wavelength"]).rename("dn")
    stored.to_netcdf(
        tmp_path / "dn.nc", engine="h5netcdf", encoding={"dn": {"dtype": "uint16", "_FillValue": 0}, "band": {}}
    )
    scene = swath.open(tmp_path / "dn.nc", sensor="sentinel-2-l1c@pre-04.00")
    assert [band.common_name for band in scene.bands] == ["blue", "green", "red", "nir"]
    np.testing.assert_allclose(scene.read()[0][0], paris.read(dates=0)[0][0], atol=1e-4)


def test_variables_of_a_dataset_are_bands_and_flags_are_classes() -> None:
    from odc.geo.xr import xr_coords

    coords = dict(xr_coords(UTM))
    cover = np.tile(np.array([10, 20, 30, 30, 255], np.uint8), (6, 1))
    data = xr.Dataset(
        {
            "t2m": (("y", "x"), np.full(UTM.shape, 280.0, np.float32), {"units": "K", "long_name": "2 m temperature"}),
            "cover": (
                ("y", "x"),
                cover,
                {"flag_values": np.array([10, 20, 30]), "flag_meanings": "tree_cover water built_up", "nodata": 255},
            ),
            "station": ("n", np.arange(3)),
        },
        coords=coords,
    )
    scene = Scene.from_xarray(data)
    assert [band.name for band in scene.bands] == ["t2m", "cover"]
    assert scene.bands[0].units == "kelvin"
    assert scene.bands[1].classes == {10: "tree cover", 20: "water", 30: "built up"}
    assert scene.read(bands="cover")[1][0, 0].mean() == pytest.approx(0.8)


def test_levels_of_pressure_are_bands() -> None:
    data = xr.Dataset(
        {"t": (("valid_time", "pressure_level", "latitude", "longitude"), np.zeros((2, 2, 4, 6), np.float32))},
        coords={
            "valid_time": np.array(["2020-01-01T06", "2020-01-01T12"], "datetime64[ns]"),
            "pressure_level": [500.0, 850.0],
            "latitude": [51.0, 50.75, 50.5, 50.25],
            "longitude": np.arange(6) * 0.25,
        },
    )
    data.t.attrs["units"] = "K"
    scene = Scene.from_xarray(data)
    assert [band.name for band in scene.bands] == ["t_500", "t_850"]
    assert scene.bands[0].units == "kelvin"
    assert [str(date) for date in scene.dates] == ["2020-01-01T06:00:00", "2020-01-01T12:00:00"]
    assert scene.grid.crs.epsg == 4326
    assert any("taken as EPSG:4326" in note for note in scene.notes)


@pytest.mark.parametrize(("units", "factor"), [("nm", 1), ("um", 1000), (None, 1000)])
def test_wavelengths_come_from_the_band_coordinate(units: str | None, factor: int) -> None:
    from odc.geo.xr import xr_coords

    centres = ("wavelength", np.array([490, 665, 2190]) / factor, {"units": units} if units else {})
    width = ("wavelength", np.array([60, 30, 180]) / factor)
    data = xr.DataArray(
        np.zeros((3, *UTM.shape), np.float32),
        dims=("wavelength", "y", "x"),
        coords={**dict(xr_coords(UTM)), "wavelength": centres, "fwhm": width},
    )
    scene = Scene.from_xarray(data)
    assert [band.wavelength for band in scene.bands] == [(460, 490, 520), (650, 665, 680), (2100, 2190, 2280)]
    assert scene.band_indexes([665, 2200]) == [1, 2]


def test_what_rioxarray_opens_is_taken(shared_data: Path) -> None:
    path = shared_data / "oscd_s2_4band" / "pisa_t1.tif"
    with rioxarray.open_rasterio(path) as data:
        scene = Scene.from_xarray(data, bands=["blue", "green", "red", "nir"])
        plain = swath.open(path, bands=["blue", "green", "red", "nir"])
        assert scene.grid == plain.grid
        for left, right in zip(scene.read(np.s_[3:90, 5:70]), plain.read(np.s_[3:90, 5:70]), strict=True):
            np.testing.assert_array_equal(left, right)


def test_several_threads_may_read(shared_data: Path) -> None:
    scene = swath.open(shared_data / "lai_timeseries_s2" / "Unevenly_spaced_time_series.nc")
    expected = scene.read(dates=range(40))[0]
    with ThreadPoolExecutor(4) as pool:
        for t, (values, _) in enumerate(pool.map(lambda t: scene.read(dates=t), range(40))):
            np.testing.assert_array_equal(values[0], expected[t])


def test_uneven_coordinates_are_refused() -> None:
    data = xr.DataArray(np.zeros((4, 3)), dims=("y", "x"), coords={"y": [9.0, 8, 7, 5], "x": [1.0, 2, 3]})
    with pytest.raises(OpenError, match=r"y is not evenly spaced .* data\.interp\(y="):
        sources_of_xarray(data)


def test_a_latitude_per_pixel_is_refused() -> None:
    data = xr.DataArray(
        np.zeros((4, 3)),
        dims=("y", "x"),
        coords={"lat": (("y", "x"), np.zeros((4, 3))), "lon": (("y", "x"), np.zeros((4, 3)))},
    )
    with pytest.raises(OpenError, match=r"latitude and longitude of its own.*resample"):
        sources_of_xarray(data)


def test_arrays_without_a_place_are_refused() -> None:
    with pytest.raises(OpenError, match=r"without a place .* Scene\.from_array"):
        Scene.from_xarray(xr.DataArray(np.zeros((4, 3)), dims=("y", "x")))


def test_a_dim_that_is_neither_space_time_nor_band_is_refused() -> None:
    from odc.geo.xr import xr_coords

    data = xr.DataArray(np.zeros((2, *UTM.shape)), dims=("member", "y", "x"), coords=dict(xr_coords(UTM)))
    with pytest.raises(OpenError, match=r"dim 'member' of 2 .* data\.isel\(member=0\)"):
        Scene.from_xarray(data)
    assert Scene.from_xarray(data.isel(member=slice(0, 1))).shape == (1, 1, 6, 5)


def test_hdf5_without_places_names_its_arrays(shared_data: Path) -> None:
    path = next((shared_data / "treesat_multimodal").glob("*.h5"))
    with pytest.raises(OpenError, match=r"sen-1-asc-data 60 x 2 x 6 x 6.*Scene\.from_array"):
        swath.open(path)
    with h5py.File(path) as file:
        scene = Scene.from_array(file["sen-2-data"][:3], GeoBox((6, 6), UTM.affine, UTM.crs))
        assert scene.shape == (3, 10, 6, 6)


def test_a_store_in_groups_is_left_to_gdal(shared_data: Path) -> None:
    path = shared_data / "odd_geotiffs" / "rasterio" / "no_band.h5"
    assert sources_of_file(str(path)) is None
    with pytest.raises(OpenError, match="holds 2 arrays, name one"):
        swath.open(path)


def test_damaged_files_are_refused_in_one_line(tmp_path: Path, shared_data: Path) -> None:
    good = (shared_data / "lai_timeseries_s2" / "Unevenly_spaced_time_series.nc").read_bytes()
    (tmp_path / "cut.nc").write_bytes(good[: len(good) // 3])
    with pytest.raises(OpenError, match=r"cut\.nc: cannot be read as H5NETCDF"):
        swath.open(tmp_path / "cut.nc")
    with pytest.raises(OpenError, match="no such Zarr store"):
        swath.open(tmp_path / "none.zarr")


def test_bands_of_a_cube_are_read_together_and_in_the_order_asked_for(tmp_path: Path) -> None:
    import dask.array
    from odc.geo.xr import xr_coords

    cube = np.random.default_rng(2).normal(size=(8, *UTM.shape)).astype(np.float32)
    coords = {**dict(xr_coords(UTM)), "wavelength": ("wavelength", 400.0 + 50 * np.arange(8), {"units": "nm"})}
    data = xr.DataArray(cube, dims=("wavelength", "y", "x"), coords=coords, name="radiance")
    data.to_netcdf(tmp_path / "cube.nc", engine="h5netcdf")
    made: list[int] = []

    def block(block_info: dict[int | None, dict[str, object]] | None = None) -> np.ndarray:
        made.append(1)
        return cube

    lazy = data.copy(data=dask.array.map_blocks(block, chunks=cube.shape, dtype=np.float32, meta=cube[:0]))
    for source in (data, lazy, tmp_path / "cube.nc"):
        scene = swath.open(source)
        assert [band.centre for band in scene.bands] == list(400.0 + 50 * np.arange(8))
        made.clear()
        for picks in ([0, 1, 2], [5, 1, 3], [7], [6, 6]):
            wanted = [400 + 50 * pick for pick in picks]
            values, valid = scene.read(np.s_[1:5, 2:4], bands=wanted)
            np.testing.assert_array_equal(values[0], cube[picks, 1:5, 2:4])
            assert valid.all()
        assert len(made) == (4 if source is lazy else 0)
        np.testing.assert_array_equal(scene.read(shape=(3, 5))[0][0], cube[:, 1::2])


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_of_a_shrunken_cube_no_more_is_loaded_than_is_kept(shared_data: Path, tmp_path: Path, suffix: str) -> None:
    path = "worldcover_huge_cog/tests/data-files/ESA_WorldCover_10m_2021_v200_N00E006"
    (source,) = (shared_data / path).glob("*_Map.tif")
    part = swath.open(source).select(window=np.s_[14000:18000, 14000:18000])
    cube = part.to_xarray()[0, 0]
    texts = [name for name, coord in cube.coords.items() if not coord.dims and name != "spatial_ref"]
    data = cube.drop_vars(texts).fillna(0).astype(np.uint8).rename("map")
    chunks = {"map": {"chunksizes" if suffix == ".nc" else "chunks": (500, 500)}}
    data.attrs.clear()
    if suffix == ".nc":
        data.to_netcdf(tmp_path / "map.nc", engine="h5netcdf", encoding=chunks)
    else:
        data.to_dataset().to_zarr(tmp_path / "map.zarr", encoding=chunks, consolidated=False)
    scene = swath.open(tmp_path / f"map{suffix}")
    tracemalloc.start()
    values, _ = scene.read(shape=(200, 250))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(values[0, 0], data.values[10::20, 8::16])
    assert peak < 8e6  # the whole has 16e6 bytes
