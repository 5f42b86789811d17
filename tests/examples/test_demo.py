"""The demo runs, and what it says it wrote is there and can be opened."""

from __future__ import annotations

import runpy
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from swath.predict.product import Product

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def test_the_demo_writes_maps_shapes_records_and_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo = runpy.run_path(str(EXAMPLES / "demo.py"))
    began = time.process_time()
    demo["main"](tmp_path)
    # Seconds of processors, which other work does not lengthen: within three minutes even if a second core had no part.
    assert time.process_time() - began < 180
    said = capsys.readouterr().out
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    jobs = [job for job in demo["JOBS"] if demo["is_here"](job)]
    assert jobs
    for job in jobs:
        product = Product.open(tmp_path / f"{job.name}.tif")
        assert product.record is not None
        assert product.classes
        assert gpd.read_file(tmp_path / f"{job.name}.gpkg")["name"].isin(product.classes.values()).all()
        assert (tmp_path / f"{job.name}.png").stat().st_size > 10_000
        assert job.told["title"] in page
        assert job.told["title"] in said
    assert str(tmp_path / "index.html") in said
    with rasterio.open(tmp_path / "nantes_greenness.tif") as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    # The same by hand: greener is a rise of NDVI by more than 0.15.
    before, after = (ndvi(EXAMPLES / "data" / f"nantes_{date}.tif") for date in ("before", "after"))
    greener = float((after - before > 0.15).sum()) * 10.285**2 / 1e4  # m: a pixel on the ground
    assert Product.open(tmp_path / "nantes_greenness.tif").areas()["greener"] == pytest.approx(greener, rel=0.01)


def ndvi(path: Path) -> NDArray[np.float64]:
    with rasterio.open(path) as dataset:
        red, nir = dataset.read([3, 4]).astype(float)
    return np.asarray((nir - red) / (nir + red))


def test_the_imagery_is_small_and_every_file_is_told_of() -> None:
    files = [path for path in (EXAMPLES / "data").iterdir() if path.suffix == ".tif"]
    told = (EXAMPLES / "data" / "README.md").read_text(encoding="utf-8")
    assert sum(path.stat().st_size for path in files) < 3e6
    assert all(f"`{path.name}`" in told for path in files)
