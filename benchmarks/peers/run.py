"""How fast a whole scene is mapped, beside TerraTorch, GeoAI and Raster Vision: same scene, same network, one run.

    python benchmarks/peers/run.py [--size 2048] [--threads N] [--rounds 1] [--only NAME ...] [--environments FOLDER]

What is measured stands in peers.toml. Each peer is installed by uv from PyPI into an environment of its own under
FOLDER (default: .peers beside src/; about 7 GB each, most of it torch), once per pinned version; Python 3.12, which the
newest releases need, has to be where uv finds it. Each line of the table is a process of its own, one after another, in
float32 on the CPU with the same number of threads.

The scene: real Sentinel-2 pixels (tests/data/paris_2018.tif), four bands, mirrored to --size, as a tiled GeoTIFF. The
network: a U-Net with ResNet-34 of segmentation-models-pytorch, 8 classes, random weights of a fixed seed, batch norms
and head fitted to the scene so that all classes occur. Timed is the call that makes the map, reading and writing
included; not the imports, not loading the weights, not the network's first call. The shortest of --rounds counts.

Columns: seconds; processor seconds of all threads, which other load on the machine moves less; megapixels of the
scene per second; peak memory of the process, and how far it rose in the timed call; seconds as a multiple of ours;
share of pixels with the class that the whole-image forward gives. What could not be installed or run is listed with
the reason, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
from measure import BANDS, DIVISOR, TILE, Job, unet
from numpy.typing import NDArray

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
COLUMNS = ("system", "version", "what was run", "s", "CPU s", "Mpx/s", "peak MB", "rise MB", "x ours", "same classes")


class FailedError(Exception):
    """Why a system could not be installed or run."""


@dataclass(frozen=True)
class System:
    """A system of peers.toml."""

    name: str
    package: str
    runner: str
    run: list[dict[str, Any]]
    python: str | None = None
    requires: tuple[str, ...] = ()

    def interpreter(self, folder: Path) -> Path:
        """The interpreter of its environment, which is made where it is not there or holds something else.

        Raises:
            FailedError: with what uv says.
        """
        if not self.requires:
            return Path(sys.executable)
        home = folder / self.package
        python, note, wanted = home / "bin" / "python", home / "installed.txt", "\n".join((*self.requires, ""))
        if not (note.exists() and note.read_text() == wanted):
            beside = Path(sys.executable).with_name("uv")
            uv = str(beside) if beside.exists() else shutil.which("uv")
            if uv is None:
                raise FailedError("not installed: there is no uv; `pip install uv`")
            print(f"installing {self.name}", file=sys.stderr)
            _checked([uv, "venv", "--quiet", "--clear", "--python", self.python or "3.12", str(home)], "not installed")
            _checked([uv, "pip", "install", "--quiet", "--python", str(python), *self.requires], "not installed")
            note.write_text(wanted)
        return python


def make_scene(path: Path, size: int) -> NDArray[np.float32]:
    """Real pixels, mirrored at each turn so that there is no seam; returns a first tile, divided as the network's."""
    with rasterio.open(ROOT / "tests" / "data" / "paris_2018.tif") as source:
        values, profile = source.read(), source.profile
    mirrored = np.concatenate([values, values[:, ::-1]], 1)
    mirrored = np.concatenate([mirrored, mirrored[:, :, ::-1]], 2)
    repeats = -(-size // mirrored.shape[1])
    values = np.tile(mirrored, (1, repeats, repeats))[:, :size, :size]
    profile.update(width=size, height=size, tiled=True, blockxsize=512, blockysize=512, compress="deflate")
    with rasterio.open(path, "w", **profile) as target:
        target.write(values)
    return values[:BANDS, :TILE, :TILE].astype(np.float32) / DIVISOR


def make_weights(path: Path, tile: NDArray[np.float32]) -> None:
    """Random weights; norms have seen the tile, and logits have mean 0 and deviation 1, so that all classes occur."""
    torch.manual_seed(0)
    network, x = unet(), torch.from_numpy(tile)[None]
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(x)
        std, mean = torch.std_mean(network.eval()(x), (0, 2, 3))
        head = network.segmentation_head[0]
        head.weight.div_(std[:, None, None, None])
        head.bias.sub_(mean).div_(std)
    torch.save(network.state_dict(), path)


def run_once(python: Path, runner: str, job: Job, folder: Path, limit: float) -> dict[str, Any]:
    """What one measured call tells.

    Raises:
        FailedError: with the end of what the runner says.
    """
    told, answer = folder / "job.json", folder / "answer.json"
    told.write_text(json.dumps(asdict(job)))
    answer.unlink(missing_ok=True)
    _checked([str(python), str(HERE / runner), str(told), str(answer)], "not run", job.threads, limit)
    return dict(json.loads(answer.read_text()))


def _checked(command: list[str], failure: str, threads: int | None = None, limit: float | None = None) -> None:
    own = {} if threads is None else dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    own |= {"CUDA_VISIBLE_DEVICES": ""}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **own}, timeout=limit)
    except subprocess.TimeoutExpired:
        raise FailedError(f"{failure}: it took more than {limit:.0f} s") from None
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[-6:]
        raise FailedError(f"{failure}, status {done.returncode}: {' / '.join(line.strip() for line in lines)}")


