"""Images with a mask each.

`images/a.png` and `masks/a.png`; `train/img/a.png` and `train/gt/a.png`; `a.tif` and `a_mask.tif`.
"""

from __future__ import annotations

from pathlib import Path

from swath.data.files import visible
from swath.data.layouts import Asked, Found, Stray
from swath.data.layouts.sensors import is_of_several
from swath.data.masked import Paired, found_of, single
from swath.data.roles import PAIRS, by_key
from swath.scene.gather import RASTER_SUFFIXES


def recognise(folder: Path, asked: Asked) -> Found | None:
    """Recognise pairs of image and mask; what finds no partner is a stray.

    Raises:
        DataError: see `swath.data.masked.found_of`.
    """
    if asked.task not in (None, "segmentation", "regression"):
        return None
    pairs, strays = [], []
    for key, place in by_key(folder, visible(folder, RASTER_SUFFIXES), PAIRS).items():
        images = place.roles.get("image") or place.roles.get("plain") or []
        masks = place.roles.get("mask", [])
        if images and masks:
            image, mask = single(folder, key, "image", images), single(folder, key, "mask", masks)
            pairs.append(Paired(key, (image,), mask))
        else:
            strays += [Stray(path, "image without mask") for path in images]
            strays += [Stray(path, "mask without image") for path in masks]
    if not pairs or (strays and asked.layout is None and is_of_several(folder, asked)):
        return None
    return found_of(folder, pairs, strays, asked, "segmentation")
