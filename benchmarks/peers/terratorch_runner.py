"""TerraTorch: `terratorch.tasks.tiled_inference.tiled_inference`, which takes and gives a tensor of the whole scene.

Timed: reading the scene whole (as its predict command does), `tiled_inference`, argmax, and writing with its own
`write_tiff`. Overlap, border and blending are as they are by default: 32 px, 8 px and on. It runs in float32; it has
no option for another precision.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import rasterio
import torch
from measure import DIVISOR, job, measure, network
from terratorch.cli_tools import write_tiff
from terratorch.tasks.tiled_inference import tiled_inference

told = job()
net = network(told)


def run() -> None:
    with rasterio.open(told.scene) as source:
        image = torch.from_numpy(source.read().astype(np.float32) / DIVISOR)[None]
        profile = source.profile
    logits = tiled_inference(
        net,
        image,
        crop=told.options["tile"],
        stride=told.options["stride"],
        batch_size=told.options["batch"],
    )
    profile.update(count=1, dtype="uint8")
    write_tiff(logits[0].argmax(0).numpy().astype(np.uint8), told.out, profile)


measure(run, version=version("terratorch"))
