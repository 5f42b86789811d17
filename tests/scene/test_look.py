"""Pictures: what stands in their pixels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from matplotlib.image import imread
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

import swath
from swath.errors import GridError, OpenError, SensorError, WriteError
from swath.scene.look import ClassMap, draw_classes, look
from swath.scene.look_marks import legend_entries, round_length
from swath.scene.look_pixels import Swatch, colour_classes, make_picture

PARIS = ("oscd_s2_4band/paris_t1.tif", "oscd_s2_4band/paris_t2.tif")
WORLDCOVER = "worldcover_huge_cog/tests/data-files/ESA_WorldCover_10m_2021_v200_N00E006"
UTM = Affine(10, 0, 500000, 0, -10, 5000000)


def panels(figure: Any) -> list[Any]:
    return [ax for ax in figure.axes if ax.get_gid() == "panel"]


def texts(figure: Any) -> str:
    from matplotlib.text import Text

    return "\n".join(one.get_text() for one in figure.findobj(Text))


def saved(figure: Any) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    buffer.seek(0)
    return (imread(buffer) * 255).round().astype(np.uint8)


def colours(picture: NDArray[np.uint8]) -> set[str]:
    codes = picture[..., :3].astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    return {f"#{code:06x}" for code in np.unique(codes)}


@pytest.fixture
def paris(shared_data: Path) -> Any:
    return swath.open(*(shared_data / name for name in PARIS), sensor="sentinel-2-l1c@pre-04.00")


def test_natural_colour_of_two_dates_is_stretched_alike(paris: Any, tmp_path: Path) -> None:
    figure = look(paris, tmp_path / "paris.png")
    assert (tmp_path / "paris.png").read_bytes().startswith(b"\x89PNG")
    shown = panels(figure)
    assert [ax.get_title(loc="left") for ax in shown] == ["paris_t1", "paris_t2"]
    picture = make_picture(paris, dates=(0, 1))
    values, _ = paris.read(bands=["red", "green", "blue"])
    for band in range(3):
        low = min(np.percentile(values[t, band], 2) for t in (0, 1))
        high = np.median([np.percentile(values[t, band], 98) for t in (0, 1)])
        expected = np.rint(np.clip((values[:, band] - low) / (high - low), 0, 1) * 255)
        # Rounding of the last digit of float32.
        assert np.abs(picture.pixels[..., band] - expected).max() <= 1
    assert (picture.pixels[..., 3] == 255).all()
    assert "B04 red" in picture.caption
    assert "500 m" in texts(figure)
    assert "paris_t1.tif, paris_t2.tif" in texts(figure).replace("\n", " ")


def test_false_colour_takes_near_infrared_red_green(paris: Any) -> None:
    assert "B08 nir · B04 red · B03 green" in make_picture(paris, "false").caption


def test_a_huge_map_is_shown_in_its_own_colours_with_a_legend_of_what_is_there(shared_data: Path) -> None:
    path = shared_data / WORLDCOVER / "ESA_WorldCover_10m_2021_v200_N00E006_Map.tif"
    scene = swath.open(path)
    figure = look(scene)
    picture = make_picture(scene)
    drawn = colours(saved(figure))
    known = scene.bands[0].colours or {}
    shares = {one.value: one.share for one in picture.swatches}
    assert {80, 10} < set(shares)
    assert 0 not in shares
    assert sum(shares.values()) == pytest.approx(1)
    assert {known[80], known[10]} <= drawn
    assert known[40] not in drawn  # the islands have no cropland that is seen from here
    words = texts(figure)
    assert "Permanent water bodies" in words
    assert "Cropland" not in words
    assert "50 km" in words


def test_nothing_seen_is_transparent_and_hatched(shared_data: Path) -> None:
    scene = swath.open(shared_data / "canopy_height/CHM_test.tif", bands=[swath.Band(name="height", units="metre")])
    picture = make_picture(scene, longest=10_000)
    _, valid = scene.read()
    assert not valid.all()
    np.testing.assert_array_equal(picture.pixels[0, ..., 3] == 255, valid[0, 0])
    figure = look(scene)
    assert "height (m)" in texts(figure)
    assert "#d4d7da" in colours(saved(figure))


def test_twelve_dates_at_most_evenly_chosen(shared_data: Path) -> None:
    paths = sorted((shared_data / "dtwsat_mod13q1").glob("MOD13Q1*.tif"))
    scene = swath.open(*paths)
    figure = look(scene, bands="2")
    titles = [ax.get_title(loc="left") for ax in panels(figure)]
    assert len(titles) == 12
    assert (titles[0], titles[-1]) == (scene.names[0], scene.names[-1])
    assert "12 of 23 dates" in texts(figure)


def test_dates_can_be_picked(shared_data: Path) -> None:
    scene = swath.open(shared_data / "landsat_peru_8dates/landsat")
    assert [ax.get_title(loc="left") for ax in panels(look(scene, dates=["1990", "2015"]))] == ["1990", "2015"]
    assert len(panels(look(scene))) == 8


def test_radar_polarisations_and_their_ratio(shared_data: Path) -> None:
    picture = make_picture(swath.open(shared_data / "sen1floods11/S1/Spain_7370579_S1Hand.tif"))
    assert picture.caption.startswith("VV · VH · VV/VH")
    assert picture.pixels[..., :3].std(axis=(0, 1, 2)).min() > 10


def test_radar_power_is_shown_in_decibel() -> None:
    power = np.array([[[0.001, 0.01], [0.1, 1.0]]], dtype=np.float32)
    scene = swath.Scene.from_array(
        power, GeoBox((2, 2), UTM, "EPSG:32633"), bands=[swath.Band(name="VV", polarisation="VV", units="linear")]
    )
    picture = make_picture(scene, percentiles=(0, 100))
    assert picture.ramp is not None
    assert (picture.ramp.low, picture.ramp.high) == pytest.approx((-30, 0), abs=1e-3)
    assert picture.ramp.label == "VV (dB)"


def test_eight_bit_pictures_are_shown_as_they_are(shared_data: Path) -> None:
    scene = swath.open(shared_data / "odd_geotiffs/rasterio/RGB.byte.tif")
    picture = make_picture(scene)
    values, valid = scene.read()
    np.testing.assert_array_equal(picture.pixels[0, ..., 3] == 255, valid[0].any(axis=0))
    for band in range(3):
        np.testing.assert_array_equal(picture.pixels[0, ..., band][valid[0, band]], values[0, band][valid[0, band]])


@pytest.mark.parametrize("affine", [Affine(10, 0, 500000, 0, 10, 5000000), Affine(-10, 0, 500000, 0, -10, 5000000)])
def test_flipped_grids_are_drawn_north_up(affine: Affine) -> None:
    values = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    scene = swath.Scene.from_array(values, GeoBox((3, 4), affine, "EPSG:32633"))
    picture = make_picture(scene, percentiles=(0, 100))
    straight = values[0, ::-1] if affine.e > 0 else values[0, :, ::-1]
    np.testing.assert_array_equal(picture.pixels[0, ..., 0], np.rint(straight / 11 * 255))
    assert picture.is_turned
    assert "▲\nN" in texts(look(scene))


def test_no_arrow_where_north_is_up(paris: Any) -> None:
    assert "▲" not in texts(look(paris))


def test_a_rotated_grid_keeps_every_pixel_in_its_place(shared_data: Path) -> None:
    scene = swath.open(shared_data / "odd_geotiffs/rasterio/rotated.tif")
    picture = make_picture(scene, percentiles=(0, 100))
    values = scene.read()[0][0, 0]
    low, high = values.min(), values.max()
    opaque = np.argwhere(picture.pixels[0, ..., 3] == 255)
    assert len(opaque) == pytest.approx(values.size, rel=0.1)
    assert (picture.pixels[0, ..., 3] == 0).any()
    for row, column in opaque:
        x, y = picture.grid.affine @ (column + 0.5, row + 0.5)
        at_x, at_y = ~scene.grid.affine @ (x, y)
        expected = (values[int(at_y), int(at_x)] - low) / (high - low) * 255
        assert abs(int(picture.pixels[0, row, column, 0]) - expected) <= 1


@pytest.mark.parametrize(
    "name",
    [
        "odd_geotiffs/rasterio/float32.tif",
        "odd_geotiffs/rasterio/all-nodata.tif",
        "odd_geotiffs/rio_tiler/cog_hirise_mars.tif",
        "odd_geotiffs/rasterio/goes.tif",
        "odd_geotiffs/rio_cogeo/image_colormap.tif",
        "togo_s1s2era5_24m/98-togo_2019-02-06_2020-02-01.tif",
    ],
)
def test_odd_scenes_make_pictures(shared_data: Path, name: str) -> None:
    picture = saved(look(swath.open(shared_data / name), size=300))
    assert max(picture.shape[:2]) < 800
    assert picture.std() > 1


def test_a_scene_without_one_valid_pixel_says_so(shared_data: Path) -> None:
    assert "no valid pixel" in texts(look(swath.open(shared_data / "odd_geotiffs/rasterio/all-nodata.tif")))


def test_size_is_the_longest_side(paris: Any) -> None:
    width, height = look(paris.select(dates=0), size=600).get_size_inches() * 100
    assert 600 <= max(width, height) <= 700


def test_shapes_are_outlined_in_place() -> None:
    from shapely import box

    scene = swath.Scene.from_array(np.zeros((1, 100, 100), np.float32), GeoBox((100, 100), UTM, "EPSG:32633"))
    figure = look(scene, overlay=[box(500200, 4999200, 500800, 4999800)])
    (lines,) = panels(figure)[0].collections
    (path,) = lines.get_paths()
    low, high = path.vertices.min(axis=0), path.vertices.max(axis=0)
    np.testing.assert_allclose((low, high), ((19.5, 19.5), (79.5, 79.5)))
    assert "#ffd60a" in colours(saved(figure))


def test_an_overlay_that_is_not_there_is_told(paris: Any) -> None:
    with pytest.raises(OpenError, match=r"nothing\.gpkg: cannot be read as shapes; give a vector file"):
        look(paris, overlay="nothing.gpkg")


def test_a_vector_file_in_another_crs_is_outlined(shared_data: Path) -> None:
    scene = swath.open(shared_data / "osm_buildings_wv3/sample_geotiff.tif")
    figure = look(scene, overlay=shared_data / "osm_buildings_wv3/geotiff_labels.geojson")
    (lines,) = panels(figure)[0].collections
    inside = [path for path in lines.get_paths() if ((path.vertices > 0) & (path.vertices < 900)).all()]
    assert len(inside) > 10


def test_a_class_map_lies_over_the_image_with_its_legend() -> None:
    grid = GeoBox((40, 40), UTM, "EPSG:32633")
    scene = swath.Scene.from_array(np.zeros((1, 40, 40), np.float32), grid)
    classes = np.zeros((20, 20), np.int64)
    classes[:, 10:] = 1
    labels = [(0, "land", "#8c510a"), (1, "water", "#0072b2")]
    figure = look(scene, overlay=ClassMap(classes, grid[:20, :20], labels, opacity=1.0))
    assert "land  50.0 %" in texts(figure)
    assert {"#8c510a", "#0072b2"} <= colours(saved(figure))
    drawn = panels(figure)[0].images[1].get_array()
    assert (drawn[20:, :, 3] == 0).all()
    assert (drawn[:20, 10:20, :3] == (0, 0x72, 0xB2)).all()
    with pytest.raises(GridError, match="same CRS"):
        look(scene, overlay=ClassMap(classes, GeoBox((20, 20), UTM, "EPSG:32634"), labels))


def test_draw_classes_into_any_axes() -> None:
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    found = draw_classes(
        ax, np.array([[1, 1], [1, 2]]), [(1, "a", "#ff0000"), (2, "b", "#00ff00"), (3, "c", "#0000ff")]
    )
    assert [(one.name, one.share) for one in found] == [("a", 0.75), ("b", 0.25)]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a  75.0 %", "b  25.0 %"]


def test_a_legend_of_very_many_classes_ends(shared_data: Path) -> None:
    swatches = [Swatch(value, f"class {value}", "#000000", 1 / 40) for value in range(40)]
    shown, rest = legend_entries(swatches)
    assert len(shown) == 15
    assert rest == "25 others  62.5 %"


def test_class_shares_leave_out_what_is_invalid() -> None:
    pixels, swatches = colour_classes(np.array([[0, 0, 7]]), np.array([[False, True, True]]))
    assert [(one.value, one.share) for one in swatches] == [(0, 0.5), (7, 0.5)]
    assert pixels[0, 0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("longest", "expected"), [(1.0, 1.0), (1.99, 1.0), (2.0, 2.0), (7300, 5000), (0.034, 0.02), (0, None)]
)
def test_round_lengths(longest: float, expected: float | None) -> None:
    assert round_length(longest) == (None if expected is None else pytest.approx(expected))


def test_the_scale_bar_is_as_long_as_it_says(paris: Any) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.offsetbox import AnchoredOffsetbox

    figure = look(paris.select(dates=0))
    (ax,) = panels(figure)
    (box,) = ax.findobj(AnchoredOffsetbox)
    (bar,) = box.findobj(Line2D)
    points = np.ptp(bar.get_xdata())
    panel = ax.get_position().width * figure.get_size_inches()[0] * 72
    # 500 m of the 390 columns of about 8.55 m that the panel is wide.
    assert points / panel == pytest.approx(500 / (390 * 8.549), rel=0.01)


def test_what_cannot_be_shown_is_refused_with_what_there_is(paris: Any, shared_data: Path, tmp_path: Path) -> None:
    with pytest.raises(SensorError, match="B02"):
        look(paris, bands="B99")
    with pytest.raises(SensorError, match="one band or three"):
        look(paris, bands=["red", "blue"])
    unknown = swath.open(shared_data / PARIS[0])
    with pytest.raises(SensorError, match=r"sensor='NAME'"):
        look(unknown, bands="natural")
    with pytest.raises(WriteError, match=r"use \.png"):
        look(paris, tmp_path / "a.xyz")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(GridError, match="paris_t1"):
        look(paris, dates="1990")


def test_names_are_no_formulas_and_letters_without_a_glyph_are_no_warning(tmp_path: Path) -> None:
    from matplotlib.text import Text

    scene = swath.Scene.from_array(np.ones((1, 20, 20), np.float32), GeoBox((20, 20), UTM, "EPSG:32633"))
    figure = look(scene, tmp_path / "北京 $x$.png", title="北京 $x_1$")
    assert (tmp_path / "北京 $x$.png").stat().st_size > 0
    (title,) = [one for one in figure.findobj(Text) if one.get_text() == "北京 $x_1$"]
    assert not title.get_parse_math()
