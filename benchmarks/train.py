"""How much of a training step is not the network: `swath.train` beside a bare loop over one fixed batch.

    python benchmarks/train.py FOLDER [--network NAME] [--set KEY=VALUE ...] [--steps N] [--rounds N]

FOLDER is what `swath train` takes. The bare loop is forward, loss, backward, clipping and optimiser on a batch that is
there already; the other is the loop that `swath.train` runs, with its reader thread, augmentation and running mean of
weights. They take turns, and the best round of each counts, since other work on the machine only ever slows. Rates are
millions of pixels of ground learnt from per second.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from swath.cli.train import fields_of
from swath.train.batches import read_ahead
from swath.train.compose import compose
from swath.train.fit import made_ready
from swath.train.loop import Loop, plain


def bare(loop: Loop, steps: int) -> float:
    """Mpx/s of the network alone, with a batch that is there already."""
    recipe, device = loop.recipe, loop.fabric.device
    batch = loop.draw.batch_of(0)
    begun = time.perf_counter()
    for _ in range(steps):
        loop.optimizer.zero_grad(set_to_none=True)
        loss = loop.skills[batch.of].loss(loop.network, batch, device, recipe.smoothing)
        loop.fabric.backward(loss)
        loop.fabric.clip_gradients(loop.network, loop.optimizer, max_norm=recipe.clip)
        loop.optimizer.step()
    return steps * pixels(loop) / 1e6 / (time.perf_counter() - begun)


def whole(loop: Loop, steps: int) -> float:
    """Mpx/s of the loop as it runs."""
    batches = read_ahead(loop.draw, loop.course.step)
    loop.step(batches, 0.5)
    begun = time.perf_counter()
    for _ in range(steps):
        loop.step(batches, 0.5)
    rate = steps * pixels(loop) / 1e6 / (time.perf_counter() - begun)
    batches.close()
    return rate


def pixels(loop: Loop) -> int:
    """Of a step."""
    height, width = loop.draw.crops[0].shape
    return loop.recipe.batch * height * width


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--network", default="unet")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=4)
    asked = parser.parse_args()
    recipe = compose(asked.folder, None, {"network": asked.network, **fields_of(asked.set)})
    with TemporaryDirectory() as folder:
        loop = made_ready(recipe, Path(folder) / "m.swath", resume=False, overwrite=False, tell=None)
        best = {"bare loop": 0.0, "swath.train": 0.0}
        for _ in range(asked.rounds):
            best["bare loop"] = max(best["bare loop"], bare(loop, asked.steps))
            best["swath.train"] = max(best["swath.train"], whole(loop, asked.steps))
    count = sum(one.numel() for one in plain(loop.network).parameters()) / 1e6
    print(
        f"{recipe.network}, {count:.1f} M parameters, {torch.get_num_threads()} threads, crops of {loop.recipe.crop} px"
    )
    for name, rate in best.items():
        print(f"  {name:<12} {rate:6.3f} Mpx/s  {rate / best['bare loop']:5.1%}")


if __name__ == "__main__":
    main()
