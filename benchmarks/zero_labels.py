"""How good the methods are that need no labels, on real pairs of which the change is known.

    SWATH_TEST_DATA=FOLDER python benchmarks/zero_labels.py [NAME ...]

FOLDER holds `data/landsat_cd_taizhou` (Landsat TM, 21,390 known pixels), `data/oscd_s2_4band` (Sentinel-2, eight
cities, where buildings that were built are change and nothing else is) and `data/sar_change` (Bern, San Francisco).
Prints F1 and kappa of change, over all known pixels of a set, and the processor seconds that fitting takes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from PIL import Image

import swath
from swath.models import fit

METHODS = ("cva", "cva-otsu", "pca-kmeans", "irmad", "irmad-chi2")
Truth = NDArray[np.int_]


def taizhou(data: Path) -> Iterator[tuple[swath.Scene, Truth]]:
    folder = data / "landsat_cd_taizhou" / "Taizhou"
    bands = [swath.Band(name=f"b{i}", units="dn") for i in range(6)]
    changed, unchanged = (np.asarray(Image.open(folder / name)) > 0 for name in ("change.bmp", "unchanged.bmp"))
    scene = swath.open(folder / "2000TM", folder / "2003TM", bands=bands, grid="pixels", dates=[2000, 2003])
    yield scene, np.where(changed, 1, np.where(unchanged, 0, -1))


def oscd(data: Path) -> Iterator[tuple[swath.Scene, Truth]]:
    for mask in sorted((data / "oscd_s2_4band").glob("*_mask.tif")):
        pair = [mask.with_name(mask.name.replace("mask", when)) for when in ("t1", "t2")]
        with rasterio.open(mask) as file:
            yield swath.open(*pair, sensor="sentinel-2-l1c@pre-04.00"), file.read(1).astype(int)


def radar(data: Path, place: str, name: str) -> Iterator[tuple[swath.Scene, Truth]]:
    folder = data / "sar_change" / f"{place} data set"
    first, second, truth = (
        np.asarray(Image.open(folder / f"{name}_{what}.bmp").convert("L")) for what in ("1", "2", "gt")
    )
    # 8-bit pictures of amplitudes; one is added, since dark water is 0 in them.
    values = np.stack([first, second])[:, None] + np.float32(1)
    grid = GeoBox(first.shape, Affine.identity(), None)
    scene = swath.Scene.from_array(values, grid, bands=[swath.Band(name="VV", units="amplitude", polarisation="VV")])
    yield scene, (truth > 127).astype(int)


def score(pairs: Iterator[tuple[swath.Scene, Truth]], name: str) -> tuple[float, float, float]:
    counts, seconds = np.zeros((2, 2)), 0.0
    for scene, truth in pairs:
        start = time.process_time()
        model = fit(name, scene)
        seconds += time.process_time() - start
        said = swath.predict(scene, model, gsd="native").read()[0][0]
        known = (truth >= 0) & (said < 2)
        np.add.at(counts, (truth[known], said[known]), 1)
    total, chance = counts.sum(), (counts.sum(0) @ counts.sum(1)) / counts.sum()
    f1 = 2 * counts[1, 1] / (counts[1].sum() + counts[:, 1].sum())
    return float(f1), float((np.trace(counts) - chance) / (total - chance)), seconds


def main() -> None:
    data = Path(os.environ["SWATH_TEST_DATA"]) / "data"
    sets = {
        "Taizhou": lambda: taizhou(data),
        "OSCD": lambda: oscd(data),
        "Bern": lambda: radar(data, "bern", "bern"),
        "San Francisco": lambda: radar(data, "San Francisco", "san"),
    }
    print("| method | " + " | ".join(f"{name}: F1, kappa (s)" for name in sets) + " |")
    print("| --- |" + " --- |" * len(sets))
    for name in sys.argv[1:] or METHODS:
        found = [score(pairs(), name) for pairs in sets.values()]
        told = (f"{f1:.3f}, {kappa:.3f} ({seconds:.1f})" for f1, kappa, seconds in found)
        print(f"| `{name}` | " + " | ".join(told) + " |", flush=True)


if __name__ == "__main__":
    main()
