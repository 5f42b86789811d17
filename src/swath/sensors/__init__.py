"""Bands and instruments: data files and the typed objects made from them. No torch, no raster I/O."""

from swath.sensors.band import Band, Kind, Wavelength, limits
from swath.sensors.registry import VALUES, Recognition, find_sensor, read_sensor, recognise, sensors
from swath.sensors.sensor import Level, Mark, Sensor, Variant
from swath.sensors.units import UNITS, Units, conversion

__all__ = [
    "UNITS",
    "VALUES",
    "Band",
    "Kind",
    "Level",
    "Mark",
    "Recognition",
    "Sensor",
    "Units",
    "Variant",
    "Wavelength",
    "conversion",
    "find_sensor",
    "limits",
    "read_sensor",
    "recognise",
    "sensors",
]
