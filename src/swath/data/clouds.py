"""Clouds and the shadows that they cast, drawn over imagery so that a network learns that they are no change.

    values = clouded(values, valid, rng)

A cloud is fractal noise above a level: soft at its edges, white, and as much brighter than the ground as clouds are.
Its shadow lies a little way off and takes away most of the light. Levels are in shares of the spread between dark and
bright of the image, so any units will do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

_COVER = 0.02, 0.3
"""Least and most of an image that lies under cloud."""
_WHITE = 0.3, 4.0
"""How many spreads a cloud is brighter than what is bright; those over Paris in 2018 are up to 4."""
_TINT = 0.1
"""By how much a band of a cloud differs from the others, of its own brightness."""
_AWAY = 0.05, 0.4
"""How far off its shadow falls, in sides of the image."""
_DARK = 0.3, 0.8
"""How much of the difference to the darkest a shadow takes away."""


def clouded(values: NDArray[np.float32], low: float, high: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Bands of one range, `[band, y, x]`, under some clouds and their shadows.

    Args:
        values: in any units; they stay as they are.
        low: what is dark in them.
        high: what is bright.
        rng: draws where, how many and how dense.
    """
    height, width = values.shape[-2:]
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(*_AWAY) * min(height, width)
    down, right = round(far * np.sin(angle)), round(far * np.cos(angle))
    # The sky is larger than the image, so that shadows fall into it from clouds outside.
    sky = _sky((height + abs(down), width + abs(right)), rng)
    cloud = sky[max(0, down) :, max(0, right) :][:height, :width]
    shadow = sky[max(0, -down) :, max(0, -right) :][:height, :width]
    white = high + (high - low) * rng.uniform(*_WHITE) * (1 + _TINT * rng.uniform(-1, 1, size=(len(values), 1, 1)))
    shaded = values + np.float32(rng.uniform(*_DARK)) * shadow * np.minimum(low - values, 0)
    return np.asarray(shaded + cloud * (white.astype(np.float32) - shaded), dtype=np.float32)


def _sky(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """How dense clouds are, `[y, x]` from 0 to 1: noise of waves from half of the sky down, finer ones fainter."""
    noise = np.zeros([-(-side // 2) for side in shape], dtype=np.float32)
    for octave in range(1, 7):
        knots = 2**octave + 1
        if knots > min(noise.shape):
            break
        coarse = rng.standard_normal((knots, knots)).astype(np.float32)
        noise += _stretched(coarse, noise.shape) / 2**octave
    level = float(np.quantile(noise, 1 - rng.uniform(*_COVER)))
    thick = max(float(noise.max()) - level, 1e-6)
    dense = np.clip((noise - level) / (thick * np.float32(rng.uniform(0.2, 0.8))), 0, 1)
    return _stretched(dense, shape)


def _stretched(coarse: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    factors = [to / of for to, of in zip(shape, coarse.shape, strict=True)]
    made: NDArray[np.float32] = zoom(coarse, factors, order=1, grid_mode=True, mode="nearest")
    return made
