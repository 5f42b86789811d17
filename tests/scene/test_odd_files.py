"""Every hard file that could be found, with what must happen to it: opened rightly, or refused in one line."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning

import swath
from swath.errors import OpenError, ReadError

ODD = "odd_geotiffs"


@dataclass(frozen=True)
class Opens:
    """The file opens, and its values, validity and place equal rasterio's; besides, what is said here holds."""

    bands: list[str] | None = None
    units: str | None = None
    date: str | None = None
    valid: float | None = None
    gsd: float | None = None
    has_crs: bool = True
    arguments: dict[str, Any] = field(default_factory=dict)
    note: str | None = None


@dataclass(frozen=True)
class Refused:
    """Opening says one line that holds these words."""

    words: tuple[str, ...]
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Unreadable:
    """Opening is lazy and works; reading says one line that holds these words."""

    words: tuple[str, ...]


EXPECTED: dict[str, Opens | Refused | Unreadable] = {
    "geotiff_test_data/GeogToWGS84GeoKey5.tif": Opens(units="class", gsd=2.43),
    "geotiff_test_data/LisbonElevation.tif": Opens(units="dn"),
    "geotiff_test_data/gpm_1d.20240617.tif": Opens(date="2024-06-17"),
    "geotiff_test_data/nt_20201024_f18_nrt_s.tif": Opens(date="2020-10-24", gsd=25000),
    "geotiff_test_data/nz_habitat_anticross_4326_1deg.tif": Opens(valid=0.0409),
    "geotiff_test_data/utm.tif": Opens(units="class"),
    "rasterio/RGB.byte.gcp.vrt": Refused(("only ground control points", "grid='warp'", "grid='pixels'")),
    "rasterio/RGB.byte.rpc.vrt": Refused(("only RPCs", "grid='warp'")),
    "rasterio/RGB.byte.tif": Opens(bands=["red", "green", "blue"], units="display", gsd=300.04),
    "rasterio/RGBA.uint16.tif": Opens(bands=["blue", "green", "red"], units="dn", valid=0.489),
    "rasterio/all-nodata.tif": Opens(bands=["blue", "green", "red", "nir"], valid=0.0),
    "rasterio/compdcs.vrt": Refused(("389225main_sw_1965_1024.jpg", "not there")),
    "rasterio/corrupt.tif": Unreadable(("corrupt.tif", "damaged or incomplete")),
    "rasterio/float32.tif": Opens(has_crs=False),
    "rasterio/float_nan.tif": Opens(has_crs=False, valid=5 / 6),
    "rasterio/float_raster_with_extra_nodata.tif": Opens(),
    "rasterio/goes.tif": Opens(units="display"),
    "rasterio/no_band.h5": Refused(("no_band.h5",)),
    "rasterio/red.tif": Opens(bands=["red", "green", "blue"]),
    "rasterio/rotated.tif": Opens(),
    "rasterio/test_esri_wkt.tif": Opens(gsd=10),
    "rasterio/two-subs.h5": Opens(bands=["data", "data2"], has_crs=False),
    "rasterio/world.byte.tif": Opens(gsd=13868.3),
    "rio_cogeo/image_colormap.tif": Opens(units="class"),
    "rio_cogeo/image_float.tif": Opens(valid=0.431),
    "rio_cogeo/image_missing_nodata.tif": Opens(),
    "rio_cogeo/image_nan.tif": Opens(valid=0.431),
    "rio_cogeo/image_web_z5_z11.tif": Opens(units="display", gsd=59.56),
    "rio_cogeo/image_webp.tif": Opens(units="display"),
    "rio_cogeo/image_with_offsets.tif": Opens(bands=["Green"]),
    "rio_cogeo/slc.tif": Refused(("complex", "complex='amplitude'")),
    "rio_cogeo/validate/cog_no_offest.tif": Opens(has_crs=False),
    "rio_cogeo/validate/image_external.tif": Opens(bands=["red", "green", "blue"]),
    "rio_cogeo/validate/image_no_overview.tif": Opens(bands=["red", "green", "blue"]),
    "rio_tiler/cog_dateline.tif": Opens(gsd=100),
    "rio_tiler/cog_fullearth.tif": Opens(valid=0.456),
    "rio_tiler/cog_gcps_ovr.tif": Refused(("only ground control points", "grid='warp'")),
    "rio_tiler/cog_gradient.tif": Opens(bands=["dataset"]),
    "rio_tiler/cog_hirise_mars.tif": Opens(gsd=5.0),
    "rio_tiler/cog_nodata_nan.tif": Opens(bands=["Gamma0_VV"], date="2020-01-06"),
    "rio_tiler/cog_nonearth.tif": Opens(gsd=282),
    "rio_tiler/cog_rgb_mask.tif": Opens(valid=0.969, gsd=0.15),
    "rio_tiler/cog_scale.tif": Opens(),
    "rio_tiler/cog_uint8_rgba.tif": Opens(bands=["red", "green", "blue"], valid=0.75),
    "rio_tiler/inverted_lat.tif": Opens(),
    "rio_tiler/lowres.tif": Opens(),
    "titiler/above_cog.tif": Opens(),
}


