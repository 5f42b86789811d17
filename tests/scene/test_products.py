"""Products as their producers publish them, written in exactly that layout from small pieces of real imagery."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint

import swath
from swath.errors import OpenError, SensorError

UTM = "EPSG:32643"
TOP_LEFT = (600000, 3200040)


@pytest.fixture(scope="module")
def pixels(shared_data: Path) -> dict[str, np.ndarray]:
    """Twelve bands of a real Sentinel-2 composite, `[96, 96]` each, as numbers of reflectance x 10,000."""
    folder = shared_data / "agrifieldnet" / "source" / "02248"
    result = {}
    for path in sorted(folder.glob("B*.tif")):
        with rasterio.open(path) as dataset:
            result[path.stem] = dataset.read(1)[:96, :96].astype(np.uint16) * 25 + 1
    return result


def write(path: Path, values: np.ndarray, size: float, **more: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    driver = {".jp2": "JP2OpenJPEG"}.get(path.suffix, "GTiff")
    lossless = {"QUALITY": "100", "REVERSIBLE": "YES"} if driver == "JP2OpenJPEG" else {}
    transform = Affine(size, 0, TOP_LEFT[0], 0, -size, TOP_LEFT[1])
    profile = {"crs": UTM, "transform": transform, **lossless, **more}
    height, width = values.shape
    with rasterio.open(
        path, "w", driver=driver, count=1, height=height, width=width, dtype=values.dtype, **profile
    ) as dataset:
        dataset.write(values, 1)


GSD = dict.fromkeys(("B02", "B03", "B04", "B08"), 10)
GSD |= dict.fromkeys(("B05", "B06", "B07", "B8A", "B11", "B12"), 20) | dict.fromkeys(("B01", "B09"), 60)
ORDER = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12"]


def metadata(level: str, baseline: str, start: str, offset: int | None, prefix: str = "") -> str:
    """The parts of MTD_MSIL*.xml that matter here, in their places (S2-PDGS-TAS-DI-PSD)."""
    key = "BOA_QUANTIFICATION_VALUE" if level == "2A" else "QUANTIFICATION_VALUE"
    values = f'<{prefix}{key} unit="none">10000</{prefix}{key}>'
    if level == "2A":
        aerosol = '<AOT_QUANTIFICATION_VALUE unit="none">1000.0</AOT_QUANTIFICATION_VALUE>'
        values = f"<QUANTIFICATION_VALUES_LIST>{values}{aerosol}</QUANTIFICATION_VALUES_LIST>"
    if offset is not None:
        tag = "BOA_ADD_OFFSET" if level == "2A" else "RADIO_ADD_OFFSET"
        items = "".join(f'<{tag} band_id="{i}">{offset}</{tag}>' for i in range(13))
        name = "BOA_ADD_OFFSET_VALUES_LIST" if level == "2A" else "Radiometric_Offset_List"
        values += f"<{name}>{items}</{name}>"
    spectral = "".join(
        f'<Spectral_Information bandId="{i}" physicalBand="{name.replace("B0", "B")}"/>' for i, name in enumerate(ORDER)
    )
    uri = f"https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-{level}.xsd"
    return (
        f'<?xml version="1.0" encoding="UTF-8" standalone="no"?><n1:Level-{level}_User_Product xmlns:n1="{uri}">'
        f"<n1:General_Info><Product_Info><PRODUCT_START_TIME>{start}</PRODUCT_START_TIME>"
        f"<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE><Datatake>"
        f"<DATATAKE_SENSING_START>{start}</DATATAKE_SENSING_START></Datatake></Product_Info>"
        f"<Product_Image_Characteristics>{values}<Spectral_Information_List>{spectral}</Spectral_Information_List>"
        f"</Product_Image_Characteristics></n1:General_Info></n1:Level-{level}_User_Product>"
    )


L2A = "S2A_MSIL2A_20230821T052651_N0509_R105_T43RGM_20230821T091825.SAFE"
L1C = "S2B_MSIL1C_20190625T053649_N0207_R005_T43RGM_20190625T083512.SAFE"


def safe_l2a(folder: Path, pixels: dict[str, np.ndarray], without: tuple[str, ...] = ()) -> Path:
    product = folder / L2A
    images = product / "GRANULE" / "L2A_T43RGM_A042629_20230821T053607" / "IMG_DATA"
    stem = "T43RGM_20230821T052651"
    for band, gsd in GSD.items():
        for size in (10, 20, 60):
            if size >= gsd and band not in without:
                stored = (pixels[band] + 1000)[:: size // 10, :: size // 10]
                write(images / f"R{size}m" / f"{stem}_{band}_{size}m.jp2", stored, size)
    scl = np.full((48, 48), 4, np.uint8)
    scl[:5] = 0
    write(images / "R20m" / f"{stem}_SCL_20m.jp2", scl, 20)
    write(images / "R10m" / f"{stem}_AOT_10m.jp2", np.full((96, 96), 120, np.uint16), 10)
    write(images / "R10m" / f"{stem}_TCI_10m.jp2", np.zeros((96, 96), np.uint8), 10)
    write(images.parent / "QI_DATA" / "MSK_CLDPRB_20m.jp2", np.zeros((48, 48), np.uint8), 20)
    (product / "MTD_MSIL2A.xml").write_text(metadata("2A", "05.09", "2023-08-21T05:26:51.024Z", -1000))
    (product / "manifest.safe").write_text("<xfdu/>")
    return product


def safe_l1c(folder: Path, pixels: dict[str, np.ndarray], offset: int | None = None) -> Path:
    product = folder / L1C
    images = product / "GRANULE" / "L1C_T43RGM_A012016_20190625T053932" / "IMG_DATA"
    for band, gsd in GSD.items():
        stored = pixels[band][:: gsd // 10, :: gsd // 10]
        write(images / f"T43RGM_20190625T053649_{band}.jp2", stored, gsd)
    write(images / "T43RGM_20190625T053649_B10.jp2", np.full((16, 16), 30, np.uint16), 60)
    write(images / "T43RGM_20190625T053649_TCI.jp2", np.zeros((96, 96), np.uint8), 10)
    (product / "MTD_MSIL1C.xml").write_text(metadata("1C", "02.07", "2019-06-25T05:36:49.024Z", offset))
    return product


def packed(folder: Path, kind: str) -> Path:
    if kind == "zip":
        path = folder.with_name(f"{folder.name.removesuffix('.SAFE')}.zip")
        with zipfile.ZipFile(path, "w") as archive:
            for one in sorted(folder.rglob("*")):
                archive.write(one, one.relative_to(folder.parent))
    else:
        path = folder.with_name(f"{folder.name}.{kind}")
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as archive:
            for one in sorted(folder.iterdir()):
                archive.add(one, one.name)
    return path


def test_level_2a(tmp_path: Path, pixels: dict[str, np.ndarray]) -> None:
    scene = swath.open(safe_l2a(tmp_path / "with blanks and ö", pixels))
    assert {band.name for band in scene.bands} == {*GSD, "AOT", "SCL"}
    assert scene.shape == (1, 14, 96, 96)
    assert scene.sensor is not None
    assert scene.sensor.name == "sentinel-2-l2a"
    assert str(scene.dates[0]) == "2023-08-21T05:26:51"
    values, valid = scene.read(bands=["blue", "nir"])
    np.testing.assert_allclose(values[0], [pixels["B02"] * 1e-4, pixels["B08"] * 1e-4], atol=1e-6)
    assert valid.all()
    swir = scene.read(np.s_[40:42, 40:42], bands="swir16")[0]
    assert swir.min() > 0
    assert swir.max() < 1
    np.testing.assert_allclose(scene.read(bands="AOT")[0], 0.12, rtol=1e-6)
    scl, seen = scene.read(bands="SCL")
    assert scene["SCL"].bands[0].classes is not None
    assert (scl[0, 0, 10:] == 4).all()
    assert not seen[0, 0, :10].any()
    text = "\n".join(scene.notes)
    assert "processing baseline 05.09, quantification 10000, offset -1000, as MTD_MSIL2A.xml says" in text
    assert "_R10m" not in text
    assert "lacks" not in text


def test_every_band_comes_from_its_finest_file(tmp_path: Path, pixels: dict[str, np.ndarray]) -> None:
    product = safe_l2a(tmp_path, pixels)
    scene = swath.open(product)
    files = {b.name: p.reader.name for b, p in zip(scene.bands, scene.planes[0], strict=True) if p is not None}
    assert files["B04"].endswith("B04_10m.jp2")
    assert files["B11"].endswith("B11_20m.jp2")
    assert files["B01"].endswith("B01_60m.jp2")


def test_level_2a_in_a_zip_by_its_tile_and_by_its_metadata(tmp_path: Path, pixels: dict[str, np.ndarray]) -> None:
    product = safe_l2a(tmp_path / "a folder", pixels)
    plain = swath.open(product).read(np.s_[3:50, 5:60])
    ways = [
        packed(product, "zip"),
        product / "GRANULE" / "L2A_T43RGM_A042629_20230821T053607",
        product / "MTD_MSIL2A.xml",
        product / "manifest.safe",
    ]
    for way in ways:
        scene = swath.open(way)
        for left, right in zip(scene.read(np.s_[3:50, 5:60]), plain, strict=True):
            np.testing.assert_array_equal(left, right)
        assert str(scene.dates[0]) == "2023-08-21T05:26:51"


def test_a_band_that_the_product_lacks_is_said_and_asking_for_it_raises(
    tmp_path: Path, pixels: dict[str, np.ndarray]
) -> None:
    product = safe_l2a(tmp_path, pixels, without=("B08", "B12"))
    scene = swath.open(product)
    assert any(note.endswith("the product lacks B08, B12") for note in scene.notes)
    with pytest.raises(SensorError, match="no band 'nir'"):
        scene.read(bands="nir")
    with pytest.raises(SensorError, match="no band 'B08' in this scene"):
        swath.open(product, bands=["B04", "B08"])
    assert [band.name for band in swath.open(product, bands=["red", "green"]).bands] == ["B04", "B03"]


@pytest.mark.parametrize("offset", [None, -1000])
def test_level_1c_by_its_own_offset(tmp_path: Path, pixels: dict[str, np.ndarray], offset: int | None) -> None:
    """The metadata win over the date: an image of 2019 that was processed again has the offset."""
    scene = swath.open(safe_l1c(tmp_path, pixels, offset))
    assert scene.sensor is not None
    assert scene.sensor.level == "l1c"
    assert [band.name for band in scene.bands] == [
        *sorted(GSD | {"B10": 60}, key=lambda name: name.replace("8A", "08A"))
    ]
    np.testing.assert_allclose(scene.read(bands="red")[0][0, 0], (pixels["B04"] + float(offset or 0)) * 1e-4, atol=1e-6)


def test_two_products_are_two_dates(tmp_path: Path, pixels: dict[str, np.ndarray]) -> None:
    safe_l2a(tmp_path, pixels)
    later = safe_l2a(tmp_path / "other", pixels)
    text = (later / "MTD_MSIL2A.xml").read_text().replace("2023-08-21", "2023-08-31")
    (later / "MTD_MSIL2A.xml").write_text(text)
    later.rename(tmp_path / L2A.replace("20230821T052651", "20230831T052651"))
    (tmp_path / "other").rmdir()
    (tmp_path / "readme.txt").write_text("two products")
    scene = swath.open(tmp_path)
    assert [str(date) for date in scene.dates] == ["2023-08-21T05:26:51", "2023-08-31T05:26:51"]
    assert scene.shape[1] == 14


def test_old_level_1c_layout_and_its_tiles(tmp_path: Path, pixels: dict[str, np.ndarray]) -> None:
    """Before December 2016 a product had a longer name, another metadata file, and several tiles."""
    product = tmp_path / "S2A_OPER_PRD_MSIL1C_PDMC_20151206T145051_R008_V20151206T102417_20151206T102417.SAFE"
    for tile in ("T43RGM", "T43RGN"):
        stem = f"S2A_OPER_MSI_L1C_TL_SGS__20151206T142422_A002376_{tile}"
        for band, gsd in GSD.items():
            stored = pixels[band][:: gsd // 10, :: gsd // 10]
            write(product / "GRANULE" / f"{stem}_N02.00" / "IMG_DATA" / f"{stem}_{band}.jp2", stored, gsd)
    name = "S2A_OPER_MTD_SAFL1C_PDMC_20151206T145051_R008_V20151206T102417_20151206T102417.xml"
    (product / name).write_text(metadata("1C", "02.00", "2015-12-06T10:24:17.000Z", None))
    with pytest.raises(OpenError, match=r"holds 2 tiles; open one: swath\.open\(.*T43RGM_N02\.00"):
        swath.open(product)
    scene = swath.open(product / "GRANULE" / "S2A_OPER_MSI_L1C_TL_SGS__20151206T142422_A002376_T43RGM_N02.00")
    assert str(scene.dates[0]) == "2015-12-06T10:24:17"
    np.testing.assert_allclose(scene.read(bands="green")[0][0, 0], pixels["B03"] * 1e-4, atol=1e-6)
    assert any("lacks B10" in note for note in scene.notes)


def test_a_safe_without_metadata_asks_how_numbers_are_stored(tmp_path: Path, pixels: dict[str, np.ndarray]) -> None:
    product = safe_l1c(tmp_path, pixels)
    (product / "MTD_MSIL1C.xml").unlink()
    expected = pixels["B02"] * 1e-4
    np.testing.assert_allclose(swath.open(product).read(bands="blue")[0][0, 0], expected, atol=1e-6)
    nameless = product.rename(tmp_path / "some folder")
    with pytest.raises(SensorError, match=r"sensor='sentinel-2-l1c@04\.00'"):
        swath.open(nameless)
    told = swath.open(nameless, sensor="sentinel-2-l1c@04.00")
    np.testing.assert_allclose(told.read(bands="blue")[0][0, 0], expected - 0.1, atol=1e-6)


def test_damaged_products_are_refused(tmp_path: Path, pixels: dict[str, np.ndarray]) -> None:
    product = safe_l2a(tmp_path, pixels)
    whole = packed(product, "zip")
    cut = tmp_path / f"cut {whole.name}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(OpenError, match="archive is damaged"):
        swath.open(cut)
    (product / "MTD_MSIL2A.xml").write_text("<n1:Level")
    with pytest.raises(OpenError, match=r"MTD_MSIL2A\.xml: not valid XML"):
        swath.open(product)
    bare = tmp_path / "bare.SAFE"
    bare.mkdir()
    (bare / "MTD_MSIL1C.xml").write_text(metadata("1C", "02.07", "2019-06-25T05:36:49.024Z", None))
    with pytest.raises(OpenError, match="a Sentinel-2 product without images"):
        swath.open(bare)


L2SP = "LC09_L2SP_146040_20230821_20230823_02_T1"
L1TP = "LC08_L1TP_146040_20230821_20230826_02_T1"

COEFFICIENTS = {
    "L2": {
        "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": {
            **{f"REFLECTANCE_MULT_BAND_{i}": "2.75e-05" for i in range(1, 8)},
            **{f"REFLECTANCE_ADD_BAND_{i}": "-0.2" for i in range(1, 8)},
        },
        "LEVEL2_SURFACE_TEMPERATURE_PARAMETERS": {
            "TEMPERATURE_MULT_BAND_ST_B10": "0.00341802",
            "TEMPERATURE_ADD_BAND_ST_B10": "149.0",
        },
        "LEVEL1_RADIOMETRIC_RESCALING": {
            "REFLECTANCE_MULT_BAND_4": "2.0000E-05",
            "REFLECTANCE_ADD_BAND_4": "-0.100000",
        },
    },
    "L1": {
        "LEVEL1_RADIOMETRIC_RESCALING": {
            **{f"REFLECTANCE_MULT_BAND_{i}": "2.0000E-05" for i in range(1, 10)},
            **{f"REFLECTANCE_ADD_BAND_{i}": "-0.100000" for i in range(1, 10)},
            "RADIANCE_MULT_BAND_4": "1.0288E-02",
            "RADIANCE_ADD_BAND_4": "-51.43874",
            "RADIANCE_MULT_BAND_10": "3.3420E-04",
            "RADIANCE_ADD_BAND_10": "0.10000",
        },
        "LEVEL1_THERMAL_CONSTANTS": {"K1_CONSTANT_BAND_10": "774.8853", "K2_CONSTANT_BAND_10": "1321.0789"},
    },
}


def landsat(folder: Path, name: str, pixels: dict[str, np.ndarray], kind: str = "txt", **attributes: str) -> Path:
    product, level = folder / name, name[5:7]
    optical = "SR_B" if level == "L2" else "B"
    files = {f"{optical}{i}": pixels[f"B0{i}"] + 8000 for i in range(1, 8)}
    files |= {"ST_B10" if level == "L2" else "B10": np.full((96, 96), 44000, np.uint16)}
    if level == "L1":
        files["B8"] = np.repeat(np.repeat(pixels["B08"] + 8000, 2, 0), 2, 1)
    files["QA_PIXEL"] = np.full((96, 96), 21824, np.uint16)
    files["ST_TRAD" if level == "L2" else "SAA"] = np.zeros((96, 96), np.int16)
    for key, values in files.items():
        write(product / f"{name}_{key}.TIF", values.astype(values.dtype), 15 if key == "B8" else 30)
    image = {"DATE_ACQUIRED": "2023-08-21", "SCENE_CENTER_TIME": "05:16:32.1944860Z", "SUN_ELEVATION": "58.31045671"}
    groups = {
        "PRODUCT_CONTENTS": {"LANDSAT_PRODUCT_ID": name, "PROCESSING_LEVEL": name[5:9]},
        "IMAGE_ATTRIBUTES": {**image, **attributes},
        **COEFFICIENTS[level],
    }
    groups["IMAGE_ATTRIBUTES"] = {key: value for key, value in groups["IMAGE_ATTRIBUTES"].items() if value}
    if kind == "json":
        text = json.dumps({"LANDSAT_METADATA_FILE": groups})
    else:
        lines = ["GROUP = LANDSAT_METADATA_FILE"]
        for group, values in groups.items():
            quoted = (
                f'    {k} = "{v}"' if k in ("LANDSAT_PRODUCT_ID", "SCENE_CENTER_TIME") else f"    {k} = {v}"
                for k, v in values.items()
            )
            lines += [f"  GROUP = {group}", *quoted, f"  END_GROUP = {group}"]
        text = "\n".join([*lines, "END_GROUP = LANDSAT_METADATA_FILE", "END", ""])
    (product / f"{name}_MTL.{kind}").write_text(text)
    return product


@pytest.mark.parametrize("kind", ["txt", "json"])
def test_landsat_level_2(tmp_path: Path, pixels: dict[str, np.ndarray], kind: str) -> None:
    scene = swath.open(landsat(tmp_path / "a folder", L2SP, pixels, kind))
    assert scene.sensor is not None
    assert scene.sensor.name == "landsat-oli-l2"
    assert str(scene.dates[0]) == "2023-08-21T05:16:32"
    expected = (pixels["B04"] + 8000) * 2.75e-5 - 0.2
    np.testing.assert_allclose(scene.read(bands="red")[0][0, 0], expected, atol=1e-6)
    np.testing.assert_allclose(scene.read(bands="ST_B10")[0], 44000 * 0.00341802 + 149, rtol=1e-6)
    assert scene["ST_B10"].bands[0].units == "kelvin"
    assert scene["QA_PIXEL"].bands[0].kind == "flags"
    assert any("passed over" in note and "ST_TRAD" in note for note in scene.notes)


@pytest.mark.parametrize("way", ["tar", "tar.gz", "zip", "MTL", "folder above"])
def test_landsat_packed(tmp_path: Path, pixels: dict[str, np.ndarray], way: str) -> None:
    product = landsat(tmp_path / "with blanks", L2SP, pixels)
    plain = swath.open(product).read()
    if way == "MTL":
        source = product / f"{L2SP}_MTL.txt"
    elif way == "folder above":
        source = product.parent
    else:
        source = packed(product, way)
    scene = swath.open(source)
    assert str(scene.dates[0]) == "2023-08-21T05:16:32"
    for left, right in zip(scene.read(), plain, strict=True):
        np.testing.assert_array_equal(left, right)


def test_landsat_level_1_becomes_reflectance_with_the_sun_elevation(
    tmp_path: Path, pixels: dict[str, np.ndarray]
) -> None:
    scene = swath.open(landsat(tmp_path, L1TP, pixels))
    assert scene.grid.affine.a == 15
    red = scene["red"]
    assert red.bands[0].units == "reflectance"
    coarse = swath.open(landsat(tmp_path, L1TP, pixels), bands=["red", "lwir11"])
    expected = ((pixels["B04"] + 8000) * 2e-5 - 0.1) / np.sin(np.radians(58.31045671))
    np.testing.assert_allclose(coarse.read(bands="red")[0][0, 0], expected, atol=1e-6)
    assert coarse.bands[1].units == "radiance"
    np.testing.assert_allclose(coarse.read(bands="lwir11")[0], 44000 * 3.342e-4 + 0.1, rtol=1e-6)
    assert any("sun elevation 58.31" in note for note in scene.notes)


def test_landsat_level_1_without_a_sun_elevation_stays_numbers(tmp_path: Path, pixels: dict[str, np.ndarray]) -> None:
    scene = swath.open(landsat(tmp_path, L1TP, pixels, SUN_ELEVATION=""), bands=["red"])
    assert scene.bands[0].units == "dn"
    np.testing.assert_array_equal(scene.read()[0][0, 0], pixels["B04"] + 8000)


def test_two_landsat_products_in_one_folder(tmp_path: Path, pixels: dict[str, np.ndarray]) -> None:
    for name in (L2SP, L2SP.replace("20230821", "20230906")):
        product = landsat(tmp_path / "parts", name, pixels, DATE_ACQUIRED=f"{name[17:21]}-{name[21:23]}-{name[23:25]}")
        for one in product.iterdir():
            (tmp_path / "all").mkdir(exist_ok=True)
            one.rename(tmp_path / "all" / one.name)
    scene = swath.open(tmp_path / "all")
    assert [str(date)[:10] for date in scene.dates] == ["2023-08-21", "2023-09-06"]


GRD = "S1A_IW_GRDH_1SDV_20210809T173953_20210809T174018_039156_049F13_6FF8.SAFE"


def safe_grd(folder: Path, pixels: dict[str, np.ndarray]) -> Path:
    product = folder / GRD
    corners = [(0, 0, 76.0, 28.0), (0, 96, 76.01, 28.002), (96, 0, 76.002, 27.99), (96, 96, 76.012, 27.992)]
    points = [GroundControlPoint(row, col, x, y, 0.0) for row, col, x, y in corners]
    for i, (polarisation, band) in enumerate({"vv": "B04", "vh": "B03"}.items()):
        path = (
            product
            / "measurement"
            / f"s1a-iw-grd-{polarisation}-20210809t173953-20210809t174018-039156-049f13-00{i + 1}.tiff"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(
            path, "w", driver="GTiff", height=96, width=96, count=1, dtype="uint16", gcps=points, crs="EPSG:4326"
        ) as dataset:
            dataset.write(pixels[band], 1)
    (product / "manifest.safe").write_text("<xfdu:XFDU/>")
    return product


def test_sentinel_1_grd_has_only_control_points(tmp_path: Path, pixels: dict[str, np.ndarray]) -> None:
    product = safe_grd(tmp_path, pixels)
    with pytest.raises(OpenError, match="grid='warp'"):
        swath.open(product)
    for source in (product, packed(product, "zip")):
        scene = swath.open(source, grid="warp")
        assert {band.polarisation for band in scene.bands} == {"VV", "VH"}
        assert str(scene.dates[0]) == "2021-08-09T17:39:53"
        assert scene.grid.crs.epsg == 4326
        values, valid = scene.read(bands="VV")
        assert valid.mean() > 0.5
        assert abs(np.median(values[valid]) - np.median(pixels["B04"])) < 50
        assert scene.bands[0].units == "dn"


def test_hls_folders(tmp_path: Path, pixels: dict[str, np.ndarray]) -> None:
    """https://lpdaac.usgs.gov/data/get-started-data/collection-overview/missions/harmonized-landsat-sentinel-2-hls-overview/"""
    for day in ("2023233T052651", "2023238T052649"):
        for band in ("B02", "B03", "B04", "B8A"):
            path = tmp_path / "HLS" / f"HLS.S30.T43RGM.{day}.v2.0.{band}.tif"
            write(path, pixels[band].astype(np.int16), 30, nodata=-9999)
        write(
            tmp_path / "HLS" / f"HLS.S30.T43RGM.{day}.v2.0.Fmask.tif", np.full((96, 96), 64, np.uint8), 30, nodata=255
        )
    scene = swath.open(tmp_path / "HLS")
    assert scene.shape == (2, 5, 96, 96)
    assert [str(date) for date in scene.dates] == ["2023-08-21T05:26:51", "2023-08-26T05:26:49"]
    np.testing.assert_allclose(scene.read(bands="nir08", dates=1)[0][0, 0], pixels["B8A"] * 1e-4, atol=1e-6)
    assert scene["Fmask"].bands[0].kind == "flags"
    two = swath.open(tmp_path / "HLS", bands=["red", "nir08"])
    assert [band.name for band in two.bands] == ["B04", "B8A"]
    with pytest.raises(SensorError, match="swir16"):
        swath.open(tmp_path / "HLS", bands=["red", "swir16"])


def test_what_is_no_product_is_left_alone(tmp_path: Path, shared_data: Path) -> None:
    from swath.scene.products import open_product

    for path in ("oscd_s2_4band", "oscd_s2_4band/paris_t1.tif", "agrifieldnet/source/02248", "eolearn_s2_slovenia"):
        assert open_product(str(shared_data / path)) is None
