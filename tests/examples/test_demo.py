"""The demo runs, and what it says it wrote is there and can be opened."""

from __future__ import annotations

import runpy
from pathlib import Path

import geopandas as gpd
import pytest

from swath.predict.product import Product

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def test_the_demo_writes_maps_shapes_records_and_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo = runpy.run_path(str(EXAMPLES / "demo.py"))
    demo["main"](tmp_path)
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


def test_the_imagery_is_small_and_every_file_is_told_of() -> None:
    files = [path for path in (EXAMPLES / "data").iterdir() if path.suffix == ".tif"]
    told = (EXAMPLES / "data" / "README.md").read_text(encoding="utf-8")
    assert sum(path.stat().st_size for path in files) < 3e6
    assert all(f"`{path.name}`" in told for path in files)
