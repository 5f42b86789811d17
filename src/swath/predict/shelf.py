"""A shelf for arrays that must wait: some in memory, the others in a file without a name.

The file is gone when the process ends, however it ends, so that a killed run leaves nothing behind.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from swath.scene.write.atomic import writing

_SLOT = 2**20  # slots are whole numbers of this many bytes; what is not used of them takes no room on the disk


@dataclass(frozen=True)
class Ticket:
    """What an array is fetched by."""

    shape: tuple[int, ...]
    array: NDArray[np.float32] | None
    """Itself, where it is in memory."""
    start: int = 0
    """Where it begins in the file, else."""


class Shelf:
    """Keeps float32 arrays until they are taken.

    Args:
        room: bytes that are kept in memory.
        folder: where the file lies; None: where the system keeps such files.
    """

    def __init__(self, room: int, folder: Path | None = None) -> None:
        self._room = room
        self._folder = Path(tempfile.gettempdir()) if folder is None else folder
        self._file: IO[bytes] | None = None
        self._end = 0
        self._free: dict[int, list[int]] = {}

    def put(self, array: NDArray[np.float32]) -> Ticket:
        """Keep a copy of an array.

        Raises:
            WriteError: the disk does not take it.
        """
        if array.nbytes <= self._room:
            self._room -= array.nbytes
            return Ticket(array.shape, array.copy())
        free = self._free.setdefault(_slot(array.nbytes), [])
        start = free.pop() if free else self._end
        self._end = max(self._end, start + _slot(array.nbytes))
        with writing(self._folder / "parts of tiles"):
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  lives as long as the shelf
            os.pwrite(self._file.fileno(), np.ascontiguousarray(array).data.cast("B"), start)
        return Ticket(array.shape, None, start)

    def take(self, ticket: Ticket) -> NDArray[np.float32]:
        """The array; its place is free again, so each can be taken once."""
        if ticket.array is not None:
            self._room += ticket.array.nbytes
            return ticket.array
        if self._file is None:
            raise LookupError("this shelf gave out no such ticket")
        array = np.empty(ticket.shape, dtype=np.float32)
        os.preadv(self._file.fileno(), [array.data.cast("B")], ticket.start)
        self._free[_slot(array.nbytes)].append(ticket.start)
        return array

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()


def _slot(size: int) -> int:
    return -(-size // _SLOT) * _SLOT
