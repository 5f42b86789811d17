"""From maps to shapes: polygons that are whole across the borders of blocks and tiles."""

from swath.predict.vectors.sieve import Sieve
from swath.predict.vectors.whole import Shapes, whole_polygons

__all__ = ["Shapes", "Sieve", "whole_polygons"]
