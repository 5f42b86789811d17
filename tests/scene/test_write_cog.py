"""Rasters as Cloud Optimized GeoTIFF: every pixel, every place and every word comes back."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from swath.errors import WriteError
from swath.scene.write import CogWriter, Layer, read_layers, write_cog

import rasterio  # isort: skip
from rasterio.errors import NotGeoreferencedWarning  # isort: skip

UTM = GeoBox((700, 900), Affine(10, 0, 500000, 0, -10, 5000000), "EPSG:32632")
TYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
TYPES += ["float16", "float32", "float64", "complex64", "complex128"]
WORLDCOVER = "worldcover_huge_cog/tests/data-files/ESA_WorldCover_10m_2021_v200_N00E006/"
WORLDCOVER += "ESA_WorldCover_10m_2021_v200_N00E006_Map.tif"


@contextmanager
def opened(path: Path, **options: Any) -> Iterator[Any]:
    """A raster opened by rasterio, which warns of the identity transform where a grid has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        dataset = rasterio.open(path, **options)
    with dataset:
        yield dataset


def grid_of(dataset: Any) -> GeoBox:
    return GeoBox(dataset.shape, dataset.transform, None if dataset.crs is None else dataset.crs.to_wkt())


def assert_cog(path: Path, block: int = 512) -> None:
    """The layout that GDAL declares, tiles, and internal overviews down to one block."""
    with opened(path) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        size = coarsest = max(dataset.shape)
        expected = []
        while coarsest > block:
            coarsest = math.ceil(coarsest / 2)
            expected.append(2 ** (len(expected) + 1))
        for index in dataset.indexes:
            assert dataset.overviews(index) == expected
            (side, width) = dataset.block_shapes[index - 1]
            assert side == width
            # A small raster has one block that fits it.
            assert side == block or (size <= side < max(size + 16, 129))
        levels: list[int | None] = [None, *range(len(expected))]
        offsets = [int(dataset.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", 1, level)) for level in levels]
    # Coarser levels come first in the file, so that a reader of its head has the whole scene in small.
    assert offsets == sorted(offsets, reverse=True)
    assert not path.with_name(path.name + ".ovr").exists()


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


def test_four_bands_of_sentinel_2(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "oscd_s2_4band/nantes_t1.tif"
    with opened(source) as dataset:
        values, grid = dataset.read(), grid_of(dataset)
    names = [("B02", "blue", 492), ("B03", "green", 560), ("B04", "red", 665), ("B08", "nir", 833)]
    layers = [
        Layer(name, "uint16", nodata=0, units="reflectance", scale=1e-4, offset=-0.1, common_name=common,
              wavelength=(nm - 20, nm, nm + 20), date="2015-08-20", description=f"the {common} band")
        for name, common, nm in names
    ]  # fmt: skip
    path = write_cog(tmp_path / "nantes.tif", grid, values, layers, tags={"place": "Nantes"})
    assert path == tmp_path / "nantes.tif"
    assert_cog(path)
    with opened(path) as dataset:
        np.testing.assert_array_equal(dataset.read(), values)
        assert grid_of(dataset) == grid
        assert dataset.descriptions == ("B02", "B03", "B04", "B08")
        assert dataset.nodatavals == (0, 0, 0, 0)
        assert dataset.scales == (1e-4,) * 4
        assert dataset.offsets == (-0.1,) * 4
        assert dataset.units == ("reflectance",) * 4
        assert [c.name for c in dataset.colorinterp] == ["blue", "green", "red", "undefined"]
        assert dataset.tags()["place"] == "Nantes"
        assert dataset.tags()["TIFFTAG_SOFTWARE"].startswith("swath ")
        assert dataset.tags(4, ns="IMAGERY") == {"CENTRAL_WAVELENGTH_UM": "0.833", "FWHM_UM": "0.04"}
        assert dataset.compression.name == "deflate"
        assert dataset.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "2"
        for index in dataset.indexes:
            valid = values[index - 1][values[index - 1] != 0].astype(float)
            tags = dataset.tags(index)
            assert float(tags["STATISTICS_MINIMUM"]) == valid.min()
            assert float(tags["STATISTICS_MAXIMUM"]) == valid.max()
            assert float(tags["STATISTICS_MEAN"]) == pytest.approx(valid.mean(), rel=1e-12)
            assert float(tags["STATISTICS_STDDEV"]) == pytest.approx(valid.std(), rel=1e-12)
            assert float(tags["STATISTICS_VALID_PERCENT"]) == pytest.approx(100 * valid.size / values[0].size, rel=1e-3)
    assert list(read_layers(path)) == layers
    assert leftovers(tmp_path) == []


@pytest.fixture(scope="session")
def landcover(shared_data: Path) -> tuple[np.ndarray, GeoBox, dict[int, str], dict[int, str]]:
    """A corner of a real land-cover map with its class names and colours."""
    with opened(shared_data / WORLDCOVER) as dataset:
        window = ((15808, 17108), (15616, 17116))
        values = dataset.read(1, window=window)
        grid = grid_of(dataset)[15808:17108, 15616:17116]
        legend = [line.split(maxsplit=1) for line in dataset.tags()["legend"].splitlines() if line]
        colours = {int(v): "#{:02x}{:02x}{:02x}".format(*dataset.colormap(1)[int(v)][:3]) for v, _ in legend}
    assert len(np.unique(values)) > 2
    return values, grid, {int(v): name for v, name in legend}, colours


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
def test_class_names_and_colours(landcover: Any, tmp_path: Path, dtype: str) -> None:
    values, grid, classes, colours = landcover
    layer = Layer("landcover", dtype, nodata=0, kind="categorical", classes=classes, colours=colours)
    path = write_cog(tmp_path / "map.tif", grid, values.astype(dtype), [layer])
    assert_cog(path)
    with opened(path) as dataset:
        np.testing.assert_array_equal(dataset.read(1), values)
        assert grid_of(dataset) == grid
        assert "PREDICTOR" not in dataset.tags(ns="IMAGE_STRUCTURE")
        assert json.loads(dataset.tags(1)["classes"])["80"] == "Permanent water bodies"
        if dtype != "int16":
            assert dataset.colorinterp[0].name == "palette"
            table = dataset.colormap(1)
            assert {v: "#{:02x}{:02x}{:02x}".format(*table[v][:3]) for v in colours} == colours
        factor = dataset.overviews(1)[0]
    with opened(path, overview_level=0) as overview:
        small = overview.read(1)
    # The most frequent class of four pixels, where one class has three or four of them.
    quads = values[: small.shape[0] * factor, :].reshape(small.shape[0], 2, small.shape[1], 2).swapaxes(1, 2)
    quads = quads.reshape(*small.shape, 4)
    for v in np.unique(values[values != 0]):
        most = (quads == v).sum(-1) >= 3
        assert (small[most] == v).all()
    assert set(np.unique(small)) <= set(np.unique(values))

    band = ElementTree.parse(path.with_name("map.tif.aux.xml")).getroot().find("PAMRasterBand")
    assert band is not None
    names = [c.text or "" for c in band.iterfind("CategoryNames/Category")]
    assert {i: name for i, name in enumerate(names) if name} == classes
    table = band.find("GDALRasterAttributeTable")
    assert table is not None
    assert table.get("tableType") == "thematic"
    fields = [(f.findtext("Name"), f.findtext("Usage")) for f in table.iterfind("FieldDefn")]
    assert fields == [("Value", "5"), ("Class", "2"), ("Red", "6"), ("Green", "7"), ("Blue", "8")]
    rows = [[f.text for f in row.iterfind("F")] for row in table.iterfind("Row")]
    assert ["80", "Permanent water bodies", "0", "100", "200"] in rows
    assert len(rows) == len(classes)
    assert read_layers(path) == (layer,)


def test_a_lone_file_keeps_its_class_names(landcover: Any, tmp_path: Path) -> None:
    values, grid, classes, colours = landcover
    layer = Layer("landcover", "uint8", nodata=0, kind="categorical", classes=classes, colours=colours)
    path = write_cog(tmp_path / "map.tif", grid, values, [layer])
    path.with_name("map.tif.aux.xml").unlink()
    assert read_layers(path) == (layer,)


def test_classes_and_confidence_in_one_file(landcover: Any, tmp_path: Path) -> None:
    """Types and nodata that differ become the common type and NaN; each layer has overviews of its own kind."""
    values, grid, classes, colours = landcover
    confidence = (np.arange(values.size, dtype="float32") % 997 / 997).reshape(values.shape)
    confidence[:64] = -1
    values = values.copy()
    values[-64:] = 255
    layers = [
        Layer("class", "uint8", nodata=255, kind="categorical", classes=classes, colours=colours),
        Layer("confidence", "float32", nodata=-1, units="1"),
        Layer("quality", "uint8", kind="flags"),
    ]
    path = tmp_path / "both.tif"
    with CogWriter(path, grid, layers) as writer:
        everything = np.s_[0 : values.shape[0], 0 : values.shape[1]]
        writer.write(everything, np.stack([confidence, values]), layers=["confidence", "class"])
        writer.write(everything, values[None] % 7, layers=["quality"])
        assert writer.has(everything, layers=["quality"])
        assert not writer.has(everything)
    assert_cog(path)
    with opened(path) as dataset:
        assert dataset.dtypes == ("float32",) * 3
        assert all(math.isnan(v) for v in dataset.nodatavals)
        np.testing.assert_array_equal(dataset.read(1), np.where(values == 255, np.nan, values.astype("float32")))
        np.testing.assert_array_equal(dataset.read(2), np.where(confidence == -1, np.nan, confidence))
        np.testing.assert_array_equal(dataset.read(3), values % 7)
        assert float(dataset.tags(1)["STATISTICS_MAXIMUM"]) == values[values != 255].max()
    with opened(path, overview_level=0) as overview:
        small = overview.read()
    h, w = values.shape
    assert set(np.unique(small[0][np.isfinite(small[0])])) <= set(np.unique(values))
    blocks = np.where(confidence == -1, np.nan, confidence).reshape(h // 2, 2, w // 2, 2)[32:]
    np.testing.assert_allclose(small[1][32:], blocks.mean((1, 3)), rtol=1e-6)
    assert np.isnan(small[1][:32]).all()
    table = ElementTree.parse(path.with_name("both.tif.aux.xml")).getroot()
    assert len(table.findall("PAMRasterBand[@band='1']/GDALRasterAttributeTable/Row")) == len(classes)


@pytest.mark.parametrize(
    "name",
    [
        "canopy_height/CHM_lowres.tif",
        "canopy_height/CHM_3amigos.tif",
        "odd_geotiffs/rasterio/rotated.tif",
        "odd_geotiffs/rio_tiler/inverted_lat.tif",
        "oscd_s2_4band/bordeaux_mask.tif",
        "odd_geotiffs/rio_tiler/cog_nonearth.tif",
        "odd_geotiffs/rio_tiler/cog_dateline.tif",
        "odd_geotiffs/rasterio/float_nan.tif",
    ],
)
def test_any_grid_comes_back(shared_data: Path, tmp_path: Path, name: str) -> None:
    with opened(shared_data / name) as dataset:
        values, grid, nodata = dataset.read(), grid_of(dataset), dataset.nodata
    layers = [Layer(f"b{i}", str(values.dtype), nodata=nodata) for i in range(len(values))]
    path = write_cog(tmp_path / "a name with ümlauts.tif", grid, values, layers)
    assert_cog(path)
    with opened(path) as dataset:
        np.testing.assert_array_equal(dataset.read(), values)
        again = grid_of(dataset)
    assert again.affine == grid.affine
    assert again.shape == grid.shape
    assert (again.crs is None) == (grid.crs is None)
    assert grid.crs is None or again.crs == grid.crs


@pytest.mark.parametrize(
    "dtype",
    [
        "bool",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "uint32",
        "int32",
        "uint64",
        "int64",
        "float16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    ],
)
@pytest.mark.parametrize("compress", ["deflate", "zstd", "lzw", "none"])
def test_every_type_without_loss(tmp_path: Path, dtype: str, compress: str) -> None:
    values = np.random.default_rng(0).integers(0, 120, (2, 70, 1)).astype(dtype)
    grid = GeoBox((70, 1), UTM.affine, "EPSG:32632")
    path = write_cog(tmp_path / "x.tif", grid, values, compress=compress)
    with opened(path) as dataset:
        np.testing.assert_array_equal(dataset.read(), values)
        assert (dataset.compression.name if dataset.compression else "none") == compress


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_blocks_in_any_order_give_the_same_file(tmp_path: Path, data: st.DataObject) -> None:
    """However the scene is cut and shuffled, by however many threads, pixels and statistics are those of the whole."""
    height, width = data.draw(st.integers(1, 300)), data.draw(st.integers(1, 300))
    ys = sorted({0, height, *data.draw(st.lists(st.integers(1, height), max_size=3))})
    xs = sorted({0, width, *data.draw(st.lists(st.integers(1, width), max_size=3))})
    windows = [np.s_[a:b, c:d] for a, b in pairwise(ys) for c, d in pairwise(xs)]
    windows = data.draw(st.permutations(windows))
    values = np.random.default_rng(height).normal(1e6, 1, (2, height, width))
    values[:, ::7] = np.nan
    grid = GeoBox((height, width), UTM.affine, "EPSG:32632")
    layers = [Layer("a", "float64"), Layer("b", "float64")]
    with (
        CogWriter(tmp_path / "x.tif", grid, layers, block=128, overwrite=True) as writer,
        ThreadPoolExecutor(4) as pool,
    ):
        list(pool.map(lambda window: writer.write(window, values[:, *window]), windows))
    with opened(tmp_path / "x.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(), values)
        tags = dataset.tags(2)
    if height > 1:
        assert float(tags["STATISTICS_STDDEV"]) == pytest.approx(np.nanstd(values[1]), rel=1e-6, abs=1e-9)
    else:
        assert not [key for key in tags if key.startswith("STATISTICS")]


def test_hundreds_of_layers_in_any_order(tmp_path: Path) -> None:
    """Whichever layers a window holds, and however many: all of them, every other one, the rest backwards."""
    layers = [Layer(f"band {b}", "int16") for b in range(206)]
    values = np.arange(206 * 20 * 30, dtype="int16").reshape(206, 20, 30)
    left, right = np.s_[0:20, 0:10], np.s_[0:20, 10:30]
    even, odd = list(range(0, 206, 2)), list(range(205, 0, -2))
    grid = GeoBox((20, 30), UTM.affine, "EPSG:32632")
    with CogWriter(tmp_path / "x.tif", grid, layers) as writer:
        writer.write(left, values[:, *left])
        for bands in (even, odd):
            named = [layers[b].name for b in bands]
            assert not writer.has(right, named)
            writer.write(right, values[bands][:, *right], named)
            assert writer.has(right, named[::-1])
    with opened(tmp_path / "x.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(), values)


def test_what_is_not_written_is_nodata(tmp_path: Path) -> None:
    with CogWriter(tmp_path / "x.tif", UTM, [Layer("a", "int16", nodata=-1)]) as writer:
        writer.write(np.s_[100:200, 300:500], np.full((1, 100, 200), 7))
    with opened(tmp_path / "x.tif") as dataset:
        values = dataset.read(1)
        assert dataset.tags(1)["STATISTICS_VALID_PERCENT"] == f"{100 * 20000 / (700 * 900):.4g}"
    assert (values[100:200, 300:500] == 7).all()
    assert (values != -1).sum() == 20000


def writer_of(tmp_path: Path, *layers: Layer, **options: Any) -> CogWriter:
    return CogWriter(tmp_path / "x.tif", UTM, layers or [Layer("a", "uint8")], **options)


def test_refusals_of_windows(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    with pytest.raises(WriteError, match=r"rows 600:701 do not lie within the grid's 0:700"):
        writer.write(np.s_[600:701, 0:10], np.zeros((1, 101, 10), "uint8"))
    with pytest.raises(WriteError, match=r"takes values of shape \(1, 10, 10\)"):
        writer.write(np.s_[0:10, 0:10], np.zeros((1, 9, 10), "uint8"))
    with pytest.raises(WriteError, match="No layer is named 'b'; this file has a"):
        writer.write(np.s_[0:10, 0:10], np.zeros((1, 10, 10), "uint8"), layers=["b"])
    with pytest.raises(WriteError, match="was given int64 numbers that it cannot hold"):
        writer.write(np.s_[0:10, 0:10], np.full((1, 10, 10), 256))
    with pytest.raises(WriteError, match="was given float32 numbers that it cannot hold"):
        writer.write(np.s_[0:10, 0:10], np.full((1, 10, 10), 0.5, "float32"))
    writer.write(np.s_[0:10, 0:10], np.full((1, 10, 10), 3.0))
    with pytest.raises(WriteError, match="629900 of 630000 pixels of layer 'a' were never written"):
        writer.finish()
    writer.write(np.s_[:, :], np.zeros((1, 700, 900), "uint8"))
    with pytest.raises(WriteError, match="windows that overlap"):
        writer.finish()
    assert not (tmp_path / "x.tif").exists()
    writer.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "at least one layer"),
        ([Layer("a", "uint8"), Layer("a", "uint8")], "Two layers have one name"),
        ([Layer("a", "uint8", nodata=0), Layer("b", "uint8", nodata=255)], r"layers differ \(a: 0, b: 255\)"),
        ([Layer("a", "int64"), Layer("b", "float32")], "No number type holds the layers"),
    ],
)
def test_layers_that_cannot_share_a_file(tmp_path: Path, layers: list[Layer], message: str) -> None:
    with pytest.raises(WriteError, match=message):
        CogWriter(tmp_path / "x.tif", UTM, layers)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "U8"}, "dtype 'U8' cannot be stored"),
        ({"dtype": "uint8", "nodata": -1}, "nodata -1 is no uint8 number"),
        ({"dtype": "uint8", "nodata": math.nan}, "nodata nan is no uint8 number"),
        ({"dtype": "uint8", "classes": {1: "a"}}, "say kind='categorical'"),
        ({"dtype": "uint8", "kind": "categorical", "classes": {300: "a"}}, "class 300 is no uint8 number"),
        ({"dtype": "uint8", "kind": "categorical", "colours": {1: "red"}}, "not written #rrggbb"),
        ({"dtype": "uint8", "kind": "classes"}, "continuous, categorical or flags"),
        ({"dtype": "uint8", "scale": 0}, "give no value"),
    ],
)
def test_layers_that_contradict_themselves(options: dict[str, Any], message: str) -> None:
    with pytest.raises(WriteError, match=message):
        Layer("a", **options)


def test_refusals_of_options(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="all without loss"):
        writer_of(tmp_path, compress="jpeg")
    with pytest.raises(WriteError, match="multiple of 16"):
        writer_of(tmp_path, block=100)
    with pytest.raises(WriteError, match=r"take values of shape \(1, 700, 900\), and \(5, 5\) came"):
        write_cog(tmp_path / "x.tif", UTM, np.zeros((5, 5)))
    assert list(tmp_path.iterdir()) == []
