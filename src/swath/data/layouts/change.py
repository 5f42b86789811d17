"""Images of several dates with a mask of change.

`A/a.png`, `B/a.png`, `label/a.png`; `PLACE/im1.jpg`, `im2.jpg`, `gt.png`; `a_t1.tif`, `a_t2.tif`, `a_mask.tif`. Beside
them there may be a map of the first date for networks that take one: `map/a.png`, `map.png`, `a_map.tif`.
"""

from __future__ import annotations

from pathlib import Path

from swath.data.files import visible
from swath.data.layouts import Asked, Found, Stray
from swath.data.masked import Paired, found_of, single, with_maps
from swath.data.roles import CHANGE, by_key
from swath.scene.gather import RASTER_SUFFIXES


def recognise(folder: Path, asked: Asked) -> Found | None:
    """Recognise dates with a mask; what lacks a date or the mask is a stray.

    Raises:
        DataError: see `swath.data.masked.found_of`.
    """
    if asked.task not in (None, "change", "segmentation", "regression"):
        return None
    pairs, strays, maps = [], [], {}
    for key, place in by_key(folder, visible(folder, RASTER_SUFFIXES), CHANGE).items():
        masks = place.roles.get("mask", [])
        dates = {int(role): paths for role, paths in place.roles.items() if role.isdigit()}
        if masks and {1, 2} <= set(dates):
            images = tuple(single(folder, key, f"date {number}", dates[number]) for number in sorted(dates))
            pairs.append(Paired(key, images, single(folder, key, "mask", masks)))
            if "map" in place.roles:
                maps[key] = single(folder, key, "map", place.roles["map"])
        else:
            lacking = [
                word for word, has in (("date 1", 1 in dates), ("date 2", 2 in dates), ("mask", masks)) if not has
            ]
            strays += [
                Stray(path, f"without {' and '.join(lacking)}") for paths in place.roles.values() for path in paths
            ]
    if not pairs:
        return None
    found = found_of(folder, pairs, strays, asked, "change")
    return with_maps(folder, found, maps, asked) if found.task == "change" else found
