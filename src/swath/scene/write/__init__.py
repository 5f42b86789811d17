"""Writing answers: rasters, series, shapes, and the record beside each; nothing is half written."""

from swath.scene.write.atomic import atomic_path
from swath.scene.write.cog import CogWriter, write_cog
from swath.scene.write.layer import Layer, read_layers
from swath.scene.write.vectors import write_vectors

__all__ = ["CogWriter", "Layer", "atomic_path", "read_layers", "write_cog", "write_vectors"]
