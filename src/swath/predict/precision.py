"""Whether a network may run in bfloat16: only where that is faster here, and where it gives the same classes.

Found out once for a network on a kind of machine, in about two seconds, and remembered in the user's cache. Processors
that have no instructions for bfloat16 are not asked: they could only be slower.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import time
from collections.abc import Iterator
from itertools import product

import numpy as np
import torch

from swath.models.remember import recall, remember
from swath.predict.forward import Array, Forward, Precision, cores
from swath.predict.plan import Index, Plan
from swath.predict.stream import read_inputs
from swath.predict.work import Work

SAME = 0.999
"""Share of pixels that must have the same class in both."""
_FASTER = 0.9
_METHOD = "1"
_TRIES = 16
_SECONDS = 1.0
_CORNER = 256
_ENOUGH = 64 * 64  # pixels of a tile, with which a share of 99.9 % and a ratio of times mean something
_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "avx10_2", "bf16", "sve_bf16")


def fitting_precision(work: Work) -> Precision:
    """`bfloat16` where it takes less than 0.9 of the time and at least 99.9 % of the classes stay; else `float32`.

    The tiles that are compared lie at fixed places of the whole grid, so that the extent has no part in it. Values
    without classes stay float32, of which bfloat16 keeps three digits.

    Raises:
        SwathError: a tile cannot be read, or does not fit into memory.
    """
    card, device = work.model.card, work.devices[0]
    rows, columns = work.plan.shape
    if not card.output.classes or not _has_bfloat16(device) or rows * columns < _ENOUGH:
        return "float32"
    about = [_METHOD, work.model.hash, card.to_json(), _machine(device), torch.__version__, list(work.plan.shape)]
    key = hashlib.sha256(json.dumps(about).encode()).hexdigest()
    known = recall("precision", key)
    if known is not None:
        return "bfloat16" if known == "bfloat16" else "float32"
    tile = _full_tile(work)
    if tile is None:
        return "float32"
    full, half = work.forward(device, "float32"), work.forward(device, "bfloat16", own=True)
    part = _part(work, tile)
    chosen: Precision = "float32"
    if _seconds(half, part) < _FASTER * _seconds(full, part) and _agreement(work, full, half, tile) >= SAME:
        chosen = "bfloat16"
    remember("precision", key, chosen)
    return chosen


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself, as far as torch tells."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return device.type == "cpu"
    known = torch.cpu.get_capabilities()
    return any(known.get(name) for name in _INSTRUCTIONS)


def _full_tile(work: Work) -> list[Array] | None:
    """The first of some tiles, spread over the whole grid, that is valid for the most part."""
    for tile in _spread(work.plan):
        inputs, valid = read_inputs(work.plan, work.feed, tile)
        if valid.mean() >= 0.5:
            return inputs
    return None


def _spread(plan: Plan) -> Iterator[Index]:
    side = round(_TRIES**0.5)
    rows, columns = (
        dict.fromkeys(len(axis) // 2 + (k - side // 2) * len(axis) // side for k in _from_middle(side))
        for axis in (plan.rows, plan.columns)
    )
    return ((i, j) for i, j in product(rows, columns) if i < len(plan.rows) and j < len(plan.columns))


def _from_middle(count: int) -> list[int]:
    return sorted(range(count), key=lambda k: abs(k - count // 2))


def _part(work: Work, tile: list[Array]) -> list[Array]:
    """A corner of a tile, enough to measure speed with; the whole where the network takes nothing else."""
    plan = work.plan
    if work.model.card.tile.fixed or plan.stitch == "tile":
        return tile
    rows, columns = (min(plan.step * math.ceil(_CORNER / plan.step), side) for side in plan.shape)
    ratios = [one.ratio for one in work.feed.inputs]
    return [x[..., : int(rows * r), : int(columns * r)] for x, r in zip(tile, ratios, strict=True)]


def _seconds(forward: Forward, tile: list[Array]) -> float:
    """Best time of one tile, within about a second."""
    forward([tile], 1)
    best, begun = float("inf"), time.perf_counter()
    while True:
        start = time.perf_counter()
        forward([tile], 1)
        now = time.perf_counter()
        best = min(best, now - start)
        if now - begun > _SECONDS:
            return best


def _agreement(work: Work, full: Forward, half: Forward, tile: list[Array]) -> float:
    """Share of the answers that are the same; of several pairs of dates each has its own."""
    pairs = max(1, len(work.options.pairs))
    means = (forward([tile], 1)[0].mean for forward in (full, half))
    one, other = (mean.reshape(pairs, -1, *mean.shape[1:]).argmax(axis=1) for mean in means)
    return float(np.mean(one == other))


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} {platform.machine()} {torch.backends.cpu.get_cpu_capability()} {cores()}"
