"""The split that a folder brings along: `split.json`, or lists `train.txt`, `val.txt`, `test.txt`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from swath.data.files import PARTS as WORDS
from swath.data.item import Item
from swath.data.split_file import PARTS, Split
from swath.errors import DataError

_FILES = ("split.json", "split.yaml", "split.yml")
_FOLDERS = (".", "split", "splits", "list", "lists")


def given_parts(root: Path, items: Sequence[Item]) -> Mapping[str, str]:
    """Name of item -> `train`, `val` or `test`; empty where no file tells it.

    Raises:
        DataError: a file names an item twice, or none of these items.
    """
    for name in _FILES:
        if (root / name).is_file():
            made = Split.read(root / name)
            return _parts(root / name, {part: made.part(part) for part in PARTS}, items)
    for folder in _FOLDERS:
        lists = {
            WORDS[path.stem.casefold()]: path for path in (root / folder).glob("*.txt") if path.stem.casefold() in WORDS
        }
        if "train" in lists and len(lists) > 1:
            names = {
                part: path.read_text(encoding="utf-8", errors="replace").splitlines() for part, path in lists.items()
            }
            return _parts(lists["train"], names, items)
    return {}


def _parts(source: Path, listed: Mapping[str, Sequence[str]], items: Sequence[Item]) -> Mapping[str, str]:
    """Parts by the items' own names; lines may hold a file's name, or a path with a suffix, before a blank."""
    known = {item.name: item.name for item in items}
    known |= {item.name.rpartition("/")[2]: item.name for item in items}
    known |= {path.name: item.name for item in items for path in item.images}
    parts: dict[str, str] = {}
    for part, lines in listed.items():
        for line in lines:
            words = line.split()
            told = next((known[key] for key in (line.strip(), *_spellings(words)) if key in known), None)
            if told is None:
                continue
            if parts.setdefault(told, part) != part:
                raise DataError(
                    f"{source}: {told!r} is in {parts[told]} and in {part}; a place may be in one part only"
                )
    if not parts:
        raise DataError(f"{source}: names no item ({len(items)} there), such as {items[0].name!r}; mend or remove it")
    return parts


def _spellings(words: Sequence[str]) -> list[str]:
    return [words[0], Path(words[0]).with_suffix("").as_posix(), Path(words[0]).name] if words else []