def one_line(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text
    assert "Traceback" not in text
    assert len(text) < 600
    return text


def test_every_odd_file_has_an_expectation(shared_data: Path) -> None:
    root = shared_data / ODD
    have = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix != ".ovr"}
    assert have == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_odd_file(name: str, shared_data: Path) -> None:
    path = shared_data / ODD / name
    expected = EXPECTED[name]
    if isinstance(expected, Refused):
        with pytest.raises(OpenError) as refused:
            swath.open(path, **expected.arguments)
        assert all(word in one_line(refused.value) for word in (path.name, *expected.words))
        return
    if isinstance(expected, Unreadable):
        scene = swath.open(path)
        with pytest.raises(ReadError) as unreadable:
            scene.read()
        assert all(word in one_line(unreadable.value) for word in expected.words)
        return
    scene = swath.open(path, **expected.arguments)
    if path.suffix != ".h5":  # rasterio shows the arrays of HDF5 one by one: compared in test_exchange.py
        same_as_rasterio(scene, path)
    assert (scene.grid.crs is not None) == expected.has_crs or name == "rasterio/rotated.tif"
    if expected.bands is not None:
        assert [band.name for band in scene.bands] == expected.bands
    if expected.units is not None:
        assert {band.units for band in scene.bands} == {expected.units}
    if expected.date is not None:
        assert str(scene.dates[0])[: len(expected.date)] == expected.date
    if expected.gsd is not None:
        assert scene.gsd == pytest.approx(expected.gsd, rel=2e-3)
    if expected.valid is not None:
        assert scene.read()[1].mean() == pytest.approx(expected.valid, abs=2e-3)


