"""Nothing is half written: not by an error, not by a kill, not by a full disk; and a killed run goes on."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from swath.errors import WriteError
from swath.scene.write import CogWriter, Layer, atomic_path, write_cog

GRID = GeoBox((1200, 1000), Affine(10, 0, 500000, 0, -10, 5000000), "EPSG:32632")
LAYERS = [Layer("a", "uint16", nodata=0), Layer("b", "uint16", nodata=0)]


def windows(grid: GeoBox = GRID, side: int = 200) -> list[tuple[slice, slice]]:
    height, width = grid.shape
    return [np.s_[y : y + side, x : x + side] for y in range(0, height, side) for x in range(0, width, side)]


def values_at(window: tuple[slice, slice]) -> np.ndarray:
    """Numbers that say where they are, so that a block in a wrong place shows."""
    y, x = np.mgrid[window]
    return np.stack([y * 7 + x * 13 + 1, y * 31 + x * 3 + 1]).astype("uint16")


def run(code: str, *arguments: object) -> subprocess.Popen[str]:
    here = "import os, resource, signal, sys, time; sys.path.insert(0, sys.argv[1])\nfrom test_write_atomic import *\n"
    command = [sys.executable, "-c", here + textwrap.dedent(code), str(Path(__file__).parent), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


# --- a path that appears when it is whole ---------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [False, True])
def test_success_and_failure(tmp_path: Path, folder: bool) -> None:
    target = tmp_path / "it.zarr"

    def fill(temporary: Path, text: str) -> None:
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".it.")
        assert temporary.suffix == ".zarr"
        if folder:
            temporary.mkdir()
            (temporary / "zarr.json").write_text(text)
        else:
            temporary.write_text(text)

    def read() -> str:
        return (target / "zarr.json" if folder else target).read_text()

    def fail(overwrite: bool) -> None:
        with atomic_path(target, overwrite=overwrite) as temporary:
            fill(temporary, "half")
            temporary.with_name(temporary.name + "-journal").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail(overwrite=False)
    assert names(tmp_path) == []
    with atomic_path(target) as temporary:
        fill(temporary, "first")
        assert not target.exists()
    assert read() == "first"
    with pytest.raises(WriteError, match=r"exists already: .* overwrite=True \(`--overwrite`\)"), atomic_path(target):
        pytest.fail("the block must not run")
    with pytest.raises(KeyboardInterrupt):
        fail(overwrite=True)
    assert read() == "first"
    with atomic_path(target, overwrite=True) as temporary:
        fill(temporary, "second")
    assert read() == "second"
    assert names(tmp_path) == ["it.zarr"]


def test_a_folder_of_other_things_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results/precious.txt").touch()
    with (
        pytest.raises(WriteError, match="is a folder and no Zarr store"),
        atomic_path(tmp_path / "results", overwrite=True),
    ):
        pytest.fail("the block must not run")
    assert names(tmp_path / "results") == ["precious.txt"]


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cases = {
        tmp_path / "absent/x.tif": "the folder does not exist",
        tmp_path / "file/x.tif": "is a file, not a folder",
        tmp_path / ("n" * 300 + ".tif"): "the name is too long",
        Path("/proc/x.tif"): "cannot be written",
        Path("/"): "is not a file name",
    }
    for path, message in cases.items():
        with pytest.raises(WriteError, match=message):
            CogWriter(path, GRID, LAYERS)
    assert names(tmp_path) == ["file"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB where the system lets one be made."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("a small disk cannot be mounted here: " + made.stderr.decode().strip())
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_while_blocks_are_written(small_disk: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 2**16, (2, 1200, 1000)).astype("uint16")
    with pytest.raises(WriteError, match=r"noise.tif cannot be written: the disk is full: free some space"):
        write_cog(small_disk / "noise.tif", GRID, noise, LAYERS)
    assert names(small_disk) == []


def test_a_full_disk_while_the_product_is_made(small_disk: Path) -> None:
    """The blocks fit, the product beside them does not; once there is room, it is made of the same blocks."""
    noise = np.random.default_rng(0).integers(1, 2**16, (2, 500, 600)).astype("uint16")
    grid = GRID[:500, :600]
    writer = CogWriter(small_disk / "noise.tif", grid, LAYERS)
    writer.write(np.s_[:, :], noise)
    with pytest.raises(WriteError, match=r"noise.tif cannot be written: the disk is full"):
        writer.finish()
    assert names(small_disk) == [".noise.tif.partial"]
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    with CogWriter(small_disk / "noise.tif", grid, LAYERS, resume=True) as writer:
        assert writer.has(np.s_[:, :])
    assert names(small_disk) == ["noise.tif"]
    with rasterio.open(small_disk / "noise.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(), noise)


def test_a_read_only_disk(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(WriteError, match="the disk is read-only: choose a folder you may write to"):
        CogWriter(small_disk / "x.tif", GRID, LAYERS)


def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    code = """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        noise = np.random.default_rng(0).integers(0, 2**16, (2, 1200, 1000)).astype("uint16")
        for limit in (100_000, 4_900_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                write_cog(Path(sys.argv[2]) / "noise.tif", GRID, noise, LAYERS)
            except WriteError as error:
                print(error)
    """
    process = run(code, tmp_path)
    out, err = process.communicate()
    assert process.returncode == 0, err
    block, product = out.splitlines()
    assert "noise.tif cannot be written: the file is larger than this system lets a file be" in block
    assert "noise.tif cannot be written: " in product
    assert "Traceback" not in err
    assert names(tmp_path) == []


# --- killed, and gone on with ---------------------------------------------------------------------------------------

SLOW = """
    with CogWriter(sys.argv[2], GRID, LAYERS, resume=True, block=128, job="plan 1") as writer:
        for window in windows():
            if not writer.has(window):
                writer.write(window, values_at(window))
                print(".", end="", flush=True)
                time.sleep(0.02)
"""


def test_killed_and_resumed(tmp_path: Path) -> None:
    """Killed again and again at any moment, the product is in the end the one of a run in peace."""
    path, rounds = tmp_path / "big.tif", 0
    while not path.exists():
        process = run(SLOW, path)
        assert process.stdout is not None
        head = process.stdout.read(8)
        if head:  # at least one block is on its way
            time.sleep(0.01 * (rounds % 3))
            if rounds < 2:
                assert not path.exists()
                process.send_signal(signal.SIGKILL)
        rest, err = process.communicate()
        if process.returncode == 0:
            assert 0 < len(head + rest) <= len(windows()) - 8 * rounds
        else:
            assert process.returncode == -signal.SIGKILL, err
            assert names(tmp_path) == [".big.tif.partial"]
        rounds += 1
        assert rounds < 10
    assert rounds == 3
    assert names(tmp_path) == ["big.tif"]
    whole = values_at(np.s_[0:1200, 0:1000])
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(dataset.read(), whole)
        assert float(dataset.tags(2)["STATISTICS_MEAN"]) == pytest.approx(whole[1].mean(), rel=1e-12)


def test_killed_while_the_product_is_made(tmp_path: Path) -> None:
    code = """
        import swath.scene.write.convert as convert
        convert.rasterio.shutil.copy = lambda *a, **k: (Path(a[1]).touch(), os.kill(os.getpid(), signal.SIGKILL))
        with CogWriter(sys.argv[2], GRID, LAYERS, resume=True) as writer:
            writer.write(np.s_[:, :], values_at(np.s_[0:1200, 0:1000]))
    """
    process = run(code, tmp_path / "x.tif")
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert names(tmp_path) == [".x.tif.partial"]
    with CogWriter(tmp_path / "x.tif", GRID, LAYERS, resume=True):
        pass
    with rasterio.open(tmp_path / "x.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(), values_at(np.s_[0:1200, 0:1000]))
    assert names(tmp_path) == ["x.tif"]


def test_several_processes_write_one_product(tmp_path: Path) -> None:
    code = """
        writer = CogWriter(sys.argv[2], GRID, LAYERS, resume=True)
        for window in windows()[int(sys.argv[3])::2]:
            writer.write(window, values_at(window))
        writer.flush()
    """
    workers = [run(code, tmp_path / "x.tif", at) for at in range(2)]
    errors = [worker.communicate()[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    CogWriter(tmp_path / "x.tif", GRID, LAYERS, resume=True).finish()
    with rasterio.open(tmp_path / "x.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(), values_at(np.s_[0:1200, 0:1000]))


def test_only_the_same_job_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    nan = [Layer("a", "float32", nodata=float("nan"), classes=None)]
    CogWriter(path, GRID, nan, job="plan 1", resume=True).write(np.s_[:, :], np.zeros((1, 1200, 1000)))
    assert CogWriter(path, GRID, nan, job="plan 1", resume=True).has(np.s_[:, :])
    others = [(GRID, nan, "plan 2"), (GRID, LAYERS, "plan 1"), (GRID.pad(1), nan, "plan 1")]
    for grid, layers, job in others:
        with pytest.raises(WriteError, match="cannot be gone on with: pass resume=False"):
            CogWriter(path, grid, layers, job=job, resume=True)
    assert not CogWriter(path, GRID, nan, job="plan 2").has(np.s_[:, :])


def test_a_writer_that_cannot_begin_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    CogWriter(tmp_path / "y.tif", GRID, LAYERS, job="plan 1").write(np.s_[0:10, 0:10], values_at(np.s_[0:10, 0:10]))
    (tmp_path / ".y.tif.partial" / "job.json").unlink()
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteError, match="the disk is full"):
        CogWriter(tmp_path / "x.tif", GRID, LAYERS)
    with pytest.raises(WriteError, match="the disk is full"):
        CogWriter(tmp_path / "y.tif", GRID, LAYERS, job="plan 1", resume=True)
    assert names(tmp_path) == [".y.tif.partial"], "blocks of an earlier run stay"


def test_an_error_in_the_block(tmp_path: Path) -> None:
    def fail(resume: bool) -> None:
        with CogWriter(tmp_path / "x.tif", GRID, LAYERS, resume=resume) as writer:
            writer.write(np.s_[0:10, 0:10], values_at(np.s_[0:10, 0:10]))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail(resume=False)
    assert names(tmp_path) == []
    with pytest.raises(ZeroDivisionError):
        fail(resume=True)
    assert names(tmp_path) == [".x.tif.partial"]


def test_the_old_product_stands_until_the_new_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    named = Layer("a", "uint8", kind="categorical", classes={1: "old"})
    write_cog(path, GRID, np.ones(GRID.shape, "uint8"), [named])
    assert names(tmp_path) == ["x.tif", "x.tif.aux.xml"]
    with pytest.raises(WriteError, match="exists already"):
        write_cog(path, GRID, np.zeros(GRID.shape, "uint8"))
    with CogWriter(path, GRID, [Layer("a", "uint8")], overwrite=True) as writer:
        writer.write(np.s_[:, :], np.zeros((1, *GRID.shape), "uint8"))
        with rasterio.open(path) as dataset:
            assert dataset.read(1).all()
    with rasterio.open(path) as dataset:
        assert not dataset.read(1).any()
    assert "old" not in "".join(p.read_text() for p in tmp_path.glob("*.xml"))


# --- memory ---------------------------------------------------------------------------------------------------------

MEMORY = """
    side = int(sys.argv[3])
    grid = GeoBox((side, side), GRID.affine, GRID.crs)
    classes = {i: f"class {i}" for i in range(11)}
    layer = Layer("class", "uint8", nodata=255, kind="categorical", classes=classes)
    tile = np.kron(np.random.default_rng(0).integers(0, 11, (1, 64, 64)), np.ones((1, 16, 16))).astype("uint8")
    with CogWriter(sys.argv[2], grid, [layer]) as writer:
        for y, x in windows(grid, 1024):
            height, width = len(range(side)[y]), len(range(side)[x])
            writer.write((slice(y.start, y.start + height), slice(x.start, x.start + width)), tile[:, :height, :width])
    with rasterio.open(sys.argv[2]) as dataset:
        last = dataset.read(1, window=((side - 8, side), (side - 8, side)))
        at = (side - 8) % 1024
        assert (last == tile[0, at:at + 8, at:at + 8]).all()
    # Not ru_maxrss, which remembers the process that started this one.
    print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is asked of Linux")
@pytest.mark.parametrize("side", [6_000, pytest.param(20_000, marks=pytest.mark.long)])
def test_memory_does_not_grow_with_the_scene(tmp_path: Path, side: int) -> None:
    process = run(MEMORY, tmp_path / "x.tif", side)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert int(out) < 400, f"{out} MB"
