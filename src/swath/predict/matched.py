"""`Matched`: a scene as a card wants it: which band feeds which, in which units, on which grid. Data, and a `Feed`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.predict.feed import Pixels, fingerprints
from swath.predict.match_bands import How
from swath.predict.plan import Window
from swath.scene.place import inside_outline
from swath.scene.scene import Scene
from swath.sensors import conversion


@dataclass(frozen=True)
class BandMatch:
    """A band of the scene that feeds a band of the card.

    Attributes:
        wanted: name on the card.
        band: name in the scene.
        how: what told: `given` by the caller; `name` and sensor (name alone where neither side says more);
            `wavelength`, `polarisation` or `common name`.
        distance: between the centres in nm, where both are known.
        found: units of the scene's values.
        units: units of the card, which values are converted to.
    """

    wanted: str
    band: str
    how: How
    distance: float | None
    found: str
    units: str

    def __str__(self) -> str:
        off = f", {self.distance:.4g} nm off" if self.distance else ""
        units = self.units if self.found == self.units else f"{self.found} to {self.units}"
        return f"{self.wanted} from {self.band} ({self.how}{off}), {units}"


@dataclass(frozen=True)
class MatchedInput:
    """One input of a network: an `InputFeed`.

    Attributes:
        name: on the card.
        scene: uncut, with the bands and dates that are used, in the card's order, on the grid of this input.
        bands: what feeds what, in the card's order.
        dates: what the dates are called, in the order in which the network sees them.
        every: whether a pixel counts only where all dates are valid; else one valid date is enough.
        ratio: its pixels per pixel of the feed's grid.
        gsd: of its pixels in m; None where nobody knows.
        resampling: what was done to the scene's pixels, in words.
        positions: of a map of classes: number -> position of the card's class. All else is not known to the network,
            and no reason for not answering.
    """

    name: str
    scene: Scene
    bands: tuple[BandMatch, ...]
    dates: tuple[str, ...]
    every: bool = True
    ratio: Fraction = Fraction(1)
    gsd: float | None = None
    resampling: str = "as it is"
    positions: Mapping[int, int] | None = None

    def read(self, window: Window) -> Pixels:
        """See `InputFeed.read`; a band in other units is converted, and what that makes of nothing is invalid."""
        values, valid = self.scene.read(window, boundless=True)
        if self.positions is not None:
            known = np.full_like(values, np.nan)
            for number, position in self.positions.items():
                known[valid & (values == number)] = position
            return known, np.ones(valid.shape[2:], dtype=bool)
        for index, band in enumerate(self.bands):
            convert = conversion(band.found, band.units)
            if band.found != band.units and convert is not None:
                values[:, index] = convert(values[:, index])
                valid[:, index] &= np.isfinite(values[:, index])
                values[:, index][~valid[:, index]] = np.nan
        merged = np.logical_and if self.every else np.logical_or
        return values, merged.reduce(valid.all(axis=1), axis=0)

    def describe(self) -> dict[str, Any]:
        """Plain data for the record."""
        return {
            "name": self.name,
            "bands": [
                {"card": band.wanted, "scene": band.band, "how": band.how}
                | ({} if band.distance is None else {"distance_nm": round(band.distance, 3)})
                | {"units": [band.found, band.units]}
                for band in self.bands
            ],
            "dates": list(self.dates),
            "gsd": None if self.gsd is None else float(f"{self.gsd:.6g}"),
            "resampling": self.resampling,
            "ratio": str(self.ratio),
            **({} if self.positions is None else {"classes": {str(n): at for n, at in self.positions.items()}}),
        }

    def __str__(self) -> str:
        size = "" if self.gsd is None else f", pixels of {self.gsd:.3g} m"
        head = f"{self.name}: {', '.join(self.dates)}{size}"
        return "\n".join([head, *(f"  {band}" for band in self.bands)])


@dataclass(frozen=True, eq=False)
class Matched:
    """A scene, or several, as a card wants them. Made by `match`; read by the engine as a `Feed`.

    Attributes:
        scenes: one per input, as they were given; the first one's cut and outline are the extent.
        grid: where the network runs: all of what the first scene was cut from. It begins at that scene's origin, so
            that tiles lie at the same places whatever is cut. Where pixels were resampled, the product has these too.
        inputs: in the order of the card's.
        factor: size of the grid's pixels in pixels of the scene.
        told: what the network takes by keyword: `wavelengths` in nm `[C]` and `days` since 1970-01-01 `[T]`, float32;
            `gsd` in m.
        notes: what a person should know though it fits.
        prepared: what was done to the scenes' dates before, see `swath.predict.prepare`.
    """

    scenes: tuple[Scene, ...]
    grid: GeoBox
    inputs: tuple[MatchedInput, ...]
    factor: float = 1.0
    told: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    prepared: Mapping[str, Any] = field(default_factory=dict)

    @property
    def extent(self) -> Window:
        """See `Feed.extent`: whole pixels that hold the first scene."""
        first = self.scenes[0]
        rows, columns = (
            slice(
                min(math.floor(start / self.factor + 1e-6), most - 1),
                min(math.ceil((start + size) / self.factor - 1e-6), most),
            )
            for start, size, most in zip(first.origin, first.grid.shape, self.grid.shape, strict=True)
        )
        return rows, columns

    def inside(self, grid: GeoBox) -> NDArray[np.bool_] | None:
        """See `Feed.inside`."""
        outline = self.scenes[0].outline
        return None if outline is None else inside_outline(outline, grid)

    def describe(self) -> dict[str, Any]:
        """See `Feed.describe`."""
        return {
            "inputs": [one.describe() for one in self.inputs],
            "notes": list(self.notes),
            **self.prepared,
            "sources": [told for scene in self.scenes for told in fingerprints(scene)],
        }

    def __str__(self) -> str:
        return "\n".join([*map(str, self.inputs), *(f"note: {note}" for note in self.notes)])
