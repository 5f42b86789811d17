"""Writing answers: rasters, series, shapes, and the record beside each; nothing is half written."""

from swath.scene.write.atomic import atomic_path
from swath.scene.write.cog import CogWriter, write_cog
from swath.scene.write.layer import Layer, read_layers
from swath.scene.write.record import read_record, record_path, write_record
from swath.scene.write.vectors import write_vectors
from swath.scene.write.zarr import write_zarr

__all__ = [
    "CogWriter",
    "Layer",
    "atomic_path",
    "read_layers",
    "read_record",
    "record_path",
    "write_cog",
    "write_record",
    "write_vectors",
    "write_zarr",
]
