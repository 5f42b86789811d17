"""Augmentation: turns and zooms all dates, bands, masks and boxes of a sample alike, and never mixes in invalid pixels.

    augment = Augment(brightness=0.1)
    sample = augment(sample, np.random.default_rng([seed, step]))

What moves pixels is drawn once per sample, but for the offset of later dates; what changes brightness once per date, or
per date and band; clouds once per date. Values keep their units and are changed in shares of the spread between the
sample's own dark and bright; only bands whose values lie in one range are looked at together, since a stack may hold
decibels, reflectance and metres. Terrain, weather, indices and flags are no light and keep their values. Invalid pixels
are 0 before and after, and never enter the spread.

What a sensor that is kept apart saw turns and zooms with the rest, on its own grid, in a light and under clouds of its
own; its dates neither shift nor change places, and it keeps its bands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from swath.data.boxes import around, cut
from swath.data.clouds import clouded
from swath.data.sample import IGNORE, Beside, Boxes, Sample, Target

Share = Annotated[float, Field(ge=0, le=1)]
Lay = Callable[[NDArray[Any], Any], NDArray[Any]]
"""Moves the pixels of `[..., y, x]`; the second argument stands where none comes to lie."""
Move = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Moves points `[..., 2]`, x and y."""
Seen = TypeVar("Seen", Sample, Beside)
_LOW, _HIGH = 2, 98
"""Percentiles that are taken for the darkest and brightest."""


