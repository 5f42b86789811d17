"""Wavelengths of bands that are known by their common name alone, for networks that are told wavelengths.

The limits are those of the STAC eo extension's common names (https://github.com/stac-extensions/eo), in nm.
"""

from __future__ import annotations

from swath.models.card import Card
from swath.models.needs import CardBand

LIMITS = {
    "coastal": (400, 450),
    "blue": (450, 500),
    "green": (500, 600),
    "yellow": (580, 620),
    "red": (600, 700),
    "rededge": (700, 790),
    "nir": (750, 1000),
    "nir08": (750, 900),
    "nir09": (850, 1050),
    "swir16": (1550, 1750),
    "swir22": (2100, 2300),
    "pan": (500, 700),
}


def with_light(card: Card) -> Card:
    """The card with wavelengths for those of its bands that have a common name and nothing better."""
    given = card.inputs[0]
    bands = tuple(map(_lit, given.bands))
    return card.with_(inputs=(given.model_copy(update={"bands": bands}), *card.inputs[1:]))


def _lit(band: CardBand) -> CardBand:
    if band.wavelength is not None or band.common_name not in LIMITS:
        return band
    low, high = LIMITS[band.common_name]
    return band.model_copy(update={"wavelength": (float(low), (low + high) / 2, float(high))})
