"""GDAL's settings, in one place: bounded cache, and few requests when files lie on a server.

A variable that is already set in the environment stands: it is the user's.
"""

from __future__ import annotations

import os

_DEFAULTS = {
    # Blocks in memory, MB. GDAL's own default is 5 % of the machine, which grows past what a flat-memory run allows.
    "GDAL_CACHEMAX": "256",
    # One request for neighbouring byte ranges, several at once over one connection.
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MULTIPLEX": "YES",
    "GDAL_HTTP_VERSION": "2",
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    "GDAL_HTTP_MAX_RETRY": "4",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
    "GDAL_HTTP_TIMEOUT": "60",
    # rasterio reports errors as exceptions; GDAL's own lines on stderr would say the same twice.
    "CPL_LOG": os.devnull,
}

REMOTE_OPTIONS = {
    # A listing costs requests on a server; beside a local file it finds `.ovr`, `.msk`, `.aux.xml`.
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    # Kept per open file: for local files it would be memory without use, and grow with their number.
    "VSI_CACHE": "TRUE",
    "VSI_CACHE_SIZE": str(16 * 2**20),
}
"""Only while a file on a server is opened."""


def set_defaults() -> None:
    """Put the defaults into the environment, where GDAL looks each option up; to be called before rasterio is used."""
    for key, value in _DEFAULTS.items():
        os.environ.setdefault(key, value)
