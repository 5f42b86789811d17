"""`Source`: one thing that was found where the caller pointed, with what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from swath.scene.dates import Date
from swath.scene.reader import Reader
from swath.sensors import Band, Recognition


@dataclass(frozen=True)
class Source:
    """A reader and what is known of it before the caller's arguments are taken into account.

    Attributes:
        reader: where pixels come from.
        label: a short name for people.
        sensor: recognised sensor, its variant not yet settled; None where no mark was found.
        date: when it was seen; None where nothing says so.
        bands: what each stored band is, where a catalogue or product layout says it; None entries are left out.
        band_dates: one date per stored band, for a series of one band.
        only: name of the single band that a file of a product holds.
        notes: remarks for the scene's description.
    """

    reader: Reader
    label: str
    sensor: Recognition | None = None
    date: Date | None = None
    bands: tuple[Band | None, ...] | None = None
    band_dates: tuple[Date, ...] | None = None
    only: str | None = None
    notes: tuple[str, ...] = ()
