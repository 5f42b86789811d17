"""Files of a folder by the names that labels know them by."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from swath.scene.gather import RASTER_SUFFIXES

PARTS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""Words in paths that say which part of a split something belongs to."""


def visible(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    """Files below a folder with one of these suffixes, in order, none of them hidden."""
    wanted = tuple(suffixes)
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(here, name) for name in names if name.casefold().endswith(wanted) and not name.startswith(".")]
    return sorted(found)


class Images:
    """The images below a folder, found by what labels call them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = visible(folder, RASTER_SUFFIXES)
        self._paths = frozenset(self.paths)
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        for path in self.paths:
            self._by_name[path.name.casefold()].append(path)
            self._by_stem[path.stem.casefold()].append(path)

    def named(self, name: str, near: Path) -> Path | None:
        """The image that a label names by path or name, with or without its suffix; None where there is not just one.

        Args:
            name: as the label has it; paths of another machine hold by their ends.
            near: folder of the label, against which paths are relative.
        """
        told = PurePosixPath(PureWindowsPath(name).as_posix()) if "\\" in name else PurePosixPath(name)
        for base in (near, self.folder):
            if (path := base / told) in self._paths:
                return path
        for known, key in ((self._by_name, told.name), (self._by_stem, told.name), (self._by_stem, told.stem)):
            if found := self._nearest(known.get(key.casefold(), ()), told, near):
                return found
        return None

    def beside(self, label: Path) -> Path | None:
        """The image of the same stem as a label file (`1.obb.txt` goes with 1), in its folder or one most like it."""
        stem = label.name
        while "." in stem:
            stem = stem.rpartition(".")[0]
            if found := self._nearest(self._by_stem.get(stem.casefold(), ()), PurePosixPath(stem), label.parent):
                return found
        return None

    def _nearest(self, paths: Sequence[Path], told: PurePosixPath, near: Path) -> Path | None:
        """The one path that shares most folders with the name that was told, and with where it was told."""
        if len(paths) < 2:
            return paths[0] if paths else None
        around = (*near.parts, *told.parts[:-1])
        shared = [sum(part in around for part in path.parts[:-1]) for path in paths]
        best = [path for path, times in zip(paths, shared, strict=True) if times == max(shared)]
        return best[0] if len(best) == 1 else None

    def item_name(self, path: Path) -> str:
        """The name of an item: its path in the folder without suffix."""
        return path.relative_to(self.folder).with_suffix("").as_posix()


def part_of(path: Path, root: Path) -> str | None:
    """`train`, `val` or `test`, where a folder or the first or last word of the name says so."""
    inner = path.relative_to(root)
    words = [word for part in (*inner.parts[:-1], inner.stem) for word in part.casefold().replace("-", "_").split("_")]
    said = {PARTS[word] for word in words if word in PARTS}
    return said.pop() if len(said) == 1 else None
