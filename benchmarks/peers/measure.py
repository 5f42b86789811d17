"""What all runners share: the job they are given, the network, the measured call.

A runner is called as `python RUNNER JOB RESULT` in its own environment; both are JSON files. It needs no more than
torch, segmentation-models-pytorch and the system that it measures.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import torch

BANDS, CLASSES, TILE = 4, 8, 512
DIVISOR = 255.0
"""Digital numbers are divided by this before the network sees them: GeoAI's `semantic_segmentation` allows no other."""


@dataclass(frozen=True)
class Job:
    """One call to measure: where the scene and the weights are, where the map goes, and the runner's own options."""

    scene: str
    weights: str
    out: str
    threads: int
    options: dict[str, Any]


def unet() -> torch.nn.Module:
    """The network that all run, of random weights."""
    return smp.Unet("resnet34", encoder_weights=None, in_channels=BANDS, classes=CLASSES)


def network(job: Job) -> torch.nn.Module:
    """The network with the weights of this run, ready to be asked, its first call made."""
    made = unet()
    made.load_state_dict(torch.load(job.weights, weights_only=True))
    made.eval()
    with torch.no_grad():
        made(torch.zeros(1, BANDS, TILE, TILE))
    return made


def job() -> Job:
    """The job on the command line; torch is given its threads."""
    told = Job(**json.loads(Path(sys.argv[1]).read_text()))
    torch.set_num_threads(told.threads)
    return told


def measure(call: Callable[[], object], **more: Any) -> None:
    """Time a call, see how much memory it took at most, and write both down with the versions.

    Linux tells the peak of a process and lets it be set back, so that imports and loading do not count.
    """
    Path("/proc/self/clear_refs").write_text("5")
    before, begun, spent = _memory("VmRSS"), time.perf_counter(), time.process_time()
    call()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - spent
    peak = _memory("VmHWM")
    told = {"seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak, "above_mb": peak - before}
    Path(sys.argv[2]).write_text(json.dumps(told | {"torch": torch.__version__} | more))


def _memory(key: str) -> float:
    found = re.search(rf"^{key}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"/proc/self/status does not tell {key}; this benchmark needs Linux")
    return int(found[1]) / 1024
