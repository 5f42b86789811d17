"""What the scan costs: time against the reference, time by length, memory, and how far it is from float64.

    python benchmarks/scan.py [speed] [length] [memory] [error] [gpu] [--repeats N]

B=1, D=384, N=16, one group, softplus and bias, as in the first stage of a Mamba network on images. Ratios are of one
run; seconds of a processor, the least of several, hold where others work on the machine too. The reference runs in one
thread, where it is quickest: its steps are too small to be shared. Memory is the peak of a process of its own above
what it held before there were inputs, over the size of inputs and outputs; for training these include the gradients. On
a GPU: against the time that its memory needs to move inputs and outputs once, measured by copying, and against
mamba-ssm where that is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil
import torch
from torch import Tensor

from swath.nn.scan import reference, scan

CHANNELS, STATES, LENGTH = 384, 16, 16_384


def inputs(length: int, channels: int = CHANNELS, device: str = "cpu") -> list[Tensor]:
    """u, delta, A, B, C, D and bias as they are early in training."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    rates = -torch.arange(1.0, STATES + 1).repeat(channels, 1)
    entries = [normal(1, 1, STATES, length) for _ in range(2)]
    sequences = [normal(1, channels, length) for _ in range(2)]
    given = [*sequences, rates, *entries, torch.ones(channels), normal(channels) - 4]
    return [x.to(device).requires_grad_() for x in given]


def forward(way: Callable[..., Tensor], given: Sequence[Tensor]) -> None:
    with torch.inference_mode():
        way(*given, delta_softplus=True)


def both(way: Callable[..., Tensor], given: Sequence[Tensor]) -> None:
    torch.autograd.grad(way(*given, delta_softplus=True).sum(), list(given))


@dataclass(frozen=True)
class Took:
    """Seconds: by the clock, and of processors, which others that run here do not lengthen."""

    clock: float
    work: float


def seconds(run: Callable[..., None], way: Callable[..., Tensor], given: Sequence[Tensor], repeats: int) -> Took:
    """The least of several times."""
    found = []
    for _ in range(repeats):
        clock, work = time.perf_counter(), time.process_time()
        run(way, given)
        if given[0].is_cuda:
            torch.cuda.synchronize()
        found.append((time.perf_counter() - clock, time.process_time() - work))
    return Took(*map(min, zip(*found, strict=True)))


def warm_up() -> None:
    both(scan, inputs(256, 64))
    forward(scan, inputs(256, 64))


def speed(repeats: int) -> None:
    given, threads = inputs(LENGTH), torch.get_num_threads()
    print(f"\nspeed, L = {LENGTH:,}, {threads} threads; reference in one")
    for name, run in (("forward", forward), ("forward + backward", both)):
        shared = seconds(run, scan, given, repeats)
        torch.set_num_threads(1)
        slow = seconds(run, reference, given, 1 if run is both else 2)
        alone = seconds(run, scan, given, repeats)
        torch.set_num_threads(threads)
        print(f"  {name:<19} {shared.clock:7.3f} s, reference {slow.clock:7.2f} s:", end=" ")
        print(f"{slow.clock / shared.clock:5.1f} times as fast", end="; ")
        print(
            f"in one thread {alone.work:.3f} s and {slow.work:.2f} s of a processor: {slow.work / alone.work:.1f} times"
        )


def length(repeats: int) -> None:
    print("\ntime of processors by length")
    for name, run in (("forward", forward), ("forward + backward", both)):
        first = 0.0
        for steps in (LENGTH // 4, LENGTH, 4 * LENGTH):
            took = seconds(run, scan, inputs(steps), repeats).work
            more = f"{took / first:5.2f} times that for a quarter of the steps" if first else ""
            print(f"  {name:<19} L = {steps:6,}  {took:7.3f} s  {more}")
            first = took


def memory(_: int) -> None:
    print(f"\npeak memory over that of inputs and outputs, L = {LENGTH:,}")
    for name in ("forward", "both"):
        told = subprocess.run([sys.executable, __file__, "--child", name], capture_output=True, text=True, check=True)
        print(f"  {name:<19} {json.loads(told.stdout)['ratio']:.2f}")


def child(name: str) -> None:
    """Prints the ratio for one way to run it."""
    warm_up()
    process = psutil.Process(os.getpid())
    before = peak = process.memory_info().rss
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.001):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    given = inputs(LENGTH)
    (forward if name == "forward" else both)(scan, given)
    done.set()
    watcher.join()
    held = sum(x.numel() for x in given) + given[0].numel()
    print(json.dumps({"ratio": (peak - before) / (4 * held * (1 if name == "forward" else 2))}))


def error(_: int) -> None:
    print("\nlargest difference from float64, over the largest value; D = 32, L = 4,096")
    given = inputs(4096, 32)
    exact = [x.detach().double().requires_grad_() for x in given]
    found = []
    for way, xs in ((scan, given), (reference, given), (scan, exact)):
        y = way(*xs, delta_softplus=True)
        found.append([y, *torch.autograd.grad((y * y).sum(), xs)])
    for name, ours, plain, right in zip(("y", "u", "delta", "A", "B", "C", "D", "bias"), *found, strict=True):
        off = [float((x - right).detach().abs().max() / right.detach().abs().max()) for x in (ours, plain)]
        print(
            f"  {name if name == 'y' else f'gradient of {name}':<19} {off[0]:.1e}   reference in float32 {off[1]:.1e}"
        )


def gpu(repeats: int) -> None:
    if not torch.cuda.is_available():
        print("\ngpu: there is none here")
        return
    given = inputs(LENGTH, device="cuda")
    moved = sum(x.numel() for x in given) + given[0].numel()
    block = torch.empty(moved // 2, device="cuda")
    print(f"\n{torch.cuda.get_device_name()}, L = {LENGTH:,}")
    copies = []
    for _ in range(repeats + 1):
        torch.cuda.synchronize()
        start = time.perf_counter()
        block.clone()
        torch.cuda.synchronize()
        copies.append(time.perf_counter() - start)
    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    except ImportError:
        selective_scan_fn = None
    for name, run, factor in (("forward", forward, 1), ("forward + backward", both, 3)):
        run(scan, given)
        took = seconds(run, scan, given, repeats).clock
        print(f"  {name:<19} {1e3 * took:.2f} ms, {took / (factor * min(copies)):.1f} times what moving takes", end="")
        if selective_scan_fn is not None:

            def other(*xs: Tensor, delta_softplus: bool) -> Tensor:
                u, delta, A, B, C, D, bias = xs
                y: Tensor = selective_scan_fn(u, delta, A, B, C, D, None, bias, delta_softplus)
                return y

            run(other, given)
            print(f", {took / seconds(run, other, given, repeats).clock:.2f} times mamba-ssm", end="")
        print()


PARTS: dict[str, Callable[[int], None]] = {
    "speed": speed,
    "length": length,
    "memory": memory,
    "error": error,
    "gpu": gpu,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="which; none: all")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--child", choices=["forward", "both"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child)
        return
    warm_up()
    for part in given.parts or PARTS:
        PARTS[part](given.repeats)


if __name__ == "__main__":
    main()