def same_as_rasterio(scene: swath.Scene, path: Path, limit: int = 600) -> None:
    """Values, validity and place equal what rasterio says of the file, in the file's corner and in its middle."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        dataset = rasterio.open(path)
    with dataset:
        height, width = dataset.shape
        assert tuple(scene.grid.shape) == (height, width)
        assert np.allclose(tuple(scene.grid.affine), tuple(dataset.transform))
        assert (scene.grid.crs is None) == (dataset.crs is None)
        bands = [i + 1 for i in range(dataset.count) if dataset.colorinterp[i].name != "alpha"]
        for top, left in {(0, 0), (height // 2, width // 2)}:
            window = np.s_[top : min(height, top + limit), left : min(width, left + limit)]
            values, valid = scene.read(window)
            stored = dataset.read(bands, window=rasterio.windows.Window.from_slices(*window)).astype(np.float64)
            mask = dataset.read_masks(bands, window=rasterio.windows.Window.from_slices(*window)) > 0
            scales = np.array([dataset.scales[i - 1] for i in bands])[:, None, None]
            offsets = np.array([dataset.offsets[i - 1] for i in bands])[:, None, None]
            mask &= np.isfinite(stored)
            np.testing.assert_array_equal(valid[0], mask)
            with np.errstate(over="ignore", invalid="ignore"):
                wanted = (stored * scales + offsets).astype(np.float32)
            np.testing.assert_allclose(values[0][mask], wanted[mask], rtol=2e-6)
            assert np.isnan(values[0][~mask]).all()


def test_ground_control_points_are_warped_when_asked(shared_data: Path) -> None:
    """The points say where pixels lie: what is seen around a point is found where the point lies after warping."""
    path = shared_data / ODD / "rio_cogeo/slc.tif"
    scene = swath.open(path, grid="warp", complex="amplitude")
    assert scene.grid.crs is not None
    assert any("control points" in note for note in scene.notes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        dataset = rasterio.open(path)
    with dataset:
        stored, points = np.abs(dataset.read(1)), dataset.gcps[0]
    values, valid = scene.read()
    pairs = []
    for point in points:
        row, column = int(point.row), int(point.col)
        x, y = ~scene.grid.affine @ (point.x, point.y)
        here = stored[row - 4 : row + 5, column - 4 : column + 5]
        there = values[0, 0, int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5]
        if here.size == 81 == there.size and (here > 0).all() and np.isfinite(there).all():
            # Speckle makes single pixels differ; means around the point agree where the places do.
            pairs.append((here.mean(), there.mean()))
    assert len(pairs) > 30
    here, there = np.array(pairs).T
    assert np.corrcoef(here, there)[0, 1] > 0.7  # the two windows cover ground of different shape
    assert np.median(there / here) == pytest.approx(1, abs=0.15)
    assert 0.3 < valid.mean() < 1


def test_a_transform_beside_control_points_is_not_mistaken_for_a_place(shared_data: Path) -> None:
    with pytest.raises(OpenError, match="states a transform"):
        swath.open(shared_data / ODD / "rasterio/RGB.byte.gcp.vrt", grid="warp")


def test_rpcs_are_warped_when_asked(shared_data: Path) -> None:
    scene = swath.open(shared_data / ODD / "rasterio/RGB.byte.rpc.vrt", grid="warp")
    assert scene.grid.crs is not None
    assert not scene.grid.affine.is_identity


def test_pixels_without_a_place_on_request(shared_data: Path) -> None:
    scene = swath.open(shared_data / ODD / "rasterio/RGB.byte.gcp.vrt", grid="pixels")
    assert scene.grid.crs is None or scene.grid.affine.is_identity
    assert scene.read()[1].any()


def test_complex_by_argument(shared_data: Path) -> None:
    path = shared_data / ODD / "rio_cogeo/slc.tif"
    with rasterio.open(path) as dataset:
        stored = dataset.read(1)
    amplitude, _ = swath.open(path, complex="amplitude", grid="pixels").read()
    intensity, _ = swath.open(path, complex="intensity", grid="pixels").read()
    np.testing.assert_allclose(amplitude[0, 0], np.abs(stored), rtol=1e-6)
    np.testing.assert_allclose(intensity[0, 0], np.abs(stored) ** 2, rtol=1e-5)


def test_truncated_file_is_refused_when_read(shared_data: Path, tmp_path: Path) -> None:
    whole = (shared_data / "oscd_s2_4band/paris_t1.tif").read_bytes()
    cut = tmp_path / "cut short.tif"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(swath.SwathError) as refused:
        swath.open(cut).read()
    assert "cut short.tif" in one_line(refused.value)


def test_empty_and_foreign_files(tmp_path: Path) -> None:
    (tmp_path / "empty.tif").touch()
    (tmp_path / "text.tif").write_text("no raster")
    for name, words in (
        ("empty.tif", "empty (0 bytes)"),
        ("text.tif", "cannot open it as a raster"),
        ("none.tif", "no such file"),
    ):
        with pytest.raises(OpenError) as refused:
            swath.open(tmp_path / name)
        assert name in one_line(refused.value)
        assert words in one_line(refused.value)


def test_file_that_changes_while_it_is_read(shared_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "live.tif"
    shutil.copy(shared_data / "oscd_s2_4band/paris_t1.tif", path)
    scene = swath.open(path)
    scene.read(np.s_[0:10, 0:10])
    shutil.copy(shared_data / "oscd_s2_4band/nantes_t1.tif", path)
    with pytest.raises(ReadError, match="has changed since it was opened"):
        scene.read(np.s_[0:10, 0:10])
    path.unlink()
    with pytest.raises(ReadError, match="is gone"):
        scene.read(np.s_[0:10, 0:10])


def test_names_with_spaces_and_foreign_letters(shared_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "Île de la Cité 北京 20200113.tif"
    shutil.copy(shared_data / "oscd_s2_4band/paris_t1.tif", path)
    scene = swath.open(path)
    assert str(scene.dates[0]) == "2020-01-13"
    assert scene.read(np.s_[0:10, 0:10])[1].all()


def test_folder_with_other_things_in_it(shared_data: Path, tmp_path: Path) -> None:
    for name in ("paris_t1.tif", "paris_mask.tif"):
        shutil.copy(shared_data / "oscd_s2_4band" / name, tmp_path / name)
    (tmp_path / "notes.txt").write_text("things")
    (tmp_path / "paris_t1.tif.aux.xml").write_text("<PAMDataset/>")
    (tmp_path / "sub").mkdir()
    scene = swath.open(tmp_path)
    assert [band.name for band in scene.bands] == ["B02", "B03", "B04", "B08"]
    assert any("paris_mask.tif" in note for note in scene.notes)
    with pytest.raises(OpenError, match="holds no raster"):
        swath.open(tmp_path / "sub")


def test_nodata_declared_at_one_date_only(shared_data: Path) -> None:
    folder = shared_data / "landsat7_belize_two_dates"
    paths = [folder / "LE70220491999322EDC01_stack.gtif", folder / "LE70220492002106EDC00_stack.gtif"]
    scene = swath.open(*paths, dates=["1999-11-18", "2002-04-16"])
    assert scene.shape[:2] == (2, 8)
    assert any("-9999 is taken" in note for note in scene.notes)
    _, valid = scene.read()
    for date, path in enumerate(paths):
        with rasterio.open(path) as dataset:
            np.testing.assert_array_equal(valid[date], dataset.read() != -9999)


def test_206_bands(shared_data: Path) -> None:
    path = next((shared_data / "togo_s1s2era5_24m").glob("*.tif"))
    scene = swath.open(path)
    assert scene.shape[:2] == (1, 206)
    assert len({band.name for band in scene.bands}) == 206
    same_as_rasterio(scene, path)


def test_36000_pixels_wide(shared_data: Path) -> None:
    path = next((shared_data / "worldcover_huge_cog").rglob("*.tif"))
    scene = swath.open(path)
    assert scene.shape == (1, 1, 36000, 36000)
    assert scene.bands[0].kind == "categorical"
    window = np.s_[12000:12600, 30000:30700]
    with rasterio.open(path) as dataset:
        stored = dataset.read(1, window=rasterio.windows.Window.from_slices(*window))
    values, valid = scene.read(window)
    np.testing.assert_array_equal(valid[0, 0], stored != 0)
    np.testing.assert_array_equal(values[0, 0][valid[0, 0]], stored[valid[0, 0]])
