"""What a network takes by keyword besides pixels: wavelengths, days, the size of pixels; from the scene it sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.models.card import Card, Input
from swath.models.light import centre_nm
from swath.predict.match_bands import Pick
from swath.predict.match_grid import Scale
from swath.scene.scene import Scene


def untold(card: Card, scene: Scene, picks: Sequence[Pick], scale: Scale) -> Iterator[str]:
    """What the network takes by keyword and nobody knows, each with what settles it.

    Args:
        card: of the network.
        scene: with the bands and dates that it sees.
        picks: which band of the card each of them feeds.
        scale: of its pixels.
    """
    if "wavelengths" in card.takes and None in (centres := _centres(scene, picks)):
        blank = [band.name for band, centre in zip(scene.bands, centres, strict=True) if centre is None]
        yield (
            f"the network is told wavelengths, and that of {', '.join(blank)} is not known: open with sensor='NAME' or "
            "bands=[swath.Band(name=..., wavelength=(...)), ...]"
        )
    if "days" in card.takes and None in scene.dates:
        yield "the network is told the days, and not all dates are known: open with dates=[...]"
    if "gsd" in card.takes and scale.gsd is None:
        yield "the network is told the size of pixels, which is not known: say gsd=METRES"


def told(card: Card, scene: Scene, picks: Sequence[Pick], scale: Scale) -> dict[str, Any]:
    """What the network takes by keyword: wavelengths in nm `[C]`, days since 1970 `[T]`, the size of pixels in m.

    Arguments as for `untold`.
    """
    known: dict[str, Any] = {
        "wavelengths": np.array([centre or np.nan for centre in _centres(scene, picks)], dtype=np.float32),
        "days": days_of(scene),
        "gsd": scale.gsd,
    }
    return {key: known[key] for key in card.takes if key in known}


def undated(given: Input, scene: Scene) -> Iterator[str]:
    """Why the network cannot be told the days of an input, with what settles it."""
    if given.dates.days and None in scene.dates:
        yield "the network is told its days, and not all dates are known: open with dates=[...]"


def days_of(scene: Scene) -> NDArray[np.float32]:
    """Days since 1970 of the dates that are known, `[T]`."""
    seconds = [date.astype("datetime64[s]").astype(np.int64) for date in scene.dates if date is not None]
    return (np.array(seconds, dtype=np.float64) / 86400).astype(np.float32)


def _centres(scene: Scene, picks: Sequence[Pick]) -> list[float | None]:
    """Wavelength of each band in nm, the scene's before the card's."""
    return [centre_nm(band, pick.wanted) for pick, band in zip(picks, scene.bands, strict=True)]
