"""Products of all sensors by the names, tags and catalogue entries that their publishers gave them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from swath.scene.dates import parse_date
from swath.sensors import find_sensor, recognise


def rows(name: str) -> list[dict[str, str]]:
    """Names of real products, and what they tell."""
    with (Path(__file__).parent / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


PUBLISHED = [*rows("optical_names.csv"), *rows("published_names.csv")]

UNRECOGNISED = [
    "1985.tif",
    "image_rgb.tif",
    "B04.tif",
    "red.tif",
    "ndvi.tif",
    "landsat.tif",
    "S2_L1C_13band_2015-07-11.tif",
    "sentinel-2/2020/B04.jp2",
    "T31UFU_20200113T105331_B04.jp2",  # Level-1C by custom, but a copy may have lost the pixel size of Level-2A
    "S2B_52SFA_20220126_0_L2A/B04.tif",  # the catalogue took the offset out of some, not of others
    "LE70220491999322EDC01_stack.gtif",  # the scene is known, what was stacked is not
    "LE70220491999322EDC01_sr_band4.tif",
    "LC08_L1TP_047027_20201204_20210313_01_T1_sr_band4.tif",  # Collection 1 reflectance under a Level-1 id
    "LC08_L1TP_047027_20201204_20210313_01_T1/pixel_qa.tif",
    "LC08_L2SP_047027_20201204_20210313_02_T1_stack.tif",
    "MOD13Q1_20110914_subset_from_h12v10.tif",
    "TERRA_MODIS_012010_NDVI_2014-07-28.jp2",
    "MOD11A1.A2022103.h09v05.006.2022104093154.hdf",
    "HLS.L30.T19LDD.2022165T144027.v1.5.B01.tif",
    "20250325_183148_95_24c5_3B_udm2_clip.tif",
    "20170831_172754_101c_3B_AnalyticMS_DN_udm.tif",
    "IMG_PHR1A_MS_201509141606268_SEN_1627093101-002_R1C1.TIF",  # the order of bands is in the DIM file
    "IMG_SPOT6_MS_201701211409016_ORT_C0000000062690_R1C1.TIF",
    "23APR07184157-M2AS-508246526040_01_P003.tif",  # no satellite in the name
    "WV03_20160121015319_104001001762AC00_16JAN21015319-M1BS-500638671020_01_P001_u08rf3031.png",
    "CBERS_4A_WFI_20230801_219_124_L4_BAND15_GRID_SURFACE.tif",
    "GF2_PMS1_E93.5_N42.6_20250624_L1A14721219001_fuse.tif",
    "po_2624415_blu_0000000.tif",
    "n_3807662_ne_18_1_20110815.tif",
    "my_S2A_MSIL2A_20210122T133229_N0214_R081_T22HBD_ndvi.tif",
    "S1A_IW_GRDH_1SDV_20210101T054223_20210101T054248_035943_0435D1_E6A2.tif",  # Earth Engine: dB under GRD's name
    "ESA_WorldCover_10m_2021_v200_N00E006_InputQuality.tif",
    "N03E016_10_sl_HV",  # the mosaic of ALOS-1
    "srtm_sen2.tif",
    "angles.tif",
    "f0.tif",
    "Spain_7370579_S1Hand.tif",
]


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row["path"].rsplit("/", 1)[-1][:48])
def test_published_name_is_one_sensor_at_one_level(row: dict[str, str]) -> None:
    found = recognise(f"downloads/{row['path']}")
    assert found is not None
    assert found.name == find_sensor(row["sensor"]).name
    date = parse_date(found.facts["date"]) if "date" in found.facts else None
    assert date == (np.datetime64(row["date"]) if row["date"] else None)
    assert found.facts.get("platform", "") == row.get("platform", found.facts.get("platform", ""))
    assert found.facts.get("band", "") == row["band"]
    if row["band"]:
        assert found.band(row["band"]).answers_to(row["band"])


@pytest.mark.parametrize("path", UNRECOGNISED)
def test_name_that_proves_nothing_is_not_recognised(path: str) -> None:
    assert recognise(path) is None


@pytest.mark.parametrize(
    ("collection", "expected"),
    [
        ("sentinel-2-c1-l2a", "sentinel-2-l2a"),
        ("HLSL30_2.0", "hls-l30"),
        ("HLSS30.v2.0", "hls-s30"),
        ("hls2-s30", "hls-s30"),
        ("modis-09A1-061", "modis-09"),
        ("MOD13Q1_061", "modis-13"),
        ("naip", "naip"),
        ("sentinel-1-grd", "sentinel-1-grd"),
        ("sentinel-1-rtc", "sentinel-1-rtc"),
        ("COPERNICUS/S1_GRD", "sentinel-1-db"),
        ("alos-palsar-mosaic", "alos-palsar-2-mosaic"),
        ("cop-dem-glo-30", "dem-copernicus-30"),
        ("nasadem", "dem-nasadem"),
        ("esa-worldcover", "worldcover"),
        ("era5-pds", "era5-single"),
    ],
)
def test_stac_collection_is_recognised(collection: str, expected: str) -> None:
    found = recognise(stac={"collection": collection})
    assert found is not None
    assert (found.name, found.how) == (expected, f"STAC collection {collection}")
