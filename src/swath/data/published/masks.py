"""Masks of classes as a published set tells them: by numbers, colours, a band per class, or numbers of pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from swath.data.class_table import counted, wide
from swath.data.contents import Contents, contents_of
from swath.data.layouts import Asked
from swath.data.masks import Coding, MaskLabel
from swath.data.published.facts import Published, SetClass
from swath.data.sample import IGNORE
from swath.errors import DataError
from swath.models.gives import ClassLabel


class SetMasks:
    """Masks of a set, each looked through once.

    Args:
        paths: of the masks.
        facts: of the set.
        asked: by the caller, who may name more numbers that mean "not labelled".
        pairs: whether numbers stand for the classes of two dates.

    Raises:
        DataError: none can be read, or one holds what is none of the set's classes.
    """

    def __init__(self, paths: Sequence[Path], facts: Published, asked: Asked, *, pairs: bool = False) -> None:
        self._facts, self._asked = facts, asked
        self._pairs = facts.transitions if pairs else {}
        contents = contents_of(list(dict.fromkeys(paths)), by_band=facts.one_band_each)
        self.broken = {path: why for path, why in contents.items() if isinstance(why, str)}
        self._whole = {path: one for path, one in contents.items() if isinstance(one, Contents)}
        if not self._whole:
            first = next(iter(self.broken.values()))
            raise DataError(f"no mask can be read ({len(contents)} tried); the first: {first}")
        if real := [path for path, one in self._whole.items() if not one.is_whole]:
            raise DataError(f"{real[0]}: holds real numbers and no classes; get the file again")
        numbers = {*(number for one in self._every for number in _told(one, is_colour=False)), *self._pairs}
        colours = {colour for one in self._every if one.colour for colour in _told(one, is_colour=True)}
        self._is_colour = bool(colours) and any(
            one.is_colour or (not numbers >= set(one.values) and {wide(number) for number in one.values} <= colours)
            for one in self._whole.values()
        )

    @property
    def _every(self) -> tuple[SetClass, ...]:
        facts = self._facts
        return (*facts.classes, *((facts.unchanged,) if facts.unchanged else ()), *facts.ignore)

    @property
    def unchanged(self) -> int | None:
        """Position of what stands where nothing changed; None where classes are labelled everywhere."""
        return len(self._facts.classes) if self._facts.unchanged is not None else None

    def label(self, path: Path, date: int = 0) -> MaskLabel:
        """The label of a mask, of a date (0, 1) where it holds pairs of classes.

        Raises:
            DataError: it holds what is none of the set's classes.
        """
        coding = self._coding(date)
        try:
            found = counted(self._whole[path], coding)
        except KeyError as error:
            number = int(error.args[0])
            word = f"#{number:06x}" if self._is_colour else str(number)
            raise DataError(
                f"{path}: holds {word}, which is none of the classes of {self._facts.title}; say layout= if it is "
                f"another set, or ignore={number} if it means unlabelled"
            ) from error
        return MaskLabel(path, coding, found)

    def _coding(self, date: int) -> Coding:
        at = {one.name: position for position, one in enumerate(self._facts.classes)}
        pairs = {number: at[pair[date]] for number, pair in self._pairs.items()}
        return coding_of(self._facts, self._asked, pairs=pairs, is_colour=self._is_colour)


def coding_of(
    facts: Published, asked: Asked, *, pairs: Mapping[int, int] | None = None, is_colour: bool = False
) -> Coding:
    """What the numbers or colours of masks of a set mean.

    Args:
        facts: of the set.
        asked: by the caller, who may name more numbers that mean "not labelled".
        pairs: positions by numbers that stand for the classes of two dates; None: numbers stand for classes.
        is_colour: whether masks tell classes by colours.
    """
    positions = dict(pairs or {})
    places = [*(() if pairs else enumerate(facts.classes)), *((IGNORE, one) for one in facts.ignore)]
    if facts.unchanged is not None:
        places.append((len(facts.classes), facts.unchanged))
    for position, one in places:
        positions |= dict.fromkeys(_told(one, is_colour=is_colour), position)
    positions |= dict.fromkeys((*asked.ignore, -1), IGNORE)
    if facts.rest is None:
        return Coding(tuple(sorted(positions.items())), is_colour, facts.one_band_each)
    names = [one.name for one in facts.classes]
    rest = names.index(facts.rest) if facts.rest in names else IGNORE
    return Coding(tuple(sorted(positions.items())), is_colour, facts.one_band_each, rest)


def _told(one: SetClass, *, is_colour: bool) -> list[int]:
    """By which numbers masks tell a class, or by which colours as `0xRRGGBB`."""
    if not is_colour:
        return [number for number in (one.number, *one.also) if isinstance(number, int)]
    every = (one.colour or one.number, *one.also)
    return [int(told[1:], 16) if isinstance(told, str) else wide(told) for told in every if told is not None]


def labels_of(facts: Published) -> tuple[ClassLabel, ...]:
    """The classes of a set as maps have them."""
    numbered = all(one.number is not None for one in facts.classes)
    return tuple(
        ClassLabel(value=one.number if numbered and one.number is not None else at, name=one.name, colour=one.colour)
        for at, one in enumerate(facts.classes)
    )
