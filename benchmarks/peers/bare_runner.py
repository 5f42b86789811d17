"""The network alone, by which the systems are to be judged: on tiles in memory, or on the whole image at once.

The whole image gives the class map that all others are compared with. Nothing is read or written in the timed call.
"""

from __future__ import annotations

import numpy as np
import rasterio
import torch
from measure import CLASSES, DIVISOR, job, measure, network

told = job()
net = network(told)
with rasterio.open(told.scene) as source:
    x = torch.from_numpy(source.read().astype(np.float32) / DIVISOR)[None]
    profile = source.profile
height, width = x.shape[2:]
tile = told.options.get("tile", max(height, width))
batch = told.options.get("batch", 1)
windows = [np.s_[y : y + tile, x0 : x0 + tile] for y in range(0, height, tile) for x0 in range(0, width, tile)]
classes = np.empty((height, width), np.uint8)


def run() -> None:
    with torch.inference_mode():
        for first in range(0, len(windows), batch):
            some = windows[first : first + batch]
            answers = net(torch.cat([x[:, :, *window] for window in some]))
            for window, answer in zip(some, answers, strict=True):
                classes[window] = answer.argmax(0).numpy()


measure(run, version=torch.__version__)
profile.update(count=1, dtype="uint8")
with rasterio.open(told.out, "w", **profile) as target:
    target.write(classes, 1)
if len(np.unique(classes)) < CLASSES // 2:
    raise SystemExit("the network answers with few classes only: agreement would mean nothing")
