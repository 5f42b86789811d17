"""`Feed`: what the engine reads from: the pixels of a scene as a network's card wants them.

`SceneFeed` is a scene that fits a card as it is. A feed is of the whole scene even when the scene was cut: the cut is
an extent that is asked for, and what lies around it may be looked at.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.errors import MatchError
from swath.models.card import Card, DatesRule
from swath.predict.inputs import fingerprint
from swath.predict.plan import Window
from swath.scene.place import inside_outline
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


@dataclass(frozen=True)
class SceneInput:
    """A scene as one input: its bands and dates in their order.

    Attributes:
        scene: not cut.
        dates: the card's rule; of a series one valid date is enough, of a pair or a stack all must be valid.
        ratio: its pixels per pixel of the feed's grid.
    """

    scene: Scene
    dates: DatesRule = field(default_factory=DatesRule)
    ratio: Fraction = Fraction(1)

    def read(self, window: Window) -> Pixels:
        """See `InputFeed.read`."""
        values, valid = self.scene.read(window, boundless=True)
        merged = np.logical_or if self.dates.given == "axis" else np.logical_and
        return values, merged.reduce(valid.all(axis=1), axis=0)


@dataclass(frozen=True)
class SceneFeed:
    """A scene that fits a card as it is."""

    scene: Scene
    """As it was given, maybe cut."""
    inputs: tuple[SceneInput, ...]
    told: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, scene: Scene, card: Card) -> Self:
        """The feed of a scene whose bands are those of the card's one input, in its order and units.

        Raises:
            MatchError: the number of inputs, bands or dates differs.
        """
        if len(card.inputs) != 1:
            raise MatchError(f"{card.name} takes {len(card.inputs)} inputs; one scene cannot be all of them as it is")
        wanted = card.inputs[0]
        if wanted.bands and len(wanted.bands) != len(scene.bands):
            raise MatchError(f"{card.name} takes {len(wanted.bands)} bands; the scene has {len(scene.bands)}")
        if not wanted.dates.allows(len(scene.dates)):
            raise MatchError(f"{card.name} does not take {len(scene.dates)} date(s)")
        return cls(scene, (SceneInput(uncut(scene), wanted.dates),))

    @property
    def grid(self) -> GeoBox:
        """See `Feed.grid`."""
        return self.inputs[0].scene.grid

    @property
    def extent(self) -> Window:
        """See `Feed.extent`."""
        rows, columns = (
            slice(start, start + size) for start, size in zip(self.scene.origin, self.scene.grid.shape, strict=True)
        )
        return rows, columns

    def inside(self, grid: GeoBox) -> NDArray[np.bool_] | None:
        """See `Feed.inside`."""
        return None if self.scene.outline is None else inside_outline(self.scene.outline, grid)

    def describe(self) -> dict[str, Any]:
        """See `Feed.describe`."""
        return {"bands": [band.name for band in self.scene.bands], "sources": fingerprints(self.scene)}


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
