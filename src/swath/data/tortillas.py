"""Tortillas: files that hold files, one after another, with a table of them behind (TACO 0.x, Aybar et al. 2025).

The first two bytes are `#y`, or `WX` for a TACO, a tortilla that says more of itself; then come offset and length of
the table, eight bytes each, the lowest first. The table is Parquet; its columns `tortilla:offset` and
`tortilla:length` say where in the file a row lies, from where the tortilla itself begins. A row may be a tortilla.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.data.inside import Opening
from swath.errors import DataError, OpenError, ReadError

_MAGIC = (b"#y", b"WX")


@dataclass(frozen=True)
class Slice:
    """A raster that is a part of a file, byte for byte; see `Inside`. GDAL opens it where it lies.

    Attributes:
        offset: of its first byte.
        length: in bytes.
    """

    offset: int
    length: int

    def _name(self, path: Path) -> str:
        return f"/vsisubfile/{self.offset}_{self.length},{path}"

    def opening(self, path: Path) -> Opening:
        """See `Inside.opening`."""
        return Opening((self._name(path),))

    def layers(self, path: Path) -> NDArray[Any]:
        """See `Inside.layers`."""
        from swath.scene.raster import RasterReader

        try:
            reader = RasterReader(self._name(path))
        except OpenError as error:
            raise ReadError(f"{path}: cannot be read from byte {self.offset} on: {error}") from error
        height, width = reader.grid.shape
        return reader.read(np.s_[0:height, 0:width], range(len(reader.stored)))[0]


def listed(path: Path, at: int = 0) -> list[dict[str, Any]]:
    """The rows of the table of a tortilla, with `slice` where each of them lies in the file.

    Args:
        path: the file.
        at: first byte of the tortilla in it.

    Raises:
        ReadError: it cannot be read.
        DataError: it is no tortilla.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with path.open("rb") as file:
            file.seek(at)
            head = file.read(18)
            if head[:2] not in _MAGIC:
                raise DataError(f"{path}: is no tortilla at byte {at}; get the file again")
            offset, length = (int.from_bytes(head[one : one + 8], "little") for one in (2, 10))
            file.seek(at + offset)
            rows: list[dict[str, Any]] = pyarrow.parquet.read_table(pyarrow.BufferReader(file.read(length))).to_pylist()
        return [{**row, "slice": Slice(at + int(row["tortilla:offset"]), int(row["tortilla:length"]))} for row in rows]
    except (OSError, pyarrow.ArrowException) as error:
        raise ReadError(f"{path}: cannot be read: {error}") from error
    except KeyError as error:
        raise DataError(f"{path}: its table has no column {error.args[0]}; get the file again") from error
