"""Networks for scene classification under one recipe, as Markdown tables: same places, augmentation, steps, seeds.

    python benchmarks/classification_table.py [--data FOLDER] [--networks NAME,...] [--sets NAME,...] [--steps N]
        [--batch N] [--lr RATE] [--seeds N] [--folder DIR] [-o TABLE.md]

The sets, their held-out blocks, crops and augmentation are those of `recipes/eurosat-rgb.yaml` and `recipes/ucm.yaml`.
Each network learns each set alone, from random weights, `--seeds` times; `timm:NAME` is an encoder of timm. It is
scored on images of blocks that it never saw; images of all seeds are pooled, and in brackets is the 95 % interval.
What is trained already in `--folder` is not trained again. The second table tells what a network costs: parameters,
multiply-adds of one image as the network sees it (of convolutions, matrix products and attention; scans are not
counted), and images per second on this processor in float32, in batches of 32.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from fair import Table
from swath.models import load
from swath.models.calling import call_network


class OfImages(Table):
    """What a network costs is told by images of the size that it sees."""

    def costs(self, asked: argparse.Namespace) -> Sequence[str]:
        """See `Table`."""
        return "parameters, M", "GMAC", "images/s"

    def cost(self, file: Path, asked: argparse.Namespace) -> Sequence[str]:
        """See `Table`."""
        model = load(str(file))
        given = model.card.inputs[0]
        side = given.resize or model.card.tile.size

        def run(images: int) -> float:
            x = torch.zeros(images, 1, len(given.bands), side, side)
            begun = time.perf_counter()
            call_network(model.network, model.card, [x], {})
            return time.perf_counter() - begun

        with torch.inference_mode():
            with FlopCounterMode(display=False) as counter:
                run(1)
            speed = 32 / min(run(32) for _ in range(3))
        count = sum(weight.numel() for weight in model.network.parameters())
        return f"{count / 1e6:.2f}", f"{counter.get_total_flops() / 2e9:.3f}", f"{speed:.0f}"


TABLE = OfImages(
    about=__doc__ or "",
    networks=("eurosat-rgb", "timm:resnet18", "lwganet-l0", "rsmamba-b"),
    scores={"accuracy": "accuracy", "mean_f1": "mean F1", "ece": "calibration error"},
    recipes=("eurosat-rgb", "ucm"),
    task="classification",
)

if __name__ == "__main__":
    TABLE.main()
