"""Where a band lies in the spectrum, as networks that are told wavelengths are told it."""

from __future__ import annotations

from typing import Protocol

POLARISATION_NM = {"VV": 1e8, "VH": 2e8, "HH": 4e8, "HV": 8e8}
"""What stands for a wavelength in radar bands: beyond all light, and an octave apart, as the frequency of a radar tells
nothing of its polarisation."""


class Lit(Protocol):
    """A band of a scene or of a card."""

    @property
    def wavelength(self) -> tuple[float, float, float] | None:
        """Shortest, centre and longest in nm."""

    @property
    def polarisation(self) -> str | None:
        """Of radar."""


def centre_nm(*bands: Lit) -> float | None:
    """The centre in nm of the first of several descriptions of a band that tells it; None where none does."""
    for band in bands:
        if band.wavelength is not None:
            return band.wavelength[1]
        if band.polarisation in POLARISATION_NM:
            return POLARISATION_NM[band.polarisation]
    return None