class Augment(BaseModel):
    """What is done to samples, and how strongly; 0 leaves a thing out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    turns: bool = True
    """The eight ways to lay a square down: quarter turns, mirrored or not; of crops that are not square, four."""
    scale: Share = 0.25
    """Zoom by a factor between 1 - scale and 1 / (1 - scale), about a random point."""
    brightness: Share = 0.1
    """Shift by up to this share of the spread between dark and bright, per date."""
    contrast: Share = 0.2
    """Multiply the distance from the mean by a factor up to 1 + contrast, or down to its inverse, per date."""
    gamma: Share = 0.2
    """Bend values between dark and bright by an exponent up to 1 + gamma, or down to its inverse, per date."""
    colour: Share = 0.05
    """Shift each band on its own, as `brightness`, per date and band."""
    clouds: Share = 0.0
    """Chance, per date of a pair or series, that clouds and their shadows lie over it. Labels stay as they are: a cloud
    is no change."""
    shift: Annotated[int, Field(ge=0)] = 0
    """Move each date after the first by up to so many px along each side, as dates that do not quite lie upon it."""
    drop_band: Share = 0.0
    """Chance that a band becomes invalid on all dates; one band always stays."""
    swap_dates: Share = 0.0
    """Chance that the dates of a pair change places: for change without direction, and for change whose classes at both
    dates are labelled, which change places too."""

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The sample, changed as the generator draws; the given one stays as it is."""
        # Each thing draws from a stream of its own, so that leaving one out leaves the others as they were.
        turn, zoom, light, bands, dates, sky, place = rng.spawn(7)
        if self.turns:
            sample = turned(sample, int(turn.integers(8)))
        if self.scale:
            sample = self._zoomed(sample, zoom)
        lights, skies = (own.spawn(len(sample.beside)) for own in (light, sky))
        sample = self._lit(sample, light)
        beside = [self._lit(one, own) for one, own in zip(sample.beside, lights, strict=True)]
        if self.clouds:
            beside = [self._clouded(one, own) for one, own in zip(beside, skies, strict=True)]
        sample = replace(sample, beside=tuple(beside))
        if self.clouds:
            sample = self._clouded(sample, sky)
        if self.shift and len(sample.image) > 1:
            sample = self._shifted(sample, place)
        if self.drop_band and sample.image.shape[1] > 1:
            sample = self._dropped(sample, bands)
        if len(sample.image) == 2 and dates.random() < self.swap_dates:
            image, valid, target = sample.image[::-1].copy(), sample.valid[::-1].copy(), sample.target
            if isinstance(target, np.ndarray) and target.ndim == 3:
                target = target[[0, 2, 1]]
            # A map of the first date says nothing of the other one.
            before = None if sample.before is None else np.full_like(sample.before, IGNORE)
            sample = replace(sample, image=image, valid=valid, target=target, before=before)
        return sample

    def _zoomed(self, sample: Sample, rng: np.random.Generator) -> Sample:
        reach = -np.log(1 - min(self.scale, 0.9))
        factor = float(np.exp(rng.uniform(-reach, reach)))
        return zoomed(sample, factor, (float(rng.random()), float(rng.random())))

    def _lit(self, sample: Seen, rng: np.random.Generator) -> Seen:
        image = sample.image.copy()
        draws = rng.uniform(-1, 1, size=(len(image), 3 + image.shape[1]))
        for values, valid, draw in zip(image, sample.valid, draws, strict=True):
            for bands in _alike(values, valid, sample.lit):
                values[bands] = self._lit_alike(values[bands], valid[bands], draw[:3], draw[3:][bands])
        return replace(sample, image=image)

    def _lit_alike(
        self, values: NDArray[np.float32], valid: NDArray[np.bool_], draw: NDArray[np.float64], own: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Bands of one range, `[band, y, x]`, in another light."""
        known = values[valid]
        low, high = _ends(known)
        spread = high - low
        if not spread > 0:
            return values
        if self.gamma:
            inner = np.clip((values - low) / spread, 0, 1)
            bent = np.power(inner, _factor(self.gamma, draw[0]))
            bent -= inner
            bent *= spread
            values += bent
        if self.contrast:
            mean = float(known.mean())
            factor = _factor(self.contrast, draw[1])
            values *= factor
            values += mean * (1 - factor)
        values += (spread * (self.brightness * draw[2] + self.colour * own[:, None, None])).astype(np.float32)
        if known.size < valid.size:
            values[~valid] = 0.0
        return values

    def _clouded(self, sample: Seen, rng: np.random.Generator) -> Seen:
        if len(sample.image) < 2:
            return sample
        image = sample.image.copy()
        for values, valid, own in zip(image, sample.valid, rng.spawn(len(image)), strict=True):
            if own.random() < self.clouds:
                for bands, sky in zip(groups := _alike(values, valid, sample.lit), own.spawn(len(groups)), strict=True):
                    low, high = _ends(values[bands][valid[bands]])
                    values[bands] = np.where(valid[bands], clouded(values[bands], low, high, sky), np.float32(0))
        return replace(sample, image=image)

    def _shifted(self, sample: Sample, rng: np.random.Generator) -> Sample:
        image, valid = sample.image.copy(), sample.valid.copy()
        for date in range(1, len(image)):
            down, right = (int(step) for step in rng.integers(-self.shift, self.shift + 1, size=2))
            image[date], valid[date] = pushed(image[date], down, right), pushed(valid[date], down, right)
        return replace(sample, image=image, valid=valid)

    def _dropped(self, sample: Sample, rng: np.random.Generator) -> Sample:
        drop = np.asarray(rng.random(sample.image.shape[1]) < self.drop_band)
        if drop.all():
            drop[int(rng.integers(len(drop)))] = False
        image, valid = sample.image.copy(), sample.valid.copy()
        image[:, drop], valid[:, drop] = 0.0, False
        return replace(sample, image=image, valid=valid)


def _ends(known: NDArray[np.float32]) -> tuple[float, float]:
    """The darkest and the brightest; plain floats, as numpy's own would make all arithmetic double."""
    low, high = np.percentile(_some(known), [_LOW, _HIGH])
    return float(low), float(high)


def _some(known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Enough of the numbers to tell their percentiles."""
    return known[:: max(1, known.size // 4096)]


def _alike(values: NDArray[np.float32], valid: NDArray[np.bool_], lit: tuple[bool, ...] | None) -> list[list[int]]:
    """Bands `[band, y, x]` by range: those whose ranges overlap share their light; decibels and reflectance do not.

    A band that is not lit, or in which nothing is valid, is in none of them.
    """
    ranges = [
        (*np.percentile(_some(band[seen]), [_LOW, _HIGH]), i)
        for i, (band, seen) in enumerate(zip(values, valid, strict=True))
        if (lit is None or lit[i]) and seen.any()
    ]
    groups: list[list[int]] = []
    reach = -np.inf
    for low, high, i in sorted(ranges):
        if low > reach:
            groups.append([])
        groups[-1].append(i)
        reach = max(reach, high)
    return [sorted(group) for group in groups]


def _factor(reach: float, draw: float) -> float:
    return float((1 + reach) ** draw)


def turned(sample: Sample, way: int) -> Sample:
    """The sample laid down in one of eight ways.

    Args:
        sample: whose rows and columns change places for odd ways, if they are as many; else the turn is by a half.
        way: 0 to 7: quarter turns against the clock, from 4 on after mirroring left and right.
    """
    height, width = sample.image.shape[-2:]
    quarters = way % 4 if height == width else way % 4 // 2 * 2
    mirror = way >= 4
    if not quarters and not mirror:
        return sample

    def lay(array: NDArray[Any], blank: Any) -> NDArray[Any]:
        return np.ascontiguousarray(np.rot90(array[..., ::-1] if mirror else array, quarters, axes=(-2, -1)))

    def move(points: NDArray[np.float32]) -> NDArray[np.float32]:
        x, y = points[..., 0], points[..., 1]
        if mirror:
            x = width - x
        sides = width, height
        for _ in range(quarters):
            x, y, sides = y, sides[0] - x, sides[::-1]
        return np.stack([x, y], axis=-1)

    return _laid(sample, lay, [lay] * len(sample.beside), move)


def zoomed(sample: Sample, factor: float, about: tuple[float, float]) -> Sample:
    """The sample enlarged by `factor`, or shrunk, in a frame of the same size; what lies beyond it is not there.

    Every pixel of the answer takes the nearest pixel of the sample: numbers of classes are never mixed, and neither are
    values of valid and invalid pixels.

    Args:
        sample: what is enlarged.
        factor: side of an old pixel in new ones.
        about: `(y, x)` as shares of the sides: the point that stays where it is.
    """
    height, width = sample.image.shape[-2:]
    lay = _laying((height, width), factor, about)
    ways = [_laying(one.image.shape[-2:], factor, about) for one in sample.beside]

    def move(points: NDArray[np.float32]) -> NDArray[np.float32]:
        centre = np.array([about[1] * width, about[0] * height], dtype=np.float32)
        return np.asarray((points - centre) * np.float32(factor) + centre)

    made = _laid(sample, lay, ways, move)
    seen = np.s_[0:height, 0:width]
    return replace(made, target=cut(made.target, seen)) if isinstance(made.target, Boxes) else made


def _laid(sample: Sample, lay: Lay, ways: Sequence[Lay], move: Move) -> Sample:
    """The sample with all pixels and points moved; `ways` move those of the sensors that are kept apart."""
    beside = zip(sample.beside, ways, strict=True)
    return replace(
        sample,
        image=lay(sample.image, 0.0),
        valid=lay(sample.valid, False),
        weight=None if sample.weight is None else lay(sample.weight, 1.0),
        target=_moved(sample.target, lay, move),
        before=None if sample.before is None else lay(sample.before, IGNORE),
        beside=tuple(replace(one, image=way(one.image, 0.0), valid=way(one.valid, False)) for one, way in beside),
    )


def _laying(shape: Sequence[int], factor: float, about: tuple[float, float]) -> Lay:
    """What zooms arrays of so many rows and columns."""
    (rows, keep_rows), (columns, keep_columns) = (
        _nearest(size, factor, share) for size, share in zip(shape, about, strict=True)
    )

    def lay(array: NDArray[Any], blank: Any) -> NDArray[Any]:
        made = array.take(rows, axis=-2).take(columns, axis=-1)
        made[..., ~keep_rows, :] = blank
        made[..., ~keep_columns] = blank
        return made

    return lay


def pushed(array: NDArray[Any], down: int, right: int) -> NDArray[Any]:
    """`[..., y, x]` moved by whole px; 0 where nothing comes to lie."""
    made = np.zeros_like(array)
    rows, columns = (_overlap(size, by) for size, by in zip(array.shape[-2:], (down, right), strict=True))
    made[..., rows[0], columns[0]] = array[..., rows[1], columns[1]]
    return made


def _overlap(size: int, by: int) -> tuple[slice, slice]:
    """Where a side moved by so much comes to lie, and what of it."""
    return slice(max(0, by), size + min(0, by)), slice(max(0, -by), size - max(0, by))


def _nearest(size: int, factor: float, about: float) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """For each pixel of a side the one it comes from, and whether that lies within."""
    at = np.floor((np.arange(size) + 0.5 - about * size) / factor + about * size).astype(np.intp)
    return np.clip(at, 0, size - 1), (at >= 0) & (at < size)


def _moved(target: Target, lay: Lay, move: Move) -> Target:
    """A target whose pixels or corners are moved as those of its image."""
    if isinstance(target, Boxes):
        outlines = None if target.outlines is None else move(target.outlines)
        return replace(target, corners=around(move(target.corners.reshape(-1, 2, 2))), outlines=outlines)
    if isinstance(target, np.ndarray) and target.ndim > 1:
        return lay(target, IGNORE if target.dtype.kind == "i" else np.nan)
    return target
