"""Files of a folder as the places of a published set."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from swath.data.files import visible
from swath.data.layouts import Stray
from swath.data.published.facts import Arrangement, Published, Role
from swath.scene.gather import RASTER_SUFFIXES

_TEXTS = (".json", ".txt", ".lst", ".csv", ".parquet", ".h5", ".nc", ".taco", ".tortilla")
_LISTED = (*RASTER_SUFFIXES, *_TEXTS)
_WORDS: Mapping[Role, str] = {
    "image": "image",
    "series": "series",
    "first": "image of an earlier date",
    "before": "image of the first date",
    "after": "image of the last date",
    "change": "mask of change",
    "from": "classes of the first date",
    "to": "classes of the last date",
    "transition": "mask of change",
    "damage": "polygons",
    "month": "image",
    "classes": "label",
    "table": "table",
}


@dataclass
class Place:
    """The files of one place, by role and their order in it, and the words in their paths."""

    found: dict[tuple[Role, int], Path] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, role: Role) -> Path:
        """The file of a role, the first of several."""
        return self.found[role, 0]

    def all(self, role: Role) -> tuple[Path, ...]:
        """The files of a role, in its order."""
        return tuple(self.found[key] for key in sorted(self.found, key=lambda key: key[1]) if key[0] == role)

    def imagery(self, roles: Sequence[Role]) -> tuple[Path, ...]:
        """The files of these roles, in this order."""
        return tuple(path for role in roles for path in self.all(role))


@dataclass(frozen=True)
class Arranged:
    """A folder as a set.

    Attributes:
        one: the set, with the sensor and bands of imagery that lies like this.
        how: the arrangement that it has.
        places: whole ones by the name of their item, in its order.
        strays: files of places that lack something, and such as are of no role.
        parts: name of an item -> train, val, test.
    """

    one: Published
    how: Arrangement
    places: Mapping[str, Place]
    strays: tuple[Stray, ...]
    parts: Mapping[str, str]

    @property
    def roles(self) -> frozenset[Role]:
        """Of the files."""
        return frozenset(self.how.files)


class Listing:
    """The files of a folder that could be of a set."""

    def __init__(self, folder: Path) -> None:
        files = visible(folder, _LISTED)
        self.rasters = [path for path in files if path.suffix.casefold() in RASTER_SUFFIXES]
        # How templates have them, made once: there are many sets to try, and may be many files.
        self._rasters = [(path, path.relative_to(folder).with_suffix("").as_posix()) for path in self.rasters]
        parents = sorted({path.parent for path in self.rasters})
        self._folders = [(path, f"{path.relative_to(folder).as_posix()}/") for path in parents]
        texts = [path for path in files if path.name.casefold().endswith(_TEXTS)]
        self._texts = [(path, path.relative_to(folder).as_posix()) for path in texts]

    def matching(self, pattern: re.Pattern[str], template: str) -> Iterator[tuple[Path, re.Match[str]]]:
        """Paths that look like a template: folders where it ends in `/`, else rasters without their suffix."""
        listed = self._texts if template.endswith(_TEXTS) else self._rasters
        for path, text in self._folders if template.endswith("/") else listed:
            if (found := pattern.fullmatch(text)) is not None:
                yield path, found

    def like(self, one: Published, template: str) -> list[Path]:
        """Paths that look like a template of a set."""
        return [path for path, _ in self.matching(one.pattern(template), template)]


def arranged(listing: Listing, one: Published, *, named: bool) -> Arranged | None:
    """The places of a set; None where the folder does not lie like it.

    Args:
        listing: of a person's copy.
        one: the set.
        named: whether the person said that it is this set, or the folder's name does.
    """
    for arrangement in one.arrangements:
        if (named or arrangement.tells) and (made := _arranged(listing, one, arrangement, named=named)) is not None:
            return made
    return None


def lacking(listing: Listing, one: Published) -> str:
    """Which files a folder lacks that is said to be of a set, of the arrangement that it is most like."""
    lacked: list[list[str]] = [
        [template for paths in how.files.values() for template in paths if not listing.like(one, template)]
        for how in one.arrangements
    ]
    fewest = min(lacked, key=lambda templates: len(templates))
    return ", ".join(fewest) or "files that belong together"


def _arranged(listing: Listing, one: Published, arrangement: Arrangement, *, named: bool) -> Arranged | None:
    templates: dict[tuple[Role, int], str] = {
        (role, at): template for role, listed in arrangement.files.items() for at, template in enumerate(listed)
    }
    patterns = {key: one.pattern(template) for key, template in templates.items()}
    of_all = {key for key, pattern in patterns.items() if not set(pattern.groupindex) - {"_head"}}
    if of_all == set(patterns):
        of_all = set()  # a set of a single place
    shared = set.intersection(*(set(patterns[key].groupindex) for key in patterns.keys() - of_all)) - {"_head"}
    places: dict[tuple[str, ...], Place] = defaultdict(Place)
    taken: set[Path] = set()
    strays: list[Stray] = []
    for role, pattern in sorted(patterns.items(), key=lambda one: one[0] in of_all):
        is_there = False
        for path, found in listing.matching(pattern, templates[role]):
            if arrangement.suffixes and path.suffix.casefold() not in arrangement.suffixes:
                continue
            taken.add(path)
            is_there = True
            if role in of_all:
                for one_place in places.values():
                    one_place.found.setdefault(role, path)
                continue
            words = {word: value for word, value in found.groupdict().items() if value is not None}
            place = places[tuple(words[word].casefold() for word in sorted(shared))]
            if role in place.found:
                strays.append(Stray(path, f"a second {_WORDS[role[0]]} of one place"))
                continue
            place.found[role] = path
            place.words = words | place.words
        if not is_there:
            return None
    whole = {key: place for key, place in places.items() if len(place.found) == len(patterns)}
    also = [listing.like(one, template) for template in arrangement.also]
    if not whole or not (named or all(also)):
        return None
    taken.update(*also, *(listing.like(one, template) for template in arrangement.aside))
    by_name: dict[str, Place] = {}
    for name, key, place in sorted(
        ((_name(one, place, shared), key, place) for key, place in places.items()), key=lambda made: made[:2]
    ):
        if key not in whole:
            lacking = dict.fromkeys(_WORDS[role] for role, at in patterns if (role, at) not in place.found)
            why = f"without {' and '.join(lacking)}"
        elif one.copies and re.search(one.copies, name):
            why = "made from another image by turning or cutting"
        else:
            by_name[name] = place
            continue
        strays += [Stray(path, why) for path in place.found.values()]
    others = [path for path in listing.rasters if path not in taken and path.parent not in taken]
    strays += [Stray(path, f"is no file of {one.title} that is read") for path in others]
    if arrangement.sensor or arrangement.bands:
        one = one.model_copy(
            update={"sensor": arrangement.sensor or one.sensor, "bands": arrangement.bands or one.bands}
        )
    return Arranged(one, arrangement, by_name, tuple(strays), _parts(listing, one, by_name))


def _name(one: Published, place: Place, shared: set[str]) -> str:
    """The name of an item: as the set says, else the part of a split and the other words as they stand in its path."""
    if one.item is not None:
        return one.item.format(**place.words)
    if not shared:
        return one.name
    order = sorted(shared, key=lambda word: (word != "part", list(place.words).index(word)))
    return "/".join(place.words[word] for word in order)


def _parts(listing: Listing, one: Published, places: Mapping[str, Place]) -> dict[str, str]:
    """The part of each item, as its path or the set's lists tell it."""
    parts = {name: part for name, place in places.items() if (part := one.part(place.words.get("part"))) is not None}
    if (by := one.parted) is not None:
        told = {name: by.part(place.words.get(by.of)) for name, place in places.items() if name not in parts}
        parts |= {name: part for name, part in told.items() if part is not None}
    if one.lists is None:
        return parts
    value = re.compile(one.words.get(one.lists.of, r"[^,\s]+"))
    for path, found in (pair for told in one.lists.path for pair in listing.matching(one.pattern(told), told)):
        part = one.part(found["part"])
        listed = set(value.findall(path.read_text(encoding="utf-8", errors="replace")))
        listed |= {Path(entry).stem for entry in listed}
        parts |= {name: part for name, place in places.items() if part and place.words.get(one.lists.of) in listed}
    return parts
