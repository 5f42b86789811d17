"""Swath: imagery of the Earth into georeferenced answers."""
