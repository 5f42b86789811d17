"""`Feed`: what the engine reads from: the pixels of a scene as a network's card wants them.

`swath.predict.match` makes one. A feed is of the whole scene even when the scene was cut: the cut is an extent that is
asked for, and what lies around it may be looked at.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.predict.inputs import fingerprint
from swath.predict.plan import Window
from swath.scene.reader import Reader
from swath.scene.scene import Scene

Pixels = tuple[NDArray[np.float32], NDArray[np.bool_]]

_SAMPLED_ROWS = 32


class InputFeed(Protocol):
    """One input of a network. `read` is called from several threads at once, and instances are pickled."""

    @property
    def ratio(self) -> Fraction:
        """Its pixels per pixel of the feed's grid, along an axis."""
        ...

    def read(self, window: Window) -> Pixels:
        """Pixels of a window of its own grid, which may reach beyond it.

        Returns:
            `values [T, B, h, w]` float32 in the card's units, in the card's order, NaN where invalid, not normalised;
            `valid [h, w]`: where there is enough to answer for.
        """
        ...


class Feed(Protocol):
    """All inputs of a network, and where they lie. Instances are pickled to workers of a cluster."""

    @property
    def grid(self) -> GeoBox:
        """Where the network runs: the whole of it, beginning at the origin of the scene that all cuts are made from."""
        ...

    @property
    def extent(self) -> Window:
        """The part of the grid that the scene covers."""
        ...

    @property
    def inputs(self) -> tuple[InputFeed, ...]:
        """In the order of the card's inputs."""
        ...

    @property
    def told(self) -> Mapping[str, Any]:
        """What the network takes by keyword besides: arrays of wavelengths (nm), days, or the GSD (m)."""
        ...

    def inside(self, grid: GeoBox) -> NDArray[np.bool_] | None:
        """Which pixels of a grid lie inside the outline that the scene was cut by; None: all."""
        ...

    def describe(self) -> dict[str, Any]:
        """Plain data for the record: what is read, and fingerprints that change when it does."""
        ...


def uncut(scene: Scene) -> Scene:
    """The scene that a scene was cut from, by windows, bounds or outlines; bands and dates stay as chosen."""
    planes = (plane for row in scene.planes for plane in row if plane is not None)
    first = next(planes, None)
    if first is None:
        return scene
    return replace(scene, grid=first.reader.grid, origin=(0, 0), outline=None)


def fingerprints(scene: Scene) -> list[dict[str, Any]]:
    """What tells each source of a scene from a later state of it: files by their bytes, arrays by their pixels."""
    readers = {id(plane.reader): plane.reader for row in scene.planes for plane in row if plane is not None}
    return [_fingerprint(reader) for reader in readers.values()]


def _fingerprint(reader: Reader) -> dict[str, Any]:
    told = {"name": reader.name, "shape": list(reader.grid.shape), **fingerprint(reader.name)}
    if len(told) > 2:
        return told
    height, width = reader.grid.shape
    digest = 0
    for row in np.unique(np.linspace(0, height - 1, _SAMPLED_ROWS).astype(int)):
        values, _ = reader.read((slice(int(row), int(row) + 1), slice(0, width)), range(len(reader.stored)))
        digest = zlib.crc32(np.ascontiguousarray(values).data, digest)
    return told | {"crc32": f"{digest:08x}"}
