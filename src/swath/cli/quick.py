"""A command that answers at once: what its libraries import without need is put off."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


def import_odc() -> None:
    """Import `odc.geo` without Dask, which it loads only to ask whether an object is a Dask collection.

    Dask takes a third of the start of `swath info`. While odc-geo is imported, a module with that one question stands
    in for it; afterwards Dask is imported as ever by whoever needs it, and the real one is asked.
    """
    if "odc.geo" in sys.modules or "dask" in sys.modules:
        return
    stand_in = ModuleType("dask")
    stand_in.is_dask_collection = _is_dask_collection  # type: ignore[attr-defined]  # the stand-in's one attribute
    stand_in.__spec__ = sys.__spec__  # find_spec("dask") must find something
    sys.modules["dask"] = stand_in
    try:
        import odc.geo.geobox  # noqa: F401  imported for the sake of what it leaves in sys.modules
    finally:
        del sys.modules["dask"]


def _is_dask_collection(value: Any) -> bool:
    if not hasattr(value, "__dask_graph__"):
        return False
    from dask.base import is_dask_collection

    return bool(is_dask_collection(value))
