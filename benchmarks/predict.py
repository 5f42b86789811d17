"""What the engine costs: memory by scene size, speed against the bare network, and what bfloat16 changes.

    python benchmarks/predict.py [memory] [speed] [trained] [--largest PIXELS] [--size PIXELS]

Scenes are real Sentinel-2 pixels (tests/data/paris_2018.tif), mirrored over and over. Those for memory are sparse: a
band of tiles along the diagonal is filled, the rest is nodata, so that the largest fits a disk and an hour. Ratios are
of one run; each memory figure is of a process of its own. Weights are random, with batch norm settled on the images and
logits of mean 0 and deviation 1, so that all classes occur; `trained` tells what bfloat16 changes for shipped ones, on
the imagery in examples/data.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import rasterio
import segmentation_models_pytorch as smp
import torch
from rasterio.windows import Window
from torch import nn

import swath
from swath.models import MeanStd, ReceptiveField
from swath.scene.gdal import set_defaults

OWN = Path(__file__).parent.parent / "tests" / "data" / "paris_2018.tif"
EXAMPLES = Path(__file__).parent.parent / "examples" / "data"
SENSOR = "sentinel-2-l1c@pre-04.00"
CLASSES = [f"class {i}" for i in range(8)]
# As `Model.probe_field` finds it for this architecture, see tests/models/test_field.py.
RESNET18 = ReceptiveField(radius=311, halo=288, stride=32)
TILE = 512


def mirrored(size: int) -> np.ndarray:
    """Real pixels `[4, size, size]` without a seam."""
    with rasterio.open(OWN) as source:
        tile = source.read()
    pair = np.concatenate([tile, tile[:, ::-1]], 1)
    square = np.concatenate([pair, pair[:, :, ::-1]], 2)
    repeats = -(-size // square.shape[1])
    return np.tile(square, (1, repeats, repeats))[:, :size, :size]


def scene_file(path: Path, size: int, *, sparse: bool) -> Path:
    """A tiled GeoTIFF of four bands: all filled, or 1,024 px squares along the diagonal, 16 of them at any size."""
    with rasterio.open(OWN) as source:
        profile = source.profile | {"width": size, "height": size, "nodata": 0, "compress": "deflate", "tiled": True}
    profile |= {"blockxsize": 512, "blockysize": 512, "sparse_ok": True, "bigtiff": "if_safer"}
    with rasterio.open(path, "w", **profile) as target:
        if not sparse:
            target.write(mirrored(size))
            return path
        block = mirrored(1024)
        for i in range(16):
            at = (size - 1024) * i // 15 // 512 * 512
            target.write(
                block[:, : size - at, : size - at], window=Window(at, at, min(1024, size - at), min(1024, size - at))
            )
    return path


def made(encoder: str, scene: swath.Scene) -> swath.Model:
    """A U-Net for the scene, settled on its pixels."""
    torch.manual_seed(0)
    network = smp.Unet(encoder, encoder_weights=None, in_channels=4, classes=len(CLASSES))
    model = swath.Model.wrap(
        network, task="segmentation", like=scene, classes=CLASSES, normalisation=MeanStd(mean=0.1, std=0.05)
    )
    values, valid = scene.read(np.s_[:256, :256])
    settle(network, model.normalise(values, valid)[0] if values.ndim == 5 else model.normalise(values, valid))
    return model


def settle(network: nn.Module, images: torch.Tensor) -> None:
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        for _ in range(2):
            network(images)
        network.eval()
        std, mean = torch.std_mean(network(images), (0, 2, 3))
        head = network.segmentation_head[0]
        head.weight.div_(std[:, None, None, None])
        head.bias.sub_(mean).div_(std)


def one_memory(size: int, folder: Path) -> None:
    """In a process of its own: a product with probabilities of 8 classes, and its peak above the loaded model."""
    path = scene_file(folder / f"sparse{size}.tif", size, sparse=True)
    scene = swath.open(path, sensor=SENSOR, bands=["B02", "B03", "B04", "B08"])
    model = made("resnet18", scene).with_card(field=RESNET18)
    loaded = psutil.Process().memory_info().rss
    start = time.perf_counter()
    # Random weights see so far that trimming would keep little of a tile; trained ones see less.
    product = swath.predict(scene, model, probabilities=True, precision="float32", stitch="blend")
    product.save(folder / f"map{size}.tif")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"above": (peak - loaded) / 1e6, "seconds": time.perf_counter() - start, "loaded": loaded / 1e6}))


def memory(largest: int) -> list[tuple[str, str]]:
    rows = []
    for size in (4096, 10980, 30000):
        if size > largest:
            continue
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--one", str(size), "--folder", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        told = json.loads(done.stdout.splitlines()[-1])
        rows.append(
            (
                f"peak memory above the loaded model, {size:,} x {size:,}, 8 classes with probabilities",
                f"{told['above']:.0f} MB ({told['seconds']:.0f} s)",
            )
        )
    return rows


def speed(size: int) -> list[tuple[str, str]]:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = scene_file(folder / "full.tif", size, sparse=False)
        scene = swath.open(path, sensor=SENSOR, bands=["B02", "B03", "B04", "B08"])
        model = made("resnet34", scene)
        maps = {}
        for precision in ("float32", "bfloat16"):
            options = {"stitch": "blend", "tile": TILE, "precision": precision}
            product = swath.predict(scene, model, **options)
            tiles = len(product.run.plan.tiles())
            bare = bare_seconds(model, scene, tiles, precision)
            start = time.perf_counter()
            product.save(folder / f"{precision}.tif")
            seconds = time.perf_counter() - start
            maps[precision] = product.read()[0]
            rows.append(
                (
                    f"U-Net ResNet-34, {precision}: engine against the bare network on {tiles} tiles in memory",
                    f"{bare / seconds:.2f} ({size * size / 1e6 / seconds:.2f} Mpx/s of map)",
                )
            )
        same = (maps["float32"] == maps["bfloat16"]).mean()
        rows.append(("pixels of the same class in bfloat16 and float32, random weights", f"{100 * same:.2f} %"))
    return rows


def trained() -> list[tuple[str, str]]:
    rows = []
    for name, sensor, weights in (
        ("kampala.tif", "drone-rgb", "stsun-tiny:buildings"),
        ("dubai.tif", "aerial-rgb", "stsun-tiny:landcover"),
    ):
        scene = swath.open(EXAMPLES / name, sensor=sensor)
        told = {} if scene.gsd else {"gsd": 0.5}
        full, half = (swath.predict(scene, weights, precision=one, **told).read()[0] for one in ("float32", "bfloat16"))
        rows.append(
            (f"pixels of the same class in bfloat16 and float32, {weights}", f"{100 * (full == half).mean():.2f} %")
        )
    return rows


def bare_seconds(model: swath.Model, scene: swath.Scene, tiles: int, precision: str) -> float:
    """Seconds that the network alone takes for as many tiles, already in memory and normalised, in its best batch."""
    values, valid = scene.read(np.s_[:TILE, :TILE])
    one = model.normalise(values, valid).reshape(1, 4, TILE, TILE).to(memory_format=torch.channels_last)
    network = model.network.eval().to(memory_format=torch.channels_last)
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    with torch.inference_mode(), torch.autocast("cpu", kind, enabled=precision == "bfloat16"):
        taken = []
        for batch in (one, one.repeat(4, 1, 1, 1).to(memory_format=torch.channels_last)):
            network(batch)
            start = time.perf_counter()
            for _ in range(24 // len(batch)):
                network(batch)
            taken.append((time.perf_counter() - start) / 24 * tiles)
        return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="memory, speed, trained; all where none is named")
    parser.add_argument("--largest", type=int, default=30000, help="largest scene for memory")
    parser.add_argument("--size", type=int, default=3072, help="scene for speed")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    set_defaults()
    if arguments.one:
        one_memory(arguments.one, arguments.folder)
        return
    what = arguments.what or ["memory", "speed", "trained"]
    rows = memory(arguments.largest) if "memory" in what else []
    rows += speed(arguments.size) if "speed" in what else []
    rows += trained() if "trained" in what else []
    width = max(len(row[0]) for row in rows)
    for what, measured in rows:
        print(f"{what:{width}}  {measured}")


if __name__ == "__main__":
    main()
