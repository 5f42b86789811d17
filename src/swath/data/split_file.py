"""`Split`: names of items for training, tuning and scoring, in a file that says how they were parted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import TypeAdapter, ValidationError

from swath.data.layouts import listing
from swath.errors import DataError
from swath.scene.words import many
from swath.scene.write.atomic import atomic_path

if TYPE_CHECKING:
    from swath.data.dataset import Dataset

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Names of items, parted.

    Attributes:
        train: to learn from.
        val: to tune by.
        test: to score by, once.
        how: in words, what was held together.
        seed: that it was made with.
        dataset: name of the data.
        hash: of the data's contents, see `Dataset.hash`.
        places: name of item -> place.
    """

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    how: str
    seed: int = 0
    dataset: str = ""
    hash: str = ""
    places: Mapping[str, str] = field(default_factory=dict)

    def part(self, name: str) -> tuple[str, ...]:
        """The names of `train`, `val` or `test`.

        Raises:
            DataError: no such part.
        """
        if name not in PARTS:
            raise DataError(f"split {name!r} is not known; there are {', '.join(PARTS)}")
        return {"train": self.train, "val": self.val, "test": self.test}[name]

    def of(self, data: Dataset, part: str) -> Dataset:
        """The items of one part.

        Raises:
            DataError: the split names items that the data lack, so it is of other data.
        """
        lacking = [name for name in self.part(part) if name not in data]
        if lacking:
            raise DataError(
                f"{data.name}: lacks {many(len(lacking), 'item')} of the split's {part} ({listing(lacking, 3)}); the "
                f"split was made of {self.dataset or 'other data'}: make a new one"
            )
        return data.subset(self.part(part))

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write it as YAML (`.yaml`, `.yml`), else as JSON.

        Raises:
            WriteError: the file exists, or cannot be written.
        """
        content: dict[str, Any] = {**asdict(self), **{part: list(self.part(part)) for part in PARTS}}
        content["places"] = dict(self.places)
        if Path(path).suffix.casefold() in (".yaml", ".yml"):
            text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        else:
            text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        with atomic_path(path, overwrite=overwrite) as temporary:
            temporary.write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path) -> Split:
        """Read what `save` wrote, or a file of one's own that has `train`, `val` and `test`.

        Raises:
            DataError: the file cannot be read, a part is missing, or an item is in two parts.
        """
        try:
            found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
            if not isinstance(found, dict):
                raise DataError(f"{path}: is no split file; it must name train, val and test")
            made = _ADAPTER.validate_python({"val": (), "test": (), "how": f"as {Path(path).name} says", **found})
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: the split file cannot be read: {error}") from error
        except yaml.YAMLError as error:
            raise DataError(f"{path}: is neither JSON nor YAML: {' '.join(str(error).split())[:160]}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise DataError(f"{path}: {where}: {first['msg']}; a split file names train, val and test") from error
        listed = [name for part in PARTS for name in made.part(part)]
        if len(set(listed)) < len(listed):
            double = next(name for name in listed if listed.count(name) > 1)
            raise DataError(f"{path}: {double!r} is named twice; a place may be in one part only")
        return made


_ADAPTER = TypeAdapter(Split)
