"""What the layers of all tasks share: number types, steps, nodata and colours."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from swath.models.gives import ClassLabel
from swath.scene.write import Layer

CONFIDENCE_STEPS = 200
PROBABILITY_STEPS = 250
NODATA = 255
"""Of confidence and probabilities in steps; of class numbers too, unless a class has that number."""

_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000")
"""Okabe and Ito's eight colours, told apart by nearly everybody (https://jfly.uni-koeln.de/color/)."""


def colours_of(classes: Sequence[ClassLabel]) -> dict[int, str]:
    """A colour for each class number: the card's own, and others that differ from each other where it has none."""
    colours = {label.value: label.colour for label in classes}
    taken = {colour for colour in colours.values() if colour}
    spare = (colour for colour in _endless() if colour not in taken)
    return {value: colour or next(spare) for value, colour in colours.items()}


def _endless() -> Iterator[str]:
    yield from _COLOURS
    hue = 0.0
    while True:
        hue = (hue + 0.61803398875) % 1.0  # the golden ratio spreads hues evenly however many there are
        red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.65, 0.85))
        yield f"#{red:02x}{green:02x}{blue:02x}"


def class_layer(name: str, classes: Sequence[ClassLabel], description: str | None = None) -> Layer:
    """The layer of a class map: the smallest unsigned type that leaves its highest number free for nodata."""
    highest = max(label.value for label in classes)
    dtype = next(kind for kind in ("uint8", "uint16", "uint32") if highest < np.iinfo(kind).max)
    return Layer(
        name,
        dtype,
        nodata=int(np.iinfo(dtype).max),
        kind="categorical",
        description=description,
        classes={label.value: label.name for label in classes},
        colours=colours_of(classes),
    )


def step_layer(name: str, steps: int, description: str) -> Layer:
    """The layer of a number between 0 and 1, stored in whole steps."""
    return Layer(name, "uint8", nodata=NODATA, scale=1 / steps, description=description)


def in_steps(numbers: NDArray[np.float32], steps: int, valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Numbers between 0 and 1 as whole steps, nodata where not valid."""
    whole = np.rint(np.clip(numbers, 0.0, 1.0) * np.float32(steps))
    return np.where(valid, whole, np.float32(NODATA)).astype(np.uint8)


def most_likely(outputs: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Position of the largest of `[K, h, w]` and the number itself, each `[h, w]`; the first of equals.

    A pass per class over contiguous planes; `argmax` along the first axis strides through memory and takes longer.
    """
    best = outputs[0].copy()
    where = np.zeros(best.shape, dtype=np.intp)
    for position in range(1, len(outputs)):
        plane = outputs[position]
        where[plane > best] = position
        np.fmax(best, plane, out=best)
    return where, best
