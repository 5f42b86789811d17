"""How fast the unified network is, beside a U-Net with a ResNet-18: one date, three bands, one class, bfloat16.

    python benchmarks/stsun.py [NAME ...] [--train] [--threads N] [--rounds N] [--size PIXELS] [--batch N]

NAME: registered networks, `stsun-nano` and `stsun-tiny` unless said; `unet-resnet18` always comes first. The networks
take turns, round after round, and the best round of each counts, so that what else the machine does weighs little on
the ratios. With `--train` a step is forward, loss and backward; otherwise it is forward alone. Pixels are real
(tests/data/paris_2018.tif, mirrored); weights are random, which makes no difference to the time.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from swath.models import find

OWN = Path(__file__).parent.parent / "tests" / "data" / "paris_2018.tif"
BASE = "unet-resnet18"
WAVELENGTHS = torch.tensor([665.0, 560.0, 490.0])


def pixels(size: int, batch: int) -> Tensor:
    """Normalised bands red, green, blue `[B, 3, H, W]`."""
    with rasterio.open(OWN) as source:
        tile = source.read([3, 2, 1]).astype(np.float32) / 1e4
    pair = np.concatenate([tile, tile[:, ::-1]], 1)
    square = np.tile(np.concatenate([pair, pair[:, :, ::-1]], 2), (1, *(2 * [-(-size // pair.shape[1])])))
    image = torch.from_numpy(square[:, :size, :size].copy()).expand(batch, -1, -1, -1)
    return ((image - 0.13) / 0.05).contiguous(memory_format=torch.channels_last)


def network(name: str) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    """A network and how it is called."""
    if name == BASE:
        unet = smp.Unet("resnet18", encoder_weights=None, in_channels=3, classes=1)
        return unet.to(memory_format=torch.channels_last), unet
    own = find(name).build()
    return own, lambda x: own(x, wavelengths=WAVELENGTHS, gsd=0.3, task="segmentation", classes=("building",))


def seconds(net: nn.Module, call: Callable[[Tensor], Tensor], x: Tensor, *, train: bool) -> float:
    """Of one step."""
    start = time.perf_counter()
    with torch.set_grad_enabled(train), torch.autocast("cpu", torch.bfloat16):
        logits = call(x)
    if train:
        net.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(logits.float(), torch.zeros_like(logits).float()).backward()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["stsun-nano", "stsun-tiny"])
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batch", type=int, default=4)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    x = pixels(asked.size, asked.batch)
    nets = {name: network(name) for name in (BASE, *asked.names)}
    best = dict.fromkeys(nets, float("inf"))
    for turn in range(asked.rounds + 1):
        for name, (net, call) in nets.items():
            net.train(asked.train)
            took = seconds(net, call, x, train=asked.train)
            best[name] = min(best[name], took) if turn else best[name]  # the first turn warms up
    millions = x[:, 0].numel() / 1e6
    print(f"{'training' if asked.train else 'prediction'}, {asked.batch} x {asked.size} px, {asked.threads} threads")
    print(f"{'network':<16}{'M parameters':>14}{'Mpx/s':>8}{'times U-Net':>13}")
    for name, (net, _) in nets.items():
        count = sum(p.numel() for p in net.parameters()) / 1e6
        print(f"{name:<16}{count:>14.2f}{millions / best[name]:>8.2f}{best[BASE] / best[name]:>13.2f}")


if __name__ == "__main__":
    main()
