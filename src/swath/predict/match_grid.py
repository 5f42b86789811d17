"""At which ground sampling distance a network runs, and a scene on the grid that this makes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from swath.errors import GridError
from swath.models.needs import GsdRule, Input
from swath.scene.align import resampling_for, same_grid
from swath.scene.reader import Reader, Roi, Stored
from swath.scene.regrid import regrid
from swath.scene.scene import Plane, Scene

Gsd = float | Literal["native", "nominal"]
"""`native`: pixels as they are, whatever the card says; `nominal`: resampled to the card's, whatever its range; or
metres, where a scene without CRS cannot tell."""

ALIKE = 1.25
"""Pixels up to a quarter larger or smaller than the card's nominal ones are left as they are: resampling blurs more
than it mends, and networks are trained on as much of a change of scale."""
_NOISE = 0.01
"""Share by which a GSD may be off: degrees and Mercator's metres are measured at one place of the scene."""
_LARGEST_TERM = 64
_ANY_CRS = "EPSG:3857"
"""Stands for the CRS of scenes that have none while they are resampled. Both sides have it, so nothing is projected."""


@dataclass(frozen=True)
class Scale:
    """The pixels that a network runs on.

    Attributes:
        gsd: their size in m; None where nobody knows.
        factor: their size in pixels of the scene; 1: as they are.
        said: what is done, in words.
        problem: why none are sound, with what settles it; empty where some are.
    """

    gsd: float | None
    factor: float = 1.0
    said: str = "as it is"
    problem: str = ""


def fit_gsd(found: float | None, rule: GsdRule | None, asked: Gsd | None = None) -> Scale:
    """Compare a scene's GSD with a card's.

    Args:
        found: the scene's, m; None without a CRS.
        rule: the card's; None where it was not recorded.
        asked: what the caller says.
    """
    if isinstance(asked, str) and asked not in ("native", "nominal"):
        return Scale(found, problem=f"gsd={asked!r} is not known: give metres, 'native' or 'nominal'")
    if isinstance(asked, int | float):
        if not asked > 0:
            return Scale(found, problem=f"gsd={asked:g}: give metres per pixel, more than 0")
        if found is not None and not 1 / ALIKE <= asked / found <= ALIKE:
            return Scale(
                found,
                problem=f"gsd={asked:g} is not so, for by its CRS its pixels are {found:.3g} m: leave it out, or say "
                "gsd='native' to run on them as they are",
            )
        found = float(asked) if found is None else found
    if rule is None:
        return Scale(found, said="as it is; the card does not say at which GSD the network was trained")
    trained = f"the model was trained at {rule.nominal:g} m ({rule.min:g} to {rule.max:g} m)"
    if asked == "native":
        return Scale(found, said=f"as it is, as gsd='native' asks; {trained}")
    if found is None:
        return Scale(
            None,
            problem=f"it has no CRS, so nothing says how large its pixels are, and {trained}: say so in metres, "
            f"gsd={rule.nominal:g}, or gsd='native' to run on them whatever they are",
        )
    if asked != "nominal":
        if not rule.min * (1 - _NOISE) <= found <= rule.max * (1 + _NOISE):
            finer = "gsd='nominal' to average them first, or " if found < rule.min else ""
            return Scale(
                found,
                problem=f"its pixels are {found:.3g} m, and {trained}: say {finer}gsd='native' to run on them anyway",
            )
        if 1 / ALIKE <= found / rule.nominal <= ALIKE:
            return Scale(found)
    factor = _rounded(rule.nominal / found)
    if factor == 1:
        return Scale(found)
    means = {"average": "averaging", "bilinear": "bilinear interpolation"}[resampling_for("continuous", factor)]
    return Scale(found * factor, factor, f"resampled from {found:.3g} m to {found * factor:.3g} m by {means}")


def _rounded(factor: float) -> float:
    """The factor, or the whole number or its inverse that is as good: then no pixel is split."""
    whole = float(round(factor)) if factor >= 1 else 1 / round(1 / factor)
    return whole if abs(whole - factor) <= _NOISE * factor else factor


def zoomed(grid: GeoBox, factor: float) -> GeoBox:
    """The grid with pixels `factor` times as large, from the same origin, covering all of it."""
    if factor == 1:
        return grid
    height, width = (max(1, math.ceil(size / factor - 1e-6)) for size in grid.shape)
    return GeoBox((height, width), grid.affine @ Affine.scale(factor, factor), grid.crs)


def ratio_of(first: Input, other: Input) -> Fraction:
    """Pixels of another input per pixel of the first, along an axis; 1 where the card does not say."""
    if first.gsd is None or other.gsd is None:
        return Fraction(1)
    exact = first.gsd.nominal / other.gsd.nominal
    if exact < 1:
        return 1 / Fraction(1 / exact).limit_denominator(_LARGEST_TERM)
    return Fraction(exact).limit_denominator(_LARGEST_TERM)


def laid(scene: Scene, grid: GeoBox) -> Scene:
    """The whole scene on another grid, resampled from its own pixels, each band in the way that is fit for it.

    Raises:
        GridError: it lies elsewhere, or has no place while the grid has one.
    """
    if same_grid(scene.grid, grid):
        return scene
    if scene.grid.crs is None and grid.crs is None:
        scene, grid = _placed(scene), GeoBox(grid.shape, grid.affine, _ANY_CRS)
    return regrid(scene, grid)


def check_side_by_side(scene: Scene, first: Scene) -> None:
    """Two scenes without CRS can be laid over one another only pixel on pixel.

    Raises:
        GridError: they have no CRS and another size or affine.
    """
    if scene.grid.crs is None and first.grid.crs is None and not same_grid(scene.grid, first.grid):
        raise GridError(
            f"{scene.grid.shape.y} x {scene.grid.shape.x} pixels on {first.grid.shape.y} x {first.grid.shape.x}, "
            "all of them without CRS"
        )


def _placed(scene: Scene) -> Scene:
    readers: dict[int, Reader] = {}

    def place(plane: Plane | None) -> Plane | None:
        if plane is None:
            return None
        return replace(plane, reader=readers.setdefault(id(plane.reader), _Placed(plane.reader)))

    planes = tuple(tuple(place(plane) for plane in row) for row in scene.planes)
    return replace(scene, planes=planes, grid=_with_crs(scene.grid))


def _with_crs(grid: GeoBox) -> GeoBox:
    return GeoBox(grid.shape, grid.affine, _ANY_CRS)


class _Placed:
    """A reader without CRS that is given one."""

    def __init__(self, source: Reader) -> None:
        self._source = source
        self.grid = _with_crs(source.grid)

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def stored(self) -> tuple[Stored, ...]:
        return self._source.stored

    @property
    def tags(self) -> Mapping[str, str]:
        return self._source.tags

    def read(
        self, window: Roi, indexes: Sequence[int], shape: tuple[int, int] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """See `Reader.read`."""
        return self._source.read(window, indexes, shape)
