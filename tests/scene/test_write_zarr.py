"""Series as Zarr: xarray, odc-geo and rioxarray find values, dates and place again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import odc.geo.xr  # noqa: F401  gives data sets their `.odc`
import pytest
import rasterio
import rioxarray  # noqa: F401  gives data sets their `.rio`
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from swath.errors import WriteError
from swath.scene.write import write_zarr

DATES = np.array(["2019-01-05", "2020-06-30"], "M8[ns]")


def series(grid: GeoBox, dtype: str = "float32") -> xr.Dataset:
    height, width = grid.shape
    values = np.arange(2 * 3 * height * width, dtype=dtype).reshape(2, 3, height, width)
    dims = ("time", "band", "y", "x")
    return xr.Dataset({"values": (dims, values)}, {"time": DATES, "band": ["B02", "B03", "B04"]}, {"title": "a series"})


@pytest.fixture
def pair(shared_data: Path) -> xr.Dataset:
    """A real pair of Sentinel-2 images of four bands."""
    paths = [shared_data / f"oscd_s2_4band/nantes_{t}.tif" for t in ("t1", "t2")]
    dates = []
    for path in paths:
        with rasterio.open(path) as dataset:
            dates.append(dataset.read())
            grid = GeoBox(dataset.shape, dataset.transform, dataset.crs.to_wkt())
    stack = xr.DataArray(np.stack(dates), dims=("time", "band", "y", "x"), coords={"time": DATES})
    return stack.to_dataset(name="reflectance").assign_attrs(grid=grid)


def test_a_real_pair(pair: xr.Dataset, tmp_path: Path) -> None:
    grid = pair.attrs.pop("grid")
    pair["reflectance"].encoding = {"scale_factor": 1e-4, "_FillValue": 0, "dtype": "uint16"}
    stored = pair["reflectance"].to_numpy()
    pair["reflectance"] = pair["reflectance"].where(stored != 0) * 1e-4
    pair["reflectance"].encoding = {"scale_factor": 1e-4, "_FillValue": 0, "dtype": "uint16"}
    path = write_zarr(tmp_path / "pair.zarr", pair, grid=grid)
    with xr.open_zarr(path, decode_coords="all") as again:
        assert again.odc.geobox == grid
        assert again.rio.crs == grid.crs
        assert again.rio.transform() == grid.affine
        np.testing.assert_array_equal(again["time"], DATES)
        np.testing.assert_allclose(again["reflectance"], pair["reflectance"].to_numpy(), rtol=1e-6)
        assert again["reflectance"].encoding["chunks"] == (1, 1, min(512, grid.shape[0]), min(512, grid.shape[1]))
        assert again.attrs["Conventions"] == "CF-1.10"
    with xr.open_zarr(path, mask_and_scale=False) as raw:
        np.testing.assert_array_equal(raw["reflectance"], stored)
        assert raw["reflectance"].dtype == np.uint16
    raw_size, size = stored.nbytes, sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    assert size < raw_size
    assert [p.name for p in tmp_path.iterdir()] == ["pair.zarr"]


@pytest.mark.parametrize(
    ("affine", "shape", "crs"),
    [
        (Affine(17, 5, 100, 10, -8, 200), (15, 10), "EPSG:32632"),
        (Affine(0.5, 0, -180, 0, 0.5, -90), (36, 72), "EPSG:4326"),
        (Affine(10, 0, 500000, 0, -10, 5000000), (6, 1), "EPSG:32632"),
        (Affine(10, 0, 500000, 0, -10, 5000000), (1, 1), "EPSG:32632"),
        (Affine(10, 0, 500000, 0, -10, 5000000), (5, 4), None),
        (Affine(1 / 3, 0, 0.1, 0, -1 / 7, 0.3), (513, 514), "EPSG:3035"),
    ],
)
def test_any_grid_comes_back(tmp_path: Path, affine: Affine, shape: tuple[int, int], crs: str | None) -> None:
    grid = GeoBox(shape, affine, crs)
    given = series(grid)
    path = write_zarr(tmp_path / "x.zarr", given, grid=grid)
    with xr.open_zarr(path, decode_coords="all") as again:
        assert again.odc.geobox == grid
        np.testing.assert_array_equal(again["values"], given["values"])
        assert list(again["band"].to_numpy()) == ["B02", "B03", "B04"]
        assert again.attrs["title"] == "a series"
    again = xr.open_zarr(path, decode_coords="all").load()
    write_zarr(path, again, overwrite=True)  # it says itself where it lies
    assert xr.open_zarr(path, decode_coords="all").odc.geobox == grid


@pytest.mark.parametrize(
    ("affine", "shape"), [(Affine(17, 5, 100, 10, -8, 200), (15, 10)), (Affine.scale(2, -2), (5, 1))]
)
def test_grids_that_would_be_lost_are_refused(tmp_path: Path, affine: Affine, shape: tuple[int, int]) -> None:
    grid = GeoBox(shape, affine, None)
    with pytest.raises(WriteError, match="give the grid its CRS, or write a GeoTIFF"):
        write_zarr(tmp_path / "x.zarr", series(grid), grid=grid)
    assert list(tmp_path.iterdir()) == []


def test_lazy_arrays_are_computed_chunk_by_chunk(tmp_path: Path) -> None:
    """Chunks of the computation that do not lie on those of the store are cut to fit."""
    grid = GeoBox((1000, 700), Affine(10, 0, 500000, 0, -10, 5000000), "EPSG:32632")
    biggest = 0

    def block(block_info: Any = None) -> np.ndarray:
        nonlocal biggest
        place = block_info[None]["array-location"]
        shape = tuple(b - a for a, b in place)
        biggest = max(biggest, int(np.prod(shape)))
        return np.broadcast_to(np.arange(*place[2], dtype="int32")[:, None], shape[2:])[None, None].repeat(shape[1], 1)

    lazy = dask.array.map_blocks(block, chunks=((1, 1), (3,), (300, 300, 400), (700,)), dtype="int32")
    given = xr.Dataset({"row": (("time", "band", "y", "x"), lazy)}, {"time": DATES})
    assert biggest == 0
    path = write_zarr(tmp_path / "x.zarr", given, grid=grid, chunks={"y": 256, "x": 256, "band": 3})
    assert biggest == 3 * 400 * 700
    with xr.open_zarr(path) as again:
        assert again["row"].encoding["chunks"] == (1, 3, 256, 256)
        assert (again["row"] == np.arange(1000)[:, None]).all()


def test_refusals(tmp_path: Path) -> None:
    grid = GeoBox((5, 4), Affine(10, 0, 500000, 0, -10, 5000000), "EPSG:32632")
    with pytest.raises(WriteError, match=r"does not say where it lies: pass grid=GeoBox"):
        write_zarr(tmp_path / "x.zarr", xr.Dataset({"a": ("time", [1, 2])}))
    with pytest.raises(WriteError, match="no variable has the grid's"):
        write_zarr(tmp_path / "x.zarr", series(grid), grid=grid.pad(1))
    write_zarr(tmp_path / "x.zarr", series(grid), grid=grid)
    with pytest.raises(WriteError, match="exists already"):
        write_zarr(tmp_path / "x.zarr", series(grid), grid=grid)
    with pytest.raises(WriteError, match="the folder does not exist"):
        write_zarr(tmp_path / "absent/x.zarr", series(grid), grid=grid)


def test_an_error_in_the_computation_leaves_the_old_store(tmp_path: Path) -> None:
    grid = GeoBox((5, 4), Affine(10, 0, 500000, 0, -10, 5000000), "EPSG:32632")
    path = write_zarr(tmp_path / "x.zarr", series(grid), grid=grid)

    def fail(block: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError

    bad = dask.array.zeros((2, 3, 5, 4), chunks=1).map_blocks(fail, dtype="float32", meta=np.zeros((0,) * 4, "float32"))
    with pytest.raises(ZeroDivisionError):
        write_zarr(path, xr.Dataset({"values": (("time", "band", "y", "x"), bad)}), grid=grid, overwrite=True)
    with xr.open_zarr(path) as again:
        np.testing.assert_array_equal(again["values"], series(grid)["values"])
    assert [p.name for p in tmp_path.iterdir()] == ["x.zarr"]
