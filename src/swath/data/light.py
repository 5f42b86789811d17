"""Which bands hold light, and which terrain, weather, indices or flags: only light is brighter on another day."""

from __future__ import annotations

from collections.abc import Sequence

from swath.sensors import Band

_SEEN = frozenset({"reflectance", "radiance", "display", "db", "linear", "amplitude"})
"""Units of light and of radar."""


def lit(bands: Sequence[Band]) -> tuple[bool, ...]:
    """Of each band whether it holds light or radar: it has a wavelength or a polarisation, or units of such.

    Plain numbers (`dn`) of which nothing says more are taken for light where that is so of no other band.
    """
    known = [
        band.kind == "continuous"
        and (band.wavelength is not None or band.polarisation is not None or band.units in _SEEN)
        for band in bands
    ]
    return tuple(known if any(known) else [band.kind == "continuous" and band.units == "dn" for band in bands])
