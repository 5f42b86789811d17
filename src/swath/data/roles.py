"""What part a raster plays in a labelled folder, by its name: image, first or second date, mask.

A role is told by a folder (`images/a.png`, `train_labels/a.png`), by the last word of a name (`paris_mask.tif`), or by
the whole name (`paris/gt.png`). What is left of the path when the role is taken away is the key that files of one place
share.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from swath.data.files import PARTS

_MASK = (
    "mask masks label labels lbl gt gts groundtruth ground_truth annotation annotations annot ann target targets seg "
)
_MASK += "segmentation segmentations cm change changes change_mask labels_mask reference ref"
_IMAGE = "image images img imgs sat satellite rgb input inputs tile tiles source src photo photos scene scenes"
_FIRST = "a t1 im1 img1 image1 imgs_1 before pre time1 date1 pre_disaster first 1"
_SECOND = "b t2 im2 img2 image2 imgs_2 after post time2 date2 post_disaster second 2"

Vocabulary = Mapping[str, str]
"""Word and role."""

PAIRS: Vocabulary = {
    **dict.fromkeys(_MASK.split(), "mask"),
    **dict.fromkeys(_IMAGE.split(), "image"),
}
_MAP = "map maps map1 map_1 before_map map_before"
CHANGE: Vocabulary = {
    **dict.fromkeys(_MASK.split(), "mask"),
    **dict.fromkeys(_MAP.split(), "map"),
    **dict.fromkeys(_FIRST.split(), "1"),
    **dict.fromkeys(_SECOND.split(), "2"),
    **{f"{stem}{number}": str(number) for stem in ("t", "im", "date") for number in range(3, 100)},
}
_FROM = "label1 labels1 labela label_a label_1 mask1 maska mask_a mask_1 gt1 gt_1 from"
_TO = "label2 labels2 labelb label_b label_2 mask2 maskb mask_b mask_2 gt2 gt_2 to"
TRANSITION: Vocabulary = {
    **CHANGE,
    **dict.fromkeys(_FROM.split(), "from"),
    **dict.fromkeys(_TO.split(), "to"),
}
WORDS = frozenset(PAIRS) | (frozenset(CHANGE) - {"1", "2"})
"""Names of folders that are no classes."""


@dataclass
class Place:
    """The files of one key, by role; `plain` are those without one."""

    roles: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))


def by_key(root: Path, paths: Iterable[Path], words: Vocabulary) -> dict[str, Place]:
    """Files by what is left of their path in `root` without suffix and role."""
    places: dict[str, Place] = defaultdict(Place)
    for path in paths:
        role, key = role_of(path.relative_to(root), words)
        places[key].roles[role].append(path)
    return dict(places)


def role_of(path: Path, words: Vocabulary) -> tuple[str, str]:
    """`(role, key)` of a path; the role is `plain` where no word tells one."""
    *folders, name = path.with_suffix("").parts
    for at in reversed(range(len(folders))):
        role, part = _of_folder(folders[at], words)
        if role is not None:
            kept = [*folders[:at], *([part] if part else []), *folders[at + 1 :]]
            return role, "/".join([*kept, _without(name, role, words)])
    if name.casefold() in words and folders:
        return words[name.casefold()], "/".join(folders)
    found = re.fullmatch(r"(.+?)[-_. ]([A-Za-z]+_?\d*|\d+)", name)
    if found is not None and found[2].casefold() in words:
        return words[found[2].casefold()], "/".join([*folders, found[1]])
    return "plain", "/".join([*folders, name])


def _of_folder(name: str, words: Vocabulary) -> tuple[str | None, str | None]:
    """The role that a folder's name tells, and the part of a split that it tells besides: `train_labels`."""
    plain = name.casefold()
    if plain in words and not plain.isdigit():
        return words[plain], None
    parts = re.split(r"[-_ ]", plain, maxsplit=1)
    if len(parts) == 2:
        for part, word in (parts, parts[::-1]):
            if part in PARTS and word in words and not word.isdigit():
                return words[word], PARTS[part]
    return None, None


def _without(name: str, role: str, words: Vocabulary) -> str:
    """A name without a last word that repeats the role of its folder: `masks/a_mask.png`."""
    found = re.fullmatch(r"(.+?)[-_. ]([A-Za-z]+)", name)
    return found[1] if found is not None and words.get(found[2].casefold()) == role else name
