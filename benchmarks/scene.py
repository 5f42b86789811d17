"""How fast scenes open and read, as ratios to plain rasterio in the same run.

    python benchmarks/scene.py [--data FOLDER]

FOLDER holds real imagery (default: the environment's SWATH_TEST_DATA/data); without it the repository's own small files
are tiled to a larger raster. Prints one table.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window

import swath

OWN = Path(__file__).parent.parent / "tests" / "data"


def large_raster(folder: Path, size: int = 4096) -> Path:
    """Real pixels, mirrored over and over, as a tiled file of four bands with nodata."""
    path = folder / "large.tif"
    with rasterio.open(OWN / "paris_2018.tif") as source:
        tile, profile = source.read(), source.profile
    mirrored = np.concatenate(
        [np.concatenate([tile, tile[:, :, ::-1]], 2), np.concatenate([tile, tile[:, :, ::-1]], 2)[:, ::-1]], 1
    )
    repeats = -(-size // mirrored.shape[1])
    profile.update(width=size, height=size, tiled=True, blockxsize=512, blockysize=512, compress="deflate", nodata=0)
    with rasterio.open(path, "w", **profile) as target:
        target.write(np.tile(mirrored, (1, repeats, repeats))[:, :size, :size])
    return path


def read_windows(size: int, count: int) -> list[tuple[slice, slice]]:
    """Windows of 512 px at places that do not fit the file's blocks."""
    random = np.random.default_rng(0)
    corners = random.integers(0, size - 512, (count, 2))
    return [(slice(int(y), int(y) + 512), slice(int(x), int(x) + 512)) for y, x in corners]


def timed(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def reading(folder: Path) -> list[tuple[str, str, str]]:
    path = large_raster(folder)
    windows = read_windows(4096, 60)

    def fresh(i: int, who: str) -> Path:
        """The same file under a new name, so that nobody finds decoded blocks of an earlier pass in GDAL's cache."""
        link = folder / f"{who}{i}.tif"
        os.link(path, link)
        return link

    def ours(path: Path) -> None:
        scene = swath.open(path, sensor="sentinel-2-l1c@pre-04.00", bands=["B02", "B03", "B04", "B08"])
        for window in windows:
            scene.read(window)

    def plain_values(path: Path) -> None:
        with rasterio.open(path) as dataset:
            for window in windows:
                dataset.read(window=Window.from_slices(*window))

    def plain_same(path: Path) -> None:
        """What `Scene.read` gives, by rasterio's own means: float32 in units, NaN where invalid, validity."""
        with rasterio.open(path) as dataset:
            for window in windows:
                where = Window.from_slices(*window)
                values = dataset.read(window=where, out_dtype="float32") * np.float32(1e-4)
                valid = dataset.read_masks(window=where) > 0
                values[~valid] = np.nan

    ratios_same, ratios_values = [], []
    for i in range(5):
        mine = timed(lambda i=i: ours(fresh(i, "a")))
        same = timed(lambda i=i: plain_same(fresh(i, "b")))
        values = timed(lambda i=i: plain_values(fresh(i, "c")))
        ratios_same.append(same / mine)
        ratios_values.append(values / mine)
    return [
        (
            "512 px windows: speed against rasterio giving the same (float32, units, validity)",
            f"{statistics.median(ratios_same):.2f}",
            ">= 0.9",
        ),
        (
            "512 px windows: speed against rasterio giving bare stored numbers",
            f"{statistics.median(ratios_values):.2f}",
            "-",
        ),
    ]


def opening(folder: Path) -> list[tuple[str, str, str]]:
    series = folder / "series"
    series.mkdir()
    for day in range(400):
        date = np.datetime64("2015-01-03") + np.timedelta64(7 * day, "D")
        shutil.copy(OWN / "paris_2015.tif", series / f"paris_{date}.tif")
    swath.open(OWN / "paris_2015.tif")
    ours = timed(lambda: swath.open(series))
    plain = timed(lambda: [rasterio.open(path).close() for path in sorted(series.iterdir())])
    return [
        ("opening 400 dated files", f"{ours:.2f} s", "< 3 s"),
        ("... against rasterio opening and closing them", f"{ours / plain:.1f} x", "-"),
    ]


def information(data: Path) -> list[tuple[str, str, str]]:
    path = next(data.glob("worldcover_huge_cog/**/*_Map.tif"), None)
    if path is None:
        return []
    command = [str(Path(sys.executable).parent / "swath"), "info", str(path), "--json"]
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
    size = json.loads(done.stdout)
    assert "36000" in json.dumps(size)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [
        ("swath info on the 36,000 x 36,000 COG (whole process)", f"{min(seconds):.2f} s", "< 2 s"),
        ("... its peak memory", f"{peak:.0f} MB", "< 300 MB"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = os.environ.get("SWATH_TEST_DATA")
    parser.add_argument("--data", type=Path, default=Path(root) / "data" if root else OWN)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [*information(arguments.data), *reading(Path(folder)), *opening(Path(folder))]
    width = max(len(row[0]) for row in rows)
    print(f"{'what':{width}}  measured  wanted")
    for what, measured, wanted in rows:
        print(f"{what:{width}}  {measured:>8}  {wanted}")


if __name__ == "__main__":
    main()
