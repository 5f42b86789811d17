"""From the numbers found in masks to classes: as told, else as the masks themselves say, never by guessing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from swath.data.contents import Contents
from swath.data.layouts import Asked, listing
from swath.data.masks import Coding
from swath.data.sample import IGNORE
from swath.errors import DataError
from swath.models.gives import ClassLabel
from swath.scene.words import many, percent

_YES_NO = {"change": ("unchanged", "changed")}
_BLURRED = 0.02
"""Share of pixels between black and white up to which a mask is two-valued, blurred by JPEG or by resampling."""
_MOST_COLOURS = 64


@dataclass(frozen=True)
class ClassTable:
    """Classes, how masks tell them, and what was read into the masks, in sentences."""

    classes: tuple[ClassLabel, ...]
    coding: Coding
    notes: tuple[str, ...] = ()


def class_table(contents: Mapping[Path, Contents], asked: Asked, task: str) -> ClassTable:
    """The classes of masks.

    Args:
        contents: of every mask.
        asked: `classes` and `ignore` are honoured; a number that neither names is an error.
        task: of the data; that of change has names of its own for no and yes.

    Raises:
        DataError: a number is not named, or it cannot be told what the numbers mean; the message says what to write.
    """
    is_colour = any(one.is_colour for one in contents.values())
    total: Counter[int] = Counter()
    for one in contents.values():
        total.update(
            {wide(number) if is_colour and not one.is_colour else number: n for number, n in one.values.items()}
        )
    ignored = {wide(number) if is_colour and number < 256 else number for number in asked.ignore} | {-1}
    found = sorted(number for number in total if number not in ignored)
    if not found:
        raise DataError(f"{many(len(contents), 'mask')} with nothing but unlabelled pixels; look at ignore=")
    first = next(iter(contents.values()))
    blank = {IGNORE: IGNORE} if -1 in total else {}
    blank |= {number: IGNORE for number in ignored if number != -1}
    if asked.classes is not None:
        classes, positions, notes = _told(asked.classes, found, is_colour, contents, asked.ignore)
    else:
        if first.nodata is not None and first.nodata in found and len(found) > 2:
            # Declared as nothing, and enough besides: what the file says holds.
            found.remove(int(first.nodata))
            blank[int(first.nodata)] = IGNORE
        classes, positions, notes = _read_off(found, total, is_colour, first, task)
    if len(blank) > (-1 in blank):
        share = sum(total[number] for number in blank) / total.total()
        words = listing([_word(number, is_colour) for number in sorted(blank) if number != -1])
        notes.append(f"masks: {words} mean{'s' if len(blank) == 1 else ''} unlabelled, {percent(share)} of the pixels")
    return ClassTable(classes, Coding(tuple(sorted({**positions, **blank}.items())), is_colour), tuple(notes))


def counted(contents: Contents, coding: Coding) -> tuple[tuple[int, int], ...]:
    """Position of class and number of pixels."""
    result: Counter[int] = Counter()
    for number, count in contents.values.items():
        position = coding.position(wide(number) if coding.is_colour and not contents.is_colour else number)
        if position != IGNORE:
            result[position] += count
    return tuple(sorted(result.items()))


_Made = tuple[tuple[ClassLabel, ...], dict[int, int], list[str]]


def _told(
    names: Sequence[str] | Mapping[int, str],
    found: list[int],
    is_colour: bool,
    contents: Mapping[Path, Contents],
    ignored: Sequence[int],
) -> _Made:
    """Classes that the caller named."""
    if isinstance(names, Mapping):
        table = {_number(key): str(name) for key, name in names.items()}
        if lacking := [number for number in found if number not in table]:
            path = next(path for path, one in contents.items() if lacking[0] in one.values)
            words = listing([_word(number, is_colour) for number in lacking])
            ignore = _word(lacking[0], is_colour)
            raise DataError(f"{path}: holds {words}, which classes= does not name; add it, or say ignore={ignore}")
        numbers = sorted(table)
        return _labels(numbers, [table[n] for n in numbers], is_colour), {n: i for i, n in enumerate(numbers)}, []
    listed = [str(name) for name in names]
    if len(listed) == 1 and len(found) <= 2 and found[0] == 0:
        listed = ["background", *listed]
    if len(listed) == len(found):
        notes = []
        if found != list(range(len(found))):
            pairs = [f"{_word(number, is_colour)} is {name}" for number, name in zip(found, listed, strict=True)]
            notes.append(f"masks: {listing(pairs)}")
        values = list(range(len(found))) if found in ([0, 255], [0, 1]) else found
        return _labels(values, listed, is_colour), {n: i for i, n in enumerate(found)}, notes
    if not is_colour and found[-1] < len(listed):
        return _labels(range(len(listed)), listed, is_colour), {i: i for i in range(len(listed))}, []
    if len(listed) == 2 and set(found) <= {0, 255}:
        return _labels([0, 1], listed, is_colour), {0: 0, 255: 1}, []
    held = listing([_word(number, is_colour) for number in found])
    remedy = "say classes={number: name, ...}, and ignore= for numbers that mean unlabelled"
    if found[-1] == 255 and len(listed) == len(found) - 1:
        remedy = f"say ignore={[*ignored, 255] if ignored else 255} if 255 means unlabelled"
    raise DataError(f"masks hold {held} and classes= has {len(listed)} names; {remedy}")


def _read_off(found: list[int], total: Mapping[int, int], is_colour: bool, first: Contents, task: str) -> _Made:
    """Classes as the masks themselves say."""
    no, yes = _YES_NO.get(task, ("background", "foreground"))
    if not is_colour:
        if found in ([0], [1], [255]) or (len(found) == 2 and found[0] == 0 and not first.names):
            high = found[-1] or 1
            note = [] if high == 1 else [f"masks: 0 is {no}, {high} is {yes}"]
            return _labels([0, 1], [no, yes], False), {0: 0, high: 1}, note
        if _is_blurred(found, total):
            said = f"masks: {len(found)} numbers near 0 and 255, as JPEG blurs them; from 128 on it is {yes}"
            return _labels([0, 1], [no, yes], False), {number: int(number >= 128) for number in range(256)}, [said]
        if found[-1] == 255 and len(found) > 2 and found[-2] < 128 and not (first.names or first.colours):
            raise DataError(
                f"masks hold {listing(map(str, found))}: say ignore=255 if 255 means unlabelled, or name it in "
                "classes={number: name, ...}"
            )
    elif len(found) > _MOST_COLOURS:
        raise DataError(
            f"masks hold {len(found)} colours, so they are blurred or are no masks; save them without loss (PNG, TIFF)"
        )
    names = first.names or {}
    words = [names.get(number, _word(number, True) if is_colour else f"class {number}") for number in found]
    colours = {} if is_colour else first.colours or {}
    classes = _labels(found, words, is_colour, colours)
    notes = (
        []
        if names
        else [f"masks: {listing([_word(n, is_colour) for n in found])} are classes without names; say classes=[...]"]
    )
    return classes, {number: i for i, number in enumerate(found)}, notes


def _is_blurred(found: list[int], total: Mapping[int, int]) -> bool:
    """Whether numbers crowd at 0 and 255, as two-valued masks do that were saved with loss."""
    between = sum(total[number] for number in found if 32 <= number < 224)
    ends = found[0] < 32 and 224 <= found[-1] <= 255
    return len(found) > 8 and ends and between <= _BLURRED * sum(total[number] for number in found)


def _labels(
    numbers: Sequence[int], names: Sequence[str], is_colour: bool, colours: Mapping[int, str] | None = None
) -> tuple[ClassLabel, ...]:
    """Classes; in maps they have the numbers of the masks, or their positions where those do not fit."""
    doubles = [name for name, times in Counter(names).items() if times > 1]
    if doubles:
        raise DataError(f"classes= names {doubles[0]!r} twice; each class needs its own name")
    keep = not is_colour and all(0 <= number <= 65535 for number in numbers)
    return tuple(
        ClassLabel(
            value=number if keep else position,
            name=name,
            colour=f"#{number:06x}" if is_colour else (colours or {}).get(number),
        )
        for position, (number, name) in enumerate(zip(numbers, names, strict=True))
    )


def wide(grey: int) -> int:
    """A grey as a colour."""
    return grey * 0x010101 if grey >= 0 else grey


def _word(number: int, is_colour: bool) -> str:
    return f"#{number:06x}" if is_colour else str(number)


def _number(key: int | str) -> int:
    """The number of a class: as such, as text, or as a colour `#rrggbb`.

    Raises:
        DataError: neither.
    """
    try:
        return int(key[1:], 16) if isinstance(key, str) and key.startswith("#") else int(key)
    except ValueError as error:
        raise DataError(f"classes= has the key {key!r}; give numbers, or colours as '#rrggbb'") from error
