"""At which ground sampling distance a network runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from swath.models.needs import GsdRule
from swath.scene.align import resampling_for

Gsd = float | Literal["native", "nominal"]
"""`native`: pixels as they are, whatever the card says; `nominal`: resampled to the card's, whatever its range; or
metres, where a scene without CRS cannot tell."""

ALIKE = 1.25
"""Pixels up to a quarter larger or smaller than the card's nominal ones are left as they are: resampling blurs more
than it mends, and networks are trained on as much of a change of scale."""
_NOISE = 0.01
"""Share by which a GSD may be off: degrees and Mercator's metres are measured at one place of the scene."""


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
