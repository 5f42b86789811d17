"""How memory and time of one tile grow with its side, for networks that see all of it.

    python benchmarks/tiles.py [--networks NAME,...] [--sides 512,1024,2048] [--precision float32]

Each row is a process of its own: how far its memory rises above the network's with random weights while a tile of three
bands (a pair of them for change) is answered as the engine does it, and the seconds of processors that it takes. Linear
in pixels is a factor of 4 from row to row.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import torch

from swath.models import find

NETWORKS = ("rsm-cd", "rsm-ss", "mambabcd-tiny", "mambascd-tiny", "mambabda-tiny")
ROW = "| {:<15} | {:>5} | {:>8} | {:>6} | {:>9} | {:>6} |"


def measured(name: str, side: int, precision: str) -> dict[str, float]:
    """Megabytes and seconds of a tile."""
    torch.manual_seed(0)
    found = find(name)
    network = found.build().eval()
    dates = [torch.randn(1, 3, side, side) for _ in range(1 if "segmentation" in found.tasks else 2)]
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        network(*(date[..., :64, :64] for date in dates))
        before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        network(*dates)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"MB": (after - before) / 1e3, "s": time.process_time() - begun}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--sides", default="512,1024,2048")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--one", default=None, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    sides = [int(side) for side in asked.sides.split(",")]
    if asked.one is not None:
        print(json.dumps(measured(asked.one, sides[0], asked.precision)))
        return
    print(ROW.format("network", "side", "MB", "times", "CPU s", "times"))
    print(ROW.format("---", "---", "---", "---", "---", "---"))
    for name in asked.networks.split(","):
        last: dict[str, float] = {}
        for side in sides:
            said = [sys.executable, __file__, "--one", name, "--sides", str(side), "--precision", asked.precision]
            done = subprocess.run(said, capture_output=True, text=True, check=False)
            if done.returncode:
                print(ROW.format(name, side, "no room", "", "", ""), flush=True)
                break
            found = json.loads(done.stdout.splitlines()[-1])
            more = {key: f"{found[key] / last[key]:.1f}" if last else "" for key in found}
            print(ROW.format(name, side, f"{found['MB']:.0f}", more["MB"], f"{found['s']:.0f}", more["s"]), flush=True)
            last = found


if __name__ == "__main__":
    main()
