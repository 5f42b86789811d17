"""Two dates of a scene, of any size, as what a method that is fitted to them looks at: windows, and a sample of pixels.

Memory does not grow with the scene: of a large one a part of the pixels is taken, spread over all of it. Which ones
depends on their place alone, so that the same scene always gives the same sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from swath.errors import MatchError
from swath.scene.scene import Scene
from swath.scene.words import many
from swath.sensors import Band, conversion

Floats = NDArray[np.float64]

_SIDE = 512
MOST = 2**21
"""Numbers that a sample holds at most."""
_RADAR = ("linear", "amplitude")
"""Units whose ratio tells change, since speckle multiplies: they are compared in dB, where it is a difference."""


@dataclass(frozen=True)
class Pair:
    """A scene of two dates.

    Attributes:
        scene: the whole of what is compared.
        units: in which each band is compared.
    """

    scene: Scene
    units: tuple[str, ...]

    @classmethod
    def of(cls, scene: Scene, name: str) -> Self:
        """The two dates of a scene, in the order of time where it is known, for the method called `name`.

        Raises:
            MatchError: there are more dates or fewer, one lacks a band, or a band holds classes or flags.
        """
        if (count := len(scene.dates)) != 2:
            lead = (
                ": say which two, such as dates=[0, 1], or compare all of them: pairs='consecutive' or pairs='first'"
                if count > 2
                else ": open both as one scene, swath.open(FIRST, SECOND)"
            )
            raise MatchError(f"{name} compares two dates, and the scene has {count}{lead}")
        if odd := [band.name for band in scene.bands if band.kind != "continuous"]:
            raise MatchError(
                f"{name} compares measurements, and {', '.join(odd)} holds classes or flags; "
                "open with bands= without it"
            )
        for row, when in zip(scene.planes, scene.names, strict=True):
            if lacking := [band.name for band, plane in zip(scene.bands, row, strict=True) if plane is None]:
                raise MatchError(
                    f"{name} compares bands that both dates have, and {when} lacks {', '.join(lacking)}; "
                    "open with bands= that both have"
                )
        if all(date is not None for date in scene.dates):
            scene = scene.select(dates=sorted((0, 1), key=lambda t: str(scene.dates[t])))
        return cls(scene, tuple("db" if band.units in _RADAR else band.units for band in scene.bands))

    @property
    def bands(self) -> tuple[Band, ...]:
        """The scene's bands in the units in which they are compared."""
        return tuple(band.with_(units=units) for band, units in zip(self.scene.bands, self.units, strict=True))

    def windows(self, halo: tuple[int, int] = (0, 0)) -> Iterator[tuple[int, int, Floats, Floats, NDArray[np.bool_]]]:
        """All of the scene, window by window.

        Args:
            halo: pixels before and behind, along either axis, that come besides.

        Yields:
            Row and column of the window's first pixel; values at both dates `[C, h, w]` float64, and where all of them
            are valid `[h, w]`, with the halo. Values that are not valid are NaN.
        """
        height, width = self.scene.grid.shape
        before, behind = halo
        for top in range(0, height, _SIDE):
            for left in range(0, width, _SIDE):
                rows = slice(top - before, min(top + _SIDE, height) + behind)
                columns = slice(left - before, min(left + _SIDE, width) + behind)
                values, valid = self.scene.read((rows, columns), boundless=True)
                for index, (band, units) in enumerate(zip(self.scene.bands, self.units, strict=True)):
                    convert = conversion(band.units, units)
                    if band.units != units and convert is not None:
                        values[:, index] = convert(values[:, index])
                        valid[:, index] &= np.isfinite(values[:, index])
                yield top, left, values[0].astype(float), values[1].astype(float), np.asarray(valid.all(axis=(0, 1)))

    def pixels(self) -> tuple[Floats, Floats]:
        """Pixels that are valid at both dates, `[n, C]` each; all of a small scene, at most `MOST` numbers of any.

        Raises:
            MatchError: there are too few of them, or a band is the same everywhere.
        """
        share = self.share(2 * len(self.units))
        parts = [
            (before[:, taken].T, after[:, taken].T)
            for top, left, before, after, valid in self.windows()
            for taken in [valid & chosen(top, left, valid.shape, share)]
        ]
        first, second = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        if len(first) < (least := 16 * len(self.units)):
            raise MatchError(
                f"only {many(len(first), 'pixel')} valid at both dates, and comparing {many(len(self.units), 'band')} "
                f"takes {least} or more; look at the scene's nodata (`swath info`)"
            )
        for values, when in ((first, self.scene.names[0]), (second, self.scene.names[1])):
            if flat := [band.name for band, spread in zip(self.bands, values.std(0), strict=True) if not spread > 0]:
                raise MatchError(f"{when}: {', '.join(flat)} is the same everywhere; open with bands= without it")
        return first, second

    def share(self, numbers: int) -> float:
        """The share of pixels that a sample takes, where it holds so many numbers of each."""
        height, width = self.scene.grid.shape
        return min(1.0, MOST / numbers / (height * width))


def chosen(top: int, left: int, shape: tuple[int, ...], share: float) -> NDArray[np.bool_]:
    """Which pixels of a window are in the sample, by their rows and columns in the scene alone, `[h, w]`.

    Places are mixed by the finaliser of SplitMix64 (Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195).
    """
    if share >= 1:
        return np.ones(shape, dtype=bool)
    rows: NDArray[Any] = np.arange(top, top + shape[0], dtype=np.uint64)[:, None] << np.uint64(32)
    mixed = (rows | np.arange(left, left + shape[1], dtype=np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray((mixed ^ (mixed >> np.uint64(31))) < np.uint64(int(share * 2**64)))
