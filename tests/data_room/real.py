"""The real ships and trees, for tests that write their labels in another layout."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHIPS = ("1", "102", "104", "12")


def link(image: Path, to: Path) -> Path:
    """The image under another path, without a copy."""
    to.parent.mkdir(parents=True, exist_ok=True)
    to.symlink_to(image)
    return to


def size(image: Path) -> tuple[int, int]:
    """`(width, height)`."""
    with Image.open(image) as picture:
        return picture.size


def ships_upright(shared_data: Path, name: str) -> NDArray[np.float32]:
    """The boxes `[N, 4]` of the file of eleven numbers, read here and without Swath; those of zeros left out."""
    rows = np.loadtxt(shared_data / "inshore_ships" / f"{name}.txt", ndmin=2)
    return rows[rows[:, 7:].any(axis=1)][:, 7:].astype(np.float32)


def ships_turned(shared_data: Path, name: str) -> NDArray[np.float32]:
    """The corners `[N, 4, 2]` of the DOTA file, read here and without Swath."""
    lines = (shared_data / "inshore_ships" / f"{name}.obb.txt").read_text().splitlines()
    return np.array([line.split()[:8] for line in lines if line.strip()], dtype=np.float32).reshape(-1, 4, 2)


def trees(shared_data: Path) -> dict[str, NDArray[np.float32]]:
    """Boxes `[N, 4]` by file name."""
    found: dict[str, list[list[float]]] = {}
    with (shared_data / "neon_trees/annotations.csv").open() as handle:
        for row in csv.DictReader(handle):
            found.setdefault(row["image"], []).append([float(row[key]) for key in ("xmin", "ymin", "xmax", "ymax")])
    return {name: np.array(boxes, dtype=np.float32) for name, boxes in found.items()}
