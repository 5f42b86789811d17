"""Classes of whole places by their names: in a table with a row for each, or as folders that bear the class.

A table is a CSV or Parquet file with a column of classes (`label`, `class`, `category`, or what `label_field` says) and
one of names (`name`, `image`, `filename`, `id`, else the first). Several classes of a place are divided by `;` or `|`,
or stand in a list.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow
import pyarrow.parquet

from swath.data.cells import columns
from swath.data.files import PARTS, part_of, visible
from swath.data.layouts import listing
from swath.data.roles import WORDS
from swath.data.texts import read_text
from swath.data.vector_files import CLASS_FIELDS
from swath.errors import DataError
from swath.scene.gather import RASTER_SUFFIXES
from swath.scene.series_table import is_table

_ROW = ("name", "image", "filename", "file_name", "file", "path", "patch", "tile", "chip", "place", "id", "image_id")
"""Names of columns that name the place of a row."""
_BETWEEN = re.compile(r"\s*[;|]\s*")


@dataclass(frozen=True)
class NamedClasses:
    """Classes of places.

    Attributes:
        where: the table, or the folder of folders.
        names: classes by the name of a place.
        parts: `train`, `val` or `test` by the name of a place, where its table is called so.
        files: tables.
    """

    where: Path
    names: Mapping[str, tuple[str, ...]]
    parts: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()

    @property
    def are_several(self) -> bool:
        """Whether a place may have several classes, or none."""
        return any(len(names) != 1 for names in self.names.values())

    def told(self, spellings: Mapping[str, Iterable[str]]) -> dict[str, str]:
        """Under which name each place is told, by its key; places that are not told are missing.

        Args:
            spellings: of the name of each place, the most exact first.
        """
        known: dict[str, str] = {}
        for name in self.names:
            for spelled in (name, _bare(name), _bare(name).rpartition("/")[2]):
                known.setdefault(spelled, name)
        found = ((key, next((known[one] for one in own if one in known), None)) for key, own in spellings.items())
        return {key: name for key, name in found if name is not None}


def classes_by_folders(folder: Path, keys: Sequence[str]) -> NamedClasses | None:
    """Classes as the folders tell them that places lie in; None where not all lie in one, or all in the same.

    Args:
        folder: of the data.
        keys: paths of the places in it without suffix.
    """
    told = {key: name for key in keys if (name := class_folder(Path(key))) is not None}
    names = {*told.values()}
    if len(told) < len(keys) or len(names) < 2 or any(name.casefold() in WORDS for name in names):
        return None
    return NamedClasses(folder, {key: (name,) for key, name in told.items()})


def class_folder(inner: Path) -> str | None:
    """The class that a path tells: its folder, alone or within one that names a part of a split."""
    folders = inner.parts[:-1]
    if len(folders) == 2 and folders[0].casefold() in PARTS:
        return folders[1]
    return folders[0] if len(folders) == 1 and folders[0].casefold() not in PARTS else None


def classes_by_table(folder: Path, label_field: str | None) -> NamedClasses | None:
    """Classes as tables tell them; None where there is no table of classes.

    Args:
        folder: of the data.
        label_field: column that holds the class; None: the only one whose name says so.

    Raises:
        DataError: a place has other classes in another table or row.
        ReadError: a table cannot be read.
    """
    names: dict[str, tuple[str, ...]] = {}
    parts: dict[str, str] = {}
    files = []
    for path in visible(folder, (".csv", ".parquet")):
        if is_table(path) or (found := _columns(_heading(path), label_field)) is None:
            continue
        files.append(path)
        part = part_of(path, folder)
        for name, told in _rows(path, *found):
            if names.setdefault(name, told) != told:
                both = listing([*names[name], *told])
                raise DataError(f"{path}: {name!r} has several rows, of classes {both}; keep one, or write A;B in it")
            if part is not None:
                parts[name] = part
    return NamedClasses(files[0], names, parts, tuple(files)) if names else None


def _heading(path: Path) -> list[str]:
    """The names of the columns; none where it cannot be read as a table."""
    try:
        if path.suffix.casefold() == ".parquet":
            return [str(name) for name in pyarrow.parquet.read_schema(path).names]
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            return next(_reader(file.readline()), [])
    except (OSError, csv.Error, pyarrow.ArrowException):
        return []


def _columns(heading: Sequence[str], label_field: str | None) -> tuple[str, str] | None:
    """The columns of the place and of its class; None where they cannot be told."""
    by_name = {name.strip().casefold(): name for name in heading}
    if label_field is not None:
        label = by_name.get(label_field.casefold())
    else:
        labels = [name for plain, name in by_name.items() if plain in CLASS_FIELDS]
        label = labels[0] if len(labels) == 1 else None
    named = next((by_name[plain] for plain in _ROW if plain in by_name), heading[0] if heading else None)
    return None if label is None or named is None or named == label else (named, label)


def _rows(path: Path, named: str, label: str) -> list[tuple[str, tuple[str, ...]]]:
    """Names of places and their classes."""
    if path.suffix.casefold() == ".parquet":
        return [(str(row[named]), _names(row[label])) for row in columns(path, [named, label])]
    lines = [line for line in _reader(read_text(path)) if line]
    at, label_at = lines[0].index(named), lines[0].index(label)
    return [(line[at].strip(), _names(line[label_at])) for line in lines[1:] if len(line) > max(at, label_at)]


def _reader(text: str) -> Iterator[list[str]]:
    """The lines of a CSV file, whatever divides them."""
    first = text.partition("\n")[0]
    return csv.reader(text.splitlines(), delimiter=max(",;\t", key=first.count))


def _names(told: object) -> tuple[str, ...]:
    """The classes that a cell tells."""
    every = told if isinstance(told, list) else _BETWEEN.split("" if told is None else str(told))
    return tuple(dict.fromkeys(name for one in every if (name := str(one).strip())))


def _bare(name: str) -> str:
    """A name without the suffix of a raster."""
    return name[: -len(suffix)] if (suffix := Path(name).suffix).casefold() in RASTER_SUFFIXES else name
