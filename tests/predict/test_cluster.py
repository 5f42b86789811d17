"""Prediction over workers of Dask: same pixels, also when one of them dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from distributed import Client, LocalCluster

import swath
from swath.errors import PredictError, ReadError
from swath.predict import predict
from swath.predict.blocks import blocks_of
from swath.predict.cluster import _parts
from swath.predict.match import match
from swath.predict.plan import Plan

from .toys import large, model, oscd

# Each worker imports torch anew, which takes seconds on a small machine.
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWATH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.syspath_prepend(str(Path(__file__).parents[2]))  # workers find the tests' networks as this process does
        yield tmp_path_factory.mktemp("maps")


@pytest.fixture(scope="module")
def scene(shared_data: Path) -> swath.Scene:
    return large(shared_data, 460, 520)


@pytest.fixture
def client(folder: Path) -> Iterator[Client]:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,  # type: ignore[no-untyped-call]
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        yield client


def same(a: Path, b: Path) -> None:
    for key in ("", ".confidence", ".probabilities"):
        one, other = (rasterio.open(path.with_name(f"{path.stem}{key}.tif")) for path in (a, b))
        with one, other:
            np.testing.assert_array_equal(one.read(), other.read())


def hidden(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir() if one.name.startswith(".")]


@pytest.mark.parametrize(("name", "options"), [("finer", {"tile": 48}), ("everywhere", {"tile": 64, "overlap": 0.5})])
def test_workers_make_the_same_pixels(
    scene: swath.Scene, folder: Path, client: Client, name: str, options: dict[str, Any]
) -> None:
    own = model(name, scene)
    here, there = folder / f"{name}.tif", folder / f"{name}-cluster.tif"
    predict(scene, own, out=here, probabilities=True, **options)
    steps: list[Any] = []
    product = predict(scene, own, out=there, probabilities=True, cluster=client, progress=steps.append, **options)
    same(here, there)
    assert steps[-1].done == steps[-1].total
    assert product.record is not None
    assert product.record["swath:run"]["blocks"] == steps[-1].total
    assert hidden(folder) == []


def test_a_worker_that_dies_is_replaced(scene: swath.Scene, folder: Path, client: Client) -> None:
    own = model("finer", scene)
    here, there = folder / "alive.tif", folder / "killed.tif"
    predict(scene, own, out=here, tile=48, probabilities=True)
    killed: list[int] = []

    def kill(status: Any) -> None:
        if status.done > 0.3 * status.total and not killed:
            pid = next(iter(client.run(os.getpid).values()))
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    predict(scene, own, out=there, tile=48, probabilities=True, cluster=client, progress=kill)
    assert killed
    same(here, there)
    assert hidden(folder) == []


def test_errors_of_workers_arrive(shared_data: Path, folder: Path, client: Client, tmp_path: Path) -> None:
    source = tmp_path / "scene.tif"
    source.write_bytes((shared_data / "oscd_s2_4band" / "pisa_t1.tif").read_bytes())
    scene = swath.open(source, sensor="sentinel-2-l1c@pre-04.00")
    own = model("finer", scene)

    def change(status: Any) -> None:
        os.utime(source, (1, 1))

    with pytest.raises(ReadError, match="changed"):
        predict(scene, own, out=folder / "never.tif", tile=48, cluster=client, progress=change)


def test_no_scheduler_is_said(shared_data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swath.predict.cluster._PATIENCE", 1)
    scene = oscd(shared_data)
    with pytest.raises(PredictError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        predict(scene, model("finer", scene), out=folder / "none.tif", cluster="tcp://127.0.0.1:9")


def test_parts_are_squares_that_hold_each_block_once(scene: swath.Scene) -> None:
    own = model("everywhere", scene)
    feed = match(scene, own.card)
    blocks = blocks_of(Plan.of(feed.grid, own.card, tile=32))
    for workers in (1, 2, 7, 500):
        parts = _parts(blocks, workers)
        assert sorted(block.cells for part in parts for block in part) == sorted(block.cells for block in blocks)
        assert len(parts) >= min(workers, len(blocks))
        rows = {max(b.cells[0][0] for b in part) - min(b.cells[0][0] for b in part) for part in parts}
        assert max(rows) < 8
