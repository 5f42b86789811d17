"""`Journal`: which blocks of a run are done, so that a run that was killed goes on where it stopped.

A file of JSON lines beside the product, `.NAME.journal`: the first line tells what the run is (plan, weights, inputs),
each other line a block that is written. A line is added after the block itself is on the disk, so what the journal says
is true after a power failure too; a line that was cut short is left out of account.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from swath.errors import PredictError
from swath.predict.plan import Index
from swath.scene.write.atomic import writing


class Journal:
    """The journal of a product; made by `begin`.

    Attributes:
        path: where it lies.
        done: first cell of each block that is written.
        placing: keys of files whose final names may be those of files of this run.
        finished: keys of files that are whole under their final names.
    """

    def __init__(self, path: Path, product: Path) -> None:
        self.path = path
        self.done: set[Index] = set()
        self.placing: set[str] = set()
        self.finished: set[str] = set()
        self._product = product

    @classmethod
    def begin(cls, product: Path, job: Mapping[str, Any], *, resume: bool) -> Self:
        """Begin a journal, or go on with the one that is there.

        Args:
            product: the main file.
            job: what makes the pixels, as plain data.
            resume: go on with a journal that is there; otherwise it is replaced.

        Raises:
            PredictError: the journal is of a run that would make other pixels; the message says in what it differs.
            WriteError: the folder does not take it.
        """
        journal = cls(product.with_name(f".{product.name}.journal"), product)
        plain = json.loads(json.dumps(job))
        with writing(product):
            if resume and journal.path.exists():
                lines = journal._lines()
                if lines:
                    journal._take(lines, plain)
                    return journal
            journal.path.unlink(missing_ok=True)
            journal._append([{"job": plain}])
        return journal

    def note(self, blocks: Iterable[Index]) -> None:
        """Note blocks that are on the disk.

        Raises:
            WriteError: the disk does not take the note.
        """
        fresh = list(blocks)
        with writing(self._product):
            self._append([{"block": list(index)} for index in fresh])
        self.done.update(fresh)

    def place(self, key: str) -> None:
        """Note a file that is about to get its final name."""
        with writing(self._product):
            self._append([{"placing": key}])
        self.placing.add(key)

    def finish(self, key: str) -> None:
        """Note a file that is whole."""
        with writing(self._product):
            self._append([{"finished": key}])
        self.finished.add(key)

    def close(self) -> None:
        """Remove the journal: the product is whole."""
        self.path.unlink(missing_ok=True)

    def _append(self, entries: list[dict[str, Any]]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(entry, sort_keys=True) + "\n" for entry in entries))
            file.flush()
            os.fsync(file.fileno())

    def _lines(self) -> list[dict[str, Any]]:
        """What the journal says; a last line that was cut short is cut off, so that nothing is appended to it."""
        text = self.path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            os.truncate(self.path, len(whole.encode()))
        return [json.loads(line) for line in whole.splitlines()]

    def _take(self, lines: list[dict[str, Any]], job: dict[str, Any]) -> None:
        first = lines[0].get("job")
        if first != job:
            differ = "; ".join(_differences(first or {}, job))
            raise PredictError(
                f"{self._product} was begun by a run that makes other pixels: {differ}. Ask for the same to go on "
                "with it, or begin anew with resume=False"
            )
        self.done = {(entry["block"][0], entry["block"][1]) for entry in lines[1:] if "block" in entry}
        self.placing = {entry["placing"] for entry in lines[1:] if "placing" in entry}
        self.finished = {entry["finished"] for entry in lines[1:] if "finished" in entry}


def _differences(old: Any, new: Any, name: str = "") -> list[str]:
    """`name was OLD and is NEW` for all that differs in plain data."""
    if isinstance(old, dict) and isinstance(new, dict):
        inner = [(key, old.get(key), new.get(key)) for key in sorted({*old, *new})]
        return [text for key, a, b in inner for text in _differences(a, b, f"{name}.{key}" if name else str(key))]
    if old == new:
        return []
    was, now = (json.dumps(value)[:60] for value in (old, new))
    return [f"{name} was {was} and is {now}"]