def class_map(path: Path) -> NDArray[np.uint8]:
    """The map that a runner wrote: the file itself, or the one raster in the folder of that name."""
    if path.is_dir():
        (path,) = path.glob("*.tif")
    with rasterio.open(path) as source:
        return source.read(1)


def table(rows: list[dict[str, Any]], size: int) -> str:
    """The table, in Markdown."""
    ours = next((row["seconds"] for row in rows if row.get("ours") and "seconds" in row), None)
    whole = next((row["map"] for row in rows if row.get("whole") and "map" in row), None)
    lines = [COLUMNS, ("---",) * len(COLUMNS)]
    for row in rows:
        head = (row["system"], row.get("version", ""), row["what"])
        if "seconds" not in row:
            lines.append((*head, row["failed"], *[""] * (len(COLUMNS) - 4)))
            continue
        seconds = row["seconds"]
        same = "" if whole is None else f"{100 * np.mean(row['map'] == whole):.3f} %"
        times = "" if ours is None else f"{seconds / ours:.2f}"
        speed = f"{size * size / seconds / 1e6:.3f}"
        memory = (f"{row['peak_mb']:.0f}", f"{row['above_mb']:.0f}")
        lines.append((*head, f"{seconds:.1f}", f"{row['cpu_seconds']:.1f}", speed, *memory, times, same))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=2048, help="side of the scene in pixels")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of torch, for all alike")
    parser.add_argument("--rounds", type=int, default=1, help="the shortest of so many counts")
    parser.add_argument("--only", nargs="*", help="names of systems")
    parser.add_argument("--limit", type=float, default=1800, help="seconds after which a call is given up")
    parser.add_argument("--environments", type=Path, default=ROOT / ".peers", help="where peers are installed")
    asked = parser.parse_args()

    systems = [System(**told) for told in tomllib.loads((HERE / "peers.toml").read_text())["system"]]
    systems = [one for one in systems if not asked.only or one.name in asked.only]
    rows = [{"system": one.name, "of": one, **run} for one in systems for run in one.run]
    pythons: dict[str, Path | FailedError] = {}
    for one in systems:
        try:
            pythons[one.name] = one.interpreter(asked.environments.resolve())
        except FailedError as error:
            pythons[one.name] = error
    os.environ["SWATH_CACHE"] = str(asked.environments.resolve() / "swath-cache")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        scene, weights = folder / "scene.tif", folder / "weights.pt"
        make_weights(weights, make_scene(scene, asked.size))
        for number in range(asked.rounds):
            for index, row in enumerate(rows):
                out = folder / f"map_{number}_{index}.tif"
                job = Job(str(scene), str(weights), str(out), asked.threads, row["options"])
                try:
                    python = pythons[row["system"]]
                    if isinstance(python, FailedError):
                        raise python
                    told = run_once(python, row["of"].runner, job, folder, asked.limit)
                    if told["seconds"] < row.get("seconds", float("inf")):
                        row |= told | {"map": class_map(out)}
                except FailedError as error:
                    row["failed"] = str(error)
                print(f"{row['system']}: {row['what']}: {row.get('failed', row.get('seconds'))}", file=sys.stderr)

    print(f"{asked.size} x {asked.size} px, {asked.threads} threads, torch {'/'.join(_torches(rows))}, {_processor()}")
    print(f"load average before {load:.1f}, at the end {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors\n")
    print(table(rows, asked.size))
    return int(any("failed" in row for row in rows))


def _torches(rows: list[dict[str, Any]]) -> list[str]:
    return sorted({row["torch"] for row in rows if "torch" in row})


def _processor() -> str:
    told = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.partition(":")[2].strip() for line in told if line.startswith("model name")), platform.machine())
    return f"{name} ({torch.backends.cpu.get_cpu_capability()})"


if __name__ == "__main__":
    sys.exit(main())
