"""What data hold, in one number: to tell whether a split or a model was made from these very files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swath.data.dataset import Dataset
    from swath.data.item import Item

_SIDECARS = (".aux.xml", ".ovr", ".msk")


def of_dataset(data: Dataset) -> str:
    """SHA-256 over task, classes, and of each item its name, images and label, in hexadecimal."""
    total = hashlib.sha256()
    total.update(repr((data.task, [(one.value, one.name) for one in data.classes])).encode())
    known = digests(data)
    for item in sorted(data.items, key=lambda item: item.name):
        total.update(item.name.encode())
        for path in _paths(item):
            total.update(known[path].encode())
    return total.hexdigest()


def digests(data: Dataset) -> dict[Path, str]:
    """SHA-256 of every file of the items; each file is read once as long as it does not change."""
    return {path: _of_file(path, _stamp(path)) for path in {path for item in data.items for path in _paths(item)}}


def _paths(item: Item) -> tuple[Path, ...]:
    apart = (path for paths in item.apart for path in paths)
    return (*item.images, *apart, *(path for one in (item.label, item.before) if one is not None for path in one.files))


def _stamp(path: Path) -> tuple[tuple[int, int], ...]:
    return tuple((status.st_size, status.st_mtime_ns) for status in (file.stat() for file in _files(path)))


@lru_cache(maxsize=100_000)
def _of_file(path: Path, stamp: tuple[tuple[int, int], ...]) -> str:
    return of_file(path)


def of_file(path: Path) -> str:
    """SHA-256 of the bytes of a file, or of the files in a folder, in hexadecimal; of a missing one, of nothing."""
    digest = hashlib.sha256()
    for file in _files(path):
        with file.open("rb") as handle:
            while block := handle.read(2**20):
                digest.update(block)
    return digest.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (one for one in sorted(path.rglob("*")) if one.is_file() and not one.name.endswith(_SIDECARS))
    elif path.is_file():
        yield path
