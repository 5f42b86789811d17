"""Where a product's pixels are: still to be made by a run, in temporary files, or saved."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from swath.errors import OpenError, SwathError, WriteError
from swath.models.card import Card
from swath.predict.making import Progress, Report, Run
from swath.predict.record import ANSWERS, moved, read_told, stories, told_by
from swath.scene.dates import Date, parse_date
from swath.scene.opened import reopened
from swath.scene.raster import RasterReader
from swath.scene.scene import Scene
from swath.scene.write import atomic_path
from swath.scene.write.atomic import SIDECARS
from swath.scene.write.record import read_record, record_path
from swath.tasks.task import MAIN


class Kept:
    """The files of a product, by key.

    Args:
        keys: of the files; `''` is the main one.
        run: what makes them; None where they are there.
        paths: where they are; None where they must be made.
    """

    def __init__(self, keys: Sequence[str], run: Run | None, paths: Mapping[str, Path] | None) -> None:
        self.run = run
        self.saved = paths is not None
        self._keys = tuple(keys)
        self._paths = None if paths is None else dict(paths)
        self._report: Report | None = None
        self._readers: dict[str, RasterReader] = {}

    @classmethod
    def found(cls, main: Path) -> Self:
        """The files of a product that was saved at `main`."""
        paths = {MAIN: main}
        for one in sorted(main.parent.glob(f"{glob.escape(main.stem)}.*{glob.escape(main.suffix)}")):
            key = one.name[len(main.stem) + 1 : -len(main.suffix)]
            if key and "." not in key:
                paths[key] = one
        return cls(tuple(paths), None, paths)

    @property
    def is_made(self) -> bool:
        """Whether there are files."""
        return self._paths is not None

    def paths(self) -> dict[str, Path]:
        """The files; where there are none they are made in a temporary folder, which goes when this object goes."""
        if self._paths is None:
            folder = Path(tempfile.mkdtemp(prefix="swath-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            self._make({key: sibling(folder / "map.tif", key) for key in self._keys})
        assert self._paths is not None
        return self._paths

    def reader(self, key: str) -> RasterReader:
        """Reader of one of the files."""
        path = self.paths()[key]
        if key not in self._readers:
            self._readers[key] = RasterReader(path)
        return self._readers[key]

    def save(
        self, paths: dict[str, Path], *, overwrite: bool, resume: bool, progress: Progress | None
    ) -> tuple[dict[str, Any] | None, list[Date]]:
        """Make the files at `paths`, or copy them there.

        Returns:
            What `told` and `dates` tell for the files in their new place.
        """
        folder, dates = paths[MAIN].absolute().parent, self.dates()
        told = None if self.run is not None else self.told(folder)
        if self._paths is None:
            self._make(paths, overwrite=overwrite, resume=resume, progress=progress)
        else:
            for key, source in self._paths.items():
                if source.absolute() != paths[key].absolute():
                    _copy(source, paths[key], overwrite=overwrite)
        self._paths, self._readers, self.saved = paths, {}, True
        return told if self.run is None else self.told(folder), dates

    def _make(self, paths: dict[str, Path], **options: Any) -> None:
        if self.run is None:
            raise OpenError("the product has neither files nor a run that makes them")
        self._report = self.run.execute(paths, **options)
        self._paths = paths

    def told(self, folder: Path) -> dict[str, Any] | None:
        """What made the product, with paths relative to `folder`; None where no record tells it."""
        if self.run is not None:
            return told_by(self.run, self._report, folder)
        if not record_path(self.paths()[MAIN]).exists():
            return None
        told, old = read_told(self.paths()[MAIN])
        kept = {key: told[key] for key in (*ANSWERS, "swath:run", "processing:software") if key in told}
        return moved(kept, old, folder)

    def scene(self) -> Scene | None:
        """The (first) scene that the files were made from; None where it cannot be opened any more."""
        if self.run is not None:
            return next(iter(self.run.scenes.values()))
        try:
            told, folder = read_told(self.paths()[MAIN])
            return next((reopened(one, folder) for one in stories(told)), None)
        except SwathError:
            return None

    @property
    def card(self) -> Card | None:
        """The network's card; None where no record tells it."""
        if self.run is not None:
            return self.run.card
        if not record_path(self.paths()[MAIN]).exists():
            return None
        told, _ = read_told(self.paths()[MAIN])
        return Card.model_validate(told["swath:model"]["card"])

    def dates(self) -> list[Date]:
        """When what the product shows was seen: the first and the last date, as far as known."""
        if self.run is not None:
            return [date for scene in self.run.scenes.values() for date in scene.dates if date is not None]
        if not record_path(self.paths()[MAIN]).exists():
            return []
        told, _ = read_told(self.paths()[MAIN])
        if "swath:datetime_is" in told:
            return []
        texts = {told.get(key) for key in ("datetime", "start_datetime", "end_datetime")} - {None}
        return sorted(
            (parse_date(text) for text in texts), key=lambda date: date.astype("datetime64[s]").astype(np.int64)
        )


def map_path(path: str | os.PathLike[str]) -> Path:
    """The path of a map.

    Raises:
        WriteError: its suffix is not that of a GeoTIFF.
    """
    if Path(path).suffix.lower() not in (".tif", ".tiff"):
        raise WriteError(f"{path}: a map is written as GeoTIFF; give a name that ends with .tif")
    return Path(path)


def sibling(main: Path, key: str) -> Path:
    """Where the file of a key lies: `X.confidence.tif` beside `X.tif`."""
    return main.with_name(f"{main.stem}.{key}{main.suffix}") if key else main


def left_over(main: Path, files: Iterable[Path]) -> list[Path]:
    """Files of the product that is at `main`, by its record, that a product of these files does not replace.

    They would be taken for parts of the new one, such as the probabilities of another network.
    """
    if not record_path(main).exists():
        return []
    old = [sibling(main, key) for key in read_record(main).assets if key != "data"]
    beside = [one.with_name(one.name + suffix) for one in old if one not in set(files) for suffix in ("", *SIDECARS)]
    return [one for one in beside if one.exists()]


def _copy(source: Path, target: Path, *, overwrite: bool) -> None:
    with atomic_path(target, overwrite=overwrite) as temporary:
        shutil.copyfile(source, temporary)
    for suffix in SIDECARS:
        beside, there = (one.with_name(one.name + suffix) for one in (source, target))
        if beside.exists():
            shutil.copyfile(beside, there)
        elif there.exists():
            os.unlink(there)
