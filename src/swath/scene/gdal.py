"""GDAL's settings, in one place: bounded cache, no damage passed over, few requests when files lie on a server.

A variable that is already set in the environment stands: it is the user's.
"""

from __future__ import annotations

import os
import threading
import warnings
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import NotGeoreferencedWarning

_DEFAULTS = {
    # Blocks in memory, MB. GDAL's own default is 5 % of the machine, which grows past what a flat-memory run allows.
    "GDAL_CACHEMAX": "64",
    # One request for neighbouring byte ranges, several at once over one connection.
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MULTIPLEX": "YES",
    "GDAL_HTTP_VERSION": "2",
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    "GDAL_HTTP_MAX_RETRY": "4",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
    "GDAL_HTTP_TIMEOUT": "60",
    # Its quick way to decode a whole PNG gives whatever was in memory, and no error, for a file that ends too early
    # (GDAL 3.10); libpng says what is missing.
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",
    # rasterio reports errors as exceptions; GDAL's own lines on stderr would say the same twice.
    "CPL_LOG": os.devnull,
}

_REMOTE = {
    # A listing costs requests on a server; beside a local file it finds `.ovr`, `.msk`, `.aux.xml`.
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    # Kept per open file: for local files it would be memory without use, and grow with their number.
    "VSI_CACHE": "TRUE",
    "VSI_CACHE_SIZE": str(16 * 2**20),
}
"""Only while a file on a server is opened."""


def set_defaults() -> None:
    """Put the defaults into the environment, where GDAL looks each option up when it first needs it."""
    for key, value in _DEFAULTS.items():
        os.environ.setdefault(key, value)


set_defaults()  # whatever opens a raster imports this module
_opening = threading.Lock()


def open_raster(path: str | Path) -> Any:
    """A rasterio dataset, without rasterio's warning about a missing place: whoever opens it says that in words.

    Raises:
        rasterio.errors.RasterioIOError: GDAL cannot open it.
    """
    remote = "://" in str(path) or str(path).startswith(("/vsicurl", "/vsis3", "/vsigs", "/vsiaz"))
    # Filters of warnings are those of the whole process.
    with _opening, warnings.catch_warnings(), rasterio.Env(**(_REMOTE if remote else {})):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path)
