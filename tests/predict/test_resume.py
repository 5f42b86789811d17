"""Runs that are killed, stopped, or fail, and what they leave behind."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import swath
from swath.errors import PredictError, WriteError
from swath.models.model import Model
from swath.predict import predict
from swath.predict.journal import Journal
from swath.predict.run import Interrupted
from swath.scene.write import CogWriter

from .toys import Finer, large, model, shown


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWATH_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def scene(shared_data: Path) -> swath.Scene:
    return large(shared_data, 220, 260)


@pytest.fixture(scope="module")
def own(scene: swath.Scene) -> Model:
    return model("finer", scene)


OPTIONS: dict[str, Any] = {"tile": 32, "batch": 1, "probabilities": True, "precision": "float32"}


def hidden(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir() if one.name.startswith("."))


def same(a: Path, b: Path) -> None:
    """All files of two products hold the same numbers."""
    for key in ("", ".confidence", ".probabilities"):
        one, other = (rasterio.open(path.with_name(f"{path.stem}{key}.tif")) for path in (a, b))
        with one, other:
            np.testing.assert_array_equal(one.read(), other.read())


RUN = """
    import os, sys, time
    from pathlib import Path
    from tests.predict.toys import large, model
    from swath.predict import predict
    folder, out, log = map(Path, sys.argv[1:4])
    scene = large(folder, 300, 420)
    own = model("finer", scene)
    forward = type(own.network).forward
    count = open(log, "a")
    def counted(self, x):
        count.write("x"); count.flush(); time.sleep(0.005)
        return forward(self, x)
    type(own.network).forward = counted
    predict(scene, own, tile=32, batch=1, probabilities=True, precision="float32", out=out, resume=True)
"""


def test_a_killed_run_goes_on_where_it_stopped(shared_data: Path, tmp_path: Path) -> None:
    scene = large(shared_data, 300, 420)
    own = model("finer", scene)
    whole, out = tmp_path / "whole.tif", tmp_path / "out.tif"
    calls = []

    class Counting(Finer):
        def forward(self, x: Any) -> Any:
            calls.append(1)
            return super().forward(x)

    network = Counting()
    network.load_state_dict(own.network.state_dict())
    counting = replace(own, network=network)
    product = predict(scene, counting, out=whole, **OPTIONS)
    assert product.record is not None
    asked, tiles = len(calls), product.record["swath:run"]["tiles"]
    calls.clear()
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", textwrap.dedent(RUN), str(shared_data), str(out), str(tmp_path / "log")]
    process = subprocess.Popen(command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)})
    journal = tmp_path / ".out.tif.journal"
    limit = time.monotonic() + 120
    while time.monotonic() < limit and process.poll() is None:
        if journal.exists() and journal.read_text().count("block") >= tiles // 2:
            break
        time.sleep(0.005)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    first = len((tmp_path / "log").read_text())
    assert not out.exists()
    assert 0.4 * tiles < first < 0.9 * tiles
    predict(scene, counting, out=out, resume=True, **OPTIONS)
    ran = first + len(calls)
    assert asked <= ran <= asked + 0.05 * tiles
    same(whole, out)
    assert hidden(tmp_path) == []


def stop_at(share: float, error: BaseException) -> Any:
    def progress(status: Any) -> None:
        if status.done >= share * status.total:
            raise error

    return progress


@pytest.mark.parametrize("name", ["finer", "everywhere", "labels"])
def test_ctrl_c_says_how_to_go_on(scene: swath.Scene, tmp_path: Path, name: str) -> None:
    own = model(name, scene, task="classification" if name == "labels" else "segmentation")
    own = own.with_card(tile={"size": 16}) if name == "labels" else own
    whole, out = tmp_path / "whole.tif", tmp_path / "out.tif"
    options = {"tile": None if name == "labels" else 32, "probabilities": True}
    predict(scene, own, out=whole, **options)
    with pytest.raises(Interrupted, match=r"stopped at [3456]\d %.*out.tif again with resume=True"):
        predict(scene, own, out=out, progress=stop_at(0.4, KeyboardInterrupt()), **options)
    assert not out.exists()
    assert hidden(tmp_path)
    product = predict(scene, own, out=out, resume=True, **options)
    assert product.record is not None
    run = product.record["swath:run"]
    assert 0.3 * run["blocks"] < run["resumed"] < 0.7 * run["blocks"]
    same(whole, out)
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("moment", ["before it is noted", "before its blocks are gone", "while they go"])
@pytest.mark.parametrize("key", ["probabilities", ""])
def test_a_run_that_is_killed_between_two_files_goes_on(
    scene: swath.Scene, own: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, key: str
) -> None:
    whole, out = tmp_path / "whole.tif", tmp_path / "out.tif"
    predict(scene, own, out=whole, **OPTIONS)
    note, discard = Journal.finish, CogWriter.discard
    path = out.with_name(f"out.{key}.tif") if key else out

    def killed_note(self: Journal, finished: str) -> None:
        if finished != key or moment != "before it is noted":
            note(self, finished)
        if finished == key and not moment.startswith("while"):
            raise MemoryError

    def killed_discard(self: CogWriter) -> None:
        if self.path == path and moment.startswith("while"):
            next((tmp_path / f".{path.name}.partial").glob("*.tif")).unlink()
            raise MemoryError
        discard(self)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "finish", killed_note)
        patch.setattr(CogWriter, "discard", killed_discard)
        with pytest.raises(MemoryError):
            predict(scene, own, out=out, **OPTIONS)
    assert path.exists()
    product = predict(scene, own, out=out, resume=True, **OPTIONS)
    assert product.record is not None
    assert product.record["swath:run"]["resumed"] == product.record["swath:run"]["blocks"]
    same(whole, out)
    assert hidden(tmp_path) == []


def test_blocks_that_are_gone_are_not_taken_for_nothing(scene: swath.Scene, own: Model, tmp_path: Path) -> None:
    out = tmp_path / "out.tif"
    with pytest.raises(Interrupted):
        predict(scene, own, out=out, progress=stop_at(0.3, KeyboardInterrupt()), **OPTIONS)
    shutil.rmtree(tmp_path / ".out.confidence.tif.partial")
    with pytest.raises(PredictError, match=r"out.confidence.tif: blocks .* are gone .* begin anew with resume=False"):
        predict(scene, own, out=out, resume=True, **OPTIONS)


def test_a_file_that_is_somebody_elses_is_not_replaced_by_going_on(
    scene: swath.Scene, own: Model, tmp_path: Path
) -> None:
    out = tmp_path / "out.tif"
    with pytest.raises(Interrupted):
        predict(scene, own, out=out, progress=stop_at(0.3, KeyboardInterrupt()), **OPTIONS)
    out.write_text("mine")
    with pytest.raises(WriteError, match="exists already"):
        predict(scene, own, out=out, resume=True, **OPTIONS)
    assert out.read_text() == "mine"


def test_a_run_of_another_plan_is_not_gone_on_with(scene: swath.Scene, own: Model, tmp_path: Path) -> None:
    out = tmp_path / "out.tif"
    with pytest.raises(Interrupted):
        predict(scene, own, out=out, progress=stop_at(0.3, KeyboardInterrupt()), **OPTIONS)
    with pytest.raises(PredictError, match=r"plan.tile was \[32, 32\] and is \[64, 64\].*resume=False"):
        predict(scene, own, out=out, resume=True, **OPTIONS | {"tile": 64})
    other = replace(own, network=Finer())
    with pytest.raises(PredictError, match="weights was"):
        predict(scene, other, out=out, resume=True, **OPTIONS)
    values, _ = scene.read()
    darker = shown(values[0] * 0.9, scene.grid)
    with pytest.raises(PredictError, match=r"inputs\.sources was"):
        predict(darker, own, out=out, resume=True, **OPTIONS)
    product = predict(scene, own, out=out, **OPTIONS)
    assert product.record is not None
    assert product.record["swath:run"]["resumed"] == 0


def test_a_journal_that_was_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    product = tmp_path / "a.tif"
    journal = Journal.begin(product, {"plan": {"tile": (8, 8)}}, resume=False)
    journal.note([(0, 0), (0, 1)])
    journal.note([(0, 2)])
    with journal.path.open("a") as file:
        file.write('{"block": [0')
    again = Journal.begin(product, {"plan": {"tile": (8, 8)}}, resume=True)
    assert again.done == {(0, 0), (0, 1), (0, 2)}
    again.note([(0, 3)])
    again.finish("confidence")
    last = Journal.begin(product, {"plan": {"tile": (8, 8)}}, resume=True)
    assert last.done == {(0, k) for k in range(4)}
    assert last.finished == {"confidence"}
    with pytest.raises(PredictError, match=r"plan.tile was \[8, 8\] and is \[9, 9\]"):
        Journal.begin(product, {"plan": {"tile": (9, 9)}}, resume=True)
    assert Journal.begin(product, {"plan": {"tile": (9, 9)}}, resume=False).done == set()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A disk that takes so many pieces and then is full: the number may be set."""
    left = [10**9]
    write = Path.write_bytes

    def limited(self: Path, content: Any) -> int:
        if self.parent.suffix == ".partial":
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", limited)
    return left


