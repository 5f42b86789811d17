"""How a published set is parted: by lists, by the values of a word in paths, or by a table of all images."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_validator

from swath.models.frozen import Frozen

Part = Literal["train", "val", "test"]


class Listed(Frozen):
    """Lists that part a set."""

    path: tuple[str, ...]
    """Of text files, with `{part}`."""
    of: str
    """Word whose values they hold, be it within longer words."""

    @field_validator("path", mode="before")
    @classmethod
    def _listed(cls, path: Any) -> Any:
        return (path,) if isinstance(path, str) else path


class Parted(Frozen):
    """A split by the values of a word, where no files tell it."""

    of: str
    """The word."""
    train: tuple[str, ...] = ()
    val: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    rest: Part | None = None
    """Part of all other values."""

    def part(self, value: str | None) -> Part | None:
        """The part of a value."""
        listed: tuple[tuple[Part, tuple[str, ...]], ...] = (
            ("train", self.train),
            ("val", self.val),
            ("test", self.test),
        )
        return next((part for part, values in listed if value in values), self.rest)


class Table(Frozen):
    """Columns of a table of all images; or how JSON is read that has, by the file of an image, classes and shares."""

    of: str
    """Word whose value names the row."""
    name: str = ""
    """Column of that value."""
    labels: str = ""
    """Column of the classes of an image, as a list of their names."""
    part: str | None = None
    """Column of the part of a split; None: lists tell it."""
    above: float = 0
    """Share above which a class holds, in JSON."""
