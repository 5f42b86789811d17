"""Do the dates of a scene lie on each other? Phase correlation of edges, to a fraction of a pixel, or no answer.

Kuglin & Hines (1975), The phase correlation image alignment method; sub-pixel peak by the matrix DFT of
Guizar-Sicairos, Thurman & Fienup (2008), doi:10.1364/OL.33.000156. Edges (the magnitude of the gradient) are compared,
not values, since between seasons and sensors fields change their brightness and keep their outlines.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import SwathWarning
from swath.scene.reader import Roi

if TYPE_CHECKING:
    from swath.scene.scene import Scene

_WINDOW = 256
_SMALLEST = 32
"""Side in pixels below which a window holds too little to tell."""
_REACH = 32
"""Largest shift that is looked for, in pixels (a quarter of smaller windows)."""
_CONFIDENT = 0.6
"""Least confidence of a window. Unrelated dates and noise stay below 0.4, real pairs mostly pass 0.8."""
_AGREE = 1.0
"""Windows that tell the truth lie within this many pixels of what they tell together."""
_WARN_ABOVE = 1.0
NOTICED = 0.1
"""Pixels below which an offset cannot be told from none; such a date is left as it is."""
_MOST = 4
"""Windows along a side."""
_APART = 100
"""Pixels between windows where a scene is small."""
_FOR_GROWTH = 6
"""Fewest windows that can show that a shift grows where one that does not grow would agree with them, too."""
_GROWS = 0.25
"""Pixels by which half of the windows must lie off what would be the same everywhere, for that to be looked for."""
_STEP = 0.02
"""Of the sub-pixel search, in pixels."""
_CUTOFF = 0.15
"""Width of the low-pass on the cross spectrum, in cycles per pixel: finer detail is noise and resampling."""


@dataclass(frozen=True)
class Shift:
    """How far what the second date shows lies from where the first shows it.

    Attributes:
        rows: pixels downwards, in the middle.
        columns: pixels to the right, in the middle.
        confidence: 0 to 1: by how much the highest peak of the correlation stands out of the second.
        spread: by how many pixels the shift differs across the scene: of a scene, more than 0 where it grows steadily
            from one side to the other, because the second date has another scale or is turned.
        growth: how it grows: of the rows per row and per column, of the columns per row and per column; empty where the
            shift is the same everywhere.
    """

    rows: float
    columns: float
    confidence: float
    spread: float = 0.0
    growth: tuple[float, ...] = ()

    @property
    def farthest(self) -> float:
        """As far as it may be anywhere in the scene, in pixels: where it grows, more than in the middle."""
        return self.pixels + self.spread / 2

    @property
    def offset(self) -> tuple[float, ...]:
        """What `moved` takes: rows and columns, and their growth if there is any."""
        return (self.rows, self.columns, *self.growth)

    @property
    def pixels(self) -> float:
        """Length of the shift in pixels."""
        return math.hypot(self.rows, self.columns)


def shift_between(
    a: NDArray[Any],
    b: NDArray[Any],
    valid_a: NDArray[np.bool_] | None = None,
    valid_b: NDArray[np.bool_] | None = None,
) -> Shift | None:
    """Shift of `b` against `a`, None where it cannot be told: too small, too little valid, or nothing in common.

    Args:
        a: `[y, x]`, any numeric type.
        b: `[y, x]`, the same shape.
        valid_a: where `a` is valid; None: where it is finite.
        valid_b: likewise.

    Returns:
        Content at `(y, x)` of `a` is at `(y + rows, x + columns)` of `b`; accurate to about 0.1 px on real pairs.
    """
    if a.shape != b.shape or min(a.shape) < _SMALLEST:
        return None
    valid = np.isfinite(a) & np.isfinite(b)
    valid &= True if valid_a is None else valid_a
    valid &= True if valid_b is None else valid_b
    if valid.mean() < 0.5:
        return None
    spectra = [_spectrum(image, valid) for image in (a, b)]
    if spectra[0] is None or spectra[1] is None:
        return None
    cross = np.conj(spectra[0]) * spectra[1]
    size = np.abs(cross)
    fy, fx = np.fft.fftfreq(a.shape[0])[:, None], np.fft.fftfreq(a.shape[1])[None, :]
    phase = np.divide(cross, size, out=np.zeros_like(cross), where=size > size.max() * 1e-12)
    phase *= np.exp(-0.5 * (fy**2 + fx**2) / _CUTOFF**2)
    surface = np.fft.fftshift(np.fft.ifft2(phase).real)
    reach_y, reach_x = (min(_REACH, side // 4) for side in a.shape)
    middle_y, middle_x = a.shape[0] // 2, a.shape[1] // 2
    near = surface[middle_y - reach_y : middle_y + reach_y + 1, middle_x - reach_x : middle_x + reach_x + 1].copy()
    y, x = (int(i) for i in np.unravel_index(np.argmax(near), near.shape))
    peak = float(near[y, x])
    near[max(0, y - 5) : y + 6, max(0, x - 5) : x + 6] = -np.inf
    confidence = 1.0 - max(float(near.max()), 0.0) / peak if peak > 0 else 0.0
    if confidence < _CONFIDENT:
        return None
    fine = np.arange(-1.0, 1.0 + _STEP / 2, _STEP)
    rows, columns = y - reach_y + fine, x - reach_x + fine
    upsampled = (np.exp(2j * np.pi * rows[:, None] * fy.T) @ phase @ np.exp(2j * np.pi * fx.T * columns[None, :])).real
    i, j = np.unravel_index(np.argmax(upsampled), upsampled.shape)
    return Shift(round(float(rows[i]), 3), round(float(columns[j]), 3), round(confidence, 3))


def _spectrum(image: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.complex128] | None:
    """Spectrum of the edges; None where there are none. What is invalid has no edges, and neither have its rims."""
    from skimage.filters import gaussian as untyped

    gaussian: Callable[..., NDArray[np.float64]] = untyped
    filled = np.where(valid, image, np.median(image[valid])).astype(np.float64)
    down, right = np.gradient(gaussian(filled, 1.0))
    edges = np.hypot(down, right)
    inner = valid if valid.all() else gaussian(valid.astype(np.float64), 2.0, mode="nearest") > 0.99
    if not inner.any() or np.ptp(edges[inner]) == 0:
        return None
    # A single glint or cloud rim must not outweigh all else.
    edges = np.minimum(edges, np.percentile(edges[inner], 99))
    hann = np.outer(*(np.hanning(side + 2)[1:-1] for side in edges.shape)) * inner
    # Less the mean of what is seen, so that the outline of the invalid part is no edge that both dates share.
    edges = (edges - np.average(edges, weights=hann)) * hann
    return np.asarray(np.fft.fft2(edges))


def misregistration(scene: Scene) -> tuple[Shift | None, ...]:
    """Shift of each date against the first, in pixels of the scene's grid; windows of it are read, never the whole.

    Args:
        scene: of one date or more.

    Returns:
        One per date, zero for the first; None where it cannot be told, as under clouds or over water.

    Warns:
        SwathWarning: a date lies more than one pixel off.
    """
    result = shifts_of(scene)
    for date, shift in enumerate(result):
        if shift is not None and shift.farthest > _WARN_ABOVE:
            warnings.warn(_advice(scene, date, shift), SwathWarning, stacklevel=3)
    return result


def shifts_of(scene: Scene) -> tuple[Shift | None, ...]:
    """As `misregistration`, without a word."""
    cache: dict[Any, Any] = {}
    others = (_of_date(scene, date, cache) for date in range(1, len(scene.dates)))
    return Shift(0.0, 0.0, 1.0), *others


def offsets_of(scene: Scene) -> tuple[tuple[float, ...], ...]:
    """What `moved` takes to lay each date over the first: no offset where it cannot be told, or hardly matters."""
    return tuple(
        (0.0, 0.0) if shift is None or (shift.pixels < NOTICED and not shift.growth) else shift.offset
        for shift in shifts_of(scene)
    )


def _of_date(scene: Scene, date: int, cache: dict[Any, Any]) -> Shift | None:
    """What the windows say together, where enough of them say the same."""
    band = _sharpest(scene, date)
    if band is None:
        return None
    one_band = replace(scene, bands=(scene.bands[band],), planes=tuple((row[band],) for row in scene.planes))
    height, width = scene.shape[2:]
    windows = list(_windows(height, width))
    found: list[tuple[float, float, Shift]] = []
    for window in windows:
        key = (band, window[0].start, window[1].start)
        if key not in cache:
            cache[key] = one_band.read(window, dates=0)
        (first, seen_first), (second, seen) = cache[key], one_band.read(window, dates=date)
        shift = shift_between(first[0, 0], second[0, 0], seen_first[0, 0], seen[0, 0])
        if shift is not None:
            down, right = (
                (part.start + part.stop - side) / 2 for part, side in zip(window, (height, width), strict=True)
            )
            found.append((down, right, shift))
    return _together(found, len(windows))


def _together(found: list[tuple[float, float, Shift]], asked: int) -> Shift | None:
    """What windows say together: one shift, or one that grows steadily across the scene; None where they disagree.

    Args:
        found: where the windows' middles lie from that of the scene, downwards and to the right, and what they say.
        asked: how many there are.
    """
    if not found:
        return None
    places = np.array([(1.0, y, x) for y, x, _ in found])
    shifts = np.array([(one.rows, one.columns) for _, _, one in found])
    same = np.zeros((3, 2))
    same[0] = np.median(shifts, axis=0)
    models = [same]
    if len(found) >= 4:
        # Fitted twice, the second time without what the first shows to be wrong.
        plane = np.linalg.lstsq(places, shifts, rcond=None)[0]
        good = np.hypot(*(shifts - places @ plane).T) <= 2 * _AGREE
        if np.linalg.matrix_rank(places[good]) == 3:
            plane = np.linalg.lstsq(places[good], shifts[good], rcond=None)[0]
        apart = [float(np.median(np.hypot(*(shifts - places @ model).T))) for model in (same, plane)]
        # Six numbers fit anything better than two; they are taken where they say much more.
        models.insert(0 if len(found) >= _FOR_GROWTH and apart[1] < apart[0] / 2 and apart[0] > _GROWS else 1, plane)
    for model in models:
        agree = np.hypot(*(shifts - places @ model).T) <= _AGREE
        if 3 * agree.sum() >= asked and 2 * agree.sum() > len(found):
            if model is same:
                model[0] = np.median(shifts[agree], axis=0)
            spread = np.hypot(*np.ptp((places @ model)[agree], axis=0))
            confidence = np.median([one.confidence for _, _, one in found])
            rows, columns, confidence, spread = (round(float(value), 3) for value in (*model[0], confidence, spread))
            growth = () if model is same else tuple(round(float(value), 7) for value in model[1:].T.ravel())
            return Shift(rows, columns, confidence, spread, growth)
    return None


def _sharpest(scene: Scene, date: int) -> int | None:
    """The band to compare: near infrared, which haze spares, else red, else the first that both dates have."""
    both = [
        i
        for i, band in enumerate(scene.bands)
        if band.kind == "continuous" and scene.planes[0][i] is not None and scene.planes[date][i] is not None
    ]
    for name in ("nir", "nir08", "red"):
        for i in both:
            if scene.bands[i].common_name == name:
                return i
    return both[0] if both else None


def _windows(height: int, width: int) -> Iterator[Roi]:
    """Up to four by four windows, evenly over the scene; they overlap where it is small."""
    for top in _starts(height):
        for left in _starts(width):
            yield slice(top, min(top + _WINDOW, height)), slice(left, min(left + _WINDOW, width))


def _starts(side: int) -> list[int]:
    last = max(0, side - _WINDOW)
    count = min(_MOST, 1 + round(last / _APART))
    return [last // 2] if count == 1 else [round(i * last / (count - 1)) for i in range(count)]


def _advice(scene: Scene, date: int, shift: Shift) -> str:
    affine = scene.grid.affine
    dx, dy = (-(shift.columns * p + shift.rows * q) for p, q in ((affine.a, affine.b), (affine.d, affine.e)))
    mend = f"register it first, or move its origin by ({dx:.6g}, {dy:.6g}) in units of the CRS (gdal_edit.py -a_ullr)"
    if shift.spread > _WARN_ABOVE:
        mend = f"by {shift.spread:.1f} px more on one side than on the other, so its scale differs; coregister it"
    return (
        f"{scene.names[date]} lies {shift.pixels:.1f} px off {scene.names[0]} ({shift.rows:+.2f} rows, "
        f"{shift.columns:+.2f} columns), so edges will look like change; {mend}"
    )
