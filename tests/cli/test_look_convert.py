"""`swath look` and `swath convert`, from the command line to the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from matplotlib.image import imread

import swath

from .running import MAP, run


def test_look_at_a_pair(shared_data: Path, tmp_path: Path) -> None:
    folder, out = shared_data / "oscd_s2_4band", tmp_path / "pair.png"
    result = run(
        "look", folder / "paris_t1.tif", folder / "paris_t2.tif", "--sensor", "sentinel-2-l1c@pre-04.00", "-o", out,
        "--size", 500,
    )  # fmt: skip
    assert (result.exit_code, result.stdout) == (0, f"{out}\n"), result.stderr
    picture = imread(out)
    assert 500 < max(picture.shape[:2]) <= 1100
    assert picture[..., :3].std() > 0.1


@pytest.mark.parametrize("bands", ["B04,B03,B02", "B08", "red,green,blue,nir"])
def test_bands_are_chosen_or_named(shared_data: Path, tmp_path: Path, bands: str) -> None:
    result = run("look", shared_data / "oscd_s2_4band/paris_t1.tif", "-o", tmp_path / "a.png", "--bands", bands)
    assert result.exit_code == 0, result.stderr


def test_a_band_called_by_a_number_and_one_by_its_wavelength(shared_data: Path, tmp_path: Path) -> None:
    series = shared_data / "sits_modis_brazil/sinop-crop-ndvi.tif"  # 392 bands without names
    assert run("look", series, "-o", tmp_path / "a.png", "--bands", "300").exit_code == 0
    pair = shared_data / "oscd_s2_4band/paris_t1.tif"
    sensor = "sentinel-2-l1c@pre-04.00"
    result = run("look", pair, "--sensor", sensor, "-o", tmp_path / "b.png", "--bands", "665,560nm,490")
    assert result.exit_code == 0, result.stderr
    red_green_blue = run("look", pair, "--sensor", sensor, "-o", tmp_path / "c.png", "--bands", "natural")
    assert red_green_blue.exit_code == 0
    np.testing.assert_array_equal(imread(tmp_path / "b.png"), imread(tmp_path / "c.png"))


def test_look_refuses_in_one_line(shared_data: Path, tmp_path: Path) -> None:
    result = run("look", shared_data / "oscd_s2_4band/paris_t1.tif", "-o", tmp_path / "a.png", "--bands", "natural")
    assert result.exit_code == 1
    assert "--sensor NAME" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "a.png").exists()


def test_convert_a_part_of_the_huge_map(shared_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "part.tif"
    result = run("convert", shared_data / MAP, "-o", out, "--extent", "6.55,0.2,6.6,0.25")
    assert (result.exit_code, result.stdout) == (0, f"{out}\n"), result.stderr
    with rasterio.open(out) as copy, rasterio.open(shared_data / MAP) as source:
        window = source.window(*copy.bounds).round_offsets().round_lengths()
        np.testing.assert_array_equal(copy.read(), source.read(window=window))
    assert out.with_name("part.tif.stac.json").exists()


def test_two_hundred_bands(shared_data: Path, tmp_path: Path) -> None:
    source, out = shared_data / "togo_s1s2era5_24m/98-togo_2019-02-06_2020-02-01.tif", tmp_path / "togo.tif"
    result = run("convert", source, "-o", out)
    assert (result.exit_code, result.stdout) == (0, f"{out}\n"), result.stderr
    with rasterio.open(out) as copy, rasterio.open(source) as original:
        assert copy.count == 206
        np.testing.assert_array_equal(copy.read(), original.read())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["togo.tif", "togo.tif.stac.json"]


def test_bounds_in_degrees_of_a_scene_in_metres(shared_data: Path, tmp_path: Path) -> None:
    source, out = shared_data / "odd_geotiffs/rasterio/RGB.byte.tif", tmp_path / "part.tif"
    result = run("convert", source, "-o", out, "--extent", "-78,24,-77.5,24.5", "--extent-crs", "EPSG:4326")
    assert result.exit_code == 0, result.stderr
    with rasterio.open(out) as copy:
        assert copy.crs.to_epsg() == 32618
        from rasterio.warp import transform_bounds

        assert transform_bounds(copy.crs, 4326, *copy.bounds) == pytest.approx((-78, 24, -77.5, 24.5), abs=0.02)
        assert copy.dtypes == ("uint8",) * 3


def test_reprojected(shared_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "utm.tif"
    result = run(
        "convert", shared_data / "oscd_s2_4band/paris_t1.tif", "-o", out, "--crs", "EPSG:32631", "--resolution", 20,
        "--sensor", "sentinel-2-l1c@pre-04.00", "--bands", "red,nir",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    with rasterio.open(out) as copy:
        assert copy.res == (20, 20)
        assert copy.descriptions == ("B04", "B08")
        assert 0 < np.nanmedian(copy.read()) < 0.5


def test_cut_by_the_shapes_of_a_file(shared_data: Path, tmp_path: Path) -> None:
    import geopandas
    from shapely import box

    shapes = tmp_path / "area.geojson"
    area = box(2.32, 48.81, 2.33, 48.82)
    geopandas.GeoDataFrame(geometry=[area], crs="EPSG:4326").to_file(shapes)
    out = tmp_path / "cut.tif"
    result = run("convert", shared_data / "oscd_s2_4band/paris_t1.tif", "-o", out, "--extent", shapes)
    assert result.exit_code == 0, result.stderr
    with rasterio.open(out) as copy:
        assert copy.bounds == pytest.approx(area.bounds, abs=2e-4)
    refused = run("convert", shared_data / "oscd_s2_4band/paris_t1.tif", "-o", out, "--extent", tmp_path / "no.gpkg")
    assert refused.exit_code == 2
    assert "or the path of a vector file" in refused.stderr
    other = tmp_path / "words.gpkg"
    other.write_text("no shapes")
    refused = run("convert", shared_data / "oscd_s2_4band/paris_t1.tif", "-o", out, "--extent", other)
    assert refused.exit_code == 1
    assert "cannot be read as a vector file" in refused.stderr


def test_several_dates(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "landsat_peru_8dates/landsat"
    result = run("convert", folder, "-o", tmp_path / "a.tif")
    assert result.exit_code == 1
    assert "--dates 1985" in result.stderr
    assert result.stderr.count("\n") == 1
    result = run("convert", folder, "-o", tmp_path / "{date}.tif", "--dates", "2010:")
    assert result.stdout.split() == [str(tmp_path / f"{year}.tif") for year in (2010, 2015, 2020)]
    assert run("convert", folder, "-o", tmp_path / "all.zarr").exit_code == 0
    assert len(swath.open(tmp_path / "all.zarr").dates) == 8


def test_complex_numbers_and_control_points_need_a_word(shared_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.tif"
    slc = shared_data / "odd_geotiffs/rio_cogeo/slc.tif"
    assert "--complex amplitude" in run("convert", slc, "-o", out, "--grid", "pixels").stderr
    assert run("convert", slc, "-o", out, "--grid", "pixels", "--complex", "amplitude").exit_code == 0
    gcps = shared_data / "odd_geotiffs/rio_tiler/cog_gcps_ovr.tif"
    assert "--grid warp" in run("convert", gcps, "-o", tmp_path / "b.tif").stderr
    result = run("convert", gcps, "-o", tmp_path / "b.tif", "--grid", "warp", "--extent", "1,2,3")
    assert result.exit_code == 2
    assert "LEFT,BOTTOM,RIGHT,TOP" in result.stderr


def test_overwriting_needs_a_word(shared_data: Path, tmp_path: Path) -> None:
    source, out = shared_data / "odd_geotiffs/rasterio/float32.tif", tmp_path / "a.tif"
    assert run("convert", source, "-o", out).exit_code == 0
    again = run("convert", source, "-o", out)
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr
    assert "overwrite=True" not in again.stderr
    assert run("convert", source, "-o", out, "--overwrite").exit_code == 0
