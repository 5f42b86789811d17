"""Labels in text files, one per image, one object per line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from swath.data.files import Images, part_of, visible
from swath.data.layouts import Stray
from swath.data.objects import Marked

_ENOUGH = 20  # files without one that fits, after which a folder is of another layout

ReadLine = Callable[[Marked, list[str]], bool]
"""Adds the object of a line, split at spaces, to its image; False where the line is none of the layout's."""


def read_text(path: Path) -> str:
    """The text of a file, in UTF-8, or in Latin-1 where it is none."""
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def marked_by_texts(folder: Path, images: Images, read_line: ReadLine) -> tuple[list[Marked], list[Stray]] | None:
    """The objects in the text files of a folder; None where most of these are of another layout.

    Lines that are no object are dropped one by one; a file with more of them than of others becomes a stray.
    Files of one kind share all of their suffixes: `1.txt` and `1.obb.txt` are two layouts of the same image.
    """
    kinds: dict[str, list[Path]] = defaultdict(list)
    for path in visible(folder, [".txt"]):
        kinds["".join(path.suffixes).casefold() if images.beside(path) else ".txt"].append(path)
    for paths in kinds.values():
        if made := _read_all(folder, images, paths, read_line):
            return made
    return None


def _read_all(
    folder: Path, images: Images, paths: Iterable[Path], read_line: ReadLine
) -> tuple[list[Marked], list[Stray]] | None:
    marked: list[Marked] = []
    strays: list[Stray] = []
    fitting = 0
    for path in paths:
        image = images.beside(path)
        one = Marked(path.stem, path, image, part=part_of(path, folder))
        lines = read_text(path).splitlines()
        one.dropped = [
            number for number, line in enumerate(lines, 1) if (fields := line.split()) and not read_line(one, fields)
        ]
        # Where most lines are something else, so is the file.
        if len(one.dropped) > len(one.names):
            first = one.dropped[0]
            strays.append(Stray(path, f"line {first} is no object: {lines[first - 1].strip()[:60]!r}"))
        elif one.names or image is not None:
            fitting += bool(one.names)
            marked.append(one)
        if not fitting and len(strays) >= _ENOUGH:
            return None
    return (marked, strays) if fitting and fitting >= len(strays) else None


def numbers(fields: Iterable[str]) -> list[float] | None:
    """The fields as numbers; None where one is none."""
    try:
        return [float(field) for field in fields]
    except ValueError:
        return None
