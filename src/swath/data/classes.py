"""Names in labels become classes with values and positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from swath.data.layouts import Asked, listing
from swath.errors import DataError
from swath.models.gives import ClassLabel

BACKGROUND = "background"
"""Name of the class of all that bears no label, where it is asked for."""


@dataclass(frozen=True)
class Classes:
    """Classes, and the position of each name that labels use.

    Attributes:
        labels: in the order of their positions.
        position: by the name in the labels; names that were not asked for are missing.
        notes: what is odd about the names, in sentences.
    """

    labels: tuple[ClassLabel, ...]
    position: Mapping[str, int]
    notes: tuple[str, ...] = ()

    @property
    def background(self) -> int | None:
        """Position of the class of all that bears no label; None where it is not asked for."""
        return next((at for at, one in enumerate(self.labels) if one.name == BACKGROUND), None)


def classes_of(
    found: Mapping[str, int], asked: Asked, where: str, *, codes: Mapping[int, str] | None = None, rest: bool = False
) -> Classes:
    """The classes of a data set.

    Without being asked otherwise they stand in the order of their names, or of their numbers where all are numbers.

    Args:
        found: how often each name, or number as text, occurs in the labels.
        asked: what the caller said of the classes.
        where: what messages call the labels.
        codes: names by number, where something beside the labels names their numbers.
        rest: whether `background` is a class, and the first, unless the caller says which classes there are.

    Raises:
        DataError: no class occurs, or one that was asked for does not; numbers do not go with the names told.
    """
    if not found:
        raise DataError(f"{where}: no label names a class")
    rest = rest and asked.classes is None
    if not all(name.isdecimal() for name in found):
        return _of_names(found, asked.classes, where, rest=rest)
    names = _names_of_numbers(sorted(int(one) for one in found), asked.classes, codes, where)
    rest = (rest and BACKGROUND not in names.values()) or (
        isinstance(asked.classes, tuple) and BACKGROUND in asked.classes
    )
    unnamed = sorted(int(one) for one in found if int(one) not in names)
    notes = (f"classes {listing(map(str, unnamed))} have no name; they are left out",) if unnamed else ()
    shift = 1 if rest and 0 in names else 0
    labels = [ClassLabel(value=number + shift, name=name) for number, name in sorted(names.items())]
    if rest:
        labels.insert(0, ClassLabel(value=0, name=BACKGROUND))
    at = {number: index + rest for index, number in enumerate(sorted(names))}
    return Classes(tuple(labels), {one: at[int(one)] for one in found if int(one) in at}, notes)


def _of_names(
    found: Mapping[str, int], asked: tuple[str, ...] | Mapping[int, str] | None, where: str, *, rest: bool
) -> Classes:
    """Classes that the labels name themselves."""
    if asked is None:
        names = sorted(found)
        if rest and BACKGROUND not in found:
            names.insert(0, BACKGROUND)
        values = list(range(len(names)))
    else:
        given = asked if isinstance(asked, Mapping) else dict(enumerate(asked))
        values, names = list(given), list(given.values())
    plain = [name for name in names if name != BACKGROUND]
    if len(found) == 1 and len(plain) == 1 and plain[0] not in found:
        # One class in the labels and one that was asked for: it can only be that one.
        (only,) = found
        labels = tuple(ClassLabel(value=value, name=name) for value, name in zip(values, names, strict=True))
        return Classes(labels, {only: names.index(plain[0])}, (f"class {only!r} of the labels is {plain[0]!r}",))
    for name in names:
        if name not in found and name != BACKGROUND:
            raise DataError(f"{where}: no label is of class {name!r}; there are {listing(sorted(found))}")
    dropped = [f"{name} ({found[name]})" for name in sorted(found) if name not in names]
    notes = near_names(found)
    if dropped:
        notes = (*notes, f"classes {listing(dropped)} were not asked for; they are left out")
    labels = tuple(ClassLabel(value=value, name=name) for value, name in zip(values, names, strict=True))
    return Classes(labels, {name: at for at, name in enumerate(names) if name in found}, notes)


def _names_of_numbers(
    numbers: Sequence[int],
    asked: tuple[str, ...] | Mapping[int, str] | None,
    codes: Mapping[int, str] | None,
    where: str,
) -> Mapping[int, str]:
    """Names by number: as asked, as told beside the labels, or the numbers themselves."""
    if isinstance(asked, Mapping):
        return asked
    if asked is None:
        return {number: str(number) for number in numbers} if codes is None else codes
    told = [name for name in asked if name != BACKGROUND]
    if codes is not None and set(told) <= set(codes.values()):
        return {number: name for number, name in codes.items() if name in told}
    if len(told) == len(numbers):
        return dict(zip(numbers, told, strict=True))
    if numbers[-1] < len(told):
        return dict(enumerate(told))
    raise DataError(
        f"{where}: holds classes {listing(map(str, numbers))}, and {len(told)} names are told; give one for each in "
        "this order, or classes={number: name}"
    )


def near_names(found: Mapping[str, int]) -> tuple[str, ...]:
    """A sentence for each pair of names that look like one misspelled."""
    names = sorted(found)
    return tuple(
        f"classes {a!r} ({found[a]}) and {b!r} ({found[b]}) are named almost alike; they are taken as two: if they are "
        "one, mend the labels"
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        if _alike(a, b)
    )


def _alike(a: str, b: str) -> bool:
    """Whether names differ by case, marks, a plural, or a slip of the pen; numbers in them are no slips."""
    if [one for one in a if one.isdigit()] != [one for one in b if one.isdigit()]:
        return False
    plain_a, plain_b = (
        "".join(letter for letter in name.casefold() if letter.isalnum()).removesuffix("s") for name in (a, b)
    )
    if not plain_a or not plain_b:
        return False
    shortest = min(len(plain_a), len(plain_b))
    allowed = 0 if shortest < 5 else 1 if shortest < 12 else 2
    return abs(len(plain_a) - len(plain_b)) <= allowed and _distance(plain_a, plain_b) <= allowed


def _distance(a: str, b: str) -> int:
    """Letters to insert, delete, exchange, or swap with their neighbour, to come from one word to the other."""
    before: Sequence[int] = []
    last: Sequence[int] = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            best = min(last[j] + 1, row[-1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, last = last, row
    return last[-1]
