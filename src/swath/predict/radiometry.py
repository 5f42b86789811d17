"""The light of one date brought to that of another: a line per band, through pixels that did not change.

Canty & Nielsen (2008), Automatic radiometric normalization of multitemporal satellite imagery with the iteratively
re-weighted MAD transformation, doi:10.1016/j.rse.2007.07.013. Which pixels did not change IR-MAD tells, for which light
makes no difference; the line is that of orthogonal regression, with each pixel weighed by its probability of no change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from swath.errors import MatchError
from swath.models.mad import mad, no_change
from swath.models.pair import Pair
from swath.scene.scene import Scene

Line = tuple[float, float]
"""Gain and offset."""

_RELATED = 0.5
"""Correlation of what did not change, below which no line is believed."""


def lines_of(scene: Scene) -> tuple[Line, ...]:
    """Per band, what makes values of the second date those of the first where nothing changed: `gain * x + offset`.

    Args:
        scene: of two dates; a sample of all of it is read.

    Raises:
        MatchError: the dates have too little in common, or as `Pair` says.
    """
    pair = replace(Pair.of(scene, "matching the light of two dates"), units=tuple(one.units for one in scene.bands))
    first, second = pair.pixels()
    weights = no_change(mad(first, second).chi_square(first, second), first.shape[1])
    lines: list[Line] = []
    for band, x, y in zip(scene.bands, second.T, first.T, strict=True):
        (sxx, sxy), (_, syy) = np.cov(np.stack([x, y]), aweights=weights)
        if not sxy > _RELATED * np.sqrt(sxx * syy):
            raise MatchError(
                f"{band.name} of {scene.names[1]} hardly goes with that of {scene.names[0]} even where nothing "
                "changed, so that its light cannot be matched; open with bands= without it, or leave out "
                "match_radiometry"
            )
        gain = float((syy - sxx + np.hypot(syy - sxx, 2 * sxy)) / (2 * sxy))
        offset = float(np.average(y, weights=weights) - gain * np.average(x, weights=weights))
        lines.append((float(f"{gain:.6g}"), float(f"{offset:.6g}")))
    return tuple(lines)


def lit(scene: Scene, lines: Sequence[Sequence[Line]]) -> Scene:
    """The scene with the values of each date changed by a line per band; nothing is read."""
    planes = tuple(
        tuple(
            None if plane is None else replace(plane, scale=plane.scale * gain, offset=plane.offset * gain + offset)
            for plane, (gain, offset) in zip(row, own, strict=True)
        )
        for row, own in zip(scene.planes, lines, strict=True)
    )
    return replace(scene, planes=planes)