def test_a_full_disk_is_said_and_the_run_goes_on_later(
    scene: swath.Scene, own: Model, tmp_path: Path, full_disk: list[int]
) -> None:
    out = tmp_path / "out.tif"
    full_disk[0] = 90
    with pytest.raises(WriteError, match="the disk is full: free some space"):
        predict(scene, own, out=out, **OPTIONS)
    assert [one.name for one in tmp_path.iterdir() if not one.name.startswith(".")] == []
    full_disk[0] = 10**9
    product = predict(scene, own, out=out, resume=True, **OPTIONS)
    assert product.record is not None
    assert product.record["swath:run"]["resumed"] > 10
    predict(scene, own, out=tmp_path / "whole.tif", **OPTIONS)
    same(tmp_path / "whole.tif", out)


def test_a_disk_that_is_full_at_once_keeps_nothing(
    scene: swath.Scene, own: Model, tmp_path: Path, full_disk: list[int]
) -> None:
    full_disk[0] = 4
    valid = scene.select(window=np.s_[150:, 200:])  # where the first block already holds something
    with pytest.raises(WriteError, match="the disk is full"):
        predict(valid, own, out=tmp_path / "out.tif", **OPTIONS)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said_before_any_tile_is_run(
    scene: swath.Scene, own: Model, tmp_path: Path
) -> None:
    with pytest.raises(WriteError, match="the folder does not exist"):
        predict(scene, own, out=tmp_path / "gone" / "out.tif", progress=stop_at(0, AssertionError()), **OPTIONS)


def test_a_file_that_changes_meanwhile_is_said(shared_data: Path, tmp_path: Path) -> None:
    source = tmp_path / "scene.tif"
    source.write_bytes((shared_data / "oscd_s2_4band" / "pisa_t1.tif").read_bytes())
    scene = swath.open(source, sensor="sentinel-2-l1c@pre-04.00")
    own = model("finer", scene)
    seen = []

    def change(status: Any) -> None:
        seen.append(status.done)
        os.utime(source, (1, 1))

    with pytest.raises(swath.SwathError, match="changed"):
        predict(scene, own, out=tmp_path / "out.tif", tile=64, progress=change)
    assert seen
